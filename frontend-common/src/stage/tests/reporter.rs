//! Messages in any order in, files in the order in which flows closed out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::super::message::{Closing, NextReport, Notice, ReporterBatch, Snapshot};
use super::super::outputs::Outputs;
use super::super::reporter::{Reported, Reporter, ReporterConfig};
use super::super::stop::Stop;
use super::{FOR_REPORT, finished};
use crate::output::draft::ChosenBy;
use crate::report::{Report, ReportEnd, RunInfo, Shape, Totals};
use crate::retention::DiskQuota;

fn report(path: &Path) -> Report {
    Report::create(path, ChosenBy::Program, Shape::Dfxml, &RunInfo::default()).expect("created")
}

fn config(path: &Path) -> ReporterConfig {
    let mut report = report(path);
    report.begin(false);
    let outputs = Outputs { report: Some(report), ..Outputs::default() };
    ReporterConfig { outputs, opener: None, lines: None, pages: None, disk: None, writers: 2 }
}

/// A flow that closed as number `order`; it has `order + 1` packets.
fn flow(order: u64) -> ReporterBatch {
    let mut batch = ReporterBatch::default();
    FOR_REPORT.finish(Closing { order, pair: false, beyond_limit: 0 }, finished(order), &mut batch);
    batch
}

/// Has the reporter work off batches, and ends its report.
fn run(config: ReporterConfig, batches: Vec<ReporterBatch>) -> Reported {
    let (sender, receiver) = sync_channel(batches.len());
    batches.into_iter().for_each(|batch| sender.send(batch).expect("sent"));
    drop(sender);
    let mut reported = Reporter::new(config, Stop::default()).run(&receiver);
    if let Some(report) = &mut reported.report {
        report.finish(&ReportEnd::default()).expect("written");
    }
    reported
}

/// The numbers of packets of the flows in a report.
fn packets(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).expect("a report");
    let numbers = text.match_indices("packets=\"").map(|(at, found)| {
        let number: String = text[at + found.len()..].chars().take_while(char::is_ascii_digit).collect();
        number.parse().expect("a number")
    });
    numbers.collect()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("report.xml");
    (directory, path)
}

#[test]
fn flows_are_in_the_report_in_the_order_in_which_they_closed() {
    let (_directory, path) = place();
    let reported = run(config(&path), [3, 0, 2, 1, 4].map(flow).into());
    assert_eq!(packets(&path), [1, 2, 3, 4, 5]);
    assert!(reported.errors.is_empty());
}

#[test]
fn flows_behind_one_that_never_comes_are_reported_at_the_end() {
    let (_directory, path) = place();
    run(config(&path), [0, 3, 2].map(flow).into());
    assert_eq!(packets(&path), [1, 3, 4]);
}

#[test]
fn the_next_report_begins_with_the_flows_that_closed_after_the_request() {
    let (directory, path) = place();
    let second = directory.path().join("report-2.xml");
    let mut next = report(&second);
    next.begin(false);
    let snapshot = Snapshot {
        totals: Totals { packets: 3, ..Totals::default() },
        errors: Vec::new(),
        elapsed: Duration::ZERO,
        usage: None,
        traffic: None,
    };
    let next = NextReport { at: 2, report: next, pictures: None, page: None, snapshot };
    let batches = vec![flow(2), Notice::NextReport(Box::new(next)).into(), flow(1), flow(0)];
    let reported = run(config(&path), batches);
    assert_eq!((packets(&path), packets(&second)), (vec![1, 2], vec![3]));
    assert_eq!(reported.before.map(|before| before.packets), Some(3));
}

#[test]
fn a_mark_is_done_when_all_writers_have_passed_it_and_all_flows_before_it_are_in_the_report() {
    let (directory, path) = place();
    let passed = || Notice::Mark { mark: 1, at: 1 }.into();
    for (batches, is_done) in [
        (vec![flow(0), passed()], false),
        (vec![passed(), passed()], false),
        (vec![passed(), passed(), flow(0)], true),
    ] {
        let disk = DiskQuota::new(directory.path().to_owned(), 1 << 30, false);
        run(ReporterConfig { disk: Some(disk.clone()), ..config(&path) }, batches);
        assert_eq!(disk.is_done(1), is_done);
    }
}

#[test]
fn what_scanners_and_writers_complain_of_is_kept_for_the_end() {
    let (_directory, path) = place();
    let reported = run(config(&path), vec![Notice::Error("wrong".to_owned()).into(), flow(0)]);
    assert_eq!(reported.errors, ["wrong"]);
}
