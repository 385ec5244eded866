//! What a run needs of Windows.

use std::fs::File;
use std::io;

use tapflow_common::input::FilterCompiler;
use tapflow_common::input::live::{Interface, LiveDevice, LiveSettings};
use tapflow_common::report::{Host, Usage};
use tapflow_common::run::System;

use crate::npcap;

/// Files that may be open at once. Windows sets a process no limit of its own; this many are plenty.
const OPEN_FILES: usize = 8192;

/// The system.
#[derive(Default)]
pub(crate) struct Windows {
    filters: npcap::Filters,
}

impl System for Windows {
    fn filters(&self) -> &dyn FilterCompiler {
        &self.filters
    }

    fn interfaces(&self) -> Result<Vec<Interface>, String> {
        npcap::interfaces()
    }

    fn open_live(&self, settings: &LiveSettings) -> Result<Box<dyn LiveDevice>, String> {
        npcap::open(settings)
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
