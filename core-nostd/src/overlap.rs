//! Which copy counts where segments overlap: what the receiver of a stream does, by its operating system.
//!
//! Receivers differ, and an attacker may send a harmless copy for the observer and another one for the
//! receiver (Ptacek and Newsham, "Insertion, Evasion, and Denial of Service", 1998). The policies are those of
//! Novak and Sturges, "Target-Based TCP Stream Reassembly" (2007). They decide about bytes beyond a hole only:
//! what is contiguous has been handed to the receiver's application, and stays.

use core::cmp::Ordering;
use core::net::IpAddr;

/// What a receiver keeps of bytes that arrive twice while they wait beyond a hole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum OverlapPolicy {
    /// Always the first copy.
    #[default]
    First,
    /// Always the last copy.
    Last,
    /// FreeBSD, NetBSD, OpenBSD: the new copy if its segment begins before the old one.
    Bsd,
    /// Linux since 2.4: the new copy if its segment begins before the old one, or with it and ends after it.
    Linux,
    /// Linux to 2.2: as [`Self::Linux`], and also if both begin and end together.
    OldLinux,
    /// Windows 98 to XP; overlaps as [`Self::Bsd`].
    Windows,
    /// Windows Server 2003; overlaps as [`Self::Bsd`].
    Windows2003,
    /// Windows Vista and later; overlaps as [`Self::First`].
    Vista,
    /// Solaris: the new copy if its segment ends after the old one, or with it and does not begin after it.
    Solaris,
    /// HP-UX 11; overlaps as [`Self::Solaris`].
    Hpux,
    /// HP-UX 10; overlaps as [`Self::Bsd`].
    Hpux10,
    /// IRIX; overlaps as [`Self::Bsd`].
    Irix,
    /// Mac OS X; overlaps as [`Self::Bsd`].
    Macos,
}

impl OverlapPolicy {
    /// All policies; a policy's place is its number.
    pub const ALL: [Self; 13] = [
        Self::First,
        Self::Last,
        Self::Bsd,
        Self::Linux,
        Self::OldLinux,
        Self::Windows,
        Self::Windows2003,
        Self::Vista,
        Self::Solaris,
        Self::Hpux,
        Self::Hpux10,
        Self::Irix,
        Self::Macos,
    ];

    /// The policy's name, as options and reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Bsd => "bsd",
            Self::Linux => "linux",
            Self::OldLinux => "old-linux",
            Self::Windows => "windows",
            Self::Windows2003 => "windows2003",
            Self::Vista => "vista",
            Self::Solaris => "solaris",
            Self::Hpux => "hpux",
            Self::Hpux10 => "hpux10",
            Self::Irix => "irix",
            Self::Macos => "macos",
        }
    }

    /// The policy of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Whether new bytes can take the place of old ones.
    pub(crate) const fn can_replace(self) -> bool {
        !matches!(self, Self::First | Self::Vista)
    }

    /// Whether it matters where the segments that wait began and ended.
    pub(crate) const fn needs_boundaries(self) -> bool {
        !matches!(self, Self::First | Self::Last | Self::Vista)
    }
}

/// How a new segment lies to an old one that it overlaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Where the new one begins: `Less` is before the old one.
    pub begins: Ordering,
    /// Where the new one ends: `Greater` is after the old one.
    pub ends: Ordering,
}

impl Relation {
    /// The relation of the new segment `[start, end)` to the old `[old_start, old_end)`.
    pub(crate) fn new(start: u64, end: u64, old_start: u64, old_end: u64) -> Self {
        Self { begins: start.cmp(&old_start), ends: end.cmp(&old_end) }
    }
}

/// Whether the new copy of the bytes that both segments have counts.
#[must_use]
pub const fn keep_new(policy: OverlapPolicy, relation: Relation) -> bool {
    use OverlapPolicy::*;
    match policy {
        First | Vista => false,
        Last => true,
        Bsd | Windows | Windows2003 | Hpux10 | Irix | Macos => relation.begins.is_lt(),
        Linux => relation.begins.is_lt() || relation.begins.is_eq() && relation.ends.is_gt(),
        OldLinux => relation.begins.is_lt() || relation.begins.is_eq() && relation.ends.is_ge(),
        Solaris | Hpux => relation.ends.is_gt() || relation.ends.is_eq() && relation.begins.is_le(),
    }
}

/// The policy of the receivers in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// An address of the network.
    pub network: IpAddr,
    /// How many bits of it all its addresses share; more than the address has means all of them.
    pub prefix: u8,
    /// What its hosts do.
    pub policy: OverlapPolicy,
}

