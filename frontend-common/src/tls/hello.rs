//! The first messages of a handshake: ClientHello and ServerHello (RFC 8446, section 4.1; RFC 5246, section 7.4.1).

use super::wire::{Wire, numbers};

/// The random of a ServerHello that is a HelloRetryRequest: RFC 8446, section 4.1.3.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
/// Extensions, cipher suites and other values of a hello that are kept.
const MAX_LIST: usize = 512;

pub(super) const SERVER_NAME: u16 = 0;
pub(super) const TRUNCATED_HMAC: u16 = 4;
pub(super) const GROUPS: u16 = 10;
pub(super) const POINT_FORMATS: u16 = 11;
pub(super) const SIGNATURES: u16 = 13;
pub(super) const ALPN: u16 = 16;
pub(super) const ENCRYPT_THEN_MAC: u16 = 22;
pub(super) const EXTENDED_MASTER_SECRET: u16 = 23;
pub(super) const TICKET: u16 = 35;
pub(super) const EARLY_DATA: u16 = 42;
pub(super) const VERSIONS: u16 = 43;

/// A version of the protocol as it is on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16);

impl Version {
    /// SSL 3.0.
    pub const SSL3: Self = Self(0x0300);
    /// TLS 1.0.
    pub const TLS10: Self = Self(0x0301);
    /// TLS 1.1.
    pub const TLS11: Self = Self(0x0302);
    /// TLS 1.2.
    pub const TLS12: Self = Self(0x0303);
    /// TLS 1.3.
    pub const TLS13: Self = Self(0x0304);

    /// The number of the draft of TLS 1.3 that it is.
    #[must_use]
    pub fn draft(self) -> Option<u8> {
        let [high, low] = self.0.to_be_bytes();
        (high == 0x7f).then_some(low)
    }

    /// TLS 1.3 or one of its drafts.
    #[must_use]
    pub fn is_13(self) -> bool {
        self == Self::TLS13 || self.draft().is_some()
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (*self, self.draft()) {
            (Self::SSL3, _) => write!(f, "SSL 3.0"),
            (Self::TLS10, _) => write!(f, "TLS 1.0"),
            (Self::TLS11, _) => write!(f, "TLS 1.1"),
            (Self::TLS12, _) => write!(f, "TLS 1.2"),
            (Self::TLS13, _) => write!(f, "TLS 1.3"),
            (_, Some(draft)) => write!(f, "TLS 1.3 draft {draft}"),
            (Self(number), None) => write!(f, "0x{number:04x}"),
        }
    }
}

/// The extensions of a hello, each with its contents, in the order of the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(Vec<(u16, Vec<u8>)>);

impl Extensions {
    /// The extensions behind the other fields of a message: none where nothing is left.
    pub(super) fn parse(rest: &mut Wire<'_>) -> Option<Self> {
        let mut list = Vec::new();
        if rest.is_empty() {
            return Some(Self(list));
        }
        let mut inner = Wire(rest.vector16()?);
        while !inner.is_empty() && list.len() < MAX_LIST {
            let (number, contents) = (inner.u16()?, inner.vector16()?);
            list.push((number, contents.to_vec()));
        }
        Some(Self(list))
    }

    /// The contents of an extension.
    #[must_use]
    pub fn get(&self, number: u16) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| *own == number).map(|(_, contents)| contents.as_slice())
    }

    /// Their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().map(|(number, _)| *number)
    }

    pub(super) fn has(&self, number: u16) -> bool {
        self.get(number).is_some()
    }

    /// The protocols of application-layer protocol negotiation: RFC 7301.
    #[must_use]
    pub fn protocols(&self) -> Vec<String> {
        let Some(mut list) = self.get(ALPN).and_then(|contents| Wire(contents).vector16()).map(Wire) else {
            return Vec::new();
        };
        std::iter::from_fn(|| list.vector8()).map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }
}

/// What a client offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The version field, which TLS 1.3 leaves at TLS 1.2.
    pub version: Version,
    /// The random that key logs name the connection by.
    pub random: [u8; 32],
    /// The session that may be resumed.
    pub session: Vec<u8>,
    /// Cipher suites.
    pub suites: Vec<u16>,
    /// Extensions.
    pub extensions: Extensions,
}

impl ClientHello {
    /// The hello of a handshake message's body.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Wire(body);
        let (version, random) = (Version(rest.u16()?), rest.array()?);
        let session = rest.vector8()?.to_vec();
        let suites = numbers(rest.vector16()?).take(MAX_LIST).collect();
        rest.vector8()?;
        Some(Self { version, random, session, suites, extensions: Extensions::parse(&mut rest)? })
    }

    /// The hello of SSL 2.0, in which old clients offer later versions: RFC 5246, appendix E.2. Answers also how long
    /// its record is.
    pub(super) fn parse_ssl2(record: &[u8]) -> Option<(Self, usize)> {
        let mut rest = Wire(record);
        let length = usize::from(rest.u16()? & 0x7fff);
        let mut rest = Wire(rest.take(length)?);
        let (1, version) = (rest.u8()?, rest.u16()?) else { return None };
        let [ciphers, session, challenge] = [rest.u16()?, rest.u16()?, rest.u16()?].map(usize::from);
        let specs = rest.take(ciphers)?;
        let suites = specs.as_chunks::<3>().0.iter().filter(|[first, ..]| *first == 0);
        let suites = suites.map(|[_, high, low]| u16::from_be_bytes([*high, *low])).take(MAX_LIST).collect();
        let session = rest.take(session)?.to_vec();
        let challenge = rest.take(challenge).filter(|bytes| (16..=32).contains(&bytes.len()))?;
        let mut random = [0; 32];
        random.get_mut(32 - challenge.len()..)?.copy_from_slice(challenge);
        let hello =
            Self { version: Version(version), random, session, suites, extensions: Extensions::default() };
        Some((hello, 2 + length))
    }

    /// The name of the server: RFC 6066, section 3.
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        let mut list = Wire(Wire(self.extensions.get(SERVER_NAME)?).vector16()?);
        (list.u8()? == 0).then_some(())?;
        let name = list.vector16()?;
        (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
    }

    /// The session ticket that may be resumed: RFC 5077.
    pub(super) fn ticket(&self) -> Option<&[u8]> {
        self.extensions.get(TICKET).filter(|ticket| !ticket.is_empty())
    }
}

