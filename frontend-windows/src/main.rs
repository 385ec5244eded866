//! tapflow for Windows: what the system has to give. Everything else is in [`tapflow_common`].
//!
//! Live capture and filters are Npcap's; captures are read without it. Exit status: as [`app`] says, 130 after Ctrl-C,
//! 129 when the console is closed, 143 at logoff and shutdown.
//!
//! [`app`]: tapflow_common::app

#[cfg(windows)]
mod console;
#[cfg(windows)]
mod npcap;
#[cfg(windows)]
mod system;

use std::process::ExitCode;

#[cfg(windows)]
fn main() -> ExitCode {
    let program = tapflow_common::cli::Program { name: "tapflow", version: env!("CARGO_PKG_VERSION") };
    tapflow_common::app::main(&program, std::env::args_os(), &system::Windows::default(), console::catch)
}

/// A workspace is built as a whole.
#[cfg(not(windows))]
fn main() -> ExitCode {
    eprintln!("tapflow: this is the program for Windows; here, build the package `tapflow`");
    ExitCode::FAILURE
}
