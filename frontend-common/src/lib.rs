//! Everything portable around the core: the command line, capture files, output, the report and the
//! pipeline that ties them together. A front-end adds what its operating system forces on it.

pub mod cli;
pub mod facts;
pub mod input;
pub mod messages;
pub mod output;
pub mod pipeline;
pub mod report;
