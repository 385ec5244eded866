//! What libpcap and its ports (Npcap) do for both front-ends: filters, the list of interfaces, live capture.

mod device;
mod filter;

pub use device::{interfaces, open};
pub use filter::Libpcap;
