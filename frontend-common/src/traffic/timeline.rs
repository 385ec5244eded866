//! Bytes over time by service, in bars that grow wider as time goes on.

use std::collections::BTreeMap;

use tapflow_core::Timestamp;

use super::width::{COUNTED, OFFSET, number, shown};
use super::{Count, Service};

/// Bars that are counted; those without packets do not exist, so that a pause takes no room.
const BARS: usize = 1023;
/// Services told apart in a bar.
const SERVICES: usize = 16;

/// A bar: what came in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// All packets.
    pub count: Count,
    /// Bytes by service, in their order; together they are all bytes. What was too little is [`Service::Other`].
    pub services: Vec<(Service, u64)>,
}

/// Bars of equal width, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bars {
    /// When the first one begins. At the first nanosecond of 1970 the first one may be narrower.
    pub start: Timestamp,
    /// Nanoseconds of each; a unit that people count in.
    pub width: u64,
    /// The bars, with those without packets between them; empty without packets.
    pub bars: Vec<Bar>,
}

/// Bytes over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    width: u64,
    bars: BTreeMap<u64, Bar>,
}

impl Timeline {
    /// At most `max` bars from the first packet to the last one: the narrowest that are counted and make a unit.
    #[must_use]
    pub fn bars(&self, max: usize) -> Bars {
        let (Some((first, _)), Some((last, _))) = (self.bars.first_key_value(), self.bars.last_key_value())
        else {
            return Bars::default();
        };
        let begin = |number: u64| number.saturating_mul(self.width).saturating_sub(OFFSET);
        let width = shown(begin(*first), begin(*last), self.width, max as u64);
        let first = number(begin(*first), width);
        let count = usize::try_from(number(begin(*last), width) - first).unwrap_or(0) + 1;
        let mut bars = vec![Bar::default(); count];
        for (place, bar) in &self.bars {
            let place = usize::try_from(number(begin(*place), width) - first).unwrap_or(0);
            if let Some(sum) = bars.get_mut(place) {
                sum.add(bar);
            }
        }
        bars.iter_mut().for_each(|bar| bar.services.sort_unstable());
        let start = Timestamp(first.saturating_mul(width).saturating_sub(OFFSET));
        Bars { start, width, bars }
    }

    /// Services with their bytes, the largest first, without [`Service::Other`]. Of a service that was too little in
    /// some bars more bytes may have been there.
    #[must_use]
    pub fn services(&self) -> Vec<(Service, u64)> {
        let mut sums = BTreeMap::<Service, u64>::new();
        for (service, bytes) in self.bars.values().flat_map(|bar| &bar.services) {
            *sums.entry(*service).or_default() += bytes;
        }
        sums.remove(&Service::Other);
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        sums
    }
}

impl Bar {
    fn add(&mut self, other: &Self) {
        self.count.add(other.count);
        other.services.iter().for_each(|(service, bytes)| self.add_to(*service, *bytes));
    }

    fn add_to(&mut self, service: Service, bytes: u64) {
        match self.services.iter_mut().find(|(other, _)| *other == service) {
            Some((_, sum)) => *sum += bytes,
            None => self.services.push((service, bytes)),
        }
    }

    /// Puts the smallest services into the other ones until there are as many as are told apart.
    fn thin_out(&mut self) {
        if self.services.len() <= SERVICES + 1 {
            return;
        }
        self.services.sort_unstable_by_key(|(service, bytes)| {
            (*service != Service::Other, std::cmp::Reverse(*bytes), *service)
        });
        let dropped: u64 = self.services.drain(SERVICES..).map(|(_, bytes)| bytes).sum();
        self.add_to(Service::Other, dropped);
    }
}

/// The bar of the last packet: a place for each service that is told apart. Where there is none left, the smallest one
/// goes to the others.
#[derive(Default)]
struct Tally {
    count: Count,
    /// Codes of services, 0 where there is none.
    codes: [u32; SERVICES],
    bytes: [u64; SERVICES],
    other: u64,
    /// The place of the last packet's service, which is most often that of the next one.
    last: usize,
}

