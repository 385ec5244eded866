//! `--page` and `--page-images`

use std::path::PathBuf;

use clap::{Arg, ArgAction, value_parser};

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;

pub(crate) const PAGE: &str = "page";
const PAGE_IMAGES: &str = "page-images";

/// `--page FILE`
pub(crate) struct PageFile;

impl Flag for PageFile {
    fn arg(&self) -> Arg {
        long_value(PAGE, "FILE", value_parser!(PathBuf)).help("the run as an HTML page").long_help(
            "Write the run as one HTML file that any browser opens: what could not be used, bytes over time, \
             hosts, connections, files that came out. It loads nothing from anywhere.",
        )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.page = line.path(PAGE);
        if options.page.as_ref().is_some_and(|path| path.as_os_str() == "-") {
            return Err(CliError("--page -: a page is a file; name it, as in --page a.html".to_owned()));
        }
        Ok(())
    }
}

/// `--page-images`
pub(crate) struct PageImages;

impl Flag for PageImages {
    fn arg(&self) -> Arg {
        Arg::new(PAGE_IMAGES)
            .long(PAGE_IMAGES)
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("small images in the page")
            .long_help(
                "With --page: put HTTP bodies that are small images (PNG, JPEG, GIF, WebP, up to 48 KiB) into the \
                 page, which shows them when that is asked for.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.page_images = line.has(PAGE_IMAGES);
        Ok(())
    }

    fn settle(&self, _: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if options.page_images && options.page.is_none() {
            options.notes.push("--page-images has no effect without --page".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn a_page_is_a_file_and_images_are_in_a_page() {
        let options = run("-r a --page b.html --page-images");
        assert_eq!((options.page, options.page_images), (Some("b.html".into()), true));
        assert!(refused("-r a --page -").contains("a page is a file"));
        assert!(run("-r a --page-images").notes[0].contains("without --page"));
        assert!(refused("-r a --rotate 1h --page a/b").contains("without directories"));
        assert!(refused("-r a --jsonl b --page b").contains("would write one file"));
    }
}
