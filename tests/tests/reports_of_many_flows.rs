//! Reports of a scan: thousands of flows without data, of which writers tell many together.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tapflow_common::cli::Options;
use tapflow_common::run::{Stop, run};
use tapflow_tests::frames::{SYN, TcpFrame};
use tapflow_tests::machine::{Machine, options};

const SYNS: u16 = 20_000;

/// A capture of SYNs, each of another port; the table has room for few of them.
fn scan(directory: &Path) -> Options {
    let words: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0xffff, 1];
    let mut capture: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    for number in 0..SYNS {
        let frame = TcpFrame::up(0, SYN, b"").client_port(number + 1).bytes();
        let length = frame.len() as u32;
        let words = [u32::from(number) / 1000, u32::from(number) % 1000, length, length];
        capture.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        capture.extend(frame);
    }
    let path = directory.join("scan.pcap");
    fs::write(&path, capture).unwrap();
    Options {
        output_dir: directory.to_owned(),
        ..options(&["-r", path.to_str().unwrap(), "--max-flows", "200"])
    }
}

/// The numbers of the flows in a report, in its order.
fn flows(report: &str) -> Vec<u64> {
    let number = |rest: &str| rest.split('"').next().unwrap().parse().unwrap();
    report.split(" flow=\"").skip(1).map(number).collect()
}

/// The number in each element whose text begins so.
fn numbers(report: &str, beginning: &str) -> Vec<u64> {
    let number = |rest: &str| rest[rest.find('>').unwrap() + 1..].split('<').next().unwrap().parse().unwrap();
    report.split(beginning).skip(1).map(number).collect()
}

#[test]
fn flows_are_listed_in_the_order_in_which_they_closed_with_any_number_of_writers() {
    let listed = |processors| {
        let scratch = tempfile::tempdir().unwrap();
        let outcome = run(&scan(scratch.path()), &Machine(processors), &Stop::default(), &|_| {});
        assert_eq!(outcome.errors, Vec::<String>::new());
        let report = fs::read_to_string(scratch.path().join("report.xml")).unwrap();
        assert_eq!(numbers(&report, "<tcpflow:total_flows"), [u64::from(SYNS)]);
        flows(&report)
    };
    // The oldest half-open connection makes room for the next.
    let expected: Vec<u64> = (0..u64::from(SYNS)).collect();
    for processors in [1, 2, 5, 64] {
        assert!(listed(processors) == expected, "{processors} processors");
    }
}

#[test]
fn a_report_has_the_flows_that_closed_before_the_next_one_was_asked_for_and_no_others() {
    let scratch = tempfile::tempdir().unwrap();
    let (stop, over) = (Stop::live(), AtomicBool::new(false));
    let wanted = stop.report_flag().unwrap();
    // One is asked for in any case, as many others as time allows.
    wanted.store(true, Ordering::Relaxed);
    let outcome = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                wanted.store(true, Ordering::Relaxed);
                std::thread::yield_now();
            }
        });
        let outcome = run(&scan(scratch.path()), &Machine(5), &stop, &|_| {});
        over.store(true, Ordering::Relaxed);
        outcome
    });
    assert_eq!(outcome.errors, Vec::<String>::new());
    let (mut reports, mut all) = (0, Vec::new());
    let name = |number| if number == 1 { "report.xml".to_owned() } else { format!("report-{number}.xml") };
    for name in (1..).map(name) {
        let Ok(report) = fs::read_to_string(scratch.path().join(&name)) else { break };
        let listed = flows(&report);
        // What the core had closed when the report ended.
        let closed: u64 = numbers(&report, "<tcpflow:counter name=\"closed_").iter().sum();
        assert_eq!(numbers(&report, "<tcpflow:total_flows"), [listed.len() as u64], "{name}");
        assert_eq!(closed, listed.len() as u64, "{name}");
        all.extend(listed);
        reports += 1;
    }
    assert!(reports > 1, "{reports} reports");
    assert!(all == (0..u64::from(SYNS)).collect::<Vec<_>>());
}