impl Tally {
    #[inline]
    fn add(&mut self, service: Service, bytes: u64) {
        self.count.packets += 1;
        self.count.bytes += bytes;
        let code = service.code();
        if code == 0 {
            self.other += bytes;
            return;
        }
        if self.codes[self.last % SERVICES] == code {
            self.bytes[self.last % SERVICES] += bytes;
            return;
        }
        // All places at once, without a branch for each.
        let found = self.codes.iter().enumerate().map(|(place, other)| u32::from(*other == code) << place);
        let found = found.fold(0, |all, one| all | one);
        if found == 0 {
            self.begin(code, bytes);
        } else {
            self.last = found.trailing_zeros() as usize % SERVICES;
            self.bytes[self.last] += bytes;
        }
    }

    /// Takes the place of the smallest service, or a free one.
    #[inline(never)]
    fn begin(&mut self, code: u32, bytes: u64) {
        let smallest = (0..SERVICES).min_by_key(|place| self.bytes[*place]).unwrap_or(0);
        self.other += std::mem::replace(&mut self.bytes[smallest], bytes);
        self.codes[smallest] = code;
    }

    /// Makes a bar of it, with what was in the bar before.
    fn add_to(&self, bar: &mut Bar) {
        bar.count.add(self.count);
        let services =
            self.codes.iter().zip(&self.bytes).map(|(code, bytes)| (Service::of_code(*code), *bytes));
        for (service, bytes) in services.chain([(Service::Other, self.other)]).filter(|(_, bytes)| *bytes > 0)
        {
            bar.add_to(service, bytes);
        }
        bar.thin_out();
    }
}

