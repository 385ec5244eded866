//! The clock of a capture, from timestamps that may be wrong.
//!
//! A frame moves the clock forward by a step at most; a larger jump, in either direction, is believed once
//! three frames in a row agree that the time has changed. So one absurd timestamp neither lets everything
//! expire nor stops the clock until its time has come.
//!
//! The clock never goes back: when the capture's time does, what follows is counted on from where the clock
//! stood, and when it returns the way back is no time that has passed.

use crate::counters::Counters;
use crate::frame::Timestamp;

/// Frames that have to agree on a jump.
const WITNESSES: usize = 3;

/// Times are nanoseconds, those of the capture plus `shift`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    now: u64,
    /// By how much the clock is ahead of the capture's times, which were set back.
    shift: u64,
    /// When the last frames were captured, the newest first.
    recent: [u64; WITNESSES],
    started: bool,
}

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    /// Takes the timestamp of a frame. Answers when that was by this clock, or what it claims if it is ahead.
    #[inline]
    pub(super) fn observe(&mut self, time: Timestamp, step: u64, counters: &mut Counters) -> Timestamp {
        let time = time.0.saturating_add(self.shift);
        let [newest, middle, oldest] = self.recent;
        self.recent = [time, newest, middle];
        if self.started && time.checked_sub(self.now).is_some_and(|ahead| ahead <= step) {
            self.now = time;
            if oldest.saturating_sub(time) > step {
                counters.time_jumps += 1;
            }
        } else {
            self.look_closer(time, oldest, step, counters);
        }
        Timestamp(self.recent[0].max(self.now))
    }

    #[cold]
    fn look_closer(&mut self, time: u64, oldest: u64, step: u64, counters: &mut Counters) {
        if !self.started {
            self.started = true;
            self.set(time.max(self.now));
            return;
        }
        counters.time_backwards += u64::from(time < self.now);
        let [a, b, c] = self.recent;
        let (lowest, highest) = (a.min(b).min(c), a.max(b).max(c));
        if lowest > self.now {
            // Back from where the time was set back: that much has not passed.
            let back = self.shift.min(lowest - self.now);
            self.shift -= back;
            self.recent = self.recent.map(|time| time - back);
            self.now = lowest - back;
        } else if self.now.saturating_sub(highest) > step {
            let back = self.now - highest;
            self.shift = self.shift.saturating_add(back);
            self.recent = self.recent.map(|time| time.saturating_add(back));
            counters.time_resets += 1;
        }
        if oldest.saturating_sub(self.now) > step {
            counters.time_jumps += 1;
        }
    }

    /// The caller says what time it is. A time in the past does nothing.
    pub(super) fn set_forward(&mut self, time: Timestamp) {
        let time = time.0.saturating_add(self.shift);
        if time > self.now {
            self.started = true;
            self.set(time);
        }
    }

    fn set(&mut self, now: u64) {
        self.now = now;
        self.recent = [now; WITNESSES];
    }

    /// No frame that can be believed claims a later time than this.
    pub(super) fn horizon(&self, step: u64) -> Timestamp {
        let claimed = self.recent.iter().fold(self.now, |latest, time| latest.max(*time));
        Timestamp(claimed.saturating_add(step))
    }

    /// The time of the capture at this time of the clock, as long as it was not set back since.
    pub(super) fn by_capture(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.0.saturating_sub(self.shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 10;

    /// The clock after each of these times.
    fn after<const N: usize>(times: [u64; N]) -> ([u64; N], Counters) {
        let (mut clock, mut counters) = (Clock::default(), Counters::default());
        let now = times.map(|time| {
            clock.observe(Timestamp(time), STEP, &mut counters);
            clock.now().0
        });
        (now, counters)
    }

    fn counts(counters: &Counters) -> [u64; 3] {
        [counters.time_backwards, counters.time_jumps, counters.time_resets]
    }

    #[test]
    fn steps_forward_are_followed() {
        let (now, counters) = after([100, 105, 115, 115, 120]);
        assert_eq!(now, [100, 105, 115, 115, 120]);
        assert_eq!(counts(&counters), [0, 0, 0]);
    }

    #[test]
    fn one_or_two_absurd_times_change_nothing() {
        let (now, counters) = after([100, 101, 9000, 102, 103, 9000, 9001, 104, 105, 106, 107]);
        assert_eq!(now, [100, 101, 101, 102, 103, 103, 103, 104, 105, 106, 107]);
        assert_eq!(counts(&counters), [0, 3, 0]);
        let (now, counters) = after([100, 101, 5, 102, 103, 5, 6, 104]);
        assert_eq!(now, [100, 101, 101, 102, 103, 103, 103, 104]);
        assert_eq!(counts(&counters), [3, 0, 0]);
    }

    #[test]
    fn three_that_agree_are_believed() {
        let (now, counters) = after([100, 9000, 9001, 9002, 9003]);
        assert_eq!(now, [100, 100, 100, 9000, 9003]);
        assert_eq!(counts(&counters), [0, 0, 0]);
    }

    #[test]
    fn a_capture_with_long_silences_is_followed_two_frames_behind() {
        let (now, counters) = after([100, 200, 300, 400, 500, 600]);
        assert_eq!(now, [100, 100, 100, 200, 300, 400]);
        assert_eq!(counts(&counters), [0, 0, 0]);
    }

    #[test]
    fn a_capture_that_is_set_back_goes_on_from_where_the_clock_stood() {
        let (now, counters) = after([9000, 100, 101, 102, 103, 108]);
        assert_eq!(now, [9000, 9000, 9000, 9000, 9001, 9006]);
        assert_eq!(counts(&counters), [3, 0, 1]);
    }

    #[test]
    fn the_way_back_to_the_later_time_is_no_time_that_passed() {
        let (now, counters) = after([9000, 100, 101, 102, 9003, 9004, 9005, 9006]);
        assert_eq!(now[7], 9006);
        assert!(now.is_sorted());
        assert_eq!(counts(&counters)[2], 1);
    }

    #[test]
    fn a_time_told_is_believed_at_once() {
        let (mut clock, mut counters) = (Clock::default(), Counters::default());
        clock.observe(Timestamp(100), STEP, &mut counters);
        clock.set_forward(Timestamp(9000));
        clock.set_forward(Timestamp(50));
        assert_eq!(clock.now(), Timestamp(9000));
        clock.observe(Timestamp(8999), STEP, &mut counters);
        assert_eq!((clock.now(), counts(&counters)), (Timestamp(9000), [1, 0, 0]));
    }

    #[test]
    fn the_last_time_there_is_overflows_nothing() {
        let (now, _) = after([u64::MAX, 0, 1, 2, u64::MAX, 3, u64::MAX, u64::MAX, u64::MAX]);
        assert!(now.is_sorted());
        let (now, _) = after([0, u64::MAX, u64::MAX, u64::MAX, 0, 0, 0]);
        assert!(now.is_sorted());
    }
}
