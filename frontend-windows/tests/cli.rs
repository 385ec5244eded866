//! The program for Windows as users run it: the tests that Linux' program has, but for those that need a shell,
//! links, permissions, signals or a terminal of Unix; and those of what only Windows has.

#![cfg(windows)]
// Tests may panic.
#![allow(clippy::unwrap_used)]
#![allow(dead_code, unused_imports, reason = "what only tests for Unix use")]

#[path = "../../frontend-linux/tests/cli/bad_inputs.rs"]
mod bad_inputs;
#[path = "../../frontend-linux/tests/cli/bad_outputs.rs"]
mod bad_outputs;
#[path = "../../frontend-linux/tests/cli/captures.rs"]
mod captures;
#[path = "../../frontend-linux/tests/cli/command_lines.rs"]
mod command_lines;
#[path = "../../frontend-linux/tests/cli/console.rs"]
mod console;
#[path = "../../frontend-linux/tests/cli/files.rs"]
mod files;
#[path = "../../frontend-linux/tests/cli/http.rs"]
mod http;
#[path = "../../frontend-linux/tests/cli/inputs.rs"]
mod inputs;
#[path = "../../frontend-linux/tests/cli/messages.rs"]
mod messages;
#[path = "../../frontend-linux/tests/cli/names.rs"]
mod names;
#[path = "../../frontend-linux/tests/cli/one_run.rs"]
mod one_run;
#[path = "../../frontend-linux/tests/cli/receivers.rs"]
mod receivers;
#[path = "../../frontend-linux/tests/cli/reports.rs"]
mod reports;
#[path = "../../frontend-linux/tests/cli/support.rs"]
mod support;

#[path = "cli/interfaces.rs"]
mod interfaces;
#[path = "cli/long_paths.rs"]
mod long_paths;
#[path = "cli/screen.rs"]
mod screen;
#[path = "cli/stopping.rs"]
mod stopping;
#[path = "cli/without_npcap.rs"]
mod without_npcap;