/// Counts bytes over time.
pub(super) struct Clock {
    /// Which of the widths.
    level: usize,
    width: u64,
    /// The bar of the last packet, its number, and where it begins, plus [`OFFSET`].
    tally: Tally,
    number: u64,
    begin: u64,
    bars: BTreeMap<u64, Bar>,
    first: Timestamp,
    last: Timestamp,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            level: 0,
            width: COUNTED[0],
            tally: Tally::default(),
            number: 0,
            begin: 0,
            bars: BTreeMap::new(),
            first: Timestamp(u64::MAX),
            last: Timestamp(0),
        }
    }

    /// A packet of a service.
    #[inline]
    pub(super) fn add(&mut self, time: Timestamp, service: Service, bytes: u64) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if time.0.saturating_add(OFFSET).wrapping_sub(self.begin) >= self.width {
            self.turn_to(time.0);
        }
        self.tally.add(service, bytes);
    }

    /// Makes the bar of this time the present one.
    #[inline(never)]
    fn turn_to(&mut self, time: u64) {
        self.put_back();
        while self.bars.len() > BARS && self.level + 1 < COUNTED.len() {
            self.widen();
        }
        self.number = number(time, self.width);
        self.begin = self.number * self.width;
    }

    fn put_back(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        if tally.count.packets > 0 {
            tally.add_to(self.bars.entry(self.number).or_default());
        }
    }

    /// Takes the next width.
    fn widen(&mut self) {
        let factor = COUNTED[self.level + 1] / self.width;
        self.level += 1;
        self.width = COUNTED[self.level];
        let mut bars = BTreeMap::<u64, Bar>::new();
        for (number, bar) in std::mem::take(&mut self.bars) {
            let sum = bars.entry(number / factor).or_default();
            sum.add(&bar);
            sum.thin_out();
        }
        self.bars = bars;
    }

    /// The earliest and the latest time, and the bars.
    pub(super) fn finish(mut self) -> (Option<(Timestamp, Timestamp)>, Timeline) {
        self.put_back();
        let mut bars = self.bars;
        bars.values_mut().for_each(|bar| bar.services.sort_unstable());
        let times = (!bars.is_empty()).then_some((self.first, self.last));
        (times, Timeline { width: self.width, bars })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const HTTP: Service = Service::Tcp(80);

    fn timeline(times: impl IntoIterator<Item = u64>) -> Timeline {
        let mut clock = Clock::new();
        times.into_iter().for_each(|time| clock.add(Timestamp(time), HTTP, 100));
        clock.finish().1
    }

    fn packets(bars: &Bars) -> u64 {
        bars.bars.iter().map(|bar| bar.count.packets).sum()
    }

    #[test]
    fn a_few_packets_have_narrow_bars() {
        let start = 1_700_000_000 * SECOND;
        let bars = timeline([start, start + 1_500, start + 98_700]).bars(100);
        assert_eq!((bars.width, bars.bars.len(), bars.start.0), (1_000, 99, start));
        let full: Vec<_> = bars.bars.iter().map(|bar| bar.count.packets).collect();
        assert_eq!((full[0], full[1], full[98], packets(&bars)), (1, 1, 1, 3));
    }

    #[test]
    fn none_has_no_bars_and_one_has_one() {
        assert_eq!(Clock::new().finish().1.bars(100), Bars::default());
        let bars = timeline([5 * SECOND]).bars(100);
        assert_eq!((bars.bars.len(), bars.start.0), (1, 5 * SECOND));
        assert_eq!(bars.bars[0].services, [(HTTP, 100)]);
    }

    #[test]
    fn days_of_packets_in_any_order_are_in_few_bars_with_every_byte() {
        // Every seven seconds for three days, backwards in blocks of ten minutes.
        let times: Vec<u64> = (0..37_000).map(|step| (1_700_000_000 + step * 7) * SECOND).collect();
        let backwards = times.chunks(86).flat_map(|chunk| chunk.iter().rev().copied());
        let timeline = timeline(backwards);
        assert!(timeline.bars.len() <= BARS + 1);
        let bars = timeline.bars(100);
        assert!((30..=100).contains(&bars.bars.len()), "{}", bars.bars.len());
        assert_eq!(bars.width, 3_600 * SECOND);
        assert_eq!(packets(&bars), 37_000);
        let bytes = |bar: &Bar| bar.services.iter().map(|(_, bytes)| bytes).sum::<u64>();
        assert!(bars.bars.iter().all(|bar| bytes(bar) == bar.count.bytes));
    }

    #[test]
    fn a_clock_that_jumps_by_decades_keeps_short_bars_of_what_is_near() {
        let start = 1_700_000_000 * SECOND;
        let near = (0..500).map(|step| start + step * SECOND);
        let timeline = timeline(near.chain([0, u64::MAX, u64::MAX - 1]));
        assert_eq!(timeline.width, COUNTED[0], "503 bars fit");
        let bars = timeline.bars(100);
        assert!(bars.bars.len() <= 100);
        assert_eq!(packets(&bars), 503);
        assert_eq!(bars.start.0, 0);
    }

    #[test]
    fn any_times_stay_bounded() {
        let mut state = 7_u64;
        let times = (0..20_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        });
        let timeline = timeline(times);
        assert!(timeline.bars.len() <= BARS + 1);
        assert_eq!(packets(&timeline.bars(100)), 20_000);
        assert_eq!(packets(&timeline.bars(1)), 20_000);
    }

    #[test]
    fn of_many_services_the_large_ones_are_told_apart_and_no_byte_is_lost() {
        let mut clock = Clock::new();
        for port in 1..60_000_u16 {
            clock.add(Timestamp(1), Service::Tcp(port), 60);
            clock.add(Timestamp(1), HTTP, 1_000);
        }
        let (_, timeline) = clock.finish();
        let bars = timeline.bars(100);
        let [bar] = bars.bars.as_slice() else { panic!("one bar") };
        assert!(bar.services.len() <= SERVICES + 1);
        assert_eq!(bar.services.iter().map(|(_, bytes)| bytes).sum::<u64>(), 59_999 * 1_060);
        assert_eq!(timeline.services()[0], (HTTP, 59_999 * 1_000 + 60));
    }
}
