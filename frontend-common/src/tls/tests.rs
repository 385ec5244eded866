//! Connections that are encrypted here, and decrypted whole, with holes, and from the middle.

use std::fmt::Write as _;
use std::ops::Range;

use aead::AeadInOut;
use aes_gcm::{Aes128Gcm, KeyInit};

use super::derive::{Key, expand_label};
use super::hello::tests::{client_hello, name, vector16};
use super::keylog::KeyLog;
use super::record::tests::Memory;
use super::suites::Hash;
use super::*;

const RANDOM: [u8; 32] = [0x11; 32];
const SUITE: u16 = 0x1301;

/// One direction as it is sent.
#[derive(Default)]
struct Sender {
    bytes: Vec<u8>,
    secret: Vec<u8>,
    number: u64,
    /// Application data: where its records are, and what they contain.
    data: Vec<(Range<u64>, Vec<u8>)>,
}

impl Sender {
    fn plain(&mut self, kind: u8, body: &[u8]) {
        self.bytes.extend_from_slice(&[kind, 3, 3]);
        self.bytes.extend_from_slice(&vector16(body));
    }

    fn keys(&mut self, secret: u8) {
        (self.secret, self.number) = (vec![secret; 32], 0);
    }

    fn seal(&mut self, kind: u8, text: &[u8], padding: usize) {
        let derive =
            |label: &[u8], length| expand_label(Hash::Sha256, &self.secret, b"tls13 ", label, length);
        let (key, iv): (Key, Key) = (derive(b"key", 16), derive(b"iv", 12));
        let mut nonce: [u8; 12] = iv.as_slice().try_into().unwrap();
        nonce[4..].iter_mut().zip(self.number.to_be_bytes()).for_each(|(byte, other)| *byte ^= other);
        let mut body = [text, &[kind], &vec![0; padding]].concat();
        let header = [&[23, 3, 3][..], &(body.len() as u16 + 16).to_be_bytes()].concat();
        let cipher = Aes128Gcm::new_from_slice(&key).unwrap();
        let tag = cipher.encrypt_inout_detached(&nonce.into(), &header, body.as_mut_slice().into()).unwrap();
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&[&header[..], &body, &tag].concat());
        self.number += 1;
        if kind == 23 {
            self.data.push((start..self.bytes.len() as u64, text.to_vec()));
        }
    }

    fn message(&mut self, kind: u8, body: &[u8]) {
        let length = (body.len() as u32).to_be_bytes();
        self.seal(22, &[&[kind], &length[1..], body].concat(), 0);
    }

    fn update(&mut self) {
        self.message(24, &[0]);
        let next = expand_label(Hash::Sha256, &self.secret, b"tls13 ", b"traffic upd", 32);
        (self.secret, self.number) = (next.to_vec(), 0);
    }

    fn source(&self, gaps: &[Range<u64>]) -> Memory {
        Memory { bytes: self.bytes.clone(), gaps: gaps.to_vec() }
    }
}

/// A connection of TLS 1.3: the client, the server and its key log.
fn connection() -> (Sender, Sender, KeyLog) {
    let [mut client, mut server] = [Sender::default(), Sender::default()];
    let handshake = |kind: u8, body: &[u8]| [&[kind], &(body.len() as u32).to_be_bytes()[1..], body].concat();
    client.plain(22, &handshake(1, &client_hello(RANDOM, &[SUITE], &[(0, name("example.org"))])));
    let extensions = vector16(&[0, 43, 0, 2, 3, 4]);
    let hello = [&[3, 3][..], &[7; 32], &[0], &SUITE.to_be_bytes(), &[0], &extensions].concat();
    server.plain(22, &handshake(2, &hello));
    server.plain(20, &[1]);
    client.plain(20, &[1]);
    client.keys(1);
    server.keys(2);
    let protocols = vector16(&[&[0, 16][..], &vector16(&vector16(b"\x02h2"))].concat());
    server.message(8, &protocols);
    server.message(20, &[9; 32]);
    client.message(20, &[9; 32]);
    client.keys(3);
    server.keys(4);
    for (round, sender) in [&mut client, &mut server].into_iter().enumerate() {
        for turn in 0..40usize {
            let text: Vec<u8> = (0..10 + turn * (round + 1) * 3).map(|at| (at ^ turn) as u8).collect();
            sender.seal(23, &text, turn % 3);
            if turn % 16 == 15 {
                sender.update();
            }
        }
        sender.seal(21, &[1, 0], 0);
    }
    let mut text = String::new();
    let labels = [
        ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 1),
        ("SERVER_HANDSHAKE_TRAFFIC_SECRET", 2),
        ("CLIENT_TRAFFIC_SECRET_0", 3),
        ("SERVER_TRAFFIC_SECRET_0", 4),
    ];
    for (label, secret) in labels {
        writeln!(text, "{label} {} {}", hex(&RANDOM), hex(&[secret; 32])).unwrap();
    }
    let mut log = KeyLog::default();
    log.add(text.as_bytes());
    (client, server, log)
}

