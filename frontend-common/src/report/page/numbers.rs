//! Numbers and times as the page shows them. The script shows them in the same way.

use std::fmt::{self, Display, Write};

use tapflow_core::Timestamp;

use crate::format::Utc;

/// A number with commas between groups of three digits.
pub(super) struct Grouped(pub(super) u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// A point in time in UTC, with microseconds.
pub(super) struct Moment(pub(super) Timestamp);

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = Utc(Timestamp::new(self.0.seconds(), 0)).to_string();
        let (day, time) = second.split_at(10.min(second.len()));
        let time = time.trim_start_matches('T').trim_end_matches('Z');
        write!(f, "{day} {time}.{:06}", self.0.subsec_nanos() / 1000)
    }
}

/// Nanoseconds as seconds, with microseconds.
pub(super) struct Seconds(pub(super) u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 / 1000;
        write!(f, "{}.{:06}", Grouped(micros / 1_000_000), micros % 1_000_000)
    }
}

/// A number of bytes in a round unit, for scales and short words: 1.5 MB.
pub(super) struct Short(pub(super) u64);

impl Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = self.0;
        if number < 1000 {
            return write!(f, "{number} B");
        }
        for unit in ["kB", "MB", "GB", "TB", "PB", "EB"] {
            // In thousandths of the unit, which is what `number` counts.
            let tenths = number.saturating_add(50) / 100;
            if tenths < 1000 {
                return match tenths % 10 {
                    0 => write!(f, "{} {unit}", tenths / 10),
                    tenth => write!(f, "{}.{tenth} {unit}", tenths / 10),
                };
            }
            if number < 999_500 {
                return write!(f, "{} {unit}", (number + 500) / 1000);
            }
            number /= 1000;
        }
        write!(f, "{number} EB")
    }
}

/// The next number from `least` up that is 1, 2, 4 or 8 times a power of ten: quarters of it are round as well.
pub(super) fn round_up(least: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 4, 8] {
            let candidate = power.saturating_mul(factor);
            if candidate >= least {
                return candidate;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(Grouped(number).to_string(), text);
        }
        assert_eq!(Grouped(u64::MAX).to_string(), "18,446,744,073,709,551,615");
    }

    #[test]
    fn times_have_microseconds() {
        assert_eq!(Moment(Timestamp::new(0, 0)).to_string(), "1970-01-01 00:00:00.000000");
        assert_eq!(
            Moment(Timestamp::new(1_600_000_000, 1_234_567)).to_string(),
            "2020-09-13 12:26:40.001234"
        );
        assert_eq!(Seconds(3_600_000_001_999).to_string(), "3,600.000001");
    }

    #[test]
    fn bytes_have_round_units() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (1549, "1.5 kB"),
            (99_949, "99.9 kB"),
            (123_456, "123 kB"),
            (999_499, "999 kB"),
            (999_500, "1 MB"),
            (20_000_000, "20 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(Short(number).to_string(), text, "{number}");
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (least, end) in [(0, 1), (1, 1), (3, 4), (9, 10), (11, 20), (81, 100), (401, 800)] {
            assert_eq!(round_up(least), end);
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }
}
