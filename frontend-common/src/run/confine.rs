//! Rights: whom a run becomes, and what it needs once everything is open.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cli::{Input, Options, ReportTarget};
use crate::output::directory;
use crate::output::draft::folder_of;
use crate::output::error::too_many_open;

/// The user whom a run becomes (`-U`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user's name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// The numbers of all of its groups.
    pub groups: Vec<u32>,
}

/// What a run still opens once its threads begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files to read.
    pub read: Vec<PathBuf>,
    /// Directories to read and write below.
    pub write: Vec<PathBuf>,
    /// Directories in which files that are open get their names.
    pub rename: Vec<PathBuf>,
    /// Descriptors of sockets that packets are received from, on systems that number them. Nothing is sent to them.
    pub receive: Vec<i32>,
}

impl Needs {
    /// What the options ask for.
    pub(super) fn of(options: &Options) -> Self {
        let is_file = |path: &Path| path.as_os_str() != "-";
        let read =
            options.inputs.iter().map(|input| input.path.clone()).filter(|path| is_file(path)).collect();
        let mut write = Vec::new();
        if uses_directory(options) {
            write.push(options.output_dir.clone());
        }
        // With numbered directories all of these are below the output directory.
        let mut rename = Vec::new();
        if options.rotate.is_none() {
            let report = match &options.report {
                ReportTarget::File(path) => Some(path),
                _ => None,
            };
            // The next report, while a capture goes on, stands beside the first, and so does the next page.
            if options.live.is_some() {
                let renewed = [report, options.page.as_ref()];
                write.extend(renewed.into_iter().flatten().filter_map(|path| folder_of(path)));
            }
            let named =
                [report, options.json_lines.as_ref(), options.scan.har.as_ref(), options.page.as_ref()];
            rename.extend(named.into_iter().flatten().filter_map(|path| folder_of(path)));
            rename.extend(options.csv.clone());
        }
        if options.scan.har.is_some() {
            // Entries of long connections wait in a file without a name.
            write.push(std::env::temp_dir());
        }
        Self { read, write, rename, receive: Vec::new() }
    }
}

/// The directories in which files are made.
pub(super) fn written(options: &Options) -> Vec<PathBuf> {
    let mut all = Vec::new();
    if uses_directory(options) {
        all.push(options.output_dir.clone());
    }
    if options.rotate.is_none() {
        let report = options.report_path();
        let named = [
            report.as_ref(),
            options.json_lines.as_ref(),
            options.rest.as_ref(),
            options.scan.har.as_ref(),
            options.page.as_ref(),
        ];
        all.extend(named.into_iter().flatten().filter_map(|path| folder_of(path)));
        all.extend(options.csv.clone());
    }
    all
}

/// Opens inputs while there are rights to: all that are files, and with another root directory all.
///
/// # Errors
/// The process may not have as many open.
pub(super) fn open_inputs(options: &Options) -> Result<Vec<Option<File>>, String> {
    let open = |input: &Input| {
        let path = &input.path;
        // A named pipe waits for its writer, in a thread, unless it could not be reached then.
        let waits = || options.rights.root.is_none() && !path.metadata().is_ok_and(|facts| facts.is_file());
        if input.is_stdin() || waits() {
            return Ok(None);
        }
        match File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if too_many_open(&error) => Err(format!(
                "{}: {error}; with -U all inputs are open at once: allow more (ulimit -n), or give fewer",
                path.display()
            )),
            // `check_inputs` has reported it.
            Err(_) => Ok(None),
        }
    };
    options.inputs.iter().map(open).collect()
}

/// Makes what the new user could not make, for that user.
///
/// # Errors
/// The output directory cannot be made.
pub(super) fn hand_over_outputs(options: &Options, owner: &Owner) -> Result<(), String> {
    let directory = &options.output_dir;
    let give = |directory: &Path| {
        if directory.exists() {
            return Ok(());
        }
        directory::prepare(directory).map_err(|error| error.to_string())?;
        hand_over_directory(directory, owner)
            .map_err(|error| format!("cannot give {} to {}: {error}", directory.display(), owner.name))
    };
    if uses_directory(options) {
        give(directory)?;
    }
    if options.rotate.is_some() {
        // All of it is in directories that the new user makes.
        return Ok(());
    }
    let report = options.report_path();
    let pictures = options.pictures_path();
    let named = [&report, &options.json_lines, &options.rest, &options.scan.har, &pictures, &options.page];
    for path in named.into_iter().flatten() {
        if path.as_os_str() != "-" {
            hand_over(path, owner);
        }
    }
    if let Some(folder) = &options.csv {
        give(folder)?;
    }
    Ok(())
}

/// Whether anything is written to the output directory.
pub(super) fn uses_directory(options: &Options) -> bool {
    options.files
        || options.captures
        || options.rotate.is_some()
        || options.report == ReportTarget::Default
        || options.scan.netviz().is_some()
}

/// Makes a file that the new user is to write, while there are rights to make it where that one may not. One that is
/// there already stays as it is; an error here occurs again, and is reported, when the file is opened.
#[cfg(unix)]
fn hand_over(path: &Path, owner: &Owner) {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    if let Ok(file) = made {
        let _ = std::os::unix::fs::fchown(file, Some(owner.uid), Some(owner.gid));
    }
}

/// Gives the new user a directory that was made for it.
///
/// # Errors
/// The system's.
#[cfg(unix)]
fn hand_over_directory(path: &Path, owner: &Owner) -> std::io::Result<()> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits() as i32;
    let directory = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    std::os::unix::fs::fchown(directory, Some(owner.uid), Some(owner.gid))
}

#[cfg(not(unix))]
fn hand_over(_: &Path, _: &Owner) {}

#[cfg(not(unix))]
fn hand_over_directory(_: &Path, _: &Owner) -> std::io::Result<()> {
    Ok(())
}
