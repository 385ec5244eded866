//! How wide bars of time are: units that people count in.

/// Units of time, in nanoseconds.
const MICROSECOND: u64 = 1_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// Bars begin at multiples of their width from this many nanoseconds before 1970 on: a Monday.
pub const OFFSET: u64 = 3 * DAY;

/// Widths that bars have while they are counted: each one is a multiple of the one before, so that bars are put
/// together exactly.
pub(super) const COUNTED: [u64; 30] = [
    MICROSECOND,
    5 * MICROSECOND,
    10 * MICROSECOND,
    50 * MICROSECOND,
    100 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    5 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
    1_820 * DAY,
    7_280 * DAY,
];

/// Widths that bars are shown with; marks of a scale have the same distances, as far as these are the same everywhere.
pub(crate) const SHOWN: [u64; 53] = [
    MICROSECOND,
    2 * MICROSECOND,
    5 * MICROSECOND,
    10 * MICROSECOND,
    20 * MICROSECOND,
    50 * MICROSECOND,
    100 * MICROSECOND,
    200 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2 * MILLISECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    20 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    200 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    20 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    56 * DAY,
    84 * DAY,
    168 * DAY,
    364 * DAY,
    728 * DAY,
    1_820 * DAY,
    3_640 * DAY,
    7_280 * DAY,
    14_560 * DAY,
    29_120 * DAY,
    58_240 * DAY,
];

/// The number of the bar that a time is in.
#[inline]
pub(super) fn number(time: u64, width: u64) -> u64 {
    time.saturating_add(OFFSET) / width
}

/// The width with which times from `first` to `last` are in at most `max` bars, a multiple of `counted`.
pub(super) fn shown(first: u64, last: u64, counted: u64, max: u64) -> u64 {
    let fits = |width: &u64| {
        width.is_multiple_of(counted) && number(last, *width) - number(first, *width) < max.max(1)
    };
    // Where not even the widest fits, all are in one.
    SHOWN.into_iter().find(fits).unwrap_or(u64::MAX)
}

/// A width in its unit: `20 ms`, `1 hour`, `4 weeks`.
#[must_use]
pub fn width_text(width: u64) -> String {
    const UNITS: [(u64, &str, &str); 7] = [
        (7 * DAY, "week", "weeks"),
        (DAY, "day", "days"),
        (HOUR, "hour", "hours"),
        (MINUTE, "minute", "minutes"),
        (SECOND, "second", "seconds"),
        (MILLISECOND, "ms", "ms"),
        (MICROSECOND, "\u{b5}s", "\u{b5}s"),
    ];
    let unit = UNITS.into_iter().find(|(unit, ..)| width >= *unit && width.is_multiple_of(*unit));
    let Some((unit, one, several)) = unit else { return format!("{width} ns") };
    let number = width / unit;
    format!("{number} {}", if number == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counted_width_is_a_multiple_of_the_one_before_and_is_shown_too() {
        assert!(COUNTED.windows(2).all(|pair| pair[1] % pair[0] == 0 && pair[1] > pair[0]));
        assert!(COUNTED.iter().all(|width| SHOWN.contains(width)));
        assert!(SHOWN.is_sorted());
    }

    #[test]
    fn any_span_is_shown_in_at_most_as_many_bars_and_in_not_much_fewer() {
        for span in (0..64).map(|shift| u64::MAX >> shift) {
            let width = shown(0, span, 1000, 100);
            let bars = number(span, width) - number(0, width) + 1;
            assert!((1..=100).contains(&bars), "{span}: {bars}");
            assert!(bars >= 29 || span < 29_000, "{span}: {bars} of {}", width_text(width));
        }
        assert_eq!(shown(0, u64::MAX, 1000, 2), u64::MAX);
    }

    #[test]
    fn weeks_begin_on_mondays() {
        // 2023-11-13 was a Monday.
        let monday = 1_699_833_600 * SECOND;
        assert_eq!(number(monday, 7 * DAY), number(monday - 1, 7 * DAY) + 1);
    }

    #[test]
    fn widths_have_a_unit() {
        for (width, text) in [
            (20 * MILLISECOND, "20 ms"),
            (HOUR, "1 hour"),
            (28 * DAY, "4 weeks"),
            (30 * SECOND, "30 seconds"),
            (7 * DAY, "1 week"),
            (2 * DAY, "2 days"),
            (999, "999 ns"),
        ] {
            assert_eq!(width_text(width), text);
        }
    }
}
