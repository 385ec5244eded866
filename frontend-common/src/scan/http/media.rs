//! Media types: endings for file names, and the parameters of fields such as Content-Disposition.

/// The media type in a Content-Type field, in lower case, without parameters.
pub(super) fn media_type(field: &str) -> String {
    field.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The ending of files of this media type, without a dot: letters and digits only, `None` if it is not known
/// or says nothing.
pub(super) fn extension(field: &str) -> Option<&'static str> {
    let kind = media_type(field);
    let known = match kind.as_str() {
        // What servers say when they do not know.
        "application/octet-stream" | "binary/octet-stream" | "application/unknown" => None,
        // Names that the table does not have, or has in another form.
        "text/x-c" => Some("c"),
        "image/jpg" | "image/pjpeg" | "image/jpeg" => Some("jpg"),
        "image/x-png" => Some("png"),
        "application/x-javascript" | "text/x-javascript" | "application/javascript" | "text/javascript" => {
            Some("js")
        }
        "text/json" | "application/x-json" => Some("json"),
        "application/x-gzip" | "application/gzip" => Some("gz"),
        "application/x-zip-compressed" | "application/x-zip" => Some("zip"),
        "audio/mp3" | "audio/x-mp3" => Some("mp3"),
        "application/ocsp-request" => Some("orq"),
        "application/ocsp-response" => Some("ors"),
        kind => mime2ext::mime2ext(kind),
    };
    known.filter(|extension| {
        !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// A parameter of a field: `form-data; name="a"; filename=b`. RFC 9110, 5.6.6, and RFC 8187 where the name
/// ends with `*`.
pub(super) fn parameter(field: &str, name: &str) -> Option<String> {
    let mut rest = field.split_once(';')?.1;
    while !rest.trim().is_empty() {
        let (key, behind) = match rest.find(['=', ';']) {
            Some(at) if rest.as_bytes().get(at) == Some(&b'=') => (&rest[..at], &rest[at + 1..]),
            Some(at) => {
                rest = &rest[at + 1..];
                continue;
            }
            None => return None,
        };
        let (value, next) = value(behind.trim_start());
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// A parameter's value, quoted or not, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), text.get(end + 1..).unwrap_or_default());
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let rest = &quoted[at + 1..];
                return (value, rest.split_once(';').map_or("", |(_, rest)| rest));
            }
            // Browsers of old send paths of Windows with single backslashes: only these two are escaped.
            '\\' if quoted[at + 1..].starts_with(['"', '\\']) => {
                value.extend(characters.next().map(|(_, escaped)| escaped));
            }
            _ => value.push(character),
        }
    }
    (value, "")
}

/// The file name that a Content-Disposition field suggests.
pub(super) fn file_name(field: &str) -> Option<String> {
    let extended = parameter(field, "filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, coded) = rest.split_once('\'')?;
        let bytes = percent_decoded(coded);
        Some(match charset {
            charset if charset.eq_ignore_ascii_case("iso-8859-1") => {
                bytes.iter().map(|byte| char::from(*byte)).collect()
            }
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        })
    });
    extended.or_else(|| parameter(field, "filename")).filter(|name| !name.is_empty())
}

/// The last part of the path of a URL, as a name.
pub(super) fn name_in_url(url: &str) -> Option<String> {
    let (_, behind) = url.split_once("://")?;
    let (_, path) = behind.split_once('/')?;
    let path = path.split(['?', '#']).next()?;
    let decoded = percent_decoded(path.rsplit('/').next()?);
    let name = String::from_utf8_lossy(&decoded);
    let name: String = name.rsplit(['/', '\\']).next()?.chars().filter(|c| !c.is_control()).collect();
    (!name.is_empty() && name != "." && name != "..").then_some(name)
}

pub(super) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_those_that_people_know() {
        for (kind, ending) in [
            ("text/html; charset=utf-8", Some("html")),
            ("text/plain", Some("txt")),
            ("image/jpeg", Some("jpg")),
            ("IMAGE/PNG", Some("png")),
            ("image/gif", Some("gif")),
            ("text/css", Some("css")),
            ("application/json", Some("json")),
            ("application/x-javascript", Some("js")),
            ("application/pdf", Some("pdf")),
            ("application/octet-stream", None),
            ("text/x-c; charset=us-ascii", Some("c")),
            ("../../etc", None),
            ("", None),
        ] {
            assert_eq!(extension(kind), ending, "{kind}");
        }
    }

    #[test]
    fn the_last_part_of_a_path_is_a_name() {
        for (url, name) in [
            ("http://a.test/b/c.pdf?d=/e", Some("c.pdf")),
            ("http://a.test/%C3%A9.txt#x", Some("\u{e9}.txt")),
            ("http://a.test/..%2f..%5Cpasswd%0A", Some("passwd")),
            ("http://a.test/b/", None),
            ("http://a.test/..", None),
            ("http://a.test", None),
        ] {
            assert_eq!(name_in_url(url).as_deref(), name, "{url}");
        }
    }

    #[test]
    fn parameters_quoted_escaped_and_extended() {
        assert_eq!(parameter("multipart/form-data; boundary=abc", "boundary").as_deref(), Some("abc"));
        assert_eq!(parameter(r#"a; x="1;2" ; boundary="q r""#, "boundary").as_deref(), Some("q r"));
        assert_eq!(file_name(r#"form-data; name="f"; filename="a\"b.txt""#).as_deref(), Some("a\"b.txt"));
        assert_eq!(file_name(r#"attachment; filename="C:\dir\a.txt""#).as_deref(), Some(r"C:\dir\a.txt"));
        assert_eq!(
            file_name("attachment; filename=x; filename*=UTF-8''%e2%82%ac%20rates").as_deref(),
            Some("€ rates")
        );
        assert_eq!(file_name("attachment"), None);
        assert_eq!(file_name("attachment; filename=\"open").as_deref(), Some("open"));
    }
}
