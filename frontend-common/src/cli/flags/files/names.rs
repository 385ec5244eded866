//! Names of files: `-T`, `-F`, `--portable-names`.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, value_parser};

use crate::cli::CliError;
use crate::cli::flags::{Flag, value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::naming::{NamePrefix, Template};

const TEMPLATE: &str = "template";
const NAMES: &str = "names";
const PORTABLE: &str = "portable-names";

/// `-T TEMPLATE`
pub(crate) struct TemplateOf;

impl Flag for TemplateOf {
    fn arg(&self) -> Arg {
        value('T', TEMPLATE, "TEMPLATE", value_parser!(String))
            .allow_hyphen_values(true)
            .help("file names, see --help")
            .long_help(
                "Name files by this template; its letters are listed below. `/` makes directories. A template \
                 without %c gets %C%c at its end, so that no two flows share a file. It replaces the prefixes \
                 of earlier -F. The default is %A.%a-%B.%b%V%v%C%c",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.template = line.value(TEMPLATE);
        Ok(())
    }

    /// A template is right or wrong only with the letters of `-F`.
    fn settle(&self, _line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let template = options.template.as_deref();
        Template::parse(template, &options.names)
            .map_err(|error| CliError(format!("-T '{}': {error}", template.unwrap_or_default())))?;
        Ok(())
    }
}

/// The letters of a template, for `--help`.
pub(crate) const TEMPLATE_LETTERS: &str = "\
Letters of a template:
  %A %a  source address, port          %B %b  destination address, port
  %E %e  source, destination MAC       %S     session, the same in both directions
  %T     start, 2024-01-31T23:59:59Z   %t     start, seconds since 1970
  %V     -- when there is a VLAN       %v     the VLAN's number, if any
  %C     c when the count is above 0   %c     the connection count when above 0
  %#     the connection count always   %%     a %
  %N     flow number modulo 1000; %K, %M and %G: the next three digits each
The connection count distinguishes flows with the same name: 0, then 1, ...";

/// `-F LETTERS`
pub(crate) struct Letters;

impl Flag for Letters {
    fn arg(&self) -> Arg {
        value('F', NAMES, "LETTERS", ValueParser::new(name_letters))
            .action(ArgAction::Append)
            .help("change names, see --help")
            .long_help(
                "Change file names: t puts the start of the flow before them, in seconds since 1970, T its date \
                 and time; k, m, g put flows into directories of 1000, in 1, 2 or 3 levels; c puts the connection \
                 count into every name; X writes no files, only the report; M is --hash md5. Letters may be \
                 joined or the option repeated; each prefix goes before the earlier ones.",
            )
    }

    /// Prefixes before the last template are dropped. `X` and `M` are effects of other options: [`no_files`], [`md5`].
    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let template_at = line.place(TEMPLATE).unwrap_or(0);
        for (place, letters) in line.placed::<Vec<NameLetter>>(NAMES) {
            for letter in letters {
                match letter {
                    NameLetter::Count => options.names.count = true,
                    NameLetter::Prefix(prefix) if place > template_at => options.names.prefixes.push(*prefix),
                    NameLetter::Prefix(_) | NameLetter::NoFiles | NameLetter::Md5 => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether `-F` has `X`: no files for flows.
pub(crate) fn no_files(line: &Line<'_>) -> bool {
    has_letter(line, NameLetter::NoFiles)
}

/// Whether `-F` has `M`: MD5 of flow files.
pub(crate) fn md5(line: &Line<'_>) -> bool {
    has_letter(line, NameLetter::Md5)
}

fn has_letter(line: &Line<'_>, letter: NameLetter) -> bool {
    line.values::<Vec<NameLetter>>(NAMES).flatten().any(|given| *given == letter)
}

/// One letter of `-F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameLetter {
    Count,
    NoFiles,
    Md5,
    Prefix(NamePrefix),
}

/// The letters of one `-F`.
fn name_letters(text: &str) -> Result<Vec<NameLetter>, String> {
    if text.is_empty() {
        return Err("expected letters".to_owned());
    }
    text.chars()
        .map(|letter| {
            Ok(match letter {
                'c' => NameLetter::Count,
                'X' => NameLetter::NoFiles,
                't' => NameLetter::Prefix(NamePrefix::Seconds),
                'T' => NameLetter::Prefix(NamePrefix::Iso),
                'k' => NameLetter::Prefix(NamePrefix::Thousand),
                'm' => NameLetter::Prefix(NamePrefix::Million),
                'g' => NameLetter::Prefix(NamePrefix::Billion),
                'M' => NameLetter::Md5,
                _ => {
                    return Err(format!(
                        "'{}' is not one of c (count), t (seconds), T (date and time), k, m, g (directories), M (MD5), X (no files)",
                        letter.escape_default()
                    ));
                }
            })
        })
        .collect()
}

/// `--portable-names`
pub(crate) struct PortableNames;

impl Flag for PortableNames {
    fn arg(&self) -> Arg {
        Arg::new(PORTABLE)
            .long(PORTABLE)
            .action(ArgAction::SetTrue)
            .help("names that Windows accepts")
            .long_help(
                "Store files under names that every system can store and distinguish; always on for Windows. \
             Characters that Windows refuses, capital letters, names of devices, and dots and spaces at the \
             end are written as %XX, as in URLs. A part of more than 200 bytes is cut and ends in ~ and a \
             digest. The report has the original names too.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.names.portable = line.has(PORTABLE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};
    use crate::naming::NameFlags;

    #[test]
    fn name_letters_keep_their_order_and_a_later_template_drops_prefixes() {
        use crate::naming::NamePrefix::{Iso, Million, Seconds, Thousand};
        assert_eq!(run("-r a -FkT -F t").names.prefixes, [Thousand, Iso, Seconds]);
        assert_eq!(run("-r a -Ftt").names.prefixes, [Seconds, Seconds]);
        assert_eq!(
            run("-r a -Fkc -T%A -Fm").names,
            NameFlags { prefixes: vec![Million], count: true, portable: false }
        );
        assert_eq!(run("-r a -T%A -Fk -T%B").names.prefixes, []);
    }

    #[test]
    fn templates_and_portable_names() {
        assert_eq!(run("-r a -T %A -T %B").template.as_deref(), Some("%B"));
        assert!(run("-r a --portable-names").names.portable);
        assert!(refused("-r a -T %x").starts_with("-T '%x': "));
    }
}
