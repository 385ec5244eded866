//! The program as users run it: arguments and bytes in; files, messages and an exit status out.
//!
//! Each test has a directory of its own, in which the program runs. Captures are those of `tests/data`,
//! named `@NAME` in arguments.

// Tests may panic.
#![allow(clippy::unwrap_used)]

mod again;
mod bad_inputs;
mod bad_outputs;
mod captures;
mod command_lines;
mod console;
mod files;
mod holes;
mod http;
mod inputs;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../inside/mod.rs"]
mod inside;
mod keepalives;
mod messages;
mod mistakes;
mod names;
mod one_run;
mod order;
mod page;
mod pairs;
mod pictures;
mod progress;
mod receivers;
mod reports;
mod rights;
mod rotating;
mod scanning;
mod stopping;
mod support;
mod tables;
mod tls;
