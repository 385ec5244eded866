//! Overlapping segments, and what each receiver makes of them: the bytes of the stream, which of them lost, and the
//! choice of a policy by destination.

use tapflow_core::{
    Config, InOrder, InOrderConfig, InOrderStorage, OverlapPolicy, Reassembler, Repeat, Sink, Storage,
    Target, keep_new,
};
use tapflow_tests::frames::{SYN, TcpFrame, frame};
use tapflow_tests::recorder::Recorder;
use tapflow_tests::scene::{Lines, Scene};
use tapflow_tests::{KEY, with};

use OverlapPolicy::*;

/// A client's segments, by stream offset, after its SYN.
fn segments(pieces: &[(u32, &str)]) -> Vec<TcpFrame> {
    let syn = [TcpFrame::up(99, SYN, b"")];
    syn.into_iter()
        .chain(pieces.iter().map(|(offset, text)| TcpFrame::up(100 + offset, 0, text.as_bytes())))
        .collect()
}

fn core(policy: OverlapPolicy) -> Reassembler<'static> {
    let config = with(Config::new(KEY), |c| c.overlap = policy);
    Reassembler::new(config, Storage::heap(4, 64).unwrap()).unwrap()
}

fn text(recorder: &Recorder) -> String {
    recorder.flows[&0].bytes.iter().map(|byte| byte.map_or('.', char::from)).collect()
}

/// The stream that the pieces come to, which is the same at random access and in order.
fn stream(policy: OverlapPolicy, pieces: &[(u32, &str)]) -> String {
    let mut random_access = Recorder::default();
    let mut in_order = InOrder::new(
        Recorder::adapted(true),
        InOrderStorage::heap(4, 1 << 16).unwrap(),
        InOrderConfig::new(KEY),
    );
    play(&mut core(policy), &mut random_access, pieces);
    play(&mut core(policy), &mut in_order, pieces);
    let in_order = in_order.into_inner();
    assert_eq!(text(&random_access), text(&in_order), "both deliveries, {policy:?}");
    assert_eq!(random_access.flows[&0].conflicts > 0, in_order.flows[&0].conflicts > 0);
    text(&random_access)
}

fn play<S: Sink<Error = std::convert::Infallible>>(
    core: &mut Reassembler<'_>,
    sink: &mut S,
    pieces: &[(u32, &str)],
) {
    for segment in segments(pieces) {
        let Ok(()) = core.push(&frame(&segment.bytes(), 1), sink);
    }
    let Ok(()) = core.finish(sink);
}

/// One old segment and a new one in each of the nine relations, and then the byte that fills the hole before.
#[test]
fn each_relation_gives_the_bytes_that_the_table_of_the_policy_says() {
    use std::cmp::Ordering::{Equal, Greater, Less};
    for policy in OverlapPolicy::ALL {
        for (start, begins) in [(2, Less), (4, Equal), (6, Greater)] {
            for (end, ends) in [(8, Less), (10, Equal), (12, Greater)] {
                let old = (4, "oooooo");
                let new = "n".repeat(end - start);
                let told = stream(policy, &[old, (start as u32, &new), (0, "hh")]);
                let wins = keep_new(policy, tapflow_core::Relation { begins, ends });
                let expected: String = (0..end.max(10))
                    .map(|at| match (at, (4..10).contains(&at), (start..end).contains(&at)) {
                        (0..2, _, _) => 'h',
                        (_, true, true) => {
                            if wins {
                                'n'
                            } else {
                                'o'
                            }
                        }
                        (_, true, false) => 'o',
                        (_, false, true) => 'n',
                        _ => '.',
                    })
                    .collect();
                assert_eq!(told, expected, "{policy:?}, {begins:?} and {ends:?}");
            }
        }
    }
}

/// Five overlaps beyond a hole, after which each kind of receiver has a stream of its own.
#[test]
fn one_sequence_of_segments_tells_the_receivers_apart() {
    let pieces = [
        (2, "aaa"),
        (2, "bbbb"),
        (8, "ccc"),
        (8, "ddd"),
        (12, "eee"),
        (13, "fff"),
        (18, "ggg"),
        (17, "hh"),
        (22, "iii"),
        (23, "j"),
    ];
    for (policies, expected) in [
        (&[First, Vista][..], "..aaab..ccc.eeef.hggg.iii"),
        (&[Bsd, Windows, Windows2003, Hpux10, Irix, Macos], "..aaab..ccc.eeef.hhgg.iii"),
        (&[Linux], "..bbbb..ccc.eeef.hhgg.iii"),
        (&[OldLinux], "..bbbb..ddd.eeef.hhgg.iii"),
        (&[Solaris, Hpux], "..bbbb..ddd.efff.hggg.iii"),
        (&[Last], "..bbbb..ddd.efff.hhgg.iji"),
    ] {
        for policy in policies {
            assert_eq!(stream(*policy, &pieces), expected, "{policy:?}");
        }
    }
}

