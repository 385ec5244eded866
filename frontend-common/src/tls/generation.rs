//! The keys of a direction: those in use, and those that follow them.

use std::ops::Range;

use super::derive::{self, Key};
use super::hello::Version;
use super::keylog::Secret;
use super::protect::{Chain, Keys, Modes, Overhead, Protection};
use super::record::Header;
use super::suites::{Parameters, Suite};

/// Keys of TLS 1.3 that are derived one from the other, at most: KeyUpdate costs its sender a record.
const MAX_UPDATES: usize = 1 << 20;

/// Keys of a direction until they change. There are several where a key log has several secrets for the same: the first
/// record that one of them opens decides.
pub(super) struct Generation {
    alternatives: Vec<Alternative>,
}

struct Alternative {
    /// The traffic secret of TLS 1.3.
    secret: Key,
    modes: Modes,
    derivation: super::suites::Hash,
    protection: Protection,
    chain: Chain,
}

/// What a record is opened with.
pub(super) struct Sealed<'r> {
    pub(super) header: &'r Header,
    pub(super) body: &'r [u8],
}

impl Generation {
    /// Keys of TLS 1.3, from traffic secrets. `None` where there is none that fits the suite.
    pub(super) fn traffic(version: Version, suite: Suite, secrets: &[Secret]) -> Option<Self> {
        let parameters = suite.parameters()?;
        let fits = |secret: &&Secret| secret.bytes().len() == parameters.derivation.length();
        let alternatives: Vec<_> = secrets
            .iter()
            .filter(fits)
            .filter_map(|secret| Alternative::traffic(version, parameters, secret.bytes()))
            .collect();
        (!alternatives.is_empty()).then_some(Self { alternatives })
    }

    /// Keys up to TLS 1.2.
    pub(super) fn new(
        modes: &Modes,
        parameters: Parameters,
        keys: impl IntoIterator<Item = Keys>,
    ) -> Option<Self> {
        let alternatives: Vec<_> = keys
            .into_iter()
            .filter_map(|keys| {
                let (protection, chain) = Protection::new(modes, keys)?;
                let (secret, derivation) = (Key::default(), parameters.derivation);
                Some(Alternative { secret, modes: *modes, derivation, protection, chain })
            })
            .collect();
        (!alternatives.is_empty()).then_some(Self { alternatives })
    }

    /// The keys after a KeyUpdate: RFC 8446, section 7.2.
    fn updated(&self) -> Option<Self> {
        let alternatives: Vec<_> = self.alternatives.iter().filter_map(Alternative::updated).collect();
        (!alternatives.is_empty()).then_some(Self { alternatives })
    }

    /// Opens the record that follows the one before it, see [`Protection::open`].
    pub(super) fn open(&mut self, number: u64, sealed: &Sealed<'_>, plain: &mut Vec<u8>) -> Option<u8> {
        let Sealed { header, body } = *sealed;
        let opened = self.alternatives.iter_mut().enumerate().find_map(|(place, alternative)| {
            let kind = alternative.protection.open(number, header, body, &mut alternative.chain, plain)?;
            Some((place, kind))
        });
        let (place, kind) = opened?;
        self.keep(place);
        Some(kind)
    }

    /// Whether a record has this number. `before`: the bytes that it is decrypted with beside the keys, where they are
    /// known. Nothing is changed.
    pub(super) fn fits(
        &self,
        number: u64,
        sealed: &Sealed<'_>,
        before: Option<&[u8]>,
        plain: &mut Vec<u8>,
    ) -> bool {
        let Sealed { header, body } = *sealed;
        self.alternatives.iter().any(|alternative| {
            // The first record begins with what was derived.
            let block =
                if number == 0 { alternative.chain.block.clone() } else { before.map(<[u8]>::to_vec) };
            let mut chain = Chain { block, stream: None };
            alternative.protection.open(number, header, body, &mut chain, plain).is_some()
        })
    }

    fn keep(&mut self, place: usize) {
        if self.alternatives.len() > 1 {
            self.alternatives.swap(0, place);
            self.alternatives.truncate(1);
        }
    }

    fn first(&self) -> Option<&Alternative> {
        self.alternatives.first()
    }

    /// How many secrets there are to choose from.
    pub(super) fn count(&self) -> usize {
        self.alternatives.len()
    }

    /// Bytes of a record that are no plaintext.
    pub(super) fn overhead(&self) -> Overhead {
        self.first().map_or(Overhead { least: 0, is_exact: false }, |first| first.protection.overhead())
    }

    /// Records can be opened without those before them.
    pub(super) fn is_independent(&self) -> bool {
        self.first().is_some_and(|first| first.protection.is_independent())
    }

