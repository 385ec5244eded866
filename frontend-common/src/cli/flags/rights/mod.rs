//! What the program may do.

mod sandbox;
mod umask;
mod user;

use super::Flag;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[&user::User, &user::Root, &sandbox::NoSandbox, &umask::Umask];
