//! Key derivation: the pseudorandom functions of SSL 3.0 (RFC 6101, section 6), TLS 1.0 and 1.1 (RFC 2246, section 5) and
//! TLS 1.2 (RFC 5246, section 5), the extended master secret (RFC 7627), and HKDF-Expand-Label of TLS 1.3 (RFC 8446,
//! section 7.1).

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};
use zeroize::Zeroizing;

use super::hello::Version;
use super::suites::Hash;

/// Bytes of keys, wiped when they are dropped.
pub(super) type Key = Zeroizing<Vec<u8>>;

/// Bytes of a master secret.
pub(super) const MASTER: usize = 48;

/// The digest of parts, one after the other.
pub(super) fn digest(hash: Hash, parts: &[&[u8]]) -> Key {
    fn of<D: Digest>(parts: &[&[u8]]) -> Key {
        let mut digest = D::new();
        parts.iter().for_each(|part| digest.update(part));
        Zeroizing::new(digest.finalize().to_vec())
    }
    match hash {
        Hash::Md5 => of::<Md5>(parts),
        Hash::Sha1 => of::<Sha1>(parts),
        Hash::Sha256 => of::<Sha256>(parts),
        Hash::Sha384 => of::<Sha384>(parts),
    }
}

/// HMAC of parts, one after the other: RFC 2104.
pub(super) fn hmac(hash: Hash, key: &[u8], parts: &[&[u8]]) -> Key {
    fn of<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Key {
        // Keys of HMAC may have any length.
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Key::default() };
        parts.iter().for_each(|part| mac.update(part));
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    }
    match hash {
        Hash::Md5 => of::<Hmac<Md5>>(key, parts),
        Hash::Sha1 => of::<Hmac<Sha1>>(key, parts),
        Hash::Sha256 => of::<Hmac<Sha256>>(key, parts),
        Hash::Sha384 => of::<Hmac<Sha384>>(key, parts),
    }
}

/// The pseudorandom function of a version up to TLS 1.2. SSL 3.0 has no label.
pub(super) fn prf(
    version: Version,
    hash: Hash,
    secret: &[u8],
    label: &[u8],
    seed: &[u8],
    length: usize,
) -> Key {
    if version <= Version::SSL3 {
        return prf_ssl3(secret, seed, length);
    }
    if version >= Version::TLS12 {
        return p_hash(hash, secret, label, seed, length);
    }
    let half = secret.len().div_ceil(2);
    let first = secret.get(..half).unwrap_or_default();
    let second = secret.get(secret.len() - half..).unwrap_or_default();
    let mut key = p_hash(Hash::Md5, first, label, seed, length);
    let other = p_hash(Hash::Sha1, second, label, seed, length);
    key.iter_mut().zip(other.iter()).for_each(|(own, other)| *own ^= other);
    key
}

fn p_hash(hash: Hash, secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Key {
    let mut key = Zeroizing::new(Vec::with_capacity(length + hash.length()));
    let mut chain = hmac(hash, secret, &[label, seed]);
    while key.len() < length {
        key.extend_from_slice(&hmac(hash, secret, &[&chain, label, seed]));
        chain = hmac(hash, secret, &[&chain]);
    }
    key.truncate(length);
    key
}

fn prf_ssl3(secret: &[u8], seed: &[u8], length: usize) -> Key {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    for round in 0u8..26 {
        if key.len() >= length {
            break;
        }
        let letters = vec![b'A' + round; usize::from(round) + 1];
        let inner = digest(Hash::Sha1, &[&letters, secret, seed]);
        key.extend_from_slice(&digest(Hash::Md5, &[secret, &inner]));
    }
    key.truncate(length);
    key
}

/// The master secret of a premaster secret. `transcript`: the messages of the handshake up to ClientKeyExchange, where
/// the extended master secret was agreed.
pub(super) fn master(
    version: Version,
    hash: Hash,
    premaster: &[u8],
    [client, server]: [&[u8; 32]; 2],
    transcript: Option<&[u8]>,
) -> Key {
    let Some(transcript) = transcript.filter(|_| version > Version::SSL3) else {
        let seed = [&client[..], &server[..]].concat();
        return prf(version, hash, premaster, b"master secret", &seed, MASTER);
    };
    let session = if version >= Version::TLS12 {
        digest(hash, &[transcript])
    } else {
        let mut both = digest(Hash::Md5, &[transcript]);
        both.extend_from_slice(&digest(Hash::Sha1, &[transcript]));
        both
    };
    prf(version, hash, premaster, b"extended master secret", &session, MASTER)
}

/// HKDF-Expand-Label without context. `prefix` is `tls13 `, and another one in early drafts.
pub(super) fn expand_label(hash: Hash, secret: &[u8], prefix: &[u8], label: &[u8], length: usize) -> Key {
    let mut info = (length as u16).to_be_bytes().to_vec();
    info.push((prefix.len() + label.len()) as u8);
    info.extend_from_slice(prefix);
    info.extend_from_slice(label);
    info.push(0);
    let mut key = Zeroizing::new(Vec::with_capacity(length + hash.length()));
    let mut block = Key::default();
    for counter in 1..=u8::MAX {
        if key.len() >= length {
            break;
        }
        block = hmac(hash, secret, &[&block, &info, &[counter]]);
        key.extend_from_slice(&block);
    }
    key.truncate(length);
    key
}

/// The prefix of labels in TLS 1.3 or a draft of it.
pub(super) fn prefix(version: Version) -> &'static [u8] {
    if version.draft().is_some_and(|draft| draft < 20) { b"TLS 1.3, " } else { b"tls13 " }
}

#[cfg(test)]
mod tests {
    use super::super::wire::hex;
    use super::*;

    /// The bytes of hexadecimal digits.
    fn bytes(digits: &str) -> Vec<u8> {
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn keys_of_tls13_are_those_of_rfc_8448() {
        // Section 3: the server's handshake traffic secret, with the key and the nonce that come from it.
        let secret = bytes("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let key = expand_label(Hash::Sha256, &secret, b"tls13 ", b"key", 16);
        assert_eq!(hex(&key), "3fce516009c21727d0f2e4e86ee403bc");
        let iv = expand_label(Hash::Sha256, &secret, b"tls13 ", b"iv", 12);
        assert_eq!(hex(&iv), "5d313eb2671276ee13000b30");
    }

    #[test]
    fn the_function_of_tls12_is_that_of_its_test_vector() {
        let secret = bytes("9bbe436ba940f017b17652849a71db35");
        let seed = bytes("a0ba9f936cda311827a6f796ffd5198c");
        let key = prf(Version::TLS12, Hash::Sha256, &secret, b"test label", &seed, 100);
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0f\
                        a022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66";
        assert_eq!(hex(&key), expected);
    }

    #[test]
    fn the_function_of_tls10_joins_two_hashes() {
        // Both halves share the middle byte of a secret with an odd length.
        let key = prf(Version::TLS10, Hash::Sha256, b"abc", b"l", b"s", 20);
        let md5 = p_hash(Hash::Md5, b"ab", b"l", b"s", 20);
        let sha = p_hash(Hash::Sha1, b"bc", b"l", b"s", 20);
        let joined: Vec<u8> = md5.iter().zip(sha.iter()).map(|(own, other)| own ^ other).collect();
        assert_eq!(*key, joined);
        assert!(prf(Version::TLS10, Hash::Sha256, b"", b"", b"", 0).is_empty());
    }
}
