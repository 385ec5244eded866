//! What the tests of several crates share: frames made by hand, the naive model of a flow, and a
//! sink that holds the core to its contract.

pub mod answers;
pub mod frames;
pub mod model;
pub mod recorder;
