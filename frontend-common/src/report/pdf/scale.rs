//! Scales in round units: of bytes, and of time with its calendar.

use tapflow_core::Timestamp;

use super::text;
use crate::traffic::{DAY, MILLISECOND, MINUTE, OFFSET, SECOND, SHOWN};

/// The unit of a scale from 0 to at least `max` with at most `steps` of it: 1, 2 or 5 and zeros.
pub(super) fn unit(max: u64, steps: u64) -> u64 {
    let mut unit = 1_u64;
    for factor in [2, 5, 10].into_iter().cycle() {
        if max.div_ceil(unit) <= steps.max(1) {
            break;
        }
        // 1, 2, 5, 10, 20, 50: the last power of ten stays the base.
        let base = power_of_ten(unit);
        match base.checked_mul(factor) {
            Some(next) => unit = next,
            None => return u64::MAX,
        }
    }
    unit
}

/// The largest power of ten that a number reaches.
fn power_of_ten(number: u64) -> u64 {
    10_u64.pow(number.checked_ilog10().unwrap_or(0))
}

/// A mark on the scale of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) time: u64,
    /// What is written there.
    pub(super) label: String,
    /// The day, where that is not in the label.
    pub(super) day: Option<String>,
}

/// The longest distance of marks that is the same everywhere: months differ.
const MOST: u64 = 14 * DAY;

/// Distances in months.
const MONTHS: [u64; 11] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

/// At most `max` marks between two times, at round times of the calendar.
pub(super) fn ticks(start: u64, end: u64, max: u64) -> Vec<Tick> {
    let span = end.saturating_sub(start);
    if let Some(distance) =
        SHOWN.into_iter().find(|distance| span / distance < max).filter(|distance| *distance <= MOST)
    {
        // Weeks begin on Mondays.
        let first = start.saturating_add(OFFSET).div_ceil(distance);
        let times = (first..).map_while(|number| number.checked_mul(distance)?.checked_sub(OFFSET));
        return times.take_while(|time| *time <= end).map(|time| tick(time, distance)).collect();
    }
    let distance = MONTHS.into_iter().find(|months| span / (30 * DAY * months) < max).unwrap_or(1200);
    let months = (0..).map(|step| step * distance);
    let times = months.map_while(|month| Some((month, month_start(month)?)));
    let within = times.skip_while(|(_, time)| *time < start).take_while(|(_, time)| *time <= end);
    within
        .map(|(_, time)| {
            let label = Timestamp(time);
            let label = text::time(label);
            let length = if distance.is_multiple_of(12) { 4 } else { 7 };
            Tick { time, label: label.get(..length).unwrap_or_default().to_owned(), day: None }
        })
        .collect()
}

fn tick(time: u64, distance: u64) -> Tick {
    let text = text::time(Timestamp(time));
    let (day, clock) = text.split_once(' ').unwrap_or((&text, ""));
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let label = match distance {
        DAY.. => return Tick { time, label: day.to_owned(), day: None },
        MINUTE.. => clock.get(..5).unwrap_or_default().to_owned(),
        SECOND.. => clock.to_owned(),
        MILLISECOND.. => format!("{clock}.{:0<3.3}", fraction),
        _ => format!("{clock}.{:0<6.6}", fraction),
    };
    Tick { time, label, day: Some(day.to_owned()) }
}

/// Days before each month of a year.
const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// When a month begins, counted from January 1970.
fn month_start(month: u64) -> Option<u64> {
    let (year, month) = (1970 + month / 12, month % 12);
    // Days before a year and a month of it, with the Gregorian leap years.
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
        + BEFORE[month as usize]
        + u64::from(is_leap && month > 1);
    days.checked_mul(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(start: u64, end: u64) -> Vec<String> {
        ticks(start, end, 8).into_iter().map(|tick| tick.label).collect()
    }

    /// 2023-11-14 22:13:20.
    const START: u64 = 1_700_000_000 * SECOND;

    #[test]
    fn units_of_bytes_are_round_and_reach_the_top() {
        for (max, expected) in
            [(0, 1), (1, 1), (5, 1), (6, 2), (60, 20), (1_500, 500), (9_612, 2_000), (30_000, 10_000)]
        {
            assert_eq!(unit(max, 5), expected, "{max}");
        }
        for shift in 0..64 {
            let max = u64::MAX >> shift;
            let unit = unit(max, 5);
            assert!(
                u128::from(unit) * 5 >= u128::from(max) && (unit == 1 || u128::from(unit) < u128::from(max)),
                "{max}"
            );
        }
    }

    #[test]
    fn marks_of_time_are_at_round_times_with_what_they_need() {
        assert_eq!(
            labels(START, START + 30 * SECOND),
            ["22:13:20", "22:13:25", "22:13:30", "22:13:35", "22:13:40", "22:13:45", "22:13:50"]
        );
        assert_eq!(labels(START, START + 300 * MINUTE), ["23:00", "00:00", "01:00", "02:00", "03:00"]);
        assert_eq!(labels(START, START + 20 * DAY), ["2023-11-20", "2023-11-27", "2023-12-04"]);
        assert_eq!(
            labels(START, START + 200 * DAY),
            ["2023-12", "2024-01", "2024-02", "2024-03", "2024-04", "2024-05", "2024-06"]
        );
        assert_eq!(labels(START, START + 3652 * DAY), ["2024", "2026", "2028", "2030", "2032"]);
        assert_eq!(
            labels(START, START + 3_500),
            ["22:13:20.000000", "22:13:20.000001", "22:13:20.000002", "22:13:20.000003"]
        );
        assert_eq!(
            labels(START, START + 30_000_000),
            [
                "22:13:20.000",
                "22:13:20.005",
                "22:13:20.010",
                "22:13:20.015",
                "22:13:20.020",
                "22:13:20.025",
                "22:13:20.030"
            ]
        );
        assert_eq!(ticks(START, START + 60 * MINUTE, 8)[0].day.as_deref(), Some("2023-11-14"));
    }

    #[test]
    fn any_span_has_few_marks_within_it() {
        for shift in 0..64 {
            for start in [0, START, u64::MAX >> shift] {
                let end = start.saturating_add(u64::MAX >> shift);
                let ticks = ticks(start, end, 8);
                assert!(ticks.len() <= 9, "{start} {end}: {ticks:?}");
                assert!(ticks.iter().all(|tick| (start..=end).contains(&tick.time)));
            }
        }
    }

    #[test]
    fn months_begin_where_the_calendar_says() {
        for (month, time) in [
            (0, "1970-01-01 00:00:00"),
            (361, "2000-02-01 00:00:00"),
            (362, "2000-03-01 00:00:00"),
            (1562, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(text::time(Timestamp(month_start(month).expect("a time"))), time);
        }
    }
}
