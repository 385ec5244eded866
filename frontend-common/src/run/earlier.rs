//! A run into a directory that has the results of another one.

use std::path::{Path, PathBuf};

use super::Say;
use super::confine::uses_directory;
use super::prepare::is_same_file;
use crate::cli::{Existing, Options, ReportTarget};
use crate::output::earlier::{self, Earlier, REPORT};

/// The options with what the output directory has before the run: the name of the report is a free one.
///
/// # Errors
/// The directory must be empty, and is not; or there is no name for the report.
pub(super) fn settle(options: &Options, say: Say<'_>) -> Result<Options, String> {
    let mut settled = options.clone();
    if !uses_directory(options) || options.rotate.is_some() {
        return Ok(settled);
    }
    let (root, earlier) = (&options.output_dir, Earlier::look(&outside(options)));
    let shown = root.display();
    let found = earlier.reports.first().or(earlier.flow.as_ref());
    match options.existing {
        Existing::Replace => return Ok(settled),
        Existing::Refuse if !earlier.is_empty() => {
            let found = found.map_or_else(String::new, |found| format!(", such as {found}"));
            return Err(format!(
                "{shown} is not empty{found}, and --fresh wants a directory that is: choose another one with -o"
            ));
        }
        Existing::Refuse => return Ok(settled),
        Existing::Overwrite => {
            if earlier.reports.is_empty() && earlier.flow.is_some() && !options.verbosity.is_quiet() {
                say(&format!(
                    "{shown} has files of an earlier run but no report that lists them: --overwrite removes nothing"
                ));
            }
            settled.earlier = earlier.reports;
            return Ok(settled);
        }
        Existing::Keep => {}
    }
    let Some(found) = found else { return Ok(settled) };
    let path = earlier.next_report(&outside(options))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(REPORT).to_owned();
    if !options.verbosity.is_quiet() {
        let report = match options.report {
            ReportTarget::Default => format!(", and the report of this one is {name}"),
            _ => String::new(),
        };
        say(&format!(
            "{shown} has the results of an earlier run ({found}): they stay{report}; --overwrite removes them, \
             --fresh refuses"
        ));
    }
    settled.report_name = name;
    settled.earlier = if earlier.reports.is_empty() { vec![found.clone()] } else { earlier.reports };
    Ok(settled)
}

/// The name of the report is still free now that the directory is locked.
///
/// # Errors
/// Another run has ended meanwhile.
pub(super) fn still_free(options: &Options) -> Result<(), String> {
    if options.report != ReportTarget::Default
        || options.existing != Existing::Keep
        || options.rotate.is_some()
    {
        return Ok(());
    }
    let path = options.output_dir.join(&options.report_name);
    // An empty one was made for the user whom the run becomes.
    if path.symlink_metadata().is_ok_and(|facts| facts.is_file() && facts.len() > 0) {
        return Err(format!("{}: another run has just written it; run again", path.display()));
    }
    Ok(())
}

/// Removes what the reports of earlier runs list (`--overwrite`). What this run reads stays.
///
/// # Errors
/// What cannot be removed, and why.
pub(super) fn overwrite(options: &Options, say: Say<'_>) -> Result<(), String> {
    if options.existing != Existing::Overwrite {
        return Ok(());
    }
    let is_input =
        |path: &Path| options.inputs.iter().any(|input| !input.is_stdin() && is_same_file(&input.path, path));
    let mut files = 0;
    // The part of a report is that of this run by now.
    for report in options.earlier.iter().filter(|name| !name.ends_with(".part")) {
        files +=
            earlier::remove(&options.output_dir, report, &is_input).map_err(|error| error.to_string())?;
    }
    if !options.earlier.is_empty() && options.verbosity.is_verbose() {
        say(&format!("{files} files of earlier runs removed from {}", options.output_dir.display()));
    }
    Ok(())
}

/// The output directory as it is seen from outside of the root directory that the run will have (`-z`).
fn outside(options: &Options) -> PathBuf {
    match &options.rights.root {
        Some(root) => root.join(options.output_dir.strip_prefix("/").unwrap_or(&options.output_dir)),
        None => options.output_dir.clone(),
    }
}
