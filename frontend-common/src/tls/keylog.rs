//! Key logs: the format of `SSLKEYLOGFILE` (RFC 9850), which also the Decryption Secrets Blocks of pcapng have.
//!
//! Each line is a label, an identifier and a secret, the latter two in hexadecimal. Lines of any other form are counted
//! and left out. Secrets are wiped from memory when they are dropped, and nothing prints them.

use std::collections::HashMap;
use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// The longest line that is looked at, in bytes: longer ones are malformed.
const MAX_LINE: usize = 4096;
/// Different secrets that are kept of the same label and identifier.
const MAX_ALTERNATIVES: usize = 4;

/// A secret of a key log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// What a secret of TLS 1.3 protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// `CLIENT_EARLY_TRAFFIC_SECRET`.
    ClientEarly,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`.
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`.
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0`.
    ClientTraffic,
    /// `SERVER_TRAFFIC_SECRET_0`.
    ServerTraffic,
}

/// Lines of key logs, by what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Secrets that were added.
    pub secrets: u64,
    /// Lines that say what another one said before.
    pub repeated: u64,
    /// Lines with another secret for what had one before. The first few are tried.
    pub contradicting: u64,
    /// Lines with a label that is known and of no use here, such as `EXPORTER_SECRET`.
    pub unused: u64,
    /// Lines that are no entry of a key log.
    pub malformed: u64,
}

/// The secrets of any number of key logs.
#[derive(Default)]
pub struct KeyLog {
    traffic: HashMap<(Label, [u8; 32]), Vec<Secret>>,
    /// Master secrets by client random.
    masters: HashMap<[u8; 32], Vec<Secret>>,
    /// Premaster secrets by client random.
    premasters: HashMap<[u8; 32], Vec<Secret>>,
    /// Premaster secrets by the first 8 bytes of their encrypted form.
    encrypted: HashMap<[u8; 8], Vec<Secret>>,
    /// Master secrets by session identifier.
    sessions: HashMap<Vec<u8>, Vec<Secret>>,
    /// Client randoms in the order of their first line.
    randoms: Vec<[u8; 32]>,
    counts: LineCounts,
}

impl Secret {
    /// A secret with these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl KeyLog {
    /// Adds the lines of a key log.
    pub fn add(&mut self, text: &[u8]) {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if line.len() > MAX_LINE || self.line(line).is_none() {
                self.counts.malformed += 1;
            }
        }
    }

    /// Adds the master secret of a session, by its identifier or ticket. It is no line.
    pub fn learn(&mut self, id: &[u8], master: &Secret) {
        let list = self.sessions.entry(id.to_vec()).or_default();
        if list.len() < MAX_ALTERNATIVES && !list.contains(master) {
            list.push(master.clone());
        }
    }

    /// What the lines were.
    #[must_use]
    pub fn counts(&self) -> LineCounts {
        self.counts
    }

    /// There is no secret.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.secrets == 0
    }

    /// The secrets of TLS 1.3 of a client random.
    #[must_use]
    pub fn traffic(&self, label: Label, random: &[u8; 32]) -> &[Secret] {
        self.traffic.get(&(label, *random)).map_or(&[], Vec::as_slice)
    }

    /// The master secrets of a client random, TLS 1.2 and earlier.
    #[must_use]
    pub fn masters(&self, random: &[u8; 32]) -> &[Secret] {
        self.masters.get(random).map_or(&[], Vec::as_slice)
    }

    /// The premaster secrets of a client random.
    #[must_use]
    pub fn premasters(&self, random: &[u8; 32]) -> &[Secret] {
        self.premasters.get(random).map_or(&[], Vec::as_slice)
    }

    /// The premaster secrets with this encrypted form.
    #[must_use]
    pub fn decrypted(&self, encrypted: &[u8]) -> &[Secret] {
        let Some(start) = encrypted.first_chunk() else { return &[] };
        self.encrypted.get(start).map_or(&[], Vec::as_slice)
    }

    /// The master secrets of a session.
    #[must_use]
    pub fn session(&self, id: &[u8]) -> &[Secret] {
        self.sessions.get(id).map_or(&[], Vec::as_slice)
    }

    /// Client randoms that have secrets of any kind, in the order of their first line.
    #[must_use]
    pub fn randoms(&self) -> &[[u8; 32]] {
        &self.randoms
    }

    /// Adds a line; `None` for one that is malformed.
    fn line(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (label, id, secret) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        if label == b"RSA" {
            if let Some(session) = id.strip_prefix(b"Session-ID:") {
                let session = unhex(session).filter(|session| (1..=32).contains(&session.len()))?;
                let master =
                    unhex(secret.strip_prefix(b"Master-Key:")?).filter(|master| master.len() == 48)?;
                keep(self.sessions.entry(session.to_vec()).or_default(), master, &mut self.counts);
                return Some(());
            }
            let start = <[u8; 8]>::try_from(unhex(id)?.as_slice()).ok()?;
            let premaster = unhex(secret).filter(|premaster| premaster.len() == 48)?;
            keep(self.encrypted.entry(start).or_default(), premaster, &mut self.counts);
            return Some(());
        }
        let traffic = match label {
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Some(Label::ClientEarly),
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Some(Label::ClientHandshake),
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Some(Label::ServerHandshake),
            b"CLIENT_TRAFFIC_SECRET_0" => Some(Label::ClientTraffic),
            b"SERVER_TRAFFIC_SECRET_0" => Some(Label::ServerTraffic),
            _ => None,
        };
        let random = <[u8; 32]>::try_from(unhex(id)?.as_slice()).ok()?;
        let secret = unhex(secret)?;
        let list = match (label, traffic) {
            (_, Some(label)) if matches!(secret.len(), 32 | 48) => {
                self.traffic.entry((label, random)).or_default()
            }
            (b"CLIENT_RANDOM", _) if secret.len() == 48 => self.masters.entry(random).or_default(),
            (b"PMS_CLIENT_RANDOM", _) if !secret.is_empty() => self.premasters.entry(random).or_default(),
            _ if traffic.is_none() && is_known(label) => {
                self.counts.unused += 1;
                return Some(());
            }
            _ => return None,
        };
        if list.is_empty() && self.randoms.last() != Some(&random) {
            self.randoms.push(random);
        }
        keep(list, secret, &mut self.counts);
        Some(())
    }
}

/// Adds a secret to those of the same label and identifier.
fn keep(list: &mut Vec<Secret>, secret: Zeroizing<Vec<u8>>, counts: &mut LineCounts) {
    if list.iter().any(|known| *known.0 == *secret) {
        counts.repeated += 1;
        return;
    }
    if list.is_empty() {
        counts.secrets += 1;
    } else {
        counts.contradicting += 1;
    }
    if list.len() < MAX_ALTERNATIVES {
        list.push(Secret(secret));
    }
}

/// Labels that belong to key logs and protect no records that are read here.
fn is_known(label: &[u8]) -> bool {
    label.starts_with(b"CLIENT_TRAFFIC_SECRET_")
        || label.starts_with(b"SERVER_TRAFFIC_SECRET_")
        || label.starts_with(b"QUIC_")
        || matches!(
            label,
            b"EXPORTER_SECRET"
                | b"EARLY_EXPORTER_SECRET"
                | b"EARLY_EXPORTER_MASTER_SECRET"
                | b"ECH_SECRET"
                | b"ECH_CONFIG"
        )
}

/// The bytes of hexadecimal digits.
fn unhex(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for pair in pairs {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (high, low) else {
            bytes.zeroize();
            return None;
        };
        bytes.push((high << 4 | low) as u8);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, id: u8, length: usize, secret: u8) -> String {
        let hex = |byte: u8, count: usize| format!("{byte:02x}").repeat(count);
        format!("{label} {} {}\n", hex(id, 32), hex(secret, length))
    }

    #[test]
    fn each_label_has_its_place() {
        let mut log = KeyLog::default();
        let mut text = line("CLIENT_RANDOM", 1, 48, 2) + &line("SERVER_TRAFFIC_SECRET_0", 3, 32, 4);
        text += &line("CLIENT_EARLY_TRAFFIC_SECRET", 3, 48, 5);
        text += &format!("RSA 0102030405060708 {}\r\n", "07".repeat(48));
        text += &format!("RSA Session-ID:0a0B Master-Key:{}", "08".repeat(48));
        log.add(text.as_bytes());
        assert_eq!(log.masters(&[1; 32])[0].bytes(), [2; 48]);
        assert_eq!(log.traffic(Label::ServerTraffic, &[3; 32])[0].bytes(), [4; 32]);
        assert_eq!(log.traffic(Label::ClientEarly, &[3; 32])[0].bytes(), [5; 48]);
        assert!(log.traffic(Label::ClientTraffic, &[3; 32]).is_empty());
        assert_eq!(log.decrypted(&[1, 2, 3, 4, 5, 6, 7, 8, 9])[0].bytes(), [7; 48]);
        assert!(log.decrypted(&[1, 2]).is_empty());
        assert_eq!(log.session(&[10, 11])[0].bytes(), [8; 48]);
        assert_eq!(log.counts(), LineCounts { secrets: 5, ..LineCounts::default() });
        assert_eq!(log.randoms(), [[1; 32], [3; 32]]);
    }

    #[test]
    fn comments_marks_and_line_ends_of_any_system_are_no_entries() {
        let mut log = KeyLog::default();
        log.add(format!("\u{feff}# comment\r\n\r\n  {}\r\r\n", line("CLIENT_RANDOM", 1, 48, 2)).as_bytes());
        assert_eq!(log.counts(), LineCounts { secrets: 1, ..LineCounts::default() });
    }

    #[test]
    fn what_is_malformed_repeated_contradicting_or_unused_is_counted() {
        let mut log = KeyLog::default();
        let upper = line("CLIENT_RANDOM", 0xab, 48, 2).to_ascii_uppercase();
        let mut text = upper + &line("CLIENT_RANDOM", 0xab, 48, 2);
        for secret in 3..13 {
            text += &line("CLIENT_RANDOM", 0xab, 48, secret);
        }
        text += &line("EXPORTER_SECRET", 1, 32, 1);
        text += &line("CLIENT_TRAFFIC_SECRET_1", 1, 32, 1);
        text += &line("CLIENT_TRAFFIC_SECRET_0", 1, 33, 1);
        text += "CLIENT_RANDOM 12 34\nNONSENSE\nRSA 01 02\nCLIENT_RANDOM";
        text += &format!("\n{} {}\n", line("CLIENT_RANDOM", 9, 48, 9).trim(), "more");
        text += &line("CLIENT_RANDOM", 9, 4096, 9);
        log.add(text.as_bytes());
        let expected = LineCounts { secrets: 1, repeated: 1, contradicting: 10, unused: 2, malformed: 7 };
        assert_eq!(log.counts(), expected);
        assert_eq!(log.masters(&[0xab; 32]).len(), MAX_ALTERNATIVES);
    }

    #[test]
    fn no_secret_is_printed() {
        let mut log = KeyLog::default();
        log.add(line("CLIENT_RANDOM", 0xab, 48, 0xcd).as_bytes());
        let text = format!("{log:?} {:?}", log.masters(&[0xab; 32]));
        assert!(!text.contains("cd") && !text.contains("205"), "{text}");
    }
}
