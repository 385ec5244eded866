//! Another user and another root directory: `-U`, `-z`.

use std::path::PathBuf;

use clap::{Arg, value_parser};

use crate::cli::CliError;
use crate::cli::flags::{Flag, value};
use crate::cli::line::Line;
use crate::cli::options::Options;

const USER: &str = "relinquish-privileges";
const ROOT: &str = "chroot";

/// `-U USER`
pub(crate) struct User;

impl Flag for User {
    fn arg(&self) -> Arg {
        value('U', USER, "USER", value_parser!(String)).help("run as USER").long_help(
                "Once the interface and the inputs are open, become this user permanently, with the groups of the \
                 user and without any capabilities. All files belong to the user, and so does the output \
                 directory if it is created.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.rights.user = line.value(USER);
        Ok(())
    }
}

/// `-z DIR`
pub(crate) struct Root;

impl Flag for Root {
    fn arg(&self) -> Arg {
        value('z', ROOT, "DIR", value_parser!(PathBuf)).help("root directory; needs -U").long_help(
            "Once the interface and the inputs are open, make this the root directory and the current \
                 directory: all files that are written (-o, -X, -w, --jsonl, --har, --page, --csv) are inside it. Needs -U.",
        )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.rights.root = line.path(ROOT);
        Ok(())
    }

    fn settle(&self, _line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if options.rights.root.is_some() && options.rights.user.is_none() {
            return Err(CliError("-z needs -U: root can leave any root directory".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::Rights;
    use crate::cli::testing::{refused, run};

    #[test]
    fn another_root_directory_needs_another_user() {
        assert!(refused("-r a -z jail").contains("-z needs -U"));
        let rights = run("-r a -z jail -U nobody --no-sandbox").rights;
        assert_eq!(
            rights,
            Rights { user: Some("nobody".into()), root: Some("jail".into()), no_sandbox: true, umask: None }
        );
    }
}
