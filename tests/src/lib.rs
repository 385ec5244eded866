//! What the tests of several crates share: frames made by hand, the naive model of a flow, and a
//! sink that holds the core to its contract.

pub mod answers;
pub mod frames;
pub mod model;
#[cfg(unix)]
pub mod program;
pub mod recorder;
pub mod rewrite;
pub mod scene;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