    /// The number that a record carries as its nonce.
    pub(super) fn nonce(&self, body: &[u8]) -> Option<u64> {
        self.first()?.protection.nonce(body)
    }

    /// The bytes of a record's body that the next record is decrypted with.
    pub(super) fn handed_over(&self, length: usize) -> Option<Range<usize>> {
        self.first()?.protection.handed_over(length)
    }

    /// The bytes that a record is decrypted with, where the one before it ends at `place`.
    pub(super) fn before(&self, place: u64) -> Option<Range<u64>> {
        const LONG: usize = 1 << 10;
        let range = self.handed_over(LONG)?;
        let at = |offset: usize| place.checked_sub((LONG - offset) as u64);
        Some(at(range.start)?..at(range.end)?)
    }

    /// The next record cannot be opened, as what it is decrypted with was lost.
    pub(super) fn is_broken(&self) -> bool {
        self.first().is_some_and(|first| first.protection.is_broken(&first.chain))
    }

    /// A record with so many bytes is left out; `last` is what it hands over, where that is known.
    pub(super) fn skip(&mut self, length: usize, last: Option<&[u8]>) {
        for alternative in &mut self.alternatives {
            alternative.chain.skip(length, last);
        }
    }
}

impl Alternative {
    fn traffic(version: Version, parameters: Parameters, secret: &[u8]) -> Option<Self> {
        let (hash, prefix) = (parameters.derivation, derive::prefix(version));
        let keys = Keys {
            mac: Key::default(),
            key: derive::expand_label(hash, secret, prefix, b"key", parameters.cipher.key()),
            iv: derive::expand_label(hash, secret, prefix, b"iv", 12),
        };
        let modes = Modes {
            version,
            cipher: parameters.cipher,
            mac: parameters.mac,
            encrypt_then_mac: false,
            truncated: false,
        };
        modes.cipher.tag()?;
        let (protection, chain) = Protection::new(&modes, keys)?;
        let secret = Key::new(secret.to_vec());
        Some(Self { secret, modes, derivation: hash, protection, chain })
    }

    fn updated(&self) -> Option<Self> {
        let Modes { version, cipher, mac, .. } = self.modes;
        let length = self.derivation.length();
        let secret = derive::expand_label(
            self.derivation,
            &self.secret,
            derive::prefix(version),
            b"traffic upd",
            length,
        );
        let parameters = Parameters { cipher, mac, derivation: self.derivation, export: None };
        Self::traffic(version, parameters, &secret)
    }
}

/// The generations of a direction, one after the other. Those of TLS 1.3 go on as far as they are asked for.
#[derive(Default)]
pub(super) struct Ladder {
    /// `None` where there is no secret.
    rungs: Vec<Option<Generation>>,
    at: usize,
    /// The first rung of application data, from which KeyUpdate goes on.
    traffic: Option<usize>,
}

impl Ladder {
    /// Keys that nothing follows.
    pub(super) fn single(generation: Generation) -> Self {
        Self { rungs: vec![Some(generation)], at: 0, traffic: None }
    }

    /// The generations of TLS 1.3; the last one is that of application data.
    pub(super) fn of_13(rungs: Vec<Option<Generation>>) -> Self {
        let traffic = rungs.len().checked_sub(1);
        Self { rungs, at: 0, traffic }
    }

    /// There is no secret at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rungs.iter().all(Option::is_none)
    }

    /// The generation so many after the current one.
    pub(super) fn get(&mut self, ahead: usize) -> Option<&mut Generation> {
        let place = self.at + ahead;
        if let Some(traffic) = self.traffic {
            while self.rungs.len() <= place && self.rungs.len() < traffic + MAX_UPDATES {
                let next = self.rungs.last()?.as_ref()?.updated();
                self.rungs.push(next);
            }
        }
        self.rungs.get_mut(place)?.as_mut()
    }

    /// The current generation.
    pub(super) fn current(&self) -> Option<&Generation> {
        self.rungs.get(self.at)?.as_ref()
    }

    /// Goes on to a later generation. Those before it are wiped.
    pub(super) fn advance(&mut self, by: usize) {
        // The next one comes from the one before it.
        let _ = self.get(by);
        self.at += by;
        for rung in self.rungs.iter_mut().take(self.at) {
            *rung = None;
        }
    }

    /// The current keys protect application data of TLS 1.3.
    pub(super) fn is_traffic(&self) -> bool {
        self.traffic.is_some_and(|traffic| self.at >= traffic)
    }

    /// Later generations may follow.
    pub(super) fn goes_on(&self) -> bool {
        self.traffic.is_some()
    }
}