#[derive(Default)]
struct Found {
    data: [Vec<(Range<u64>, Vec<u8>)>; 2],
    gaps: [Vec<(Range<u64>, u64, bool)>; 2],
}

impl Output for Found {
    fn data(&mut self, side: usize, record: Range<u64>, plain: &[u8]) {
        self.data[side].push((record, plain.to_vec()));
    }

    fn gap(&mut self, side: usize, wire: Range<u64>, length: u64, is_exact: bool) {
        self.gaps[side].push((wire, length, is_exact));
    }
}

fn read(client: &Memory, server: &Memory, log: &KeyLog) -> (Option<Facts>, Found) {
    let mut found = Found::default();
    let start = recognise([client, server]);
    let facts = start
        .map(|start| decrypt([client, server], start, log, Limits::default(), &mut found, &mut |_, _| {}));
    (facts, found)
}

#[test]
fn a_whole_connection_is_decrypted_and_described() {
    let (client, server, log) = connection();
    let (facts, found) = read(&client.source(&[]), &server.source(&[]), &log);
    let facts = facts.unwrap();
    assert_eq!(found.data, [client.data, server.data]);
    assert!(found.gaps.iter().all(Vec::is_empty));
    assert_eq!(facts.version, Some(Version::TLS13));
    assert_eq!(facts.suite.unwrap().name(), "TLS_AES_128_GCM_SHA256");
    assert_eq!(facts.hello.as_ref().unwrap().server_name().as_deref(), Some("example.org"));
    assert_eq!(facts.protocol.as_deref(), Some("h2"));
    assert_eq!((facts.client, facts.reason, facts.sides[0].updates), (0, None, 2));
    assert_eq!((facts.sides[1].data_records, facts.sides[1].refused, facts.sides[1].trials), (40, 0, 0));
}

#[test]
fn the_order_of_the_directions_does_not_matter() {
    let (client, server, log) = connection();
    let (facts, found) = read(&server.source(&[]), &client.source(&[]), &log);
    assert_eq!(facts.unwrap().client, 1);
    assert_eq!(found.data, [server.data, client.data]);
}

#[test]
fn behind_a_hole_at_any_place_every_whole_record_is_decrypted() {
    let (client, server, log) = connection();
    for size in [1, 30, 700] {
        for start in (0..server.bytes.len() as u64 - size).step_by(41) {
            let hole = start..start + size;
            let (facts, found) = read(&client.source(&[]), &server.source(std::slice::from_ref(&hole)), &log);
            let is_whole =
                |(range, _): &&(Range<u64>, Vec<u8>)| range.end <= hole.start || range.start >= hole.end;
            let expected: Vec<_> = server.data.iter().filter(is_whole).cloned().collect();
            let places = |list: &[(Range<u64>, Vec<u8>)]| {
                list.iter().map(|(range, _)| range.start).collect::<Vec<_>>()
            };
            assert_eq!(places(&found.data[1]), places(&expected), "{hole:?}");
            assert!(found.data[1] == expected, "{hole:?}");
            let facts = facts.unwrap();
            // A hole ends where the next whole record begins.
            assert!(facts.sides[1].trials <= (size + 700) / 22 + 64, "{hole:?} {}", facts.sides[1].trials);
        }
    }
}

