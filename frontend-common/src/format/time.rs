//! Points in time as the report writes them (ISO 8601, XML Schema's `dateTime`).

use std::fmt;

use tapflow_core::Timestamp;

use super::digits;

/// UTC with the fraction that the time has: none, six digits, or nine where there are nanoseconds.
///
/// The whole of what is needed of a calendar: no time zone, no leap second, years 1970 to 2554.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Utc(pub(crate) Timestamp);

impl Utc {
    /// Appends it to a text, in ASCII.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        // 64 bits of nanoseconds are 584 years.
        let (days, second) = ((self.0.seconds() / 86_400) as u32, (self.0.seconds() % 86_400) as u32);
        // Days since 0000-03-01: years that begin in March end with the leap day.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = 400 * era + year + carry;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        // Written at once: reports have many times.
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        for (at, number) in
            [(0, year / 100), (2, year % 100), (5, month), (8, day), (11, hour), (14, minute), (17, second)]
        {
            two_digits(&mut text, at, number);
        }
        let nanos = self.0.subsec_nanos();
        let micros = nanos / 1_000;
        let length = if nanos == 0 {
            FRACTION
        } else {
            for (at, number) in [(1, micros / 10_000), (3, micros / 100), (5, micros)] {
                two_digits(&mut text, FRACTION + at, number);
            }
            if nanos == 1_000 * micros {
                FRACTION + 7
            } else {
                two_digits(&mut text, FRACTION + 7, nanos / 10);
                two_digits(&mut text, FRACTION + 8, nanos);
                FRACTION + 10
            }
        };
        text[length] = b'Z';
        out.extend_from_slice(&text[..=length]);
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(FRACTION + 11);
        self.put(&mut text);
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Where the fraction begins.
const FRACTION: usize = 19;

/// Puts the last two digits of a number into a text.
#[inline]
fn two_digits(text: &mut [u8; FRACTION + 11], at: usize, number: u32) {
    text[at..at + 2].copy_from_slice(&digits::TWO[number as usize % 100]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(seconds: u64, nanoseconds: u32) -> String {
        Utc(Timestamp::new(seconds, nanoseconds)).to_string()
    }

    #[test]
    fn fractions_have_the_digits_of_the_capture() {
        assert_eq!(utc(1_223_315_694, 0), "2008-10-06T17:54:54Z");
        assert_eq!(utc(1_223_315_694, 638_913_000), "2008-10-06T17:54:54.638913Z");
        assert_eq!(utc(1_223_315_694, 638_913_001), "2008-10-06T17:54:54.638913001Z");
    }

    #[test]
    fn leap_days_and_ends_of_years() {
        assert_eq!(utc(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(utc(951_868_799, 0), "2000-02-29T23:59:59Z");
        assert_eq!(utc(951_868_800, 0), "2000-03-01T00:00:00Z");
        assert_eq!(utc(1_735_689_599, 0), "2024-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400, 0), "2100-03-01T00:00:00Z");
        assert_eq!(utc(4_107_542_399, 0), "2100-02-28T23:59:59Z");
        assert_eq!(Utc(Timestamp(u64::MAX)).to_string(), "2554-07-21T23:34:33.709551615Z");
    }
}
