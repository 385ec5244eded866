//! The protection of records: opens one that was encrypted, if its tag or MAC is right.
//!
//! TLS 1.3: RFC 8446, section 5.2. TLS 1.0 to 1.2: RFC 5246, section 6.2.3, with encrypt-then-MAC (RFC 7366), truncated
//! MACs (RFC 6066, section 7), CCM (RFC 6655) and ChaCha20-Poly1305 (RFC 7905).

use std::ops::Range;

use aead::{AeadInOut, Nonce, Tag};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U8, U12, U16};
use ccm::Ccm;
use chacha20poly1305::ChaCha20Poly1305;
use cipher::{KeyInit, StreamCipher};

use super::blocks;
use super::derive::{self, Key};
use super::hello::Version;
use super::record::Header;
use super::suites::{Block, Cipher, Hash};

/// A cipher with its keys, for the records of one direction until its keys change.
pub(super) struct Protection {
    version: Version,
    kind: Kind,
    mac: Option<MacKey>,
    /// Bytes between the plaintext and what is on the wire, headers aside.
    overhead: Overhead,
}

/// How long a plaintext is that was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overhead {
    /// Bytes of a record that are no plaintext, at least.
    pub(super) least: u64,
    /// There may be more of them: padding.
    pub(super) is_exact: bool,
}

/// What one record hands over to the next.
#[derive(Default)]
pub(super) struct Chain {
    /// The block before the record, which CBC of TLS 1.0 begins with. `None` where it was lost.
    pub(super) block: Option<Vec<u8>>,
    /// The key stream. `None` where its place is not known.
    pub(super) stream: Option<rc4::Rc4>,
}

impl Chain {
    /// A record with so many bytes is left out; `last` is what it hands over, where that is known.
    pub(super) fn skip(&mut self, length: usize, last: Option<&[u8]>) {
        self.block = last.map(<[u8]>::to_vec);
        let Some(stream) = &mut self.stream else { return };
        if stream.try_apply_keystream(&mut vec![0; length]).is_err() {
            self.stream = None;
        }
    }
}

/// The keys of a direction.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) mac: Key,
    pub(super) key: Key,
    /// The fixed part of nonces, or the block before the first record.
    pub(super) iv: Key,
}

/// How records are protected beside the cipher.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub(super) version: Version,
    pub(super) cipher: Cipher,
    pub(super) mac: Hash,
    pub(super) encrypt_then_mac: bool,
    pub(super) truncated: bool,
}

enum Kind {
    Null,
    Stream,
    Aead { cipher: Box<dyn Aead>, iv: [u8; 12], tag: usize, nonces: Nonces },
    Cbc { cipher: Box<dyn blocks::Decrypt>, block: usize, encrypt_then_mac: bool },
}

/// Where nonces come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nonces {
    /// The record's number, joined with the derived bytes.
    Number,
    /// 8 bytes of the record behind 4 derived ones.
    Explicit,
}

struct MacKey {
    hash: Hash,
    key: Key,
    length: usize,
}

/// A cipher that authenticates.
trait Aead: Send + Sync {
    /// Decrypts in place, if the tag is right.
    fn open(&self, nonce: &[u8], data: &[u8], buffer: &mut [u8], tag: &[u8]) -> Option<()>;
}

impl<A: AeadInOut + Send + Sync> Aead for A {
    fn open(&self, nonce: &[u8], data: &[u8], buffer: &mut [u8], tag: &[u8]) -> Option<()> {
        let (nonce, tag) = (Nonce::<A>::try_from(nonce).ok()?, Tag::<A>::try_from(tag).ok()?);
        self.decrypt_inout_detached(&nonce, data, buffer.into(), &tag).ok()
    }
}

fn aead(cipher: Cipher, key: &[u8]) -> Option<Box<dyn Aead>> {
    fn of<A: Aead + KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn Aead>> {
        Some(Box::new(A::new_from_slice(key).ok()?))
    }
    match cipher {
        Cipher::Gcm(Block::Aes128) => of::<AesGcm<aes::Aes128, U12>>(key),
        Cipher::Gcm(Block::Aes256) => of::<AesGcm<aes::Aes256, U12>>(key),
        Cipher::Gcm(Block::Camellia128) => of::<AesGcm<camellia::Camellia128, U12>>(key),
        Cipher::Gcm(Block::Camellia256) => of::<AesGcm<camellia::Camellia256, U12>>(key),
        Cipher::Gcm(Block::Aria128) => of::<AesGcm<aria::Aria128, U12>>(key),
        Cipher::Gcm(Block::Aria256) => of::<AesGcm<aria::Aria256, U12>>(key),
        Cipher::Ccm(Block::Aes128) => of::<Ccm<aes::Aes128, U16, U12>>(key),
        Cipher::Ccm(Block::Aes256) => of::<Ccm<aes::Aes256, U16, U12>>(key),
        Cipher::Ccm8(Block::Aes128) => of::<Ccm<aes::Aes128, U8, U12>>(key),
        Cipher::Ccm8(Block::Aes256) => of::<Ccm<aes::Aes256, U8, U12>>(key),
        Cipher::ChaCha20Poly1305 => of::<ChaCha20Poly1305>(key),
        _ => None,
    }
}

