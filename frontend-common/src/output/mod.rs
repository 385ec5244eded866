//! Where streams go: files under a directory, or the console.
//!
//! A [`template`] gives each flow its name, [`path`] keeps names inside the output directory, [`portable`] makes them
//! storable on every system, and a [`store`] writes the streams, each beside its [`index`] where one is asked for.

pub mod console;
pub mod disk;
pub mod error;
mod files;
mod gather;
pub mod index;
pub mod path;
pub mod pcap;
pub mod portable;
pub mod rest;
pub mod store;
pub mod template;
mod terminal;

#[cfg(test)]
mod testing;

pub use error::OutputError;
pub use store::{Closed, FileStore, Finished, StoreConfig};
pub use template::{Template, TemplateError};
pub use terminal::standard_output;
