//! Wireless networks in 802.11 captures: their names, access points and channels, and the stations that
//! talk to them or look for them.
//!
//! Looks at frames, not at connections: at management frames and at the addresses of data frames, encrypted
//! ones too. What a capture makes up cannot grow without bound; what is left out is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tapflow_core::decode::{Settings, wifi_frame};
use tapflow_core::{Frame, Timestamp};

/// Access points and stations that are listed, each.
const LIMIT: usize = 1 << 14;
/// Names and access points listed for each of them.
const NAMES: usize = 64;

/// A hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Of a group of stations, all of them among it.
    const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The name of a network, any bytes; text where they are.
pub type Ssid = Vec<u8>;

/// An access point, by its basic service set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessPoint {
    /// Names that it gave; none where it hides its own.
    pub ssids: BTreeSet<Ssid>,
    /// Channels that it named.
    pub channels: BTreeSet<u8>,
    /// Whether it asks for encryption; none where it did not say.
    pub privacy: Option<bool>,
    /// Its beacons.
    pub beacons: u64,
    /// Other frames of its cell.
    pub frames: u64,
    /// When it was seen, first and last.
    pub seen: Option<(Timestamp, Timestamp)>,
}

/// A station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Station {
    /// Names that it asked for.
    pub probes: BTreeSet<Ssid>,
    /// Access points that it talked to.
    pub bssids: BTreeSet<Mac>,
    /// Its frames, sent and received.
    pub frames: u64,
    /// When it was seen, first and last.
    pub seen: Option<(Timestamp, Timestamp)>,
}

/// Everything found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wireless {
    /// 802.11 frames looked at.
    pub frames: u64,
    /// Frames that were not: their check sequence is wrong, or they are cut short.
    pub damaged: u64,
    /// Access points by address.
    pub access_points: BTreeMap<Mac, AccessPoint>,
    /// Stations by address.
    pub stations: BTreeMap<Mac, Station>,
    /// Frames whose access point or station is not listed, as there were too many.
    pub omitted: u64,
}

const TYPE: u8 = 0x0f;
const MANAGEMENT: u8 = 0x00;
const DATA: u8 = 0x08;
const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const PROTECTED: u8 = 0x40;

/// Subtypes of management frames, as they stand in the first byte.
const ASSOCIATION: u8 = 0x00;
const ASSOCIATION_ANSWER: u8 = 0x10;
const REASSOCIATION: u8 = 0x20;
const REASSOCIATION_ANSWER: u8 = 0x30;
const PROBE: u8 = 0x40;
const PROBE_ANSWER: u8 = 0x50;
const BEACON: u8 = 0x80;

/// Header of a management frame; addresses of receiver, transmitter and cell in it.
const HEADER: usize = 24;
/// In the capabilities.
const PRIVACY: u8 = 0x10;

/// Elements of management frames (IEEE 802.11-2020, 9.4.2).
const SSID: u8 = 0;
const CHANNEL: u8 = 3;
const HT_OPERATION: u8 = 61;

impl Wireless {
    /// Looks at a frame; other link types are passed over.
    pub fn look(&mut self, frame: &Frame<'_>, settings: &Settings) {
        let Some(bytes) = wifi_frame(frame, settings) else { return };
        self.frames += 1;
        if bytes.ok().and_then(|bytes| self.frame(bytes, frame.time)).is_none() {
            self.damaged += 1;
        }
    }

    /// `None` where the frame is cut short.
    fn frame(&mut self, bytes: &[u8], time: Timestamp) -> Option<()> {
        let &[kind, flags] = bytes.first_chunk()?;
        match kind & TYPE {
            MANAGEMENT => self.management(kind, flags, bytes, time),
            DATA => self.data(flags, bytes, time),
            // Control frames name nobody for certain.
            _ => Some(()),
        }
    }

    fn management(&mut self, kind: u8, flags: u8, bytes: &[u8], time: Timestamp) -> Option<()> {
        let [receiver, transmitter, bssid] = [4, 10, 16].map(|at| mac(bytes, at));
        let (receiver, transmitter, bssid) = (receiver?, transmitter?, bssid?);
        let body = bytes.get(HEADER..)?;
        // Capabilities and elements are where the subtype says.
        let (capabilities, elements) = match kind {
            BEACON | PROBE_ANSWER => (Some(10), 12),
            ASSOCIATION => (None, 4),
            REASSOCIATION => (None, 10),
            PROBE => (None, 0),
            ASSOCIATION_ANSWER | REASSOCIATION_ANSWER => (None, 6),
            _ => (None, body.len()),
        };
        let elements =
            if flags & PROTECTED == 0 { Elements::read(body.get(elements..)?) } else { Elements::default() };
        if kind == PROBE {
            if let Some(station) = self.station(transmitter, time) {
                let ssid = elements.ssid.filter(|ssid| !is_hidden(ssid));
                ssid.into_iter().for_each(|ssid| add(&mut station.probes, ssid.to_vec()));
            }
            return Some(());
        }
        let by_access_point = transmitter == bssid;
        if let Some(point) = self.access_point(bssid, time) {
            match kind {
                BEACON => point.beacons += 1,
                _ => point.frames += 1,
            }
            if let Some(at) = capabilities {
                point.privacy = Some(*body.get(at)? & PRIVACY != 0);
            }
            if matches!(kind, BEACON | PROBE_ANSWER | ASSOCIATION | REASSOCIATION) {
                let ssid = elements.ssid.filter(|ssid| !is_hidden(ssid));
                ssid.into_iter().for_each(|ssid| add(&mut point.ssids, ssid.to_vec()));
            }
            if by_access_point && let Some(channel) = elements.channel {
                point.channels.insert(channel);
            }
        }
        let station = if by_access_point { receiver } else { transmitter };
        self.talk(station, bssid, time);
        Some(())
    }