impl Protection {
    /// The protection with these keys, and what its first record begins with. `None` for ciphers that are not
    /// supported.
    pub(super) fn new(modes: &Modes, keys: Keys) -> Option<(Self, Chain)> {
        let Modes { version, cipher, mac, encrypt_then_mac, truncated } = *modes;
        let mut chain = Chain::default();
        let length = if truncated { 10 } else { mac.length() };
        let (kind, overhead) = match cipher {
            Cipher::Null => (Kind::Null, Overhead { least: length as u64, is_exact: true }),
            Cipher::Rc4 => {
                chain.stream = Some(rc4::Rc4::new_from_slice(&keys.key).ok()?);
                (Kind::Stream, Overhead { least: length as u64, is_exact: true })
            }
            Cipher::Cbc(block) => {
                let is_implicit = version <= Version::TLS10;
                chain.block = is_implicit.then(|| keys.iv.to_vec());
                let least = (length + 1 + if is_implicit { 0 } else { block.size() }) as u64;
                let kind = Kind::Cbc {
                    cipher: blocks::decrypt(block, &keys.key)?,
                    block: block.size(),
                    encrypt_then_mac,
                };
                (kind, Overhead { least, is_exact: false })
            }
            Cipher::Gcm(_) | Cipher::Ccm(_) | Cipher::Ccm8(_) | Cipher::ChaCha20Poly1305 => {
                let tag = cipher.tag()?;
                let is_13 = version.is_13();
                let is_explicit = !is_13 && cipher != Cipher::ChaCha20Poly1305;
                let mut iv = [0; 12];
                iv.get_mut(..keys.iv.len())?.copy_from_slice(&keys.iv);
                let nonces = if is_explicit { Nonces::Explicit } else { Nonces::Number };
                let least = (tag + if is_explicit { 8 } else { 0 } + usize::from(is_13)) as u64;
                let kind = Kind::Aead { cipher: aead(cipher, &keys.key)?, iv, tag, nonces };
                (kind, Overhead { least, is_exact: true })
            }
        };
        let mac = cipher.tag().is_none().then_some(MacKey { hash: mac, key: keys.mac, length });
        Some((Self { version, kind, mac, overhead }, chain))
    }

    /// Bytes of a record that are no plaintext.
    pub(super) fn overhead(&self) -> Overhead {
        self.overhead
    }

    /// Records can be read without the ones before them.
    pub(super) fn is_independent(&self) -> bool {
        !matches!(self.kind, Kind::Stream)
    }

    /// The bytes of a record's body that the next record is decrypted with: its last block of ciphertext.
    pub(super) fn handed_over(&self, length: usize) -> Option<Range<usize>> {
        let Kind::Cbc { block, encrypt_then_mac, .. } = self.kind else { return None };
        if self.version > Version::TLS10 {
            return None;
        }
        let mac = if encrypt_then_mac { self.mac.as_ref()?.length } else { 0 };
        let end = length.checked_sub(mac)?;
        Some(end.checked_sub(block)?..end)
    }

    /// The next record cannot be opened, as what it is decrypted with was lost.
    pub(super) fn is_broken(&self, chain: &Chain) -> bool {
        match self.kind {
            Kind::Cbc { .. } => self.version <= Version::TLS10 && chain.block.is_none(),
            Kind::Stream => chain.stream.is_none(),
            _ => false,
        }
    }

    /// The number that a record says it has, in nonces that most programs count.
    pub(super) fn nonce(&self, body: &[u8]) -> Option<u64> {
        match self.kind {
            Kind::Aead { nonces: Nonces::Explicit, .. } => {
                body.first_chunk().map(|nonce| u64::from_be_bytes(*nonce))
            }
            _ => None,
        }
    }

    /// Opens the record with this number: its content type, with the plaintext in `plain`. `None` where its tag or MAC is
    /// wrong; `plain` then has nothing. `chain` goes on to the next record in either case.
    pub(super) fn open(
        &self,
        number: u64,
        header: &Header,
        body: &[u8],
        chain: &mut Chain,
        plain: &mut Vec<u8>,
    ) -> Option<u8> {
        plain.clear();
        let kind = self.open_into(number, header, body, chain, plain);
        if kind.is_none() {
            plain.clear();
        }
        kind
    }

