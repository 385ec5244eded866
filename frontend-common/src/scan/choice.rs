//! Which scanners run: the meaning of `-a`, `-e`, `-E`, `-x`, in the order in which they were given.

use std::fmt;

/// A scanner by its name in tcpflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScannerName {
    /// Digests of flow files.
    Md5,
    /// Bodies of HTTP messages.
    Http,
    /// A page of pictures of all traffic.
    Netviz,
    /// The recording of flows itself.
    Tcpdemux,
    /// What connections of TLS say of themselves, and their plaintext.
    Tls,
    /// Names and stations of wireless networks.
    Wifiviz,
}

/// All scanners, by name.
pub const SCANNERS: [ScannerName; 6] = [
    ScannerName::Http,
    ScannerName::Md5,
    ScannerName::Netviz,
    ScannerName::Tcpdemux,
    ScannerName::Tls,
    ScannerName::Wifiviz,
];

impl ScannerName {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Http => "http",
            Self::Netviz => "netviz",
            Self::Tcpdemux => "tcpdemux",
            Self::Tls => "tls",
            Self::Wifiviz => "wifiviz",
        }
    }

    /// What it does, in a line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Md5 => "digests of flow files into the report; other algorithms with --hash",
            Self::Http => "bodies of HTTP/1 messages into files of their own",
            Self::Netviz => "report.pdf: all traffic over time, by address and by port, on one page",
            Self::Tcpdemux => "the recording of flows itself; on unless disabled",
            Self::Tls => {
                "facts of TLS connections into the report; plaintext into files, with keys (--keylog)"
            }
            Self::Wifiviz => "names, stations and channels of wireless networks into the report",
        }
    }

    /// The scanner of this name; all of them for `all`.
    #[must_use]
    pub fn named(name: &str) -> Option<Vec<Self>> {
        if name == "all" {
            return Some(SCANNERS.to_vec());
        }
        SCANNERS.into_iter().find(|scanner| scanner.as_str() == name).map(|scanner| vec![scanner])
    }
}

impl fmt::Display for ScannerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The scanners that are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice(Vec<ScannerName>);

impl Default for Choice {
    /// Flows are recorded, nothing more.
    fn default() -> Self {
        Self(vec![ScannerName::Tcpdemux])
    }
}

impl Choice {
    /// Whether it is on.
    #[must_use]
    pub fn has(&self, scanner: ScannerName) -> bool {
        self.0.contains(&scanner)
    }

    /// `-e`, `-a`.
    pub fn enable(&mut self, scanners: &[ScannerName]) {
        for scanner in scanners {
            if !self.has(*scanner) {
                self.0.push(*scanner);
            }
        }
    }

    /// `-x`.
    pub fn disable(&mut self, scanners: &[ScannerName]) {
        self.0.retain(|on| !scanners.contains(on));
    }

    /// `-E`: these alone, of those that look at what was recorded.
    pub fn only(&mut self, scanners: &[ScannerName]) {
        self.0.retain(|on| *on == ScannerName::Tcpdemux);
        self.enable(scanners);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_count_in_their_order() {
        let mut choice = Choice::default();
        choice.enable(&SCANNERS);
        choice.disable(&[ScannerName::Http]);
        assert!(
            choice.has(ScannerName::Md5) && choice.has(ScannerName::Netviz) && !choice.has(ScannerName::Http)
        );
        choice.only(&[ScannerName::Http]);
        assert!(
            choice.has(ScannerName::Http)
                && choice.has(ScannerName::Tcpdemux)
                && !choice.has(ScannerName::Md5)
        );
        choice.disable(&[ScannerName::Tcpdemux]);
        assert!(!choice.has(ScannerName::Tcpdemux));
    }
}
