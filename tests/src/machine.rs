//! A machine that runs in a test have to themselves: no interfaces, no filters, as many processors as a test wants.

use std::fs::File;
use std::io;

use tapflow_common::cli::{Action, Options, Program, parse};
use tapflow_common::input::{FilterCompiler, FrameFilter};
use tapflow_common::report::{Host, Usage};
use tapflow_common::run::System;
use tapflow_core::LinkType;

/// A machine with so many processors.
#[derive(Clone, Copy, Debug)]
pub struct Machine(pub usize);

struct NoFilters;

impl FilterCompiler for NoFilters {
    fn compile(&self, _: LinkType, _: &str) -> Result<Box<dyn FrameFilter + Send>, String> {
        Err("no filter is asked for".to_owned())
    }
}

impl System for Machine {
    fn filters(&self) -> &dyn FilterCompiler {
        &NoFilters
    }

    fn host(&self) -> Host {
        Host::portable()
    }

    fn usage(&self) -> Option<Usage> {
        None
    }

    fn open_file_limit(&self) -> Option<usize> {
        None
    }

    fn descriptor(&self, _number: i32) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn libraries(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn processors(&self) -> usize {
        self.0
    }
}

/// The options of a quiet run with these arguments.
///
/// # Panics
/// Where they are no options of a run.
#[must_use]
pub fn options(arguments: &[&str]) -> Options {
    let words = ["tapflow", "-q"].into_iter().chain(arguments.iter().copied()).map(Into::into);
    match parse(words, &Program { name: "tapflow", version: "0" }) {
        Ok(Action::Run(options)) => *options,
        other => panic!("not the options of a run: {other:?}"),
    }
}
