//! tapflow for Windows.
fn main() {}
