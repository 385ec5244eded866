//! What files are called.
//!
//! A [`Template`] gives each flow its name, [`path`] keeps names inside the output directory, and [`portable`] makes them
//! storable on every system.

mod flags;
pub mod path;
pub mod portable;
pub mod template;

pub use flags::{NameFlags, NamePrefix};
pub use template::{Template, TemplateError};
