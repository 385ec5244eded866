//! What the tests of several crates share: frames made by hand, the naive model of a flow, and a
//! sink that holds the core to its contract.

use std::io::{self, Write};

pub mod answers;
pub mod connection;
pub mod endpoints;
pub mod fragments;
pub mod frames;
pub mod fuzz;
pub mod http;
pub mod http2;
pub mod machine;
pub mod model;
pub mod program;
pub mod recorder;
pub mod rewrite;
pub mod scene;

/// Says that something is not tested here, and why. Where `CI` is set nothing may be left out.
///
/// # Panics
/// Where `CI` is set.
pub fn not_tested(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "cannot be tested here: {what}");
    // Not println!: the test harness would keep it to itself.
    let _ = writeln!(io::stderr(), "not tested: {what}");
}

/// The hash key of tests: the same buckets in every run.
pub const KEY: [u8; 16] = [0; 16];

/// `value` after `set` has changed it, for types that have no literal outside of their crate.
#[must_use]
pub fn with<T>(mut value: T, set: impl FnOnce(&mut T)) -> T {
    set(&mut value);
    value
}

/// How many cases a property test tries that usually tries `usual`: no more than `PROPTEST_CASES` says.
#[must_use]
pub fn cases(usual: u32) -> u32 {
    let most = std::env::var("PROPTEST_CASES").ok().and_then(|most| most.parse().ok());
    most.map_or(usual, |most: u32| most.min(usual))
}

/// The examples of the documents.
#[cfg(doctest)]
#[doc = include_str!("../../docs/core.md")]
pub struct Documents;
