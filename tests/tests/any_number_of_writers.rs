//! The files of a run are the same with any number of processors, and so of writers, and with any
//! number of files open at once.

use std::num::NonZeroUsize;

use tapflow_common::cli::Options;
use tapflow_common::run::{Stop, run};
use tapflow_tests::answers::own_captures;
use tapflow_tests::machine::{Machine, options};
use tapflow_tests::program::{self, Tree};

fn files(capture: &str, template: &str, processors: usize, open: Option<usize>) -> Tree {
    let scratch = tempfile::tempdir().unwrap();
    let capture = own_captures().join(capture);
    let options = options(&["-r", capture.to_str().unwrap(), template]);
    let options = Options {
        output_dir: scratch.path().to_owned(),
        max_open_files: open.and_then(NonZeroUsize::new),
        ..options
    };
    let outcome = run(&options, &Machine(processors), &Stop::default(), &|_| {});
    assert_eq!(outcome.errors, Vec::<String>::new());
    let mut tree = program::tree(scratch.path());
    tree.remove("report.xml").expect("a report");
    tree
}

#[test]
fn the_files_are_the_same() {
    for (capture, template) in [
        ("tcp-many-flows.pcap", "-T%A.%a-%B.%b%C%c"),
        ("tcp-many-flows.pcap", "-T%N/same%C%c"), // flows of one name in one writer, in their order
        ("tcp-port-reuse.pcap", "-T%A.%a-%B.%b%C%c"),
        ("wire-loss-reorder.pcap", "-T%A.%a-%B.%b%C%c"),
        ("tcp-no-syn-earlier-bytes.pcap", "-T%A.%a-%B.%b%C%c"),
    ] {
        let expected = files(capture, template, 1, None);
        assert!(!expected.is_empty());
        for (processors, open) in [(5, Some(4)), (64, None)] {
            let found = files(capture, template, processors, open);
            assert!(found == expected, "{capture} {template}: {processors} processors, {open:?} files");
        }
    }
}
