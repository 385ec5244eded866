//! tapflow for Linux: what the system has to give. Everything else is in [`tapflow_common`].
//!
//! Exit status: as [`app`] says, and 128 plus the signal's number after a signal.

mod descriptor;
mod host;
mod limits;
mod memory;
mod privileges;
mod programs;
mod sandbox;
mod semaphore;
mod signals;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use tapflow_common::app;
use tapflow_common::cli::Program;
use tapflow_common::input::FilterCompiler;
use tapflow_common::input::libpcap::{self, Libpcap};
use tapflow_common::input::live::{Interface, LiveDevice, LiveSettings, TimestampType};
use tapflow_common::output::console::ConsoleLock;
use tapflow_common::report::{Host, Usage};
use tapflow_common::run::{Needs, Owner, Sandbox, System};
use tapflow_common::scan::command::CommandLine;
use tapflow_common::scan::launcher::Launcher;

fn main() -> ExitCode {
    if let Err(error) = privileges::give_up_installed_ids() {
        let _ = writeln!(io::stderr(), "tapflow: {error}");
        return ExitCode::FAILURE;
    }
    memory::spare_addresses();
    let program = Program { name: "tapflow", version: env!("CARGO_PKG_VERSION") };
    let program = program.called(std::env::args_os().next().as_deref());
    app::main(&program, std::env::args_os(), &Linux::default(), signals::catch)
}

/// What a run needs of this system.
#[derive(Default)]
struct Linux {
    filters: Libpcap,
    /// The user whom the run has become.
    owner: OnceLock<Owner>,
    /// Looked up once: later the system's files may be out of reach.
    host: OnceLock<Host>,
}

impl System for Linux {
    fn filters(&self) -> &dyn FilterCompiler {
        &self.filters
    }

    fn interfaces(&self) -> Result<Vec<Interface>, String> {
        libpcap::interfaces()
    }

    fn timestamp_types(&self, interface: Option<&str>) -> Result<Vec<TimestampType>, String> {
        libpcap::timestamp_types(interface)
    }

    fn open_live(&self, settings: &LiveSettings) -> Result<Box<dyn LiveDevice>, String> {
        libpcap::open(settings, &permission())
    }

    fn enter(&self, user: &str, root: Option<&Path>) -> Result<Owner, String> {
        let owner = privileges::find(user)?;
        root.map_or(Ok(()), privileges::change_root)?;
        Ok(self.owner.get_or_init(|| owner).clone())
    }

    fn become_user(&self, owner: &Owner) -> Result<(), String> {
        privileges::become_user(owner)
    }

    fn launcher(&self, command: &CommandLine, below: &Path) -> io::Result<Box<dyn Launcher>> {
        programs::begin(command, below)
    }

    fn confine(&self, needs: &Needs) -> Result<Sandbox, String> {
        // Limits cannot be changed later.
        limits::raise_open_files();
        let has_threads = privileges::has_threads();
        privileges::keep_needed_capabilities(needs)
            .map_err(|error| format!("cannot give up capabilities: {error}; --no-sandbox keeps them"))?;
        let enforced = sandbox::confine(needs)?;
        if has_threads == Some(true) && enforced != sandbox::Enforced::default() {
            return Err("a thread began before the sandbox; --no-sandbox runs without it".to_owned());
        }
        Ok(match (enforced.files, enforced.calls) {
            (true, true) => Sandbox::Whole,
            (true, false) => Sandbox::Part(
                "the sandbox is without a filter of system calls: there is none here for this kernel and processor"
                    .to_owned(),
            ),
            (false, true) => Sandbox::Part(
                "the sandbox does not restrict the use of files: this kernel has no Landlock (5.13 has it)".to_owned(),
            ),
            (false, false) => Sandbox::None(
                "running without a sandbox: this kernel has neither Landlock nor filters of system calls; \
                 --no-sandbox asks for none"
                    .to_owned(),
            ),
        })
    }

    fn set_umask(&self, mode: u32) -> Result<(), String> {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(mode));
        Ok(())
    }

    fn host(&self) -> Host {
        self.host.get_or_init(|| host::host(self.owner.get())).clone()
    }

    fn usage(&self) -> Option<Usage> {
        host::usage()
    }

    fn open_file_limit(&self) -> Option<usize> {
        limits::raise_open_files()
    }

    fn memory(&self) -> Option<u64> {
        memory::available()
    }

    fn descriptor(&self, number: i32) -> io::Result<File> {
        descriptor::duplicate(number)
    }

    fn lock(&self, name: &str) -> Result<Box<dyn ConsoleLock>, String> {
        semaphore::open(name)
    }

    fn libraries(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// What to do where capturing is not permitted.
fn permission() -> String {
    let program =
        std::env::current_exe().map_or_else(|_| "tapflow".to_owned(), |path| path.display().to_string());
    format!("run as root, or permit it once with `setcap cap_net_raw,cap_net_admin=eip {program}`")
}
