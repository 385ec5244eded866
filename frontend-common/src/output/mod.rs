//! Where streams go: files under a directory, or the console.

pub mod console;
