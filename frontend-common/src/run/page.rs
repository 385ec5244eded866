//! The page of a run (`--page`): opened before anything is read.

use std::ffi::OsString;
use std::path::Path;

use super::prepare::is_input;
use crate::cli::Options;
use crate::output::draft::ChosenBy;
use crate::output::durable::Flush;
use crate::report::{Page, PageConfig};
use crate::stage::pages::Pages;

/// What every page of a run has in common.
pub(super) fn config(options: &Options, sources: &[OsString]) -> PageConfig {
    PageConfig {
        root: options.output_dir.clone(),
        sources: sources.to_vec(),
        has_pictures: options.page_images,
        flushes: options.flush == Flush::EachFile,
    }
}

/// Creates the page of a run without numbered directories, unless it is an input.
///
/// # Errors
/// What cannot be created, and why.
pub(super) fn open(options: &Options, sources: &[OsString]) -> Result<Option<Page>, String> {
    let Some(path) = &options.page else { return Ok(None) };
    if is_input(options, path) {
        return Err(format!(
            "cannot write {}: it is an input; name another file with --page",
            path.display()
        ));
    }
    create(options, path, sources).map(Some)
}

/// Creates a page at this place.
///
/// # Errors
/// Why it cannot be created, with the path.
pub(super) fn create(options: &Options, path: &Path, sources: &[OsString]) -> Result<Page, String> {
    Page::create(path, ChosenBy::User, config(options, sources)).map_err(|error| error.to_string())
}

/// The index of pages, with numbered directories.
pub(super) fn index(options: &Options) -> Option<Pages> {
    let name = options.rotate.and(options.page.as_ref())?;
    Some(Pages::new(&options.output_dir, name, options.flush == Flush::EachFile))
}