impl Target {
    /// Whether the address is in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = (network.to_bits() ^ address.to_bits()).leading_zeros();
                differing >= u32::from(self.prefix).min(32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = (network.to_bits() ^ address.to_bits()).leading_zeros();
                differing >= u32::from(self.prefix).min(128)
            }
            _ => false,
        }
    }

    /// The policy of the longest prefix that contains `address`; of equal ones the last counts.
    #[must_use]
    pub fn policy_of(targets: &[Self], address: IpAddr) -> Option<OverlapPolicy> {
        let matching = targets.iter().filter(|target| target.contains(address));
        matching.max_by_key(|target| target.prefix).map(|target| target.policy)
    }
}

#[cfg(test)]
mod tests {
    use core::cmp::Ordering::{Equal, Greater, Less};
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::OverlapPolicy::*;
    use super::*;

    /// The nine relations of a segment to an old one, and the policies under which the new copy counts.
    #[test]
    fn every_policy_in_every_relation() {
        const BSDS: [OverlapPolicy; 6] = [Bsd, Windows, Windows2003, Hpux10, Irix, Macos];
        let table: [(Ordering, Ordering, &[OverlapPolicy], bool); 9] = [
            // begins, ends, beside `Last`, whether the BSDs as well
            (Less, Less, &[Linux, OldLinux], true),
            (Less, Equal, &[Linux, OldLinux, Solaris, Hpux], true),
            (Less, Greater, &[Linux, OldLinux, Solaris, Hpux], true),
            (Equal, Less, &[], false),
            (Equal, Equal, &[OldLinux, Solaris, Hpux], false),
            (Equal, Greater, &[Linux, OldLinux, Solaris, Hpux], false),
            (Greater, Less, &[], false),
            (Greater, Equal, &[], false),
            (Greater, Greater, &[Solaris, Hpux], false),
        ];
        for (begins, ends, new, bsds) in table {
            for policy in OverlapPolicy::ALL {
                let expected = policy == Last || new.contains(&policy) || bsds && BSDS.contains(&policy);
                let told = keep_new(policy, Relation { begins, ends });
                assert_eq!(told, expected, "{policy:?}, begins {begins:?}, ends {ends:?}");
            }
        }
    }

    #[test]
    fn only_policies_that_look_at_the_relation_need_boundaries() {
        for policy in OverlapPolicy::ALL {
            let each = [Less, Equal, Greater];
            let mut told = each.iter().flat_map(|begins| each.map(|ends| Relation { begins: *begins, ends }));
            let first = keep_new(policy, Relation { begins: Less, ends: Less });
            assert_eq!(told.any(|r| keep_new(policy, r) != first), policy.needs_boundaries(), "{policy:?}");
        }
    }

    #[test]
    fn names_lead_back_and_numbers_are_places() {
        for (place, policy) in OverlapPolicy::ALL.into_iter().enumerate() {
            assert_eq!(OverlapPolicy::from_name(policy.name()), Some(policy));
            assert_eq!(policy as usize, place);
        }
        assert_eq!(OverlapPolicy::from_name("Linux"), None);
    }

    #[test]
    fn the_longest_prefix_counts_and_the_last_of_equal_ones() {
        let v4 = |a, b, c, d| IpAddr::V4(Ipv4Addr::new(a, b, c, d));
        let v6 = |text: [u16; 8]| IpAddr::V6(Ipv6Addr::from(text));
        let target = |network, prefix, policy| Target { network, prefix, policy };
        let targets = [
            target(v4(10, 0, 0, 0), 8, Linux),
            target(v4(10, 1, 2, 3), 32, Solaris),
            target(v4(10, 1, 0, 0), 16, Bsd),
            target(v4(10, 1, 0, 0), 16, Windows),
            target(v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, Vista),
            target(v6([0; 8]), 0, Irix),
        ];
        for (address, policy) in [
            (v4(10, 1, 2, 3), Some(Solaris)),
            (v4(10, 1, 2, 4), Some(Windows)),
            (v4(10, 2, 0, 1), Some(Linux)),
            (v4(11, 0, 0, 1), None),
            (v6([0x2001, 0xdb8, 7, 0, 0, 0, 0, 1]), Some(Vista)),
            (v6([0x2002, 0xdb8, 7, 0, 0, 0, 0, 1]), Some(Irix)),
        ] {
            assert_eq!(Target::policy_of(&targets, address), policy, "{address}");
        }
    }
}
