//! What is known of a connection when it has been read.

use std::ops::Range;

use super::certificate::Certificate;
use super::hello::{ClientHello, Version};
use super::suites::Suite;

/// Why a connection, or the rest of it, was not decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The key logs have no secret for its client random.
    NoSecret,
    /// There is a secret, and it opens no record.
    WrongSecret,
    /// The server's hello was not captured: its suite and random are not known.
    NoServerHello,
    /// The client's hello was not captured: key logs name connections by its random.
    NoClientHello,
    /// The cipher suite is not supported.
    Suite,
    /// Records are compressed in a way that is not supported.
    Compression,
    /// The work that is allowed for one connection was done before its end.
    Work,
}

impl Reason {
    /// The reason as it is shown.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoSecret => "no secret for its client random",
            Self::WrongSecret => "the secret opens no record",
            Self::NoServerHello => "the server's hello was not captured",
            Self::NoClientHello => "the client's hello was not captured",
            Self::Suite => "the cipher suite is not supported",
            Self::Compression => "the compression is not supported",
            Self::Work => "too much work: too many holes or records that cannot be opened",
        }
    }
}

/// What came of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideFacts {
    /// Encrypted records that were opened.
    pub decrypted: u64,
    /// Records of application data among them.
    pub data_records: u64,
    /// Bytes of application data.
    pub data: u64,
    /// Records of application data that were sent before the handshake was over.
    pub early: u64,
    /// Records that are known to be missing, in holes of the capture.
    pub lost: u64,
    /// Whole records that could not be opened.
    pub refused: u64,
    /// Holes that hid where records are, behind which reading went on.
    pub resumed: u64,
    /// Changes of the keys by KeyUpdate.
    pub updates: u64,
    /// Records that were tried with a number, to find the right one after a hole.
    pub trials: u64,
    /// Bytes at the end behind a hole in which no record could be opened, on the wire.
    pub unread: Option<Range<u64>>,
}

/// What is known of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Which of the two directions is the client's.
    pub client: usize,
    /// The version.
    pub version: Option<Version>,
    /// The cipher suite.
    pub suite: Option<Suite>,
    /// What the client offered.
    pub hello: Option<ClientHello>,
    /// The protocol that was negotiated: RFC 7301.
    pub protocol: Option<String>,
    /// The server's certificates, its own first.
    pub server_certificates: Vec<Certificate>,
    /// The client's certificates.
    pub client_certificates: Vec<Certificate>,
    /// A session was resumed.
    pub resumed: bool,
    /// The client sent application data before the handshake was over.
    pub early: bool,
    /// Handshakes after the first one.
    pub renegotiations: u64,
    /// Secrets that were found without a hello, by trying those of the key logs.
    pub tried: bool,
    /// Why it, or a part of it, was not decrypted.
    pub reason: Option<Reason>,
    /// The two directions, in the order in which they were given.
    pub sides: [SideFacts; 2],
}

impl Facts {
    /// Records were opened.
    #[must_use]
    pub fn is_decrypted(&self) -> bool {
        self.sides.iter().any(|side| side.decrypted > 0)
    }
}
