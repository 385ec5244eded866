//! Fingerprints of clients: JA3 and JA4, as their authors define them.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::hello::{ALPN, ClientHello, GROUPS, POINT_FORMATS, SERVER_NAME, SIGNATURES, VERSIONS};
use super::suites::is_grease;
use super::wire::{Wire, hex, numbers};

impl ClientHello {
    /// JA3: the MD5 of version, suites, extensions, groups and point formats.
    #[must_use]
    pub fn ja3(&self) -> String {
        let join = |numbers: &mut dyn Iterator<Item = u16>| {
            let text: Vec<_> =
                numbers.filter(|number| !is_grease(*number)).map(|number| number.to_string()).collect();
            text.join("-")
        };
        let groups =
            self.extensions.get(GROUPS).and_then(|contents| Wire(contents).vector16()).unwrap_or_default();
        let formats = self.extensions.get(POINT_FORMATS).and_then(|contents| Wire(contents).vector8());
        let parts = [
            self.version.0.to_string(),
            join(&mut self.suites.iter().copied()),
            join(&mut self.extensions.numbers()),
            join(&mut numbers(groups)),
            join(&mut formats.unwrap_or_default().iter().copied().map(u16::from)),
        ];
        hex(&Md5::digest(parts.join(",")))
    }

    /// JA4 of a client over TCP: what it offers in readable form, and hashes of sorted suites and extensions.
    #[must_use]
    pub fn ja4(&self) -> String {
        let offered = self.extensions.get(VERSIONS).and_then(|contents| Wire(contents).vector8());
        let highest = numbers(offered.unwrap_or_default()).filter(|number| !is_grease(*number)).max();
        let version = match highest.unwrap_or(self.version.0) {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        };
        let name = if self.extensions.has(SERVER_NAME) { 'd' } else { 'i' };
        let mut suites: Vec<u16> = self.suites.iter().copied().filter(|suite| !is_grease(*suite)).collect();
        let mut extensions: Vec<u16> =
            self.extensions.numbers().filter(|number| !is_grease(*number)).collect();
        let (suite_count, extension_count) = (suites.len().min(99), extensions.len().min(99));
        suites.sort_unstable();
        extensions.retain(|number| !matches!(*number, SERVER_NAME | ALPN));
        extensions.sort_unstable();
        let list = |numbers: &[u16]| {
            numbers.iter().map(|number| format!("{number:04x}")).collect::<Vec<_>>().join(",")
        };
        let mut extensions = list(&extensions);
        let signatures = self.extensions.get(SIGNATURES).and_then(|contents| Wire(contents).vector16());
        let signatures: Vec<u16> =
            numbers(signatures.unwrap_or_default()).filter(|number| !is_grease(*number)).collect();
        if !signatures.is_empty() && !extensions.is_empty() {
            extensions = format!("{extensions}_{}", list(&signatures));
        }
        let protocol = self.first_protocol();
        format!(
            "t{version}{name}{suite_count:02}{extension_count:02}{protocol}_{}_{}",
            short(&list(&suites)),
            short(&extensions)
        )
    }

    /// The first and the last character of the first protocol that is offered.
    fn first_protocol(&self) -> String {
        let name = self.extensions.get(ALPN).and_then(|contents| Wire(Wire(contents).vector16()?).vector8());
        let (Some(first), Some(last)) = (name.and_then(<[u8]>::first), name.and_then(<[u8]>::last)) else {
            return "00".to_owned();
        };
        if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
            return [*first, *last].map(char::from).iter().collect();
        }
        let digits = hex(&[*first, *last]);
        digits.chars().next().into_iter().chain(digits.chars().last()).collect()
    }
}

/// The first 12 digits of the SHA-256 of a list, zeros for none.
fn short(list: &str) -> String {
    if list.is_empty() {
        return "0".repeat(12);
    }
    hex(Sha256::digest(list).get(..6).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::hello::tests::{client_hello, name, vector16};
    use super::*;

    /// The hello of the example in JA4's description of its algorithm.
    fn hello() -> ClientHello {
        let suites = [
            0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
            0x009c, 0x009d, 0x002f, 0x0035,
        ];
        let numbers = |list: &[u16]| list.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
        let signatures = numbers(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]);
        let versions = [&[6][..], &numbers(&[0x1a1a, 0x0304, 0x0303])].concat();
        let extensions = [
            (0x001b, vec![]),
            (0x0000, name("example.org")),
            (0x0033, vec![]),
            (0x0010, vector16(b"\x02h2\x08http/1.1")),
            (0x4469, vec![]),
            (0x0017, vec![]),
            (0x002d, vec![]),
            (0x000d, vector16(&signatures)),
            (0x0005, vec![]),
            (0x0023, vec![]),
            (0x0012, vec![]),
            (0x002b, versions),
            (0xff01, vec![]),
            (0x000b, vec![1, 0]),
            (0x000a, vector16(&numbers(&[0x4a4a, 0x001d, 0x0017]))),
            (0x0015, vec![]),
        ];
        ClientHello::parse(&client_hello([1; 32], &suites, &extensions)).unwrap()
    }

    #[test]
    fn ja4_is_that_of_its_description() {
        assert_eq!(hello().ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn ja3_leaves_out_what_keeps_servers_tolerant() {
        let text = "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,\
                    27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23,0";
        assert_eq!(hello().ja3(), hex(&Md5::digest(text)));
    }

    #[test]
    fn a_hello_without_lists_has_fingerprints() {
        let hello = ClientHello::default();
        assert_eq!(hello.ja4(), "t00i000000_000000000000_000000000000");
        assert_eq!(hello.ja3(), hex(&Md5::digest("0,,,,")));
    }
}