    fn data(&mut self, flags: u8, bytes: &[u8], time: Timestamp) -> Option<()> {
        let [first, second] = [4, 10].map(|at| mac(bytes, at));
        let (station, bssid) = match flags & (TO_DS | FROM_DS) {
            TO_DS => (second?, first?),
            FROM_DS => (first?, second?),
            // Between stations, or between access points.
            _ => return Some(()),
        };
        if let Some(point) = self.access_point(bssid, time) {
            point.frames += 1;
        }
        self.talk(station, bssid, time);
        Some(())
    }

    /// A frame between a station and an access point.
    fn talk(&mut self, station: Mac, bssid: Mac, time: Timestamp) {
        if station.is_group() || station == bssid {
            return;
        }
        if let Some(station) = self.station(station, time)
            && !bssid.is_group()
        {
            add(&mut station.bssids, bssid);
        }
    }

    fn access_point(&mut self, bssid: Mac, time: Timestamp) -> Option<&mut AccessPoint> {
        if bssid.is_group() {
            return None;
        }
        let point = listed(&mut self.access_points, bssid, &mut self.omitted)?;
        note(&mut point.seen, time);
        Some(point)
    }

    fn station(&mut self, station: Mac, time: Timestamp) -> Option<&mut Station> {
        let station = listed(&mut self.stations, station, &mut self.omitted)?;
        station.frames += 1;
        note(&mut station.seen, time);
        Some(station)
    }
}

/// The entry of `key`, a new one while there is room.
fn listed<'m, T: Default>(map: &'m mut BTreeMap<Mac, T>, key: Mac, omitted: &mut u64) -> Option<&'m mut T> {
    if map.len() >= LIMIT && !map.contains_key(&key) {
        *omitted += 1;
        return None;
    }
    Some(map.entry(key).or_default())
}

fn add<T: Ord>(set: &mut BTreeSet<T>, item: T) {
    if set.len() < NAMES {
        set.insert(item);
    }
}

fn note(seen: &mut Option<(Timestamp, Timestamp)>, time: Timestamp) {
    let (first, last) = seen.unwrap_or((time, time));
    *seen = Some((first.min(time), last.max(time)));
}

fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..)?.first_chunk().copied().map(Mac)
}

/// A network that hides its name sends none, or zeros in its place.
fn is_hidden(ssid: &[u8]) -> bool {
    ssid.iter().all(|byte| *byte == 0)
}

/// The elements that count.
#[derive(Default)]
struct Elements<'a> {
    ssid: Option<&'a [u8]>,
    channel: Option<u8>,
}

impl<'a> Elements<'a> {
    /// Up to the first one that is cut short.
    fn read(mut bytes: &'a [u8]) -> Self {
        let mut elements = Self::default();
        while let Some((&[id, length], rest)) = bytes.split_first_chunk() {
            let Some((value, rest)) = rest.split_at_checked(length.into()) else { break };
            match id {
                // No name is longer than 32 bytes.
                SSID if value.len() <= 32 => elements.ssid = elements.ssid.or(Some(value)),
                CHANNEL | HT_OPERATION => elements.channel = elements.channel.or(value.first().copied()),
                _ => {}
            }
            bytes = rest;
        }
        elements
    }
}

#[cfg(test)]
mod tests {
    use tapflow_core::LinkType;

    use super::*;

    const POINT: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const PHONE: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const ALL: [u8; 6] = [0xff; 6];

    fn frame(kind: u8, flags: u8, addresses: [[u8; 6]; 3], body: &[u8]) -> Vec<u8> {
        [&[kind, flags, 0, 0], addresses.as_flattened(), &[0, 0], body].concat()
    }

    fn beacon(kind: u8, receiver: [u8; 6], ssid: &[u8], channel: u8) -> Vec<u8> {
        let fixed = [0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0x11, 0];
        let body =
            [&fixed[..], &[SSID, ssid.len() as u8], ssid, &[1, 2, 0x82, 0x84, CHANNEL, 1, channel]].concat();
        frame(kind, 0, [receiver, POINT, POINT], &body)
    }

