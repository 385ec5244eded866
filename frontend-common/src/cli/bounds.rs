//! What the options say that keep output bounded.

use std::path::{Component, Path};

use clap::ArgMatches;

use super::command::id;
use super::options::{DiskFull, MaxDisk, Rotate};
use super::values::RotateBy;
use super::{CliError, path};
use crate::output::durable::Flush;

/// A report keeps room for its next flows and its end, and other files take blocks.
const LEAST: u64 = 1 << 20;

/// `--rotate`, with everything that has to be so with it.
pub(super) fn rotate(matches: &ArgMatches, printing: bool) -> Result<Option<Rotate>, CliError> {
    let mut rotate = None;
    for by in matches.get_many(id::ROTATE).unwrap_or_default() {
        let rotate: &mut Rotate = rotate.get_or_insert_default();
        match *by {
            RotateBy::Time(time) => rotate.every = Some(time),
            RotateBy::Size(bytes) => rotate.size = Some(bytes),
        }
    }
    if rotate.is_none() {
        return Ok(None);
    }
    if printing {
        return Err(CliError("--rotate is for files: not with -c or -C".to_owned()));
    }
    for (option, id, may_be_pipe) in [
        ("-X", id::REPORT, false),
        ("-w", id::REST, true),
        ("--jsonl", id::JSON_LINES, true),
        ("--har", id::HAR, false),
    ] {
        if let Some(file) = path(matches, id)
            && !(is_name(&file) || may_be_pipe && file.as_os_str() == "-")
        {
            return Err(CliError(format!(
                "{option} {}: with --rotate this names a file in each directory: give a name without directories",
                file.display()
            )));
        }
    }
    Ok(rotate)
}

fn is_name(path: &Path) -> bool {
    let mut parts = path.components();
    path.as_os_str() != "-" && matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// `--max-disk` and `--disk-full`.
/// `--fsync` and `--no-sync`.
pub(super) fn flush(matches: &ArgMatches) -> Flush {
    match (matches.get_flag(id::FSYNC), matches.get_flag(id::NO_SYNC)) {
        (true, _) => Flush::EachFile,
        (false, true) => Flush::Never,
        (false, false) => Flush::AtEnd,
    }
}

pub(super) fn max_disk(matches: &ArgMatches, rotate: Option<&Rotate>) -> Result<Option<MaxDisk>, CliError> {
    let full: Option<DiskFull> = matches.get_one(id::DISK_FULL).copied();
    let Some(bytes) = matches.get_one(id::MAX_DISK).copied() else {
        return match full {
            Some(_) => Err(CliError("--disk-full needs --max-disk SIZE".to_owned())),
            None => Ok(None),
        };
    };
    if bytes < LEAST {
        return Err(CliError(format!("--max-disk {bytes} is less than a report may take: at least 1M")));
    }
    let full = full.unwrap_or_default();
    match (full, rotate) {
        (DiskFull::Delete, None) => Err(CliError(
            "--disk-full delete deletes whole directories: it needs --rotate TIME or SIZE".to_owned(),
        )),
        (DiskFull::Delete, Some(Rotate { size: Some(size), .. })) if *size > bytes / 4 => {
            Err(CliError(format!(
                "--rotate {size} is too much for --max-disk {bytes} to delete from: a quarter of it at most"
            )))
        }
        _ => Ok(Some(MaxDisk { bytes, full })),
    }
}