/// Where a segment won or lost, what is left of the others are segments of their own: a third one meets them.
#[test]
fn boundaries_are_those_of_what_is_left() {
    // The second trims the first to begin at 6; the third begins before that, but not before the second.
    let pieces = [(4, "aaaa"), (2, "bbbb"), (2, "cccccc")];
    assert_eq!(stream(Bsd, &pieces), "..bbbbcc");
    assert_eq!(stream(Linux, &pieces), "..cccccc");
    assert_eq!(stream(First, &pieces), "..bbaaaa");
}

#[test]
fn what_is_contiguous_stays_whatever_the_policy() {
    for policy in OverlapPolicy::ALL {
        assert_eq!(stream(policy, &[(0, "read by it"), (0, "too late for it")]), "read by itor it");
    }
}

#[test]
fn the_bytes_that_lose_are_told() {
    let config = with(Config::new(KEY), |c| c.overlap = Last);
    let mut scene = Scene::new(config);
    scene.push(&TcpFrame::up(99, SYN, b""));
    scene.push(&TcpFrame::up(105, 0, b"world"));
    assert_eq!(
        scene.push(&TcpFrame::up(103, 0, b"__WORLD!")),
        ["0 replaced 5 WORLD", "0 data 3 __", "0 data 10 !",]
    );
    assert_eq!(scene.push(&TcpFrame::up(105, 0, b"WORLD")), ["0 replaced 5 WORLD"]);
    let counters = scene.counters();
    assert_eq!((counters.conflicts, counters.replaced_conflicts, counters.replaced_bytes), (1, 1, 10));
    scene.finish();
}

#[test]
fn inside_of_the_adaptor_the_bytes_that_waited_are_told_as_losing() {
    let mut core = core(Last);
    let lines = Lines { recorder: Recorder::adapted(true), ..Lines::default() };
    let mut sink = InOrder::new(lines, InOrderStorage::heap(4, 1 << 16).unwrap(), InOrderConfig::new(KEY));
    for segment in segments(&[(5, "world"), (3, "__WORLD!"), (0, "hel")]) {
        let Ok(()) = core.push(&frame(&segment.bytes(), 1), &mut sink);
    }
    let told = &sink.inner().lines[1..];
    assert_eq!(told, ["0 conflict 5 world", "0 data 0 hel", "0 data 3 __", "0 data 5 WORLD!"]);
}

/// Counts what it is asked.
#[derive(Default)]
struct Asked(Vec<&'static str>);

impl Sink for Asked {
    type Error = std::convert::Infallible;

    fn replaced(&mut self, _: tapflow_core::Flow, _: u64, _: &[u8]) -> Result<Repeat, Self::Error> {
        self.0.push("replaced");
        Ok(Repeat::NotCompared)
    }

    fn conflict(&mut self, _: tapflow_core::Flow, _: u64, _: &[u8]) -> Result<(), Self::Error> {
        self.0.push("conflict");
        Ok(())
    }
}

#[test]
fn a_sink_that_cannot_compare_makes_no_conflicts() {
    let mut sink = Asked::default();
    let mut core = core(Last);
    play(&mut core, &mut sink, &[(5, "old"), (5, "new")]);
    assert_eq!(sink.0, ["replaced"]);
    assert_eq!(core.counters().conflicts, 0);
}

#[test]
fn the_destination_chooses_the_policy_for_each_direction() {
    let target = |network: &str, prefix, policy| Target { network: network.parse().unwrap(), prefix, policy };
    // The server is 10.0.0.2, the client 10.0.0.1.
    let targets = [target("10.0.0.0", 8, Bsd), target("10.0.0.2", 32, Last)];
    let mut core = core(First);
    core.set_targets(&targets);
    let mut recorder = Recorder::default();
    for frames in [
        [TcpFrame::up(99, SYN, b""), TcpFrame::up(105, 0, b"old"), TcpFrame::up(105, 0, b"new")],
        [TcpFrame::down(199, SYN, b""), TcpFrame::down(205, 0, b"old"), TcpFrame::down(205, 0, b"new")],
    ] {
        for segment in frames {
            let Ok(()) = core.push(&frame(&segment.bytes(), 1), &mut recorder);
        }
    }
    let Ok(()) = core.finish(&mut recorder);
    let bytes = |flow: u64| recorder.flows[&flow].bytes[5..].iter().flatten().copied().collect::<Vec<u8>>();
    assert_eq!(bytes(0), b"new", "to the server: last");
    assert_eq!(bytes(1), b"old", "to the client: bsd, and both begin together");
}
