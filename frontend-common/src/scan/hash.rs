//! Digests of files: `-e md5`, `--hash`.

mod md5;

use ::md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::{Connection, Digest, Part, ScannedFlow, Scanner, buffer_pool};

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5 (RFC 1321): tcpflow's.
    Md5,
    /// SHA-1 (FIPS 180-4).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// BLAKE3, 256 bits.
    Blake3,
}

impl Algorithm {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Blake3];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Blake3 => "blake3",
        }
    }

    /// The name in DFXML.
    #[must_use]
    pub const fn dfxml(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Blake3 => "BLAKE3",
        }
    }

    /// The algorithm of this name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// Takes bytes and makes digests of them, of several kinds at once.
#[derive(Clone, Debug)]
pub struct Hasher(Vec<Running>);

#[derive(Clone, Debug)]
enum Running {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new(algorithms: &[Algorithm]) -> Self {
        let running = algorithms.iter().map(|algorithm| match algorithm {
            Algorithm::Md5 => Running::Md5(Md5::new()),
            Algorithm::Sha1 => Running::Sha1(Sha1::new()),
            Algorithm::Sha256 => Running::Sha256(Sha256::new()),
            Algorithm::Blake3 => Running::Blake3(Box::default()),
        });
        Self(running.collect())
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for running in &mut self.0 {
            match running {
                Running::Md5(hasher) => hasher.update(bytes),
                Running::Sha1(hasher) => hasher.update(bytes),
                Running::Sha256(hasher) => hasher.update(bytes),
                Running::Blake3(hasher) => {
                    hasher.update(bytes);
                }
            }
        }
    }

    /// This many zeros.
    pub fn zeros(&mut self, mut count: u64) {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        while count > 0 {
            let step = count.min(ZEROS.len() as u64);
            self.update(ZEROS.get(..step as usize).unwrap_or_default());
            count -= step;
        }
    }

    /// The digests of everything, in the order of the algorithms.
    #[must_use]
    pub fn finish(self) -> Vec<Digest> {
        let digests = self.0.into_iter().map(|running| match running {
            Running::Md5(hasher) => (Algorithm::Md5.dfxml(), hex(&hasher.finalize())),
            Running::Sha1(hasher) => (Algorithm::Sha1.dfxml(), hex(&hasher.finalize())),
            Running::Sha256(hasher) => (Algorithm::Sha256.dfxml(), hex(&hasher.finalize())),
            Running::Blake3(hasher) => (Algorithm::Blake3.dfxml(), hex(hasher.finalize().as_bytes())),
        });
        digests.collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

/// The digests of each of these contents.
fn digests(algorithms: &[Algorithm], contents: &[&[u8]]) -> Vec<Vec<Digest>> {
    let mut all = vec![Vec::with_capacity(algorithms.len()); contents.len()];
    for &algorithm in algorithms {
        if algorithm == Algorithm::Md5 {
            for (digests, value) in all.iter_mut().zip(md5::digests(contents)) {
                digests.push((algorithm.dfxml(), hex(&value)));
            }
            continue;
        }
        for (digests, contents) in all.iter_mut().zip(contents) {
            let mut hasher = Hasher::new(&[algorithm]);
            hasher.update(contents);
            digests.extend(hasher.finish());
        }
    }
    all
}

/// Makes digests of every flow file, and of the body files that another scanner left for it.
#[derive(Clone, Debug)]
pub struct Digests {
    algorithms: Vec<Algorithm>,
}

impl Digests {
    /// Of these kinds.
    #[must_use]
    pub fn new(algorithms: Vec<Algorithm>) -> Self {
        Self { algorithms }
    }

    /// Digests a large file in parts; a small one is only read.
    fn read(&self, scanned: &mut ScannedFlow) -> Result<(), String> {
        if scanned.size() <= SMALL {
            return scanned.load();
        }
        if scanned.flow.is_sparse {
            scanned.flow.found.is_undigested = true;
            return Ok(());
        }
        let mut hasher = Hasher::new(&self.algorithms);
        scanned.parts(|part| {
            match part {
                Part::Bytes(bytes) => hasher.update(bytes),
                Part::Hole(length) => hasher.zeros(length),
            }
            true
        })?;
        scanned.flow.found.digests = hasher.finish();
        Ok(())
    }
}

/// Files up to this size are digested several at a time.
const SMALL: u64 = 128 << 10;

/// A small file that was read.
fn small(scanned: &ScannedFlow) -> Option<&[u8]> {
    scanned.at_hand().filter(|_| scanned.flow.file.is_some() && scanned.size() <= SMALL)
}

impl Scanner for Digests {
    fn scan(&self, connection: &mut Connection) -> Result<(), String> {
        let mut result = Ok(());
        self.scan_all(std::slice::from_mut(connection), &mut |error| result = Err(error));
        result
    }

    fn scan_all(&self, connections: &mut [Connection], tell: &mut dyn FnMut(String)) {
        let files = connections.iter_mut().flat_map(|connection| &mut connection.flows);
        for scanned in files.filter(|scanned| scanned.flow.file.is_some()) {
            self.read(scanned).unwrap_or_else(&mut *tell);
        }
        let mut contents = Vec::new();
        for scanned in connections.iter().flat_map(|connection| &connection.flows) {
            contents.extend(small(scanned));
            contents.extend(scanned.flow.found.bodies().filter_map(|body| body.contents.as_deref()));
        }
        let mut digests = digests(&self.algorithms, &contents).into_iter();
        for scanned in connections.iter_mut().flat_map(|connection| &mut connection.flows) {
            if small(scanned).is_some() {
                scanned.flow.found.digests = digests.next().unwrap_or_default();
            }
            for body in scanned.flow.found.bodies_mut() {
                if let Some(contents) = body.contents.take() {
                    body.digests = digests.next().unwrap_or_default();
                    buffer_pool::give(contents);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_as_the_specifications_have_them() {
        let mut hasher = Hasher::new(&Algorithm::ALL);
        hasher.update(b"a");
        hasher.update(b"bc");
        let expected = [
            ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
            ("SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("SHA256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("BLAKE3", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
        ];
        assert_eq!(hasher.finish(), expected.map(|(name, value)| (name, value.to_owned())));
    }
}
