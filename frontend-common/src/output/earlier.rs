//! What earlier runs have left in an output directory: their reports, and the files that these list.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use super::draft::part_of;

/// The usual name of a report.
pub const REPORT: &str = "report.xml";

/// A line of a report is not longer, unless it is damaged.
const LONGEST_LINE: u64 = 1 << 20;

/// What is in a directory before a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The names of reports, also of those of runs that were killed.
    pub reports: Vec<String>,
    /// A file with the usual name of a flow.
    pub flow: Option<String>,
    /// Whether there is anything else.
    pub other: bool,
}

impl Earlier {
    /// Looks into a directory. One that is not there, or cannot be read, has nothing.
    #[must_use]
    pub fn look(root: &Path) -> Self {
        let mut earlier = Self::default();
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            let name = entry.file_name().into_string().ok();
            match name.filter(|_| is_file) {
                Some(name) if is_report(&name) => earlier.reports.push(name),
                Some(name) if earlier.flow.is_none() && is_flow(&name) => earlier.flow = Some(name),
                _ => earlier.other = true,
            }
        }
        earlier.reports.sort_by_key(|name| (name.len(), name.clone()));
        earlier
    }

    /// Whether there are results of a run.
    #[must_use]
    pub fn has_results(&self) -> bool {
        !self.reports.is_empty() || self.flow.is_some()
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.has_results() && !self.other
    }

    /// The name of the next report: the first one that is free.
    ///
    /// # Errors
    /// There are no more numbers.
    pub fn next_report(&self, root: &Path) -> Result<PathBuf, String> {
        let first = root.join(REPORT);
        let is_free = |name: &str| self.reports.iter().all(|other| other.trim_end_matches(".part") != name);
        if is_free(REPORT) { Ok(first) } else { next_path(&first) }
    }
}

/// `report.xml`, `report-2.xml` and so on, also parts of them.
fn is_report(name: &str) -> bool {
    let stem = name.strip_suffix(".part").unwrap_or(name).strip_suffix(".xml");
    let number = stem.and_then(|stem| stem.strip_prefix("report"));
    number.is_some_and(|number| {
        number.is_empty() || number.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
    })
}

/// `ADDRESS.PORT-ADDRESS.PORT`, with anything behind.
fn is_flow(name: &str) -> bool {
    let port = |text: &str| {
        let digits = text.get(..6).and_then(|text| text.strip_prefix('.'));
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let Some((client, server)) = name.split_once('-') else { return false };
    let is_first = client.len().checked_sub(6).and_then(|at| client.get(at..)).is_some_and(port);
    is_first && server.char_indices().any(|(at, _)| at > 0 && server.get(at..).is_some_and(port))
}

/// The first name with a number, from 2 on, that is free: `report-2.xml` after `report.xml`.
///
/// # Errors
/// There is none, as `first` is no ordinary file.
pub fn next_path(first: &Path) -> Result<PathBuf, String> {
    // Pipes and devices have one name only. A report gets its name when it is whole.
    if first.symlink_metadata().is_ok_and(|_| !first.is_file()) {
        return Err(format!("{}: this is no regular file, so there is no next report", first.display()));
    }
    let stem = first.file_stem().unwrap_or_default();
    for number in 2_u32.. {
        let mut name = stem.to_owned();
        name.push(format!("-{number}"));
        if let Some(extension) = first.extension() {
            name.push(".");
            name.push(extension);
        }
        let path = first.with_file_name(name);
        if [&path, &part_of(&path)].iter().all(|path| path.symlink_metadata().is_err()) {
            return Ok(path);
        }
    }
    Err(format!("{}: there are no more numbers for reports", first.display()))
}

/// Removes the files below `root` that a report in it lists, then the report: how many files. `spares` says which ones
/// stay in any case. Links are not followed, and what is not below `root` stays.
///
/// # Errors
/// What cannot be read or removed, with the path.
pub fn remove(root: &Path, report: &str, spares: &dyn Fn(&Path) -> bool) -> io::Result<u64> {
    let path = root.join(report);
    let at = |path: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("cannot remove {}: {error}", path.display()))
    };
    let own: Vec<OsString> = parts(root).unwrap_or_default();
    let mut before = None;
    let mut removed = 0;
    for name in listed(&path).map_err(|error| at(&path, error))? {
        let Some(parts) = parts(Path::new(&name)) else { continue };
        // How many parts of the names are those of the directory, as that run wrote it.
        let before = match before {
            Some(before) => before,
            None if !own.is_empty() && parts.starts_with(&own) => *before.insert(own.len()),
            None => match (0..parts.len()).find(|before| find(root, &parts[*before..]).is_some()) {
                Some(found) => *before.insert(found),
                None => continue,
            },
        };
        let file = parts.get(before..).and_then(|parts| find(root, parts));
        if let Some(file) = file.filter(|file| *file != path && !spares(file)) {
            fs::remove_file(&file).map_err(|error| at(&file, error))?;
            removed += 1;
        }
    }
    fs::remove_file(&path).map_err(|error| at(&path, error))?;
    Ok(removed)
}