/// What a server has chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// The version of the connection.
    pub version: Version,
    /// The server's random.
    pub random: [u8; 32],
    /// The session, which is that of the client where one is resumed.
    pub session: Vec<u8>,
    /// The cipher suite.
    pub suite: u16,
    /// The compression method.
    pub compression: u8,
    /// Extensions.
    pub extensions: Extensions,
}

impl ServerHello {
    /// The hello of a handshake message's body.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Wire(body);
        let (mut version, random) = (Version(rest.u16()?), rest.array()?);
        // The drafts of TLS 1.3 before number 22 have neither session nor compression.
        let is_short = version.draft().is_some_and(|draft| draft < 22);
        let session = if is_short { Vec::new() } else { rest.vector8()?.to_vec() };
        let suite = rest.u16()?;
        let compression = if is_short { 0 } else { rest.u8()? };
        let extensions = Extensions::parse(&mut rest)?;
        if let Some(selected) = extensions.get(VERSIONS).and_then(|contents| Wire(contents).u16()) {
            version = Version(selected);
        }
        Some(Self { version, random, session, suite, compression, extensions })
    }

    /// It asks for another ClientHello: RFC 8446, section 4.1.4.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.random == RETRY
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A vector with a length of two bytes.
    pub(in crate::tls) fn vector16(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
    }

    /// The body of a ClientHello.
    pub(in crate::tls) fn client_hello(
        random: [u8; 32],
        suites: &[u16],
        extensions: &[(u16, Vec<u8>)],
    ) -> Vec<u8> {
        let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        let mut body = [&[3, 3][..], &random, &[2, 7, 8], &vector16(&suites), &[1, 0]].concat();
        let mut list = Vec::new();
        for (number, contents) in extensions {
            list.extend_from_slice(&number.to_be_bytes());
            list.extend_from_slice(&vector16(contents));
        }
        body.extend_from_slice(&vector16(&list));
        body
    }

    /// The contents of a server name extension.
    pub(in crate::tls) fn name(host: &str) -> Vec<u8> {
        vector16(&[&[0][..], &vector16(host.as_bytes())].concat())
    }

    #[test]
    fn a_client_hello_has_its_fields() {
        let alpn = vector16(b"\x02h2\x08http/1.1");
        let body = client_hello([9; 32], &[0x1301, 0xc02f], &[(0, name("example.org")), (ALPN, alpn)]);
        let hello = ClientHello::parse(&body).unwrap();
        assert_eq!(hello.server_name().unwrap(), "example.org");
        assert_eq!(hello.extensions.protocols(), ["h2", "http/1.1"]);
        assert_eq!((hello.random, hello.session.as_slice()), ([9; 32], &[7, 8][..]));
        assert_eq!(hello.suites, [0x1301, 0xc02f]);
        for length in 0..body.len() {
            // A hello may end before its extensions.
            assert_eq!(ClientHello::parse(&body[..length]).is_some(), length == 45, "{length}");
        }
    }

    #[test]
    fn a_server_hello_has_the_version_of_its_extension() {
        let extension = [&43u16.to_be_bytes()[..], &[0, 2, 3, 4]].concat();
        let body = [&[3, 3][..], &[5; 32], &[0, 0x13, 0x01, 0], &vector16(&extension)].concat();
        let hello = ServerHello::parse(&body).unwrap();
        assert!(hello.version == Version::TLS13 && hello.suite == 0x1301 && !hello.is_retry());
        let body = [&[3, 3][..], &RETRY, &[0, 0x13, 0x01, 0]].concat();
        assert!(ServerHello::parse(&body).unwrap().is_retry());
        let body = [&[0x7f, 18][..], &[5; 32], &[0x13, 0x01], &[0, 0]].concat();
        assert_eq!(ServerHello::parse(&body).unwrap().version.to_string(), "TLS 1.3 draft 18");
    }

    #[test]
    fn a_hello_of_ssl2_offers_later_versions() {
        let record =
            [&[0x80, 9 + 6 + 16, 1, 3, 1, 0, 6, 0, 0, 0, 16, 0, 0, 4, 1, 0, 128][..], &[7; 16]].concat();
        let (hello, length) = ClientHello::parse_ssl2(&record).unwrap();
        assert_eq!((length, hello.version, hello.suites), (record.len(), Version::TLS10, vec![4]));
        assert_eq!(hello.random[..16], [0; 16]);
        assert_eq!(hello.random[16..], [7; 16]);
    }
}
