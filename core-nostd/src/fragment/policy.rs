//! Which of two fragments has the bytes that both carry.
//!
//! Hosts differ, and an attacker who knows the host that reads can show it other bytes than an observer.
//! The policies are those of U. Shankar and V. Paxson, "Active Mapping: Resisting NIDS Evasion Without
//! Altering Traffic" (2003), and J. Novak, "Target-Based Fragmentation Reassembly" (2005).

use crate::overlap::Relation;

/// What happens where a fragment overlaps one that came before it. IPv6 datagrams with overlaps are always
/// discarded (RFC 5722).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FragmentPolicy {
    /// The bytes that came first stay.
    First,
    /// The bytes that came last replace all others (as RFC 791 has it).
    Last,
    /// The bytes that came first stay, unless the new fragment begins before the old one.
    #[default]
    Bsd,
    /// The new bytes stay, unless the new fragment begins before the old one.
    BsdRight,
    /// As [`Bsd`](Self::Bsd), but of two that begin at the same place the new one wins. Linux before 4.19.
    Linux,
    /// The bytes that came first stay, unless the new fragment begins before the old one and ends after it.
    Windows,
    /// The bytes that came first stay, unless the new fragment begins before the old one and ends where it
    /// does or after it.
    Solaris,
    /// The whole datagram is discarded, as IPv6 demands. Linux from 4.19 on.
    Discard,
}

impl FragmentPolicy {
    /// All policies.
    pub const ALL: [Self; 8] = [
        Self::First,
        Self::Last,
        Self::Bsd,
        Self::BsdRight,
        Self::Linux,
        Self::Windows,
        Self::Solaris,
        Self::Discard,
    ];

    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Bsd => "bsd",
            Self::BsdRight => "bsd-right",
            Self::Linux => "linux",
            Self::Windows => "windows",
            Self::Solaris => "solaris",
            Self::Discard => "discard",
        }
    }

    /// The policy of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Whether the bytes that both fragments carry are taken from the new one.
    #[must_use]
    pub const fn keep_new(self, relation: Relation) -> bool {
        let Relation { begins: start, ends: end } = relation;
        match self {
            Self::First | Self::Discard => false,
            Self::Last => true,
            Self::Bsd => start.is_lt(),
            Self::BsdRight => start.is_ge(),
            Self::Linux => start.is_le(),
            Self::Windows => start.is_lt() && end.is_gt(),
            Self::Solaris => start.is_lt() && end.is_ge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cmp::Ordering::{self, Equal, Greater, Less};

    use super::*;

    /// Every policy with every relation. `n`: the new bytes stay, `o`: the old ones.
    #[test]
    fn every_policy_with_every_relation() {
        use FragmentPolicy::{Bsd, BsdRight, Discard, First, Last, Linux, Solaris, Windows};
        const POLICIES: [FragmentPolicy; 8] = [First, Last, Bsd, BsdRight, Linux, Windows, Solaris, Discard];
        const TABLE: [(Ordering, Ordering, &[u8; 8]); 9] = [
            // begins, ends      F L B R X W S D
            (Less, Less, b"onnonooo"),
            (Less, Equal, b"onnonono"),
            (Less, Greater, b"onnonnno"),
            (Equal, Less, b"ononnooo"),
            (Equal, Equal, b"ononnooo"),
            (Equal, Greater, b"ononnooo"),
            (Greater, Less, b"ononoooo"),
            (Greater, Equal, b"ononoooo"),
            (Greater, Greater, b"ononoooo"),
        ];
        assert_eq!(POLICIES, FragmentPolicy::ALL);
        for (start, end, kept) in TABLE {
            for (policy, kept) in POLICIES.into_iter().zip(kept) {
                let expected = *kept == b'n';
                assert_eq!(
                    policy.keep_new(Relation { begins: start, ends: end }),
                    expected,
                    "{policy:?} {start:?} {end:?}"
                );
            }
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for policy in FragmentPolicy::ALL {
            assert_eq!(FragmentPolicy::from_name(policy.name()), Some(policy));
        }
        assert_eq!(FragmentPolicy::from_name("BSD"), None);
    }
}
