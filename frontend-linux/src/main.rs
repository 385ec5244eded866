//! tapflow for Linux.
fn main() {}
