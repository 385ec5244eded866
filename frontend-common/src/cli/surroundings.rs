//! What the meaning of a command line depends on outside of it.

use std::path::Path;

/// What a command line is compared with. [`Nowhere`] has none of it.
pub trait Surroundings {
    /// Whether `path` is something that a capture can be read from, such as a file or a pipe.
    fn is_file(&self, path: &Path) -> bool;

    /// What is wrong with a filter expression, as a sentence; `None` if nothing is, or if that cannot be said yet.
    fn filter_fault(&self, expression: &str) -> Option<String>;

    /// Whether standard input is a pipe or a file, from which a capture can be read.
    fn input_is_piped(&self) -> bool;
}

/// No files, no filters that are wrong, nothing on standard input: a command line means only what it says.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl Surroundings for Nowhere {
    fn is_file(&self, _path: &Path) -> bool {
        false
    }

    fn filter_fault(&self, _expression: &str) -> Option<String> {
        None
    }

    fn input_is_piped(&self) -> bool {
        false
    }
}
