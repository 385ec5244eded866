//! Command lines and what they mean.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use tapflow_core::decode::Checksums;
use tapflow_core::{Check, FragmentPolicy, OverlapPolicy, Urgent};

use super::testing::{Around, PROGRAM, parsed_within, printed, reads, refused, run};
use super::*;
use crate::naming::NameFlags;
use crate::output::console::{ConsoleOptions, Form};
use crate::output::durable::Flush;
use crate::report::{Shape, Verbosity};

#[test]
fn one_capture_and_nothing_else_gives_the_defaults() {
    let options = run("-r a.pcap");
    let expected = Options {
        input_order: InputOrder::Time,
        existing: Existing::Keep,
        earlier: Vec::new(),
        report_name: "report.xml".to_owned(),
        inputs: reads(&["a.pcap"]),
        live: None,
        time_shift: 0,
        statistics_interval: None,
        filter: None,
        ignore_encapsulation: false,
        tunnel_ports: Vec::new(),
        check_fcs: true,
        output_dir: ".".into(),
        rotate: None,
        max_disk: None,
        flush: Flush::AtEnd,
        files: true,
        template: None,
        names: NameFlags::default(),
        captures: false,
        rights: Rights::default(),
        rest: None,
        index: false,
        max_bytes: None,
        max_jump: 16_777_216,
        max_hole: MaxHole { bytes: 64 << 20, then: LongHole::Split },
        overlap: OverlapPolicy::First,
        targets: Vec::new(),
        urgent: Urgent::Inline,
        paws: Check::Count,
        window: Check::Count,
        console: None,
        console_order: ConsoleOrder::Stream,
        hole_timeout: Some(Duration::from_secs(10)),
        lock: None,
        report: ReportTarget::Default,
        report_shape: Shape::Dfxml,
        json_lines: None,
        page: None,
        page_images: false,
        csv: None,
        max_open_files: None,
        max_connections: None,
        idle_timeout: None,
        fragment_policy: FragmentPolicy::Bsd,
        fragment_memory: None,
        checksums: Checksums::Ignore,
        scan: ScanOptions::default(),
        verbosity: Verbosity(1),
        as_tcpflow: false,
        command_line: ["tapflow", "-r", "a.pcap"].map(OsString::from).to_vec(),
        notes: Vec::new(),
    };
    assert_eq!(options, expected);
}

#[test]
fn getopt_syntax_attached_values_bundles_shortened_names_last_one_counts() {
    let options = run("-cB0gra.pcap -b5k -d10 -f4 -T%A -ox -oy --max-j=3");
    assert_eq!(options.inputs, reads(&["a.pcap"]));
    assert_eq!(
        options.console,
        Some(ConsoleOptions { headers: true, form: Form::Binary, colour: true, newline: false })
    );
    assert_eq!(options.max_bytes, Some(5120));
    assert_eq!(options.max_jump, 3);
    assert_eq!(options.max_open_files.map(NonZeroUsize::get), Some(4));
    assert_eq!(options.template.as_deref(), Some("%A"));
    assert_eq!(options.output_dir, PathBuf::from("y"));
    assert_eq!(options.verbosity, Verbosity(10));
}

#[test]
fn options_of_the_console_without_it_are_noted_and_what_would_not_be_written_is_refused() {
    assert_eq!(
        run("-r a -s -g").notes,
        ["-s has no effect without -c or -C", "-g has no effect without -c or -C"]
    );
    assert!(refused("-r a -cI").contains("-I needs flow files, and the console (-c, -C) writes none"));
    // tcpflow takes it.
    let tcpflow = PROGRAM.called(Some(OsStr::new("tcpflow")));
    let words = ["tcpflow", "-r", "a", "-cI"].map(OsString::from);
    let Ok(Action::Run(printing)) = parse(words, &tcpflow) else { panic!("a run") };
    assert!(printing.notes[0].starts_with("-I needs flow files") && !printing.index);
    assert_eq!(run("-r a -cs").notes, Vec::<String>::new());
    assert_eq!(run("-r a -P").notes, Vec::<String>::new());
}

#[test]
fn called_as_tcpflow_the_program_prints_and_reports_as_tcpflow() {
    let called = |path: &str| PROGRAM.called(Some(OsStr::new(path)));
    assert_eq!(called("/usr/bin/tapflow"), PROGRAM);
    let tcpflow = called("/usr/local/bin/tcpflow");
    let parsed = |line: &str| parse(line.split(' ').map(OsString::from), &tcpflow);
    assert_eq!(parsed("tcpflow -V"), Ok(Action::Imitate("TCPFLOW 1.6.1\n".to_owned())));
    let Ok(Action::Run(options)) = parsed("tcpflow -r a") else { panic!("a run") };
    assert_eq!(options.report_shape, Shape::Tcpflow);
}

