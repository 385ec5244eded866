//! Numbers and times as people read them, in whole numbers throughout: every system writes the same.

use tapflow_core::Timestamp;

use crate::format::Utc;

/// Bytes with three digits and a decimal unit: `999 B`, `8.12 KB`, `81.2 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 1_u128;
    let bytes = u128::from(bytes);
    for name in &UNITS[1..] {
        unit *= 1000;
        // Hundredths, tenths and ones, each rounded; where that makes four digits the next one is taken.
        for (part, digits) in [(100, 2), (10, 1), (1, 0)] {
            let rounded = (bytes * part + unit / 2) / unit;
            if rounded < 1000 {
                return match digits {
                    0 => format!("{rounded} {name}"),
                    _ => format!("{}.{:0digits$} {name}", rounded / part, rounded % part),
                };
            }
        }
    }
    format!("{} EB", bytes / unit)
}

/// A round number of bytes without digits behind the point that are zeros: `0`, `500 B`, `2.5 MB`.
pub(super) fn round_bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 7] = [
        (1_000_000_000_000_000_000, "EB"),
        (1_000_000_000_000_000, "PB"),
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "KB"),
        (1, "B"),
    ];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return "0".to_owned();
    };
    match (bytes % unit) / (unit / 10).max(1) {
        0 => format!("{} {name}", bytes / unit),
        tenth => format!("{}.{tenth} {name}", bytes / unit),
    }
}

/// A number in groups of three digits: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A part of a whole in percent, with one digit behind the point unless it is all: `84.4%`, `<0.1%`, `100%`.
pub(super) fn share(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole));
    if part == 0 || whole == 0 {
        return "0%".to_owned();
    }
    match (part * 1000 + whole / 2) / whole {
        0 => "<0.1%".to_owned(),
        // Something is not in it.
        1000.. if part < whole => ">99.9%".to_owned(),
        1000.. => "100%".to_owned(),
        tenths => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// A time in words: the date, a space, the time of the day with the digits that it has.
pub(super) fn time(time: Timestamp) -> String {
    Utc(time).to_string().replace('T', " ").trim_end_matches('Z').to_owned()
}

/// How long it is from one time to another, in its two largest units.
pub(super) fn duration(nanoseconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400_000_000_000, "day"),
        (3_600_000_000_000, "hour"),
        (60_000_000_000, "minute"),
        (1_000_000_000, "second"),
    ];
    for (place, (unit, name)) in UNITS.into_iter().enumerate() {
        if nanoseconds < unit {
            continue;
        }
        let first = counted(nanoseconds / unit, name);
        let rest = nanoseconds % unit;
        return match UNITS.get(place + 1) {
            Some((smaller, name)) if rest >= *smaller => format!("{first} {}", counted(rest / smaller, name)),
            None if rest >= 1_000_000 => {
                let seconds = nanoseconds / unit;
                format!("{seconds}.{:03} seconds", rest / 1_000_000)
            }
            _ => first,
        };
    }
    match nanoseconds {
        0 => "0 seconds".to_owned(),
        1_000_000.. => format!("{}.{:03} ms", nanoseconds / 1_000_000, nanoseconds % 1_000_000 / 1_000),
        1_000.. => format!("{} \u{b5}s", nanoseconds / 1_000),
        _ => format!("{nanoseconds} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_round_to_the_next_unit() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 KB"),
            (8_119, "8.12 KB"),
            (9_994, "9.99 KB"),
            (9_995, "10.0 KB"),
            (99_950, "100 KB"),
            (999_499, "999 KB"),
            (999_500, "1.00 MB"),
            (1_234_567_890, "1.23 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), text, "{number}");
        }
    }

    #[test]
    fn round_bytes_have_the_digits_that_they_need() {
        for (number, text) in
            [(0, "0"), (500, "500 B"), (2_000, "2 KB"), (2_500_000, "2.5 MB"), (200_000_000_000, "200 GB")]
        {
            assert_eq!(round_bytes(number), text);
        }
    }

    #[test]
    fn shares_never_claim_all_or_nothing() {
        assert_eq!(share(0, 10), "0%");
        assert_eq!(share(0, 0), "0%");
        assert_eq!(share(1, 100_000), "<0.1%");
        assert_eq!(share(844, 1_000), "84.4%");
        assert_eq!(share(99_999, 100_000), ">99.9%");
        assert_eq!(share(u64::MAX, u64::MAX), "100%");
    }

    #[test]
    fn durations_have_their_two_largest_units() {
        for (nanoseconds, text) in [
            (0, "0 seconds"),
            (12, "12 ns"),
            (98_700, "98 \u{b5}s"),
            (12_345_678, "12.345 ms"),
            (1_000_000_000, "1 second"),
            (1_500_000_000, "1.500 seconds"),
            (61_000_000_000, "1 minute 1 second"),
            (86_400_000_000_000 * 2_000 + 3_600_000_000_000, "2,000 days 1 hour"),
        ] {
            assert_eq!(duration(nanoseconds), text);
        }
    }

    #[test]
    fn digits_are_in_groups() {
        assert_eq!([1, 999, 1_000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
    }
}
