//! How the kernel delivers frames: `--snaplen`, `--buffer-size`, `--read-timeout`.

use std::time::Duration;

use clap::Arg;
use clap::builder::ValueParser;

use super::note_files;
use crate::cli::CliError;
use crate::cli::flags::limits::settings;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::{decimal, milliseconds, positive_size};

const SNAPLEN: &str = "snaplen";
const BUFFER_SIZE: &str = "buffer-size";
const READ_TIMEOUT: &str = "read-timeout";

/// Bytes of each frame that libpcap captures at most.
const MAX_SNAP_LENGTH: u32 = 262_144;
/// Bytes of the kernel's buffer. tcpflow's is 2 MiB, which lasts for 16 ms at 1 Gbit/s.
const KERNEL_BUFFER: u32 = 32 << 20;
/// Milliseconds for which the kernel may collect frames.
const DEFAULT_READ_TIMEOUT: u64 = 10;

/// `--snaplen BYTES`
pub(crate) struct Snaplen;

impl Flag for Snaplen {
    fn arg(&self) -> Arg {
        long_value(SNAPLEN, "BYTES", ValueParser::new(snap_length))
            .hide_short_help(true)
            .help("of each frame")
            .long_help(
                "Capture at most this many bytes of each frame; bytes that are cut off are missing from the \
                 streams. The default is 262144, which is everything.",
            )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if let Some(live) = &mut options.live {
            live.snap_length = line.value(SNAPLEN).unwrap_or(MAX_SNAP_LENGTH);
        }
        note_files(line, options, SNAPLEN, "--snaplen");
        Ok(())
    }
}

/// The argument of `--snaplen`.
fn snap_length(text: &str) -> Result<u32, String> {
    decimal(text)
        .filter(|bytes| (1..=MAX_SNAP_LENGTH).contains(bytes))
        .ok_or_else(|| format!("expected a number of bytes from 1 to {MAX_SNAP_LENGTH}"))
}

/// `--buffer-size SIZE`
pub(crate) struct BufferSize;

impl Flag for BufferSize {
    fn arg(&self) -> Arg {
        long_value(BUFFER_SIZE, "SIZE", ValueParser::new(buffer_size))
            .hide_short_help(true)
            .help("of the kernel [32M]")
            .long_help(
                "Size of the kernel's buffer for frames that tapflow has not read yet. When it is full, frames \
                 are dropped and counted. The default is 32M.",
            )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if let Some(live) = &mut options.live {
            live.kernel_buffer = line.value(BUFFER_SIZE).unwrap_or(KERNEL_BUFFER);
        }
        note_files(line, options, BUFFER_SIZE, "--buffer-size");
        Ok(())
    }
}

/// The argument of `--buffer-size`.
fn buffer_size(text: &str) -> Result<u32, String> {
    let bytes = positive_size(text)?;
    let most = i32::MAX.unsigned_abs();
    u32::try_from(bytes).ok().filter(|bytes| *bytes <= most).ok_or_else(|| format!("the maximum is {most}"))
}

/// `--read-timeout MS`
pub(crate) struct ReadTimeout;

impl Flag for ReadTimeout {
    fn arg(&self) -> Arg {
        long_value(READ_TIMEOUT, "MS", ValueParser::new(milliseconds))
            .hide_short_help(true)
            .help("before delivery [10]")
            .long_help(
                "How long the kernel may collect frames before it delivers them, in milliseconds. 0 delivers \
                 each frame at once, at a higher cost. The default is 10.",
            )
    }

    /// Takes precedence over tcpflow's name for it, `-S packet-buffer-timeout`.
    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if let Some(live) = &mut options.live {
            let time = line.value(READ_TIMEOUT).or(settings::all(line).read_timeout);
            live.read_timeout = Duration::from_millis(time.unwrap_or(DEFAULT_READ_TIMEOUT));
        }
        note_files(line, options, READ_TIMEOUT, "--read-timeout");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::refused;

    #[test]
    fn sizes_and_times_of_a_capture_have_limits() {
        assert!(refused("--snaplen 262145").contains("from 1 to 262144"));
        assert!(refused("--snaplen 0").contains("from 1 to 262144"));
        assert!(refused("--buffer-size 2G").contains("the maximum is 2147483647"));
        assert!(refused("--read-timeout 60001").contains("expected milliseconds"));
    }
}