#[test]
fn every_output_has_a_file_of_its_own() {
    for line in [
        "-r a -o d -w d/report.xml",
        "-r a -o d -X d/x --jsonl ./d/x",
        "-r a --har x -w x",
        "-r a -o d --rotate 1h --jsonl report.xml",
        "-r a -o d --rotate 1h --jsonl x --har x",
    ] {
        assert!(refused(line).contains("would write one file"), "{line}");
    }
    for line in [
        "-r a -X - --har -",
        "-r a --jsonl - -X -",
        "-r a -c -X -",
        "-r a -w - --har -",
        "-r a --har - --jsonl -",
    ] {
        assert!(refused(line).contains("would mix"), "{line}");
    }
    for line in ["-r a -c -w report.xml", "-r a -o d -w report.xml", "-r a -X x -w report.xml"] {
        run(line);
    }
    #[cfg(unix)]
    run("-r a -X /dev/null --jsonl /dev/null");
}

#[test]
fn wrong_values_name_the_option_the_value_and_what_is_wanted() {
    for (line, parts) in [
        ("-r a -b abc", ["--max-bytes", "'abc'", "64k"]),
        ("-r a -b -3", ["--max-bytes", "'-3'", "64k"]),
        ("-r a -b 99999999999G", ["--max-bytes", "'99999999999G'", "64k"]),
        ("-r a -b k", ["--max-bytes", "'k'", "64k"]),
        ("-r a --max-hole 1G,cut", ["--max-hole", "'1G,cut'", "shorten"]),
        ("-r a -m 0", ["--max-jump", "'0'", "at least 1"]),
        ("-r a -f +1", ["--max-open-files", "'+1'", "whole number"]),
        ("-r a -d x", ["--debug", "'x'", "10 verbose"]),
        ("-r a -Fkz", ["--names", "'z'", "k, m, g"]),
        ("-r a --order x", ["--order", "'x'", "arrival"]),
        ("-r a -S tdleta=1", ["--set", "'tdleta=1'", "tcp_timeout"]),
        ("-r a -S tcp_timeout=x", ["--set", "'tcp_timeout=x'", "seconds"]),
        ("-r a -S enable_report", ["--set", "'enable_report'", "NAME=VALUE"]),
    ] {
        let error = refused(line);
        assert!(parts.iter().all(|part| error.contains(part)), "{line}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn mistyped_options_get_a_suggestion() {
    assert!(refused("-r a --outptu x").contains("'--output'"));
    assert_eq!(refused("-r a -Q"), "unexpected argument '-Q' found; see -h");
    assert!(refused("-o").contains("--output <DIR>"));
}

#[test]
fn without_arguments_the_program_explains_itself_but_tcpflow_captures() {
    let nothing = Around { files: &[], piped: false };
    let Ok(Action::Explain(page)) = parsed_within("tapflow", &nothing) else { panic!("a page") };
    assert!(page.contains("Usage: tapflow") && page.contains("tapflow -h"), "{page}");
    let Ok(Action::Run(options)) = parsed_within("tcpflow", &nothing) else { panic!("a run") };
    assert!(options.live.is_some() && options.destination().is_none());
    let Ok(Action::Run(options)) = parsed_within("tapflow -o out", &nothing) else { panic!("a run") };
    let place = std::path::absolute("out").expect("a current directory");
    assert_eq!(options.destination(), Some(place.display().to_string()));
}

#[test]
fn short_help_is_one_page_with_every_option() {
    let page = printed("-h");
    assert!(page.lines().count() <= 48, "{page}");
    assert!(page.lines().all(|line| line.len() <= 80 && line.is_ascii()), "{page}");
    for arg in command("tapflow", "1.2.3").get_arguments().filter(|arg| !arg.is_hide_set()) {
        if let Some(short) = arg.get_short().filter(|_| !arg.is_hide_short_help_set()) {
            assert!(page.contains(&format!(" -{short} ")), "-{short} is not in\n{page}");
        }
    }
}

#[test]
fn long_help_explains_every_option_of_which_each_has_a_long_name() {
    let page = printed("--help");
    assert_eq!(page, printed("-hh"));
    assert_eq!(page, printed("-h -h"));
    for arg in command("tapflow", "1.2.3").get_arguments().filter(|arg| !arg.is_positional()) {
        let long = arg.get_long().unwrap_or_else(|| panic!("{} has no long name", arg.get_id()));
        if !arg.is_hide_set() {
            assert!(page.contains(&format!("--{long}")) && arg.get_long_help().is_some(), "--{long}");
        }
    }
    for letter in "AaBbEeTtVvCc#NKMGS%".chars() {
        assert!(page.contains(&format!("%{letter}")), "%{letter}");
    }
}

#[test]
fn the_table_of_options_is_consistent() {
    command("tapflow", "1.2.3").debug_assert();
}
