//! Certificates: their digest, and the names that they have. RFC 5280, section 4.1.

use sha2::{Digest, Sha256};

use super::wire::{Wire, hex};

/// Certificates of a chain that are kept.
const MAX_CHAIN: usize = 16;
/// Names of a certificate that are kept.
const MAX_NAMES: usize = 64;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// The common name: 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// Other names of the subject: 2.5.29.17.
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 17];
/// The tag of a DNS name among them.
const DNS: u8 = 0x82;

/// A certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The common name of its subject.
    pub subject: Option<String>,
    /// The common name of its issuer.
    pub issuer: Option<String>,
    /// The DNS names of its subject.
    pub names: Vec<String>,
}

impl Certificate {
    fn new(bytes: &[u8]) -> Self {
        let mut certificate = Self { sha256: hex(&Sha256::digest(bytes)), ..Self::default() };
        certificate.read(bytes);
        certificate
    }

    /// The certificates of a message up to TLS 1.2 (RFC 5246, section 7.4.2), or of TLS 1.3 (RFC 8446, section 4.4.2).
    pub(super) fn chain(body: &[u8], is_13: bool) -> Vec<Self> {
        let mut rest = Wire(body);
        if is_13 && rest.vector8().is_none() {
            return Vec::new();
        }
        let Some(mut list) = rest.vector24().map(Wire) else { return Vec::new() };
        let mut chain = Vec::new();
        while let Some(bytes) = list.vector24().filter(|_| chain.len() < MAX_CHAIN) {
            chain.push(Self::new(bytes));
            if is_13 && list.vector16().is_none() {
                break;
            }
        }
        chain
    }

    /// Reads its names, as far as they can be read.
    fn read(&mut self, bytes: &[u8]) -> Option<()> {
        let mut fields = Der(element(&mut Der(element(&mut Der(bytes), SEQUENCE)?), SEQUENCE)?);
        if fields.peek()? == VERSION {
            fields.next()?;
        }
        // The serial number and the algorithm.
        fields.next()?;
        fields.next()?;
        self.issuer = common_name(element(&mut fields, SEQUENCE)?);
        fields.next()?;
        self.subject = common_name(element(&mut fields, SEQUENCE)?);
        for (_, contents) in fields.filter(|(tag, _)| *tag == EXTENSIONS) {
            let mut extensions = Der(element(&mut Der(contents), SEQUENCE)?);
            while let Some((SEQUENCE, extension)) = extensions.next() {
                let mut extension = Der(extension);
                if element(&mut extension, OID) == Some(ALTERNATIVE_NAME) {
                    let contents = extension.find(|(tag, _)| *tag == OCTETS)?.1;
                    let names = Der(element(&mut Der(contents), SEQUENCE)?).filter(|(tag, _)| *tag == DNS);
                    self.names = names.map(|(_, name)| text(name)).take(MAX_NAMES).collect();
                }
            }
        }
        Some(())
    }
}

/// Elements of DER: tag and contents. ITU-T X.690, section 8.1.
struct Der<'d>(&'d [u8]);

impl Der<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

impl<'d> Iterator for Der<'d> {
    type Item = (u8, &'d [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = Wire(self.0);
        let tag = rest.u8()?;
        let length = match rest.u8()? {
            0x81 => rest.u8()?.into(),
            0x82 => rest.u16()?.into(),
            0x83 => rest.u24()?,
            length if length < 0x80 => length.into(),
            _ => return None,
        };
        let contents = rest.take(length)?;
        self.0 = rest.0;
        Some((tag, contents))
    }
}

/// The contents of the next element, if it has this tag.
fn element<'d>(elements: &mut Der<'d>, tag: u8) -> Option<&'d [u8]> {
    elements.next().filter(|(own, _)| *own == tag).map(|(_, contents)| contents)
}

/// The last common name of a distinguished name.
fn common_name(name: &[u8]) -> Option<String> {
    let mut found = None;
    for (_, set) in Der(name).filter(|(tag, _)| *tag == SET) {
        let mut pair = Der(element(&mut Der(set), SEQUENCE)?);
        if element(&mut pair, OID) == Some(COMMON_NAME) {
            found = pair.next().map(|(_, name)| text(name));
        }
    }
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = contents.len();
        let mut bytes = vec![tag];
        match length {
            0..0x80 => bytes.push(length as u8),
            _ => bytes.extend_from_slice(&[0x82, (length >> 8) as u8, length as u8]),
        }
        bytes.extend_from_slice(contents);
        bytes
    }

    fn name(common: &str) -> Vec<u8> {
        let pair = [der(OID, COMMON_NAME), der(0x0c, common.as_bytes())].concat();
        der(SEQUENCE, &der(SET, &der(SEQUENCE, &pair)))
    }

    fn certificate() -> Vec<u8> {
        let names = [der(DNS, b"a.example"), der(0x87, &[192, 0, 2, 1]), der(DNS, b"b.example")].concat();
        let extension = [der(OID, ALTERNATIVE_NAME), der(OCTETS, &der(SEQUENCE, &names))].concat();
        let extensions = der(0xa3, &der(SEQUENCE, &der(SEQUENCE, &extension)));
        let parts = [
            der(0xa0, &der(2, &[2])),
            der(2, &[1]),
            der(SEQUENCE, &[]),
            name("issuer"),
            der(SEQUENCE, &[]),
            name("a.example"),
            der(SEQUENCE, &[7; 300]),
            extensions,
        ];
        let to_be_signed = der(SEQUENCE, &parts.concat());
        der(SEQUENCE, &[to_be_signed, der(SEQUENCE, &[]), der(3, &[0; 9])].concat())
    }

    #[test]
    fn a_chain_has_digests_and_names_in_both_forms() {
        let bytes = certificate();
        let length = (bytes.len() as u32).to_be_bytes();
        let old = [&length[1..], &bytes].concat();
        let new = [&old[..], &[0, 0]].concat();
        for (entry, is_13) in [(old, false), (new, true)] {
            let length = (entry.len() as u32).to_be_bytes();
            let body = [if is_13 { &[0][..] } else { &[] }, &length[1..], &entry].concat();
            let chain = Certificate::chain(&body, is_13);
            let [certificate] = chain.as_slice() else { panic!("one certificate") };
            assert_eq!(certificate.sha256, hex(&Sha256::digest(&bytes)));
            assert_eq!(certificate.subject.as_deref(), Some("a.example"));
            assert_eq!(certificate.issuer.as_deref(), Some("issuer"));
            assert_eq!(certificate.names, ["a.example", "b.example"]);
        }
    }

    #[test]
    fn a_certificate_that_is_cut_off_has_a_digest_and_what_could_be_read() {
        let bytes = certificate();
        for length in 0..bytes.len() {
            assert_eq!(Certificate::new(&bytes[..length]).sha256.len(), 64);
        }
    }
}
