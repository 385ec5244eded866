//! Stand-in.
use tapflow_common::input::{FilterCompiler, FrameFilter};
use tapflow_core::LinkType;
#[derive(Default)]
pub(crate) struct Libpcap;
impl FilterCompiler for Libpcap {
    fn compile(&self, _: LinkType, _: &str) -> Result<Box<dyn FrameFilter + Send>, String> {
        Err("no".into())
    }
}
pub(crate) fn libraries() -> Vec<(String, String)> {
    Vec::new()
}
