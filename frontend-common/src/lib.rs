//! Everything portable around the core: the command line, capture files, output, the report, the run with its stages
//! that ties them together, and the program around it. A front-end adds what its operating system forces on it.

pub mod app;
pub mod cli;
mod codec;
pub mod flow;
mod format;
pub mod http2;
pub mod input;
pub mod naming;
pub mod output;
pub mod report;
mod resync;
pub mod retention;
pub mod run;
pub mod scan;
mod stage;
pub mod tls;
pub mod traffic;
pub mod websocket;
