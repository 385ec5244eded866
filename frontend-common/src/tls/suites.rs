//! Cipher suites: what a number of the registry means for the protection of records.

use super::names::NAMES;

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its number in the registry.
    pub id: u16,
    /// Its name in the registry without the prefix `TLS_`; `None` where the registry has none.
    name: Option<&'static str>,
}

/// What encrypts records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// Nothing.
    Null,
    /// A stream cipher of SSL times.
    Rc4,
    /// A block cipher in CBC mode.
    Cbc(Block),
    /// A block cipher in Galois/counter mode.
    Gcm(Block),
    /// AES in counter mode with CBC-MAC, with a tag of 16 bytes.
    Ccm(Block),
    /// The same with a tag of 8 bytes.
    Ccm8(Block),
    /// RFC 8439.
    ChaCha20Poly1305,
}

/// A block cipher with the length of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// AES with 128 bits.
    Aes128,
    /// AES with 256 bits.
    Aes256,
    /// Camellia with 128 bits.
    Camellia128,
    /// Camellia with 256 bits.
    Camellia256,
    /// ARIA with 128 bits.
    Aria128,
    /// ARIA with 256 bits.
    Aria256,
    /// DES three times.
    TripleDes,
    /// DES.
    Des,
    /// IDEA.
    Idea,
}

/// A hash function, of MACs and of key derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5, of old MACs.
    Md5,
    /// SHA-1, of MACs.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// What a suite means for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// What encrypts.
    pub cipher: Cipher,
    /// The hash of the MAC; unused by ciphers that authenticate.
    pub mac: Hash,
    /// The hash of the key derivation of TLS 1.2 and 1.3.
    pub derivation: Hash,
    /// Bytes of the keys that were weakened for export: the keys of records are derived from them.
    pub export: Option<usize>,
}

impl Suite {
    /// The suite with this number.
    #[must_use]
    pub fn new(id: u16) -> Self {
        let place = NAMES.binary_search_by_key(&id, |(number, _)| *number);
        Self { id, name: place.ok().and_then(|place| NAMES.get(place)).map(|(_, name)| *name) }
    }

    /// Its name as in the registry; the number in hexadecimal where it has none.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.map_or_else(|| format!("0x{:04x}", self.id), |name| format!("TLS_{name}"))
    }

    /// What protects records; `None` for suites that are not supported.
    #[must_use]
    pub fn parameters(&self) -> Option<Parameters> {
        let name = self.name?;
        let (exchange, protection) = name.split_once("_WITH_").unwrap_or(("", name));
        let mut words = protection.split('_');
        let (first, second) = (words.next()?, words.next().unwrap_or_default());
        let last = protection.rsplit('_').next()?;
        let block = match (first, second) {
            ("AES", "128") => Some(Block::Aes128),
            ("AES", "256") => Some(Block::Aes256),
            ("CAMELLIA", "128") => Some(Block::Camellia128),
            ("CAMELLIA", "256") => Some(Block::Camellia256),
            ("ARIA", "128") => Some(Block::Aria128),
            ("ARIA", "256") => Some(Block::Aria256),
            ("3DES", _) => Some(Block::TripleDes),
            ("DES" | "DES40", _) => Some(Block::Des),
            ("IDEA", _) => Some(Block::Idea),
            _ => None,
        };
        let has = |word: &str| protection.split('_').any(|part| part == word);
        let cipher = match (block, first) {
            (_, "CHACHA20") => Cipher::ChaCha20Poly1305,
            (_, "NULL") => Cipher::Null,
            (_, "RC4") => Cipher::Rc4,
            (Some(block), _) if has("GCM") => Cipher::Gcm(block),
            (Some(block), _) if has("CCM") && has("8") => Cipher::Ccm8(block),
            (Some(block), _) if has("CCM") => Cipher::Ccm(block),
            (Some(block), _) if has("CBC") => Cipher::Cbc(block),
            _ => return None,
        };
        let mac = match last {
            "MD5" => Hash::Md5,
            "SHA" => Hash::Sha1,
            "SHA384" => Hash::Sha384,
            // CCM suites of TLS 1.2 name no hash: it is SHA-256 (RFC 6655, section 3).
            "SHA256" | "CCM" | "8" => Hash::Sha256,
            _ => return None,
        };
        let derivation = if mac == Hash::Sha384 { Hash::Sha384 } else { Hash::Sha256 };
        let is_weak = exchange.contains("EXPORT");
        let export = is_weak.then(|| if has("56") { 7 } else { 5 });
        Some(Parameters { cipher, mac, derivation, export })
    }

    /// It transports the premaster secret, encrypted with the key of the server's certificate.
    pub(super) fn transports_premaster(&self) -> bool {
        self.name.is_some_and(|name| name.starts_with("RSA_WITH") || name.starts_with("RSA_EXPORT"))
    }
}

