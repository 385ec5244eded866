//! Interfaces, through libpcap.

use std::path::Path;
use std::thread;
use std::time::Duration;

use pcap::{Active, Capture, Device, Error, Linktype, Packet};
use tapflow_core::{LinkType, Timestamp};

#[cfg(unix)]
use super::timestamps;
use crate::input::live::{Interface, LiveDevice, LiveFrame, LiveSettings, TimestampType};

/// The name that libpcap gives all interfaces of Linux together. They are never promiscuous.
const ANY: &str = "any";

/// How long after its read timeout the kernel has delivered the last frames of an interface that went down.
const LAST: Duration = Duration::from_millis(100);

/// Frames taken at once, at most: also while the kernel always has more, a stop is seen. Wine's libpcap, where tests
/// for Windows run, takes none at all without a limit.
const AT_ONCE: usize = 4096;

/// Between two looks for frames, at most, where nothing tells that there are some.
#[cfg(not(unix))]
const PAUSE: Duration = Duration::from_millis(10);

/// The interfaces that can be opened, as libpcap lists them.
///
/// # Errors
/// What libpcap says.
pub fn interfaces() -> Result<Vec<Interface>, String> {
    let devices = Device::list().map_err(|error| format!("cannot list interfaces: {}", words(&error)))?;
    let interface = |device: Device| Interface {
        name: device.name,
        description: device.desc.filter(|text| !text.is_empty()),
        addresses: device.addresses.iter().map(|address| address.addr).collect(),
        up: device.flags.if_flags.contains(pcap::IfFlags::UP),
    };
    Ok(devices.into_iter().map(interface).collect())
}

/// The interface of this name, or the one that the system names first.
fn named(name: Option<&str>) -> Result<String, String> {
    match name {
        Some(name) => Ok(name.to_owned()),
        None => match Device::lookup() {
            Ok(Some(device)) => Ok(device.name),
            Ok(None) => Err("there is no interface to capture from; name one with -i".to_owned()),
            Err(error) => Err(format!("cannot list interfaces: {}", words(&error))),
        },
    }
}

/// The types of timestamps that an interface has, the system's choice of interface without a name.
///
/// # Errors
/// There is no such interface, or nothing that could be chosen.
pub fn timestamp_types(name: Option<&str>) -> Result<Vec<TimestampType>, String> {
    let name = named(name)?;
    let capture = Capture::from_device(name.as_str());
    let capture = capture
        .map_err(|error| format!("{name}: {}; --list-interfaces shows those there are", words(&error)))?;
    #[cfg(unix)]
    return Ok(timestamps::list(&capture));
    #[cfg(not(unix))]
    {
        drop(capture);
        Err(format!("{name}: {NO_CHOICE}"))
    }
}

/// What there is to say where timestamps have no types.
#[cfg(not(unix))]
const NO_CHOICE: &str = "on this system there is no choice of timestamps";

/// Opens an interface. `advice` says what to do where the system does not permit it.
///
/// # Errors
/// It cannot be opened, or the filter is wrong: why, and what to do.
pub fn open(settings: &LiveSettings, advice: &str) -> Result<Box<dyn LiveDevice>, String> {
    let name = named(settings.interface.as_deref())?;
    let fault = |error: &Error| {
        let reason = words(error);
        let advice = if is_permission(&reason) {
            advice
        } else if is_missing(&reason) {
            "--list-interfaces shows those there are"
        } else {
            "look whether it is up"
        };
        format!("{name}: cannot capture: {reason}; {advice}")
    };
    let capture = Capture::from_device(name.as_str()).map_err(|error| fault(&error))?;
    if let Some(kind) = &settings.timestamp_type {
        #[cfg(unix)]
        timestamps::set(&capture, kind)
            .map_err(|reason| format!("--timestamp-type {kind}: {name}: {reason}"))?;
        #[cfg(not(unix))]
        return Err(format!("--timestamp-type {kind}: {NO_CHOICE}"));
    }
    let capture = capture
        .promisc(settings.promiscuous && name != ANY)
        .snaplen(i32::try_from(settings.snap_length).unwrap_or(i32::MAX))
        .buffer_size(i32::try_from(settings.kernel_buffer).unwrap_or(i32::MAX));
    let milliseconds = i32::try_from(settings.read_timeout.as_millis()).unwrap_or(i32::MAX);
    #[cfg(unix)]
    let capture = match milliseconds {
        0 => capture.immediate_mode(true),
        milliseconds => capture.timeout(milliseconds),
    };
    #[cfg(unix)]
    let capture = capture.precision(pcap::Precision::Nano);
    // Npcap gives whatever it has to a reader that does not wait, at any time.
    #[cfg(not(unix))]
    let capture = capture.timeout(milliseconds.max(1));
    let mut capture = capture.open().map_err(|error| fault(&error))?;
    if let Some(expression) = &settings.filter {
        capture.filter(expression, true).map_err(|error| {
            // What somebody types who has other programs in mind.
            let file = expression.split(' ').find(|word| Path::new(word).is_file());
            let hint = file
                .map(|file| format!("; {file} is a file: -r reads one, -l all that follow"))
                .unwrap_or_default();
            format!("filter \"{expression}\" for {name}: {}; see pcap-filter(7){hint}", words(&error))
        })?;
    }
    let capture = capture.setnonblock().map_err(|error| fault(&error))?;
    // Libpcap leaves it open in programs that are started.
    #[cfg(unix)]
    rustix::io::fcntl_setfd(&capture, rustix::io::FdFlags::CLOEXEC)
        .map_err(|error| format!("{name}: cannot capture: {error}"))?;
    let link = link_type(capture.get_datalink());
    #[cfg(not(unix))]
    let pause = settings.read_timeout.clamp(Duration::from_millis(1), PAUSE);
    Ok(Box::new(Handle {
        name,
        link,
        capture,
        ended: None,
        last: settings.read_timeout + LAST,
        #[cfg(not(unix))]
        pause,
    }))
}

