//! What the page points to: files beside it, and small pictures inside of it.

use std::fmt::{self, Display, Write};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::code::Base64;
use crate::output::draft::folder_of;

/// A relative address whose every byte beyond letters, digits and `-._~/` is percent-encoded (RFC 3986): it has no
/// scheme and no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link(String);

impl Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Link {
    /// A section of the page itself: `#` and its identifier.
    pub(super) fn section(id: &'static str) -> Self {
        Self(id.to_owned())
    }
}

/// How files are reached from the page.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The output directory, as it is in the names of files.
    root: PathBuf,
    /// What leads there from the page, percent-encoded; `None` where nothing does, as on another drive.
    prefix: Option<String>,
}

impl Way {
    /// The way from the page `page` to the files below `root`.
    pub(super) fn new(page: &Path, root: &Path) -> Self {
        let prefix = folder_of(page).and_then(|from| {
            // Behind links, where both are there.
            let real = from.canonicalize().ok().zip(root.canonicalize().ok());
            let named = || std::path::absolute(&from).ok().zip(std::path::absolute(root).ok());
            let (from, to) = real.or_else(named)?;
            between(&from, &to)
        });
        Self { root: root.to_owned(), prefix }
    }

    /// What leads to the output directory.
    pub(super) fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The name of a file below the output directory, percent-encoded.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        let inside = if self.root.as_os_str() == "." { path } else { path.strip_prefix(&self.root).ok()? };
        let mut name = String::new();
        for part in inside.components() {
            let Component::Normal(part) = part else { continue };
            if !name.is_empty() {
                name.push('/');
            }
            encode(part.as_encoded_bytes(), &mut name);
        }
        (!name.is_empty()).then_some(name)
    }

    /// The link to a name of [`name`](Self::name).
    pub(super) fn link(&self, name: &str) -> Option<Link> {
        self.prefix.as_ref().map(|prefix| Link(format!("{prefix}{name}")))
    }
}

/// The link to a page in a directory beside this one.
pub(super) fn beside(directory: &Path, page: &Path) -> Link {
    let mut link = String::new();
    for part in directory.components().chain(page.components()) {
        if let Component::Normal(part) = part {
            link.push_str(if link.is_empty() { "" } else { "/" });
            encode(part.as_encoded_bytes(), &mut link);
        }
    }
    Link(link)
}

/// The text of an encoded name.
pub(super) fn decoded(name: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(name.len()), name.as_bytes());
    while let [first, behind @ ..] = rest {
        let digits =
            behind.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = behind.get(if byte.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn between(from: &Path, to: &Path) -> Option<String> {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let same = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    if same == 0 {
        return None;
    }
    let mut prefix = "../".repeat(from.len() - same);
    for part in &to[same..] {
        encode(part.as_os_str().as_encoded_bytes(), &mut prefix);
        prefix.push('/');
    }
    Some(prefix)
}

fn encode(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte))
            }
            _ => {
                let written = write!(out, "%{byte:02X}");
                debug_assert!(written.is_ok(), "writing to memory does not fail");
            }
        }
    }
}

/// A small picture of a format that browsers show and that holds no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thumbnail {
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Thumbnail {
    /// Bytes of the largest one.
    pub(super) const LARGEST: u64 = 48 << 10;

    /// Reads a file, if it is a small picture by its first bytes, whatever was said of it.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let facts = path.symlink_metadata().ok()?;
        if !facts.is_file() || facts.len() > Self::LARGEST {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(Self::LARGEST + 1).read_to_end(&mut bytes).ok()?;
        Self::of(bytes)
    }

    fn of(bytes: Vec<u8>) -> Option<Self> {
        let kind = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "png",
            [0xff, 0xd8, 0xff, ..] => "jpeg",
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
            _ => return None,
        };
        (bytes.len() as u64 <= Self::LARGEST).then_some(Self { kind, bytes })
    }

    /// Characters that it takes in the page.
    pub(super) fn size(&self) -> usize {
        self.bytes.len().div_ceil(3) * 4 + 80
    }
}

impl Display for Thumbnail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data:image/{};base64,{}", self.kind, Base64(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_reached_from_where_the_page_is() {
        for (page, root, prefix) in [
            ("page.html", "out", "out/"),
            ("out/page.html", "out", ""),
            ("pages/a/page.html", "out", "../../out/"),
            ("page.html", ".", ""),
            ("page.html", "a b/c%", "a%20b/c%25/"),
        ] {
            let way = Way::new(Path::new(page), Path::new(root));
            assert_eq!(way.prefix(), Some(prefix), "{page} {root}");
            let name = way.name(&Path::new(root).join("x")).expect("below it");
            assert_eq!(way.link(&name).expect("a way").to_string(), format!("{prefix}x"));
        }
    }

    #[test]
    fn names_have_no_scheme_and_no_markup() {
        let way = Way::new(Path::new("page.html"), Path::new("."));
        let name = way.name(Path::new("javascript:alert(1)/<b>\"'?#ä")).expect("a name");
        assert_eq!(name, "javascript%3Aalert%281%29/%3Cb%3E%22%27%3F%23%C3%A4");
        assert_eq!(decoded(&name), "javascript:alert(1)/<b>\"'?#ä");
        assert_eq!(decoded("50%-%4"), "50%-%4");
        assert_eq!(Way::new(Path::new("p"), Path::new("out")).name(Path::new("other/x")), None);
    }

    #[test]
    fn pictures_are_known_by_their_bytes() {
        assert!(Thumbnail::of(b"<svg onload=alert(1)>".to_vec()).is_none());
        let gif = Thumbnail::of(b"GIF89a".to_vec()).expect("a picture");
        assert_eq!(gif.to_string(), "data:image/gif;base64,R0lGODlh");
        let mut large = b"\xff\xd8\xff".to_vec();
        large.resize(Thumbnail::LARGEST as usize + 1, 0);
        assert!(Thumbnail::of(large).is_none());
    }
}
