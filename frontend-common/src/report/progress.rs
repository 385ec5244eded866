//! One line on standard error that shows how far a long run has come, and vanishes.
//!
//! Silent unless standard error is a terminal, and for the first second. Failures to print it are
//! ignored: it is not worth a run. Own code, as it is one line and has to stay off standard output.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Before the line appears.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two updates of the line.
const INTERVAL: Duration = Duration::from_millis(200);

/// A progress line. Cheap to call once per thousand packets: it reads a clock.
#[derive(Debug)]
pub struct Progress {
    total: Option<u64>,
    /// None when nobody would see it.
    next: Option<Instant>,
    start: Instant,
    /// Columns on the terminal now.
    shown: usize,
}

impl Progress {
    /// A line for `total` bytes of input; none when the amount is unknown, as on standard input. It stays
    /// silent with `wanted` false or when standard error is no terminal.
    #[must_use]
    pub fn new(total: Option<u64>, wanted: bool) -> Self {
        let start = Instant::now();
        let next = (wanted && io::stderr().is_terminal()).then(|| start + PATIENCE);
        Self { total, next, start, shown: 0 }
    }

    /// Shows that `bytes` of the input are done, when it is time.
    pub fn update(&mut self, bytes: u64) {
        let Some(next) = self.next else { return };
        let now = Instant::now();
        if now < next {
            return;
        }
        self.next = Some(now + INTERVAL);
        let text = text(bytes, self.total, now - self.start);
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r{text:width$}", width = self.shown);
        let _ = stderr.flush();
        self.shown = text.len();
    }

    /// Takes the line away, before something else is printed.
    pub fn clear(&mut self) {
        if self.shown > 0 {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r{:width$}\r", "", width = self.shown);
            let _ = stderr.flush();
            self.shown = 0;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn text(bytes: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = bytes as f64 / elapsed.as_secs_f64().max(1e-9);
    let Some(total) = total.filter(|total| *total > 0) else {
        return format!("{}, {}/s", size(bytes as f64), size(rate));
    };
    let done = bytes.min(total);
    let percent = (u128::from(done) * 100 / u128::from(total)) as u64;
    let left = if rate > 0.0 { clock(((total - done) as f64 / rate).ceil() as u64) } else { "?".to_owned() };
    format!("{} of {}, {percent} %, {}/s, {left} left", size(done as f64), size(total as f64), size(rate))
}

fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024.0 {
        return format!("{bytes:.0} B");
    }
    let mut value = bytes / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

fn clock(seconds: u64) -> String {
    match seconds {
        ..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_known_total_gives_percent_and_time_left() {
        assert_eq!(
            text(25 * MIB, Some(100 * MIB), Duration::from_secs(5)),
            "25.0 MiB of 100.0 MiB, 25 %, 5.0 MiB/s, 0:15 left"
        );
        assert_eq!(text(0, Some(10), Duration::from_secs(1)), "0 B of 10 B, 0 %, 0 B/s, ? left");
    }

    #[test]
    fn an_unknown_total_gives_bytes_and_rate() {
        assert_eq!(text(3 * MIB, None, Duration::from_secs(2)), "3.0 MiB, 1.5 MiB/s");
        assert_eq!(text(100, Some(0), Duration::ZERO).split(',').count(), 2);
    }

    #[test]
    fn more_than_the_total_and_the_largest_numbers_are_harmless() {
        assert!(text(20, Some(10), Duration::from_secs(1)).contains("100 %"));
        assert!(text(u64::MAX, Some(u64::MAX), Duration::ZERO).contains("16384.0 PiB"));
        assert!(text(1, Some(u64::MAX), Duration::from_secs(9)).ends_with(" left"));
    }

    #[test]
    fn long_times_have_hours() {
        assert_eq!(clock(59), "0:59");
        assert_eq!(clock(3661), "1:01:01");
    }

    #[test]
    fn an_unwanted_line_stays_off_the_terminal() {
        let mut progress = Progress::new(Some(10), false);
        progress.update(5);
        assert_eq!((progress.next, progress.shown), (None, 0));
    }
}