    fn open_into(
        &self,
        number: u64,
        header: &Header,
        body: &[u8],
        chain: &mut Chain,
        plain: &mut Vec<u8>,
    ) -> Option<u8> {
        match &self.kind {
            Kind::Aead { cipher, iv, tag, nonces } => {
                let mut nonce = *iv;
                let (own, body) = match nonces {
                    Nonces::Explicit => body.split_at_checked(8)?,
                    Nonces::Number => body.split_at_checked(0)?,
                };
                let numbered = number.to_be_bytes();
                let source = if own.is_empty() { &numbered[..] } else { own };
                let changed = nonce.last_chunk_mut::<8>()?;
                changed.iter_mut().zip(source).for_each(|(byte, other)| *byte ^= other);
                let (text, tag) = body.split_at_checked(body.len().checked_sub(*tag)?)?;
                plain.extend_from_slice(text);
                if !self.version.is_13() {
                    let data = header.authenticated(number, text.len());
                    cipher.open(&nonce, &data, plain, tag)?;
                    return Some(header.kind);
                }
                let has_data = self.version.draft().is_none_or(|draft| draft >= 25);
                let data = header.bytes();
                cipher.open(&nonce, if has_data { &data } else { &[] }, plain, tag)?;
                while let Some(last) = plain.pop() {
                    if last != 0 {
                        return Some(last);
                    }
                }
                None
            }
            Kind::Null => {
                plain.extend_from_slice(body);
                self.check(number, header, plain)?;
                Some(header.kind)
            }
            Kind::Stream => {
                plain.extend_from_slice(body);
                chain.stream.as_mut()?.try_apply_keystream(plain).ok()?;
                self.check(number, header, plain)?;
                Some(header.kind)
            }
            Kind::Cbc { cipher, block, encrypt_then_mac } => {
                let next = self.handed_over(body.len()).and_then(|range| body.get(range));
                let before = std::mem::replace(&mut chain.block, next.map(<[u8]>::to_vec));
                self.open_cbc(
                    number,
                    header,
                    body,
                    before.as_deref(),
                    plain,
                    (&**cipher, *block, *encrypt_then_mac),
                )
            }
        }
    }

    fn open_cbc(
        &self,
        number: u64,
        header: &Header,
        body: &[u8],
        before: Option<&[u8]>,
        plain: &mut Vec<u8>,
        (cipher, block, encrypt_then_mac): (&dyn blocks::Decrypt, usize, bool),
    ) -> Option<u8> {
        let mut body = body;
        if encrypt_then_mac {
            let mac = self.mac.as_ref()?;
            let (text, tag) = body.split_at_checked(body.len().checked_sub(mac.length)?)?;
            mac.verify(self.version, number, header, text, tag)?;
            body = text;
        }
        let (before, text) = match before {
            Some(before) => (before, body),
            None if self.version <= Version::TLS10 => return None,
            None => body.split_at_checked(block)?,
        };
        if text.is_empty() || !text.len().is_multiple_of(block) || before.len() != block {
            return None;
        }
        plain.extend_from_slice(text);
        cipher.decrypt(before, plain)?;
        let padding = *plain.last()?;
        let end = plain.len().checked_sub(usize::from(padding) + 1)?;
        // SSL 3.0 leaves the bytes of the padding open.
        if self.version > Version::SSL3 && plain.get(end..)?.iter().any(|byte| *byte != padding) {
            return None;
        }
        plain.truncate(end);
        if !encrypt_then_mac {
            self.check(number, header, plain)?;
        }
        Some(header.kind)
    }

    /// Takes the MAC off the end of a plaintext, if it is right.
    fn check(&self, number: u64, header: &Header, plain: &mut Vec<u8>) -> Option<()> {
        let mac = self.mac.as_ref()?;
        let end = plain.len().checked_sub(mac.length)?;
        let (text, tag) = plain.split_at_checked(end)?;
        mac.verify(self.version, number, header, text, tag)?;
        plain.truncate(end);
        Some(())
    }
}

impl MacKey {
    fn verify(&self, version: Version, number: u64, header: &Header, text: &[u8], tag: &[u8]) -> Option<()> {
        let data = header.authenticated(number, text.len());
        let mac = if version > Version::SSL3 {
            derive::hmac(self.hash, &self.key, &[&data, text])
        } else {
            // SSL 3.0 leaves out the version, and pads its keys in its own way: RFC 6101, section 5.2.3.1.
            let (start, length) = (data.get(..9)?, data.get(11..)?);
            let pad = if self.hash == Hash::Md5 { 48 } else { 40 };
            let inner = derive::digest(self.hash, &[&self.key, &[0x36; 48][..pad], start, length, text]);
            derive::digest(self.hash, &[&self.key, &[0x5c; 48][..pad], &inner])
        };
        (mac.get(..self.length)? == tag).then_some(())
    }
}