#[test]
fn what_is_missing_has_its_length() {
    let (client, server, log) = connection();
    // The end of one record and the start of the next.
    let (first, second) = (&server.data[5], &server.data[6]);
    let hole = first.0.end - 3..second.0.start + 3;
    let (_, found) = read(&client.source(&[]), &server.source(&[hole]), &log);
    // The padding of the sixth and of the seventh.
    let padding = 2;
    let length = (first.1.len() + second.1.len() + padding) as u64;
    let [(torn, one, true), (lost, other, true)] = found.gaps[1].as_slice() else {
        panic!("{:?}", found.gaps)
    };
    assert_eq!((torn.clone(), lost.clone()), (first.0.clone(), second.0.clone()));
    assert_eq!(one + other, length);
}

#[test]
fn a_capture_that_begins_anywhere_gives_nothing_wrong() {
    let (client, server, log) = connection();
    for start in (0..server.bytes.len()).step_by(97) {
        let late =
            |sender: &Sender, start: usize| Memory { bytes: sender.bytes[start..].to_vec(), gaps: vec![] };
        let (_, found) = read(&late(&client, start.min(client.bytes.len())), &late(&server, start), &log);
        for (range, text) in &found.data[1] {
            let range = range.start + start as u64..range.end + start as u64;
            assert!(server.data.contains(&(range, text.clone())));
        }
    }
}

#[test]
fn without_a_hello_the_secrets_of_the_log_are_tried() {
    let (client, server, log) = connection();
    // From the fourth record of application data on.
    let late = |sender: &Sender| {
        let start = sender.data[3].0.start as usize;
        Memory { bytes: sender.bytes[start..].to_vec(), gaps: vec![] }
    };
    let (facts, found) = read(&late(&server), &late(&client), &log);
    let facts = facts.unwrap();
    assert!(facts.tried && facts.client == 1 && facts.suite.unwrap().id == SUITE, "{facts:?}");
    assert_eq!([found.data[0].len(), found.data[1].len()], [37, 37]);
}

#[test]
fn without_or_with_wrong_secrets_there_is_a_reason_and_no_byte() {
    let (client, server, _) = connection();
    let (facts, found) = read(&client.source(&[]), &server.source(&[]), &KeyLog::default());
    assert_eq!(facts.unwrap().reason, Some(Reason::NoSecret));
    assert!(found.data.iter().all(Vec::is_empty));
    let mut log = KeyLog::default();
    for label in ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE"] {
        log.add(format!("{label}_TRAFFIC_SECRET {} {}\n", hex(&RANDOM), hex(&[9; 32])).as_bytes());
    }
    for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"] {
        log.add(format!("{label} {} {}\n", hex(&RANDOM), hex(&[9; 32])).as_bytes());
    }
    let (facts, found) = read(&client.source(&[]), &server.source(&[]), &log);
    let facts = facts.unwrap();
    assert_eq!(facts.reason, Some(Reason::WrongSecret));
    assert!(!facts.is_decrypted() && found.data.iter().chain(&found.data).all(Vec::is_empty));
}

#[test]
fn a_record_that_was_changed_is_refused_and_the_next_one_is_right() {
    let (client, mut server, log) = connection();
    let place = server.data[7].0.start as usize + 20;
    server.bytes[place] ^= 1;
    let (facts, found) = read(&client.source(&[]), &server.source(&[]), &log);
    assert_eq!(facts.unwrap().sides[1].refused, 1);
    let mut expected = server.data.clone();
    expected.remove(7);
    assert_eq!(found.data[1], expected);
}

#[test]
fn any_bytes_give_some_result_with_bounded_work() {
    let (client, server, log) = connection();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..300 {
        let [mut first, mut second] = [client.source(&[]), server.source(&[])];
        for memory in [&mut first, &mut second] {
            for _ in 0..random() % 20 {
                let place = random() as usize % memory.bytes.len();
                memory.bytes[place] = random() as u8;
            }
        }
        let (facts, found) = read(&first, &second, &log);
        for (side, own) in [&client, &server].into_iter().enumerate() {
            assert!(found.data[side].iter().all(|record| own.data.contains(record)));
        }
        let trials: u64 = facts.iter().flat_map(|facts| &facts.sides).map(|side| side.trials).sum();
        assert!(trials < 50_000, "{trials}");
    }
}
