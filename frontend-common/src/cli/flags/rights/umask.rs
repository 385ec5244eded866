//! `--umask`

use clap::Arg;
use clap::builder::ValueParser;

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;

const UMASK: &str = "umask";

/// `--umask MODE`
pub(crate) struct Umask;

impl Flag for Umask {
    fn arg(&self) -> Arg {
        long_value(UMASK, "MODE", ValueParser::new(permissions))
            .hide_short_help(true)
            .help("permissions of new files")
            .long_help(
                "Permissions that new files and directories do not get, as an octal number: with 077 only the \
                 user can read them. The default is the umask of the process that starts tapflow. Linux only.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.rights.umask = line.value(UMASK);
        Ok(())
    }
}

/// Permissions as `umask` takes them: an octal number.
fn permissions(text: &str) -> Result<u32, String> {
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    mode.ok_or_else(|| "an octal number up to 777 is wanted, such as 077".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn a_umask_is_an_octal_number_of_permissions() {
        assert_eq!(run("-r a --umask 077").rights.umask, Some(0o77));
        assert_eq!(run("-r a --umask 0").rights.umask, Some(0));
        for wrong in ["8", "1000", "rw", "-1"] {
            assert!(refused(&format!("-r a --umask={wrong}")).contains("octal"), "{wrong}");
        }
    }
}
