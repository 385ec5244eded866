//! Several captures as one: which file is read when.

use std::fs;
use std::path::PathBuf;

use super::super::{Given, Merge, Source, Turn};
use super::pcap::{header, record};
use super::{Endian, stop};

/// A capture with a packet at each of these seconds.
fn capture(seconds: &[u32]) -> Vec<u8> {
    let record = |second: &u32| record(Endian::Little, [*second, 0, 4, 4], &second.to_le_bytes());
    let records: Vec<Vec<u8>> = seconds.iter().map(record).collect();
    [header(Endian::Little, 0xa1b2_c3d4, 1), records.concat()].concat()
}

/// What comes of the files `0`, `1` and so on: a step each.
fn steps(files: &[&[u32]], descriptors: Option<usize>) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a directory");
    let mut given = Vec::new();
    for (number, seconds) in files.iter().enumerate() {
        let path: PathBuf = folder.path().join(number.to_string());
        fs::write(&path, capture(seconds)).expect("written");
        given.push(Given { path, file: None });
    }
    let short = |name: &str| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let mut merge = Merge::by_time(given, descriptors, stop());
    let mut steps = Vec::new();
    loop {
        let few = merge.next_few().expect("whole files");
        let seconds: Vec<String> =
            few.map(|packet| (packet.frame.time.0 / 1_000_000_000).to_string()).collect();
        if !seconds.is_empty() {
            steps.push(format!("{}: {}", short(merge.name()), seconds.join(" ")));
            continue;
        }
        match merge.turn() {
            Some(Turn::Begun(name)) => steps.push(format!("{} begins", short(&name))),
            Some(Turn::Ended(ended)) => {
                steps.push(format!("{} ends after {}", short(&ended.name), ended.packets))
            }
            Some(Turn::Remark(name, _)) => steps.push(format!("{} waits", short(&name))),
            None => return steps,
        }
    }
}

#[test]
fn files_that_follow_each_other_are_open_one_by_one() {
    assert_eq!(
        steps(&[&[30, 31], &[10, 11], &[20, 21]], None),
        [
            "1 begins",
            "1: 10 11",
            "1 ends after 2",
            "2 begins",
            "2: 20 21",
            "2 ends after 2",
            "0 begins",
            "0: 30 31",
            "0 ends after 2"
        ]
    );
}

#[test]
fn overlapping_files_are_merged_and_only_these_are_open_together() {
    assert_eq!(
        steps(&[&[10, 12, 14], &[11, 12, 13, 15], &[20]], None),
        [
            "0 begins",
            "0: 10",
            "1 begins",
            "1: 11",
            "0: 12",
            "1: 12 13",
            "0: 14",
            "0 ends after 3",
            "1: 15",
            "1 ends after 4",
            "2 begins",
            "2: 20",
            "2 ends after 1"
        ]
    );
}

#[test]
fn a_file_keeps_its_own_order() {
    assert_eq!(
        steps(&[&[10, 30, 5, 6, 40], &[35]], None),
        ["0 begins", "0: 10 30 5 6", "1 begins", "1: 35", "1 ends after 1", "0: 40", "0 ends after 5"]
    );
}

#[test]
fn beyond_the_bound_a_file_waits_until_another_one_has_ended() {
    assert_eq!(
        steps(&[&[10, 40], &[20, 50], &[30]], Some(8)),
        [
            "0 begins",
            "0: 10",
            "1 begins",
            "1: 20",
            "2 waits",
            "0: 40",
            "0 ends after 2",
            "2 begins",
            "2: 30",
            "2 ends after 1",
            "1: 50",
            "1 ends after 2"
        ]
    );
}