/// What libpcap says, without what the bindings put before it.
pub(super) fn words(error: &Error) -> String {
    error.to_string().replace("libpcap error: ", "")
}

fn is_permission(reason: &str) -> bool {
    ["ermission", "not permitted", "denied"].iter().any(|words| reason.contains(words))
}

/// Npcap opens adapters; those there are it opens unless rights are missing.
fn is_missing(reason: &str) -> bool {
    ["No such device", "adapter"].iter().any(|words| reason.contains(words))
}

/// The number that files have for what libpcap calls `link` here; see pcap-linktype(7).
fn link_type(link: Linktype) -> LinkType {
    match link.0 {
        12 | 14 => LinkType::RAW,
        other => LinkType(other.unsigned_abs()),
    }
}

struct Handle {
    name: String,
    link: LinkType,
    capture: Capture<Active>,
    /// Why nothing more comes, where only the last frames are still to be read.
    ended: Option<String>,
    /// How long the kernel may take to deliver those.
    last: Duration,
    /// Between two looks for frames.
    #[cfg(not(unix))]
    pause: Duration,
}

impl Handle {
    /// Waits until there is something to read; false when there is not.
    #[cfg(unix)]
    fn is_ready(&mut self, patience: Duration) -> bool {
        use std::os::fd::AsFd;

        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let mut descriptors = [PollFd::from_borrowed_fd(self.capture.as_fd(), PollFlags::IN)];
        // Too long a time is no limit; a signal ends the wait early.
        let timeout = Timespec::try_from(patience).ok();
        let ready = poll(&mut descriptors, timeout.as_ref()).is_ok_and(|ready| ready > 0);
        if descriptors[0].revents().contains(PollFlags::ERR) {
            // Libpcap would wait until it is up again, without a word.
            self.end("the interface went down or away; begin again when it is up".to_owned());
        }
        ready
    }

    /// Nothing more comes but what the kernel has not delivered yet.
    fn end(&mut self, reason: String) {
        self.ended.get_or_insert(reason);
    }

    /// Takes the frames that are at hand, or those that come within `patience`.
    #[cfg(unix)]
    fn take_within(
        &mut self,
        patience: Duration,
        take: &mut dyn FnMut(LiveFrame<'_>),
    ) -> Result<usize, String> {
        if self.is_ready(patience) { self.take(take) } else { Ok(0) }
    }

    /// Takes the frames that are at hand, or those that come within `patience`.
    #[cfg(not(unix))]
    fn take_within(
        &mut self,
        patience: Duration,
        take: &mut dyn FnMut(LiveFrame<'_>),
    ) -> Result<usize, String> {
        let start = std::time::Instant::now();
        loop {
            let taken = self.take(take)?;
            if taken > 0 || start.elapsed() >= patience {
                return Ok(taken);
            }
            thread::sleep(self.pause);
        }
    }

    /// Takes the frames that are at hand, or a part of them.
    fn take(&mut self, take: &mut dyn FnMut(LiveFrame<'_>)) -> Result<usize, String> {
        let give = |packet: Packet<'_>| {
            take(LiveFrame { time: time(&packet), wire_len: packet.header.len, bytes: packet.data });
        };
        match self.capture.dispatch(Some(AT_ONCE), give) {
            Ok(count) => Ok(count),
            Err(Error::TimeoutExpired) => Ok(0),
            Err(error) => Err(words(&error)),
        }
    }
}

impl LiveDevice for Handle {
    fn name(&self) -> &str {
        &self.name
    }

    fn link(&self) -> LinkType {
        self.link
    }

    fn receive(&mut self, patience: Duration, take: &mut dyn FnMut(LiveFrame<'_>)) -> Result<usize, String> {
        if let Some(reason) = self.ended.clone() {
            thread::sleep(self.last);
            return match self.take(take) {
                Ok(count @ 1..) => Ok(count),
                _ => Err(format!("the capture ended: {reason}")),
            };
        }
        self.take_within(patience, take).or_else(|reason| {
            self.end(reason);
            Ok(0)
        })
    }

    fn counts(&mut self) -> Result<[u32; 3], String> {
        let counts = self.capture.stats().map_err(|error| words(&error))?;
        Ok([counts.received, counts.dropped, counts.if_dropped])
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<i32> {
        use std::os::fd::AsRawFd;
        Some(self.capture.as_raw_fd())
    }
}

/// When a packet was captured, in the unit that was asked for.
fn time(packet: &Packet<'_>) -> Timestamp {
    let seconds = u64::try_from(packet.header.ts.tv_sec).unwrap_or(0);
    let fraction = u32::try_from(packet.header.ts.tv_usec).unwrap_or(0);
    #[cfg(unix)]
    return Timestamp::new(seconds, fraction);
    #[cfg(not(unix))]
    return Timestamp::new(seconds, fraction.saturating_mul(1000));
}