impl Block {
    /// Bytes of a key.
    pub(super) fn key(self) -> usize {
        match self {
            Self::Aes128 | Self::Camellia128 | Self::Aria128 | Self::Idea => 16,
            Self::Aes256 | Self::Camellia256 | Self::Aria256 => 32,
            Self::TripleDes => 24,
            Self::Des => 8,
        }
    }

    /// Bytes of a block.
    pub(super) fn size(self) -> usize {
        match self {
            Self::TripleDes | Self::Des | Self::Idea => 8,
            _ => 16,
        }
    }
}

impl Hash {
    /// Bytes of a digest.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

impl Cipher {
    /// Bytes of a key.
    pub(super) fn key(self) -> usize {
        match self {
            Self::Null => 0,
            Self::Rc4 => 16,
            Self::Cbc(block) | Self::Gcm(block) | Self::Ccm(block) | Self::Ccm8(block) => block.key(),
            Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of the part of a nonce that comes from the key derivation of TLS 1.2, or of a first block before CBC.
    pub(super) fn fixed(self) -> usize {
        match self {
            Self::Null | Self::Rc4 => 0,
            Self::Cbc(block) => block.size(),
            Self::Gcm(_) | Self::Ccm(_) | Self::Ccm8(_) => 4,
            Self::ChaCha20Poly1305 => 12,
        }
    }

    /// Bytes of the tag of a cipher that authenticates.
    pub(super) fn tag(self) -> Option<usize> {
        match self {
            Self::Null | Self::Rc4 | Self::Cbc(_) => None,
            Self::Ccm8(_) => Some(8),
            Self::Gcm(_) | Self::Ccm(_) | Self::ChaCha20Poly1305 => Some(16),
        }
    }
}

/// Whether a number is one of those that clients send to keep servers tolerant: RFC 8701.
#[must_use]
pub(super) fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 15 == 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(id: u16) -> Parameters {
        Suite::new(id).parameters().unwrap()
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(NAMES.is_sorted_by_key(|(id, _)| *id));
    }

    #[test]
    fn a_name_gives_cipher_and_hashes() {
        let suite = Suite::new(0xc030);
        assert_eq!(suite.name(), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
        assert_eq!(parameters(0xc030).cipher, Cipher::Gcm(Block::Aes256));
        assert_eq!(parameters(0xc030).derivation, Hash::Sha384);
        let cbc = parameters(0x002f);
        assert_eq!(
            (cbc.cipher, cbc.mac, cbc.derivation),
            (Cipher::Cbc(Block::Aes128), Hash::Sha1, Hash::Sha256)
        );
        assert_eq!(parameters(0xc0a8).cipher, Cipher::Ccm8(Block::Aes128));
        assert_eq!(parameters(0xc09c).cipher, Cipher::Ccm(Block::Aes128));
        assert_eq!(parameters(0x1303).cipher, Cipher::ChaCha20Poly1305);
        assert_eq!(parameters(0x1305).cipher, Cipher::Ccm8(Block::Aes128));
        assert_eq!(parameters(0x0008).export, Some(5));
        assert_eq!(Suite::new(0x0007).parameters().unwrap().cipher, Cipher::Cbc(Block::Idea));
    }

    #[test]
    fn what_is_not_supported_has_a_name_all_the_same() {
        assert_eq!(Suite::new(0x0096).name(), "TLS_RSA_WITH_SEED_CBC_SHA");
        assert_eq!(Suite::new(0x0096).parameters(), None);
        assert_eq!(Suite::new(0xfefe).name(), "0xfefe");
        assert!(is_grease(0x2a2a) && !is_grease(0x2a3a) && !is_grease(0x1301));
    }
}
