//! What looks at finished connections.

pub mod http;
