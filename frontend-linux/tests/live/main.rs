//! Live capture of real traffic: clients and servers in network namespaces of their own, joined by veth pairs or by
//! the wire of `tests/record/link.py`. What was recorded equals, byte for byte, what the client received.
//!
//! As root; everything is taken away again when a test ends.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[cfg(target_arch = "x86_64")]
#[path = "../inside/mod.rs"]
mod inside;

/// What emulators of a processor cannot run: they know no packet sockets.
mod on_a_wire {
    mod capture;
    mod endings;
    mod network;
    mod permission;
    mod requests;
    mod slow;
    mod transfers;
}
