//! One run from its beginning to its end: prepared, read, ended.
//!
//! An error in any stage ends the run: what was accepted stays, the report is closed, the message names the file. A
//! stop, as a signal requests it, ends the run the way the end of the input does.

mod budget;
mod confine;
mod disk_limit;
mod earlier;
mod errors;
mod finish;
mod input_digests;
mod on_request;
mod page;
mod prepare;
mod reader;
mod system;
mod whole;

pub use confine::{Needs, Owner};
pub use system::{Sandbox, System};

use errors::Errors;
use prepare::check_inputs;
use whole::Run;

use crate::cli::Options;
pub use crate::stage::Stop;

/// Puts a message for the user on standard error, under the program's name.
pub type Say<'a> = &'a dyn Fn(&str);

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What went wrong, each with the file that it is about; empty for a good run. Each was reported to the user when
    /// it happened.
    pub errors: Vec<String>,
    /// The summary for standard error; empty when quiet.
    pub summary: String,
}

/// Runs: reads all inputs, writes everything that `options` asks for.
///
/// Everything that goes wrong is in the [`Outcome`]; what was accepted before is on disk then, and the
/// report is closed.
#[must_use]
pub fn run(options: &Options, system: &dyn System, stop: &Stop, say: Say<'_>) -> Outcome {
    let mut errors = Errors::new(say);
    let unreadable = check_inputs(options, &mut errors);
    if options.live.is_none() && unreadable.len() == options.inputs.len() {
        return Outcome { errors: errors.into_list(), summary: String::new() };
    }
    let options = match earlier::settle(options, say) {
        Ok(options) => options,
        Err(error) => {
            errors.add(error);
            return Outcome { errors: errors.into_list(), summary: String::new() };
        }
    };
    let was_there = options.output_dir.exists();
    match Run::prepare(&options, system, stop, say) {
        Ok(run) => Run { unreadable, errors, ..run }.all(),
        Err(error) => {
            if !was_there {
                // Only if nothing is in it.
                let _ = std::fs::remove_dir(&options.output_dir);
            }
            errors.add(error);
            Outcome { errors: errors.into_list(), summary: String::new() }
        }
    }
}
