//! Names that stay inside the output directory.
//!
//! [`relative`] turns an expanded template into a relative path or refuses it; nothing it returns
//! climbs (`..`), starts at a root, or holds bytes that a directory listing cannot show. [`portable`](super::portable)
//! makes names of it that every system can store.

use std::fmt;

/// Longest name of a file or folder, in bytes; what nearly every file system allows.
pub const MAX_COMPONENT: usize = 255;

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing is left of the name, or it ends in `/`.
    Empty(String),
    /// A component is `..`.
    Climbs(String),
    /// A control character.
    Control(String),
    /// A component has more than [`MAX_COMPONENT`] bytes.
    TooLong(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(name) => write!(f, "the name \"{}\" has no file in it", name.escape_debug()),
            Self::Climbs(name) => {
                write!(f, "the name \"{}\" leaves the output directory", name.escape_debug())
            }
            Self::Control(name) => write!(f, "the name \"{}\" has control characters", name.escape_debug()),
            Self::TooLong(name) => {
                write!(f, "the name \"{}\" has a part of more than 255 bytes", name.escape_debug())
            }
        }?;
        f.write_str("; change the template (-T)")
    }
}

impl std::error::Error for NameError {}

/// The relative path that `name` stands for: `/` separates folders, empty and `.` components are
/// dropped (a leading `/` too: names are always below the output directory).
///
/// # Errors
/// [`NameError`] where that is not a file below the output directory.
pub fn relative(name: &str) -> Result<String, NameError> {
    if is_relative(name.as_bytes()) {
        return Ok(name.to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::Control(name.to_owned()));
    }
    let mut path = String::with_capacity(name.len());
    let mut last = "";
    for component in name.split('/') {
        last = component;
        match component {
            "" | "." => continue,
            ".." => return Err(NameError::Climbs(name.to_owned())),
            long if long.len() > MAX_COMPONENT => return Err(NameError::TooLong(name.to_owned())),
            _ => {}
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(component);
    }
    if matches!(last, "" | ".") {
        return Err(NameError::Empty(name.to_owned()));
    }
    Ok(path)
}

/// Whether a name is such a path already, as nearly all are: short, of plain characters, no component that is empty or
/// begins with a dot.
fn is_relative(name: &[u8]) -> bool {
    let ([first, after @ ..], [.., last]) = (name, name) else { return false };
    // All of it is looked at: that is faster than to look for an end.
    let plain = name.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    let stands_out = |byte: u8| (byte == b'/') | (byte == b'.');
    let behind = name.iter().zip(after).fold(false, |any, (a, b)| any | ((*a == b'/') & stands_out(*b)));
    plain && name.len() <= MAX_COMPONENT && !stands_out(*first) && !behind && *last != b'/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_relative_paths() {
        for (name, path) in [
            ("a", "a"),
            ("a//b", "a/b"),
            ("./a", "a"),
            ("/tmp/a", "tmp/a"),
            ("a b/..c/d..", "a b/..c/d.."),
            ("fe80::1.00080-::1.00001", "fe80::1.00080-::1.00001"),
        ] {
            assert_eq!(relative(name).as_deref(), Ok(path));
        }
    }

    #[test]
    fn names_that_are_no_files_below_the_directory_are_refused() {
        for name in ["", "/", ".", "a/", "a/."] {
            assert_eq!(relative(name), Err(NameError::Empty(name.into())));
        }
        for name in ["..", "../a", "a/../b", "a/.."] {
            assert_eq!(relative(name), Err(NameError::Climbs(name.into())));
        }
        for name in ["a\0", "\x1b[31m", "a\nb", "\u{85}"] {
            assert_eq!(relative(name), Err(NameError::Control(name.into())));
        }
        let long = "x".repeat(256);
        assert_eq!(relative(&long), Err(NameError::TooLong(long.clone())));
        assert!(relative(&long[1..]).is_ok());
    }
}
