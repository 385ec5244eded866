//! Filter expressions, which this system cannot compile yet.

use tapflow_common::input::{FilterCompiler, FrameFilter};
use tapflow_core::LinkType;

/// Says what is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unavailable;

impl FilterCompiler for Unavailable {
    fn compile(&self, _: LinkType, _: &str) -> Result<Box<dyn FrameFilter + Send>, String> {
        Err("tapflow for Windows has no filters yet (they will need Npcap, https://npcap.com); leave the \
             filter out, or filter the capture with another program first"
            .to_owned())
    }
}
