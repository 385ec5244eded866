//! What libpcap and its ports (Npcap) do for both front-ends: filters, the list of interfaces, live capture.

mod device;
mod filter;
#[cfg(unix)]
mod timestamps;

pub use device::{interfaces, open, timestamp_types};
pub use filter::Libpcap;