/// The parts of a path, without its root; none where it leads upwards.
fn parts(path: &Path) -> Option<Vec<OsString>> {
    let part = |part: Component<'_>| match part {
        Component::Normal(part) => Some(Some(part.to_owned())),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => Some(None),
        Component::ParentDir => None,
    };
    path.components().map(part).collect::<Option<Vec<_>>>().map(|parts| parts.into_iter().flatten().collect())
}

/// The ordinary file of a name below `root`, all of whose folders are folders.
fn find(root: &Path, parts: &[OsString]) -> Option<PathBuf> {
    let (name, folders) = parts.split_last()?;
    let mut path = root.to_owned();
    for folder in folders {
        path.push(folder);
        if !path.symlink_metadata().is_ok_and(|facts| facts.is_dir()) {
            return None;
        }
    }
    path.push(name);
    path.symlink_metadata().is_ok_and(|facts| facts.is_file()).then_some(path)
}

/// The names of files in a report, each on its line as reports have them.
fn listed(report: &Path) -> io::Result<Vec<String>> {
    let mut lines = BufReader::new(File::open(report)?);
    let (mut names, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(names);
        }
        let text = String::from_utf8_lossy(&line);
        let name = text.trim().strip_prefix("<filename>").and_then(|text| text.strip_suffix("</filename>"));
        names.extend(name.and_then(unescaped));
    }
}

/// A text of XML as it is.
fn unescaped(text: &str) -> Option<String> {
    quick_xml::escape::unescape(text).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_reports_and_flows_are_known() {
        for name in ["report.xml", "report-2.xml", "report-17.xml.part", "report.xml.part"] {
            assert!(is_report(name), "{name}");
        }
        for name in ["report", "report.html", "report-.xml", "report-x.xml", "myreport.xml", "report.xml.gz"]
        {
            assert!(!is_report(name), "{name}");
        }
        for name in [
            "192.000.002.001.41668-192.000.002.002.00080",
            "192.000.002.001.41668-192.000.002.002.00080c1-HTTPBODY-001.html",
            "2001:0db8::0001.41668-2001:0db8::0002.00080--3",
        ] {
            assert!(is_flow(name), "{name}");
        }
        for name in ["a-b", "2024-01-02.pcap", "é-é", "x.12345-", "x.12345-y.123", ".12345"] {
            assert!(!is_flow(name), "{name}");
        }
    }

    #[test]
    fn exactly_what_a_report_lists_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("o");
        fs::create_dir_all(root.join("in")).expect("made");
        let outside = directory.path().join("outside");
        fs::write(&outside, "").expect("written");
        for name in ["a", "b&c", "in/d", "other", "spared"] {
            fs::write(root.join(name), "").expect("written");
        }
        let names = ["o/a", "o/b&amp;c", "o/in/d", "o/../outside", "../outside", "o/gone", "o/spared"];
        let lines = names.map(|name| format!("    <filename>{name}</filename>\n")).concat();
        fs::write(root.join(REPORT), lines).expect("written");
        let removed = remove(&root, REPORT, &|path| path.ends_with("spared")).expect("removed");
        assert_eq!(removed, 3);
        let left = Earlier::look(&root);
        assert!(!left.has_results() && left.other && outside.exists());
        assert!(root.join("other").exists() && root.join("spared").exists() && !root.join("in/d").exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("o");
        fs::create_dir(&root).expect("made");
        fs::write(directory.path().join("victim"), "").expect("written");
        std::os::unix::fs::symlink("..", root.join("up")).expect("linked");
        std::os::unix::fs::symlink("../victim", root.join("link")).expect("linked");
        let lines = "<filename>up/victim</filename>\n<filename>link</filename>\n";
        fs::write(root.join(REPORT), lines).expect("written");
        assert_eq!(remove(&root, REPORT, &|_| false).expect("read"), 0);
        assert!(directory.path().join("victim").exists() && root.join("link").is_symlink());
    }

    #[test]
    fn the_next_report_has_the_first_name_that_is_free() {
        let directory = tempfile::tempdir().expect("a directory");
        let next = || {
            let path = Earlier::look(directory.path()).next_report(directory.path()).expect("a name");
            path.file_name().and_then(|name| name.to_str()).expect("text").to_owned()
        };
        for (expected, name) in [
            ("report.xml", "report.xml.part"),
            ("report-2.xml", "report-2.xml"),
            ("report-3.xml", "report.xml"),
        ] {
            assert_eq!(next(), expected);
            fs::write(directory.path().join(name), "").expect("written");
        }
        assert_eq!(next(), "report-3.xml");
    }
}