    fn look_at(frames: &[Vec<u8>]) -> Wireless {
        let mut wireless = Wireless::default();
        for (second, bytes) in frames.iter().enumerate() {
            let time = Timestamp::new(second as u64, 0);
            let wire_len = bytes.len() as u32;
            let frame = Frame { link: LinkType::IEEE802_11, time, wire_len, bytes };
            wireless.look(&frame, &Settings::default());
        }
        wireless
    }

    #[test]
    fn beacons_name_an_access_point_its_network_and_its_channel() {
        let wireless = look_at(&[beacon(BEACON, ALL, b"home", 6), beacon(BEACON, ALL, b"home", 6)]);
        let point = &wireless.access_points[&Mac(POINT)];
        assert_eq!(point.ssids, BTreeSet::from([b"home".to_vec()]));
        assert_eq!(
            (point.channels.clone(), point.privacy, point.beacons),
            (BTreeSet::from([6]), Some(true), 2)
        );
        assert_eq!(point.seen, Some((Timestamp::new(0, 0), Timestamp::new(1, 0))));
        assert!(wireless.stations.is_empty());
    }

    #[test]
    fn a_hidden_name_is_told_by_who_knows_it() {
        let hidden = beacon(BEACON, ALL, &[0, 0, 0, 0], 1);
        assert!(look_at(std::slice::from_ref(&hidden)).access_points[&Mac(POINT)].ssids.is_empty());
        let association =
            frame(ASSOCIATION, 0, [POINT, PHONE, POINT], &[1, 0, 10, 0, SSID, 4, b'h', b'o', b'm', b'e']);
        let wireless = look_at(&[hidden, association]);
        assert_eq!(wireless.access_points[&Mac(POINT)].ssids, BTreeSet::from([b"home".to_vec()]));
        assert_eq!(wireless.stations[&Mac(PHONE)].bssids, BTreeSet::from([Mac(POINT)]));
    }

    #[test]
    fn stations_are_those_who_ask_and_those_who_talk() {
        let probe = frame(PROBE, 0, [ALL, PHONE, ALL], &[SSID, 3, b'c', b'a', b'f', 1, 1, 0x82]);
        let answer = beacon(PROBE_ANSWER, PHONE, b"home", 11);
        // Encrypted, from the station and to it; and one for all stations.
        let up = frame(DATA, TO_DS | PROTECTED, [POINT, PHONE, ALL], &[0; 20]);
        let down = frame(DATA, FROM_DS | PROTECTED, [PHONE, POINT, ALL], &[0; 20]);
        let group = frame(DATA, FROM_DS | PROTECTED, [ALL, POINT, PHONE], &[0; 20]);
        let wireless = look_at(&[probe, answer, up, down, group]);
        assert_eq!(wireless.stations.len(), 1);
        let station = &wireless.stations[&Mac(PHONE)];
        assert_eq!((&station.probes, station.frames), (&BTreeSet::from([b"caf".to_vec()]), 4));
        assert_eq!(station.bssids, BTreeSet::from([Mac(POINT)]));
        assert_eq!(wireless.access_points[&Mac(POINT)].frames, 4);
    }

    #[test]
    fn cut_and_damaged_frames_are_counted() {
        let whole = beacon(BEACON, ALL, b"home", 6);
        for captured in 0..36 {
            let wireless = look_at(&[whole[..captured].to_vec()]);
            assert_eq!((wireless.frames, wireless.damaged), (1, 1), "{captured}");
        }
        let bytes = [&[0, 0, 9, 0, 2, 0, 0, 0, 0x10], &whole[..], &[1, 2, 3, 4]].concat();
        let radiotap = Frame {
            link: LinkType::IEEE802_11_RADIOTAP,
            time: Timestamp(0),
            wire_len: bytes.len() as u32,
            bytes: &bytes,
        };
        for (check_fcs, damaged) in [(true, 1), (false, 0)] {
            let mut wireless = Wireless::default();
            wireless.look(&radiotap, &{
                let mut c = Settings::default();
                c.check_fcs = check_fcs;
                c
            });
            assert_eq!((wireless.damaged, wireless.access_points.len() as u64), (damaged, 1 - damaged));
        }
    }

    #[test]
    fn a_capture_of_any_number_of_access_points_stays_bounded() {
        let mut wireless = Wireless::default();
        for number in 0..LIMIT as u32 + 5 {
            let mut bytes = beacon(BEACON, ALL, b"home", 6);
            bytes[17..20].copy_from_slice(&number.to_be_bytes()[1..]);
            bytes[11..14].copy_from_slice(&number.to_be_bytes()[1..]);
            let wire_len = bytes.len() as u32;
            let frame = Frame { link: LinkType::IEEE802_11, time: Timestamp(0), wire_len, bytes: &bytes };
            wireless.look(&frame, &Settings::default());
        }
        assert_eq!((wireless.access_points.len(), wireless.omitted), (LIMIT, 5));
    }
}
