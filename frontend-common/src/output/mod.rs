//! Where streams go: files under a directory, or the console.
//!
//! A [`store`] writes the streams below a [`directory`], each beside its [`index`] where one is asked for.

pub mod alerts;
pub mod beneath;
mod close_up;
pub mod console;
pub mod directory;
pub mod draft;
pub mod durable;
pub mod earlier;
pub mod error;
mod files;
mod gather;
pub mod index;
pub mod pcap;
pub mod root;
pub mod store;
mod terminal;
pub mod unprocessed;

pub use error::OutputError;
pub use store::{Closed, FileStore, Finished, StoreConfig};
pub use terminal::standard_output;
