//! Addresses as keys of tables: two words, which are hashed in a few instructions.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Pair;

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostKey {
    high: u64,
    low: u64,
    is_v6: bool,
}

impl HostKey {
    #[inline]
    pub(super) fn new(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self { high: 0, low: v4.to_bits().into(), is_v6: false },
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                Self { high: (bits >> 64) as u64, low: bits as u64, is_v6: true }
            }
        }
    }
}

impl From<HostKey> for IpAddr {
    fn from(key: HostKey) -> Self {
        if key.is_v6 {
            Ipv6Addr::from_bits(u128::from(key.high) << 64 | u128::from(key.low)).into()
        } else {
            Ipv4Addr::from_bits(key.low as u32).into()
        }
    }
}

impl Hash for HostKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
        if self.is_v6 {
            state.write_u64(self.high);
        }
    }
}

/// Two addresses, as in [`Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PairKey(pub(super) HostKey, pub(super) HostKey);

impl From<PairKey> for Pair {
    fn from(key: PairKey) -> Self {
        Self { first: key.0.into(), second: key.1.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_addresses() {
        for text in ["0.0.0.0", "192.0.2.255", "::", "::192.0.2.255", "2001:db8:1:2:3:4:5:6"] {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(IpAddr::from(HostKey::new(address)), address);
        }
        assert_ne!(HostKey::new("0.0.0.5".parse().unwrap()), HostKey::new("::5".parse().unwrap()));
    }
}
