//! Looking ahead is for speed alone: the same events come, whatever the frames are.

use tapflow_core::{Config, Frame, LinkType, Reassembler, Storage, Timestamp};
use tapflow_tests::frames::{ACK, FIN, SYN, TcpFrame};
use tapflow_tests::scene::Lines;

/// More than fit into any cache that the core relies on.
const CONNECTIONS: u32 = 20_000;

/// Every connection's handshake, then for each a segment, a repeat, an end, or bytes that are no frame.
fn traffic() -> Vec<Vec<u8>> {
    let client = |index: u32| ([10, 0, (index >> 14) as u8, 1], (index % 16_384) as u16 + 1000);
    let opening = (0..CONNECTIONS).flat_map(|index| {
        let source = client(index);
        let answer = TcpFrame { destination: source, ..TcpFrame::down(0, SYN, b"") };
        [TcpFrame { source, ..TcpFrame::up(0, SYN, b"") }, answer.acknowledging(1)].map(|frame| frame.bytes())
    });
    let scattered = (0..CONNECTIONS).map(|index| index * 7919 % CONNECTIONS);
    let later = scattered.map(|index| {
        let (source, flags) = (client(index), if index % 5 == 0 { ACK | FIN } else { ACK });
        let mut bytes = TcpFrame { source, ..TcpFrame::up(1 + index % 3, flags, b"tap") }.bytes();
        match index % 11 {
            0 => bytes.truncate(index as usize % 60),
            1 => bytes[12] ^= 0xff,
            _ => {}
        }
        bytes
    });
    opening.chain(later).collect()
}

fn events(frames: &[Vec<u8>], look_ahead: bool) -> Lines {
    let storage = Storage::heap(CONNECTIONS as usize - 100, 64).expect("memory");
    let mut core = Reassembler::new(Config::default(), storage).expect("a storage that fits");
    let mut lines = Lines::default();
    for (second, batch) in (0..).zip(frames.chunks(Reassembler::AHEAD + 3)) {
        let frame =
            |bytes| Frame { link: LinkType::ETHERNET, time: Timestamp::new(second, 0), wire_len: 60, bytes };
        let batch: Vec<_> = batch.iter().map(|bytes| frame(bytes)).collect();
        if look_ahead {
            core.look_ahead(&batch);
        }
        for frame in &batch {
            let Ok(()) = core.push(frame, &mut lines);
        }
    }
    let Ok(()) = core.finish(&mut lines);
    lines
}

#[test]
fn frames_seen_before_they_are_pushed_tell_the_same() {
    let frames = traffic();
    let (plain, ahead) = (events(&frames, false), events(&frames, true));
    assert!(plain.lines.len() > CONNECTIONS as usize * 2);
    assert_eq!(plain.lines, ahead.lines);
}
