//! tapflow for Windows: what the system has to give. Everything else is in [`tapflow_common`].
//!
//! It reads capture files; live capture and filters need Npcap and are not built yet. Exit status: as
//! [`app`] says, and 130 after Ctrl-C. Nothing here is Windows' own, so it builds elsewhere too.

mod console;
mod filter;

use std::fs::File;
use std::io;
use std::process::ExitCode;

use tapflow_common::app;
use tapflow_common::cli::Program;
use tapflow_common::input::FilterCompiler;
use tapflow_common::pipeline::System;
use tapflow_common::report::{Host, Usage};

/// Files that may be open at once. Windows sets a process no limit of its own; this many are plenty.
const OPEN_FILES: usize = 8192;

fn main() -> ExitCode {
    let program = Program { name: "tapflow", version: env!("CARGO_PKG_VERSION") };
    app::main(&program, std::env::args_os(), &Windows::default(), console::catch)
}

/// What a run needs of this system.
#[derive(Default)]
struct Windows {
    filters: filter::Unavailable,
}

impl System for Windows {
    fn filters(&self) -> &dyn FilterCompiler {
        &self.filters
    }

    /// The machine and the user, from where Windows tells every process.
    fn host(&self) -> Host {
        let variable = |name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
        };
        Host { name: variable("COMPUTERNAME"), username: variable("USERNAME"), ..Host::portable() }
    }

    fn usage(&self) -> Option<Usage> {
        None
    }

    fn open_file_limit(&self) -> Option<usize> {
        Some(OPEN_FILES)
    }

    fn descriptor(&self, _number: i32) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn libraries(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
