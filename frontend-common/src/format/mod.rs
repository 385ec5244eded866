//! How numbers, addresses and times are written, in names, reports and messages alike.

pub(crate) mod digits;
mod plural;
mod time;

pub(crate) use plural::count;
pub(crate) use time::Utc;
