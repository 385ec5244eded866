//! Command lines and what they mean.

use tapflow_core::decode::Checksums;
use tapflow_core::{Check, FragmentPolicy, Urgent};

use super::*;
use crate::input::live::LiveSettings;
use crate::output::durable::Flush;
use crate::scan::SCANNERS;

const PROGRAM: Program = Program { name: "tapflow", version: "1.2.3" };

fn parsed(line: &str) -> Result<Action, CliError> {
    parse(std::iter::once("tapflow").chain(line.split_whitespace()).map(OsString::from), &PROGRAM)
}

fn run(line: &str) -> Options {
    match parsed(line) {
        Ok(Action::Run(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

fn printed(line: &str) -> String {
    match parsed(line) {
        Ok(Action::Print(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> String {
    match parsed(line) {
        Err(error) => error.to_string(),
        Ok(action) => panic!("{line}: {action:?}"),
    }
}

fn reads(paths: &[&str]) -> Vec<Input> {
    paths.iter().map(|path| Input { path: path.into(), role: InputRole::Read }).collect()
}

#[test]
fn fragments_have_a_policy_and_memory() {
    let options = run("-r a --fragment-policy bsd-right --fragment-memory 0");
    assert_eq!(options.fragment_policy, FragmentPolicy::BsdRight);
    assert_eq!(options.fragment_memory, Some(0));
    assert!(refused("-r a --fragment-policy best").contains("one of first, last, bsd"));
    assert!(refused("-r a --fragment-memory lots").contains("expected a size in bytes"));
}

#[test]
fn checksums_are_ignored_counted_or_refused() {
    assert_eq!(run("-r a --checksums ignore").checksums, Checksums::Ignore);
    assert_eq!(run("-r a --checksums count").checksums, Checksums::Count);
    assert_eq!(run("-r a --checksums=refuse").checksums, Checksums::Refuse);
    assert!(refused("-r a --checksums yes").contains("expected ignore, count or refuse"));
}

#[test]
fn one_capture_and_nothing_else_gives_the_defaults() {
    let options = run("-r a.pcap");
    let expected = Options {
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
        max_open_files: None,
        max_connections: None,
        idle_timeout: None,
        fragment_policy: FragmentPolicy::Bsd,
        fragment_memory: None,
        checksums: Checksums::Ignore,
        scan: ScanOptions::default(),
        verbosity: Verbosity(1),
        command_line: ["tapflow", "-r", "a.pcap"].map(OsString::from).to_vec(),
        notes: Vec::new(),
    };
    assert_eq!(options, expected);
}

#[test]
fn tunnels_are_looked_for_at_more_ports_and_ignored_on_demand() {
    use tapflow_core::decode::UdpTunnel;
    let options =
        run("-r a --tunnel-port geneve=47101 --tunnel-port gtp=5906 --ignore-encapsulation -S check_fcs=no");
    assert_eq!(options.tunnel_ports, [(UdpTunnel::Geneve, 47101), (UdpTunnel::Gtp, 5906)]);
    assert!(options.ignore_encapsulation && !options.check_fcs);
    for (argument, reason) in [
        ("geneve", "expected PROTOCOL=PORT"),
        ("geneve=0", "expected PROTOCOL=PORT"),
        ("geneve=65536", "expected PROTOCOL=PORT"),
        ("sctp=9", "'sctp' is not a tunnel in UDP; the tunnels are vxlan, vxlan-gpe, geneve"),
    ] {
        let error = refused(&format!("-r a --tunnel-port {argument}"));
        assert!(error.contains(reason) && error.contains("--tunnel-port"), "{error}");
    }
    let error = refused(&format!("-r a{}", " --tunnel-port gtp=1".repeat(17)));
    assert_eq!(error, "--tunnel-port can be given 16 times at most");
}

#[test]
fn what_receivers_would_drop_is_counted_unless_it_is_refused() {
    let options = run("-r a --urgent drop --paws refuse --window refuse");
    assert_eq!((options.urgent, options.paws, options.window), (Urgent::Apart, Check::Refuse, Check::Refuse));
    assert!(refused("-r a --urgent out").contains("expected inline or drop"));
    assert!(refused("-r a --paws ignore").contains("expected count or refuse"));
}

#[test]
fn overlap_policies_are_for_all_receivers_or_for_those_in_a_network() {
    let options =
        run("-r a --overlap bsd --overlap 10.0.0.0/8=linux --overlap 2001:db8::1=vista --overlap last");
    assert_eq!(options.overlap, OverlapPolicy::Last);
    let target = |network: &str, prefix, policy| Target { network: network.parse().unwrap(), prefix, policy };
    let expected =
        [target("10.0.0.0", 8, OverlapPolicy::Linux), target("2001:db8::1", 128, OverlapPolicy::Vista)];
    assert_eq!(options.targets, expected);
    for (wrong, reason) in [
        ("--overlap beos", "'beos' is not a policy; the policies are first, last, bsd, linux"),
        ("--overlap 10.0.0.0/33=bsd", "expected a network before the ="),
        ("--overlap host=bsd", "expected a network before the ="),
        ("--overlap 10.0.0.0/=bsd", "expected a network before the ="),
    ] {
        let error = refused(&format!("-r a {wrong}"));
        assert!(error.contains(reason) && error.contains("--overlap"), "{error}");
    }
}

#[test]
fn completing_inputs_come_after_all_others() {
    let options = run("-R next.pcap -r a.pcap -l b.pcap -r - c.pcap");
    let mut expected = reads(&["a.pcap", "-", "b.pcap", "c.pcap"]);
    expected.push(Input { path: "next.pcap".into(), role: InputRole::Complete });
    assert_eq!(options.inputs, expected);
    assert!(options.inputs[1].is_stdin());
    assert_eq!(options.filter, None);
}

#[test]
fn words_anywhere_are_one_filter_expression() {
    assert_eq!(run("tcp -r a port -o out 80").filter.as_deref(), Some("tcp port 80"));
    assert_eq!(run("-r a -- tcp[13] & 2 != 0").filter.as_deref(), Some("tcp[13] & 2 != 0"));
    assert_eq!(run("-r a tcp[13] - 2 = 0").filter.as_deref(), Some("tcp[13] - 2 = 0"));
    let empty = parse(["tapflow", "-ra", ""].map(OsString::from), &PROGRAM);
    assert!(matches!(empty, Ok(Action::Run(options)) if options.filter.is_none()));
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
fn sizes_take_powers_of_1024() {
    assert_eq!(run("-r a -m 1M").max_jump, 1 << 20);
    assert_eq!(run("-r a -m 8G").max_jump, u32::MAX);
    let hole = |line| run(line).max_hole;
    assert_eq!(hole("-r a --max-hole 1G"), MaxHole { bytes: 1 << 30, then: LongHole::Split });
    assert_eq!(hole("-r a --max-hole 0,split"), MaxHole { bytes: 0, then: LongHole::Split });
    assert_eq!(hole("-r a --max-hole 64k,shorten"), MaxHole { bytes: 64 << 10, then: LongHole::Shorten });
    assert_eq!(hole("-r a --max-hole none").bytes, u64::MAX);
    for (text, bytes) in
        [("0", 0), ("7", 7), ("2k", 2 << 10), ("2K", 2 << 10), ("3M", 3 << 20), ("1G", 1 << 30)]
    {
        assert_eq!(run(&format!("-r a -b {text}")).max_bytes, Some(bytes), "{text}");
    }
}

#[test]
fn console_form_hex_wins_over_json_over_binary_over_text() {
    for (flags, form) in [
        ("-c", Form::Printable),
        ("-cs", Form::Printable),
        ("-cBs", Form::Binary),
        ("-cJB", Form::Json),
        ("-cBJD", Form::Hex),
    ] {
        assert_eq!(run(&format!("-r a {flags}")).console.map(|c| c.form), Some(form), "{flags}");
    }
}

#[test]
fn the_console_without_names_wins_and_takes_its_order() {
    let options = run("-r a -C -c --order arrival");
    assert_eq!(options.console.map(|c| c.headers), Some(false));
    assert_eq!(options.console_order, ConsoleOrder::Arrival);
}

#[test]
fn the_report_is_written_with_files_and_where_asked_for() {
    for (flags, report) in [
        ("-FX", ReportTarget::Default),
        ("-o out", ReportTarget::Default),
        ("-c", ReportTarget::None),
        ("-c -X a.xml", ReportTarget::File("a.xml".into())),
        ("-o out -X a.xml", ReportTarget::File("a.xml".into())),
        ("-S enable_report=NO", ReportTarget::None),
        ("-S enable_report=no -X a.xml", ReportTarget::None),
        ("-S enable_report=NO -S enable_report=YES", ReportTarget::Default),
    ] {
        assert_eq!(run(&format!("-r a {flags}")).report, report, "{flags}");
    }
}

#[test]
fn files_are_written_unless_printed_or_forbidden() {
    assert!(run("-r a").files);
    assert!(!run("-r a -c").files);
    assert!(!run("-r a -C").files);
    assert!(!run("-r a -FkX").files);
}

#[test]
fn name_letters_keep_their_order_and_a_later_template_drops_prefixes() {
    use crate::naming::NamePrefix::{Iso, Million, Seconds, Thousand};
    assert_eq!(run("-r a -FkT -F t").names.prefixes, [Thousand, Iso, Seconds]);
    assert_eq!(run("-r a -Ftt").names.prefixes, [Seconds, Seconds]);
    assert_eq!(
        run("-r a -Fkc -T%A -Fm").names,
        NameFlags { prefixes: vec![Million], count: true, portable: false }
    );
    assert_eq!(run("-r a -T%A -Fk -T%B").names.prefixes, []);
}

#[test]
fn the_last_of_quiet_verbose_and_debug_counts() {
    assert!(run("-r a -v -q").verbosity.is_quiet());
    assert!(run("-r a -q -v").verbosity.is_verbose());
    assert_eq!(run("-r a -v -d 3").verbosity, Verbosity(3));
    assert!(run("-r a -d 0").verbosity.is_quiet());
}

#[test]
fn idle_timeout_has_two_names_and_zero_is_never() {
    let seconds = |line: &str| run(line).idle_timeout.map(|t| t.as_secs());
    assert_eq!(seconds("-r a -S tcp_timeout=30"), Some(30));
    assert_eq!(seconds("-r a --idle-timeout 5 -S tcp_timeout=30"), Some(5));
    assert_eq!(seconds("-r a --idle-timeout 0"), None);
}

#[test]
fn options_without_effect_are_noted_not_refused() {
    assert_eq!(
        run("-r a -s -g").notes,
        ["-s has no effect without -c or -C", "-g has no effect without -c or -C"]
    );
    let printing = run("-r a -cI");
    assert_eq!(printing.notes, ["-I has no effect: no files are written"]);
    assert!(!printing.index);
    assert_eq!(run("-r a -cs").notes, Vec::<String>::new());
    assert_eq!(run("-r a -P").notes, Vec::<String>::new());
}

#[test]
fn scanners_are_chosen_in_the_order_of_the_options() {
    let scanners = |line: &str| {
        let choice = run(line).scan.scanners;
        SCANNERS.into_iter().filter(|name| choice.has(*name)).map(ScannerName::as_str).collect::<Vec<_>>()
    };
    assert_eq!(scanners("-r a"), ["tcpdemux"]);
    assert_eq!(scanners("-r a -a"), ["http", "md5", "netviz", "tcpdemux", "wifiviz"]);
    assert_eq!(scanners("-r a -a -x md5 -x netviz"), ["http", "tcpdemux", "wifiviz"]);
    assert_eq!(scanners("-r a -x md5 -e wifiviz -a"), ["http", "md5", "netviz", "tcpdemux", "wifiviz"]);
    assert_eq!(scanners("-r a -a -E md5"), ["md5", "tcpdemux"]);
    assert_eq!(scanners("-r a -FM"), ["md5", "tcpdemux"]);
    assert_eq!(scanners("-r a -e all -x http"), ["md5", "netviz", "tcpdemux", "wifiviz"]);
    assert_eq!(scanners("-r a -a -x all"), [""; 0]);
    assert_eq!(scanners("-r a -x all -a"), scanners("-r a -E all"));
    assert!(!run("-r a -x all -e md5").files);
    assert!(!run("-r a -x tcpdemux").files);
    let error = refused("-r a -e htpp");
    assert!(error.contains("'htpp'") && error.contains("http, md5, netviz, tcpdemux, wifiviz"), "{error}");
}

#[test]
fn lines_and_console_cannot_both_have_standard_output() {
    assert_eq!(run("-r a --jsonl -").json_lines, Some("-".into()));
    assert!(refused("-r a -c --jsonl -").contains("--jsonl a file"));
    assert_eq!(run("-r a -c --jsonl b --dfxml-compat").report_shape, Shape::Tcpflow);
}

#[test]
fn digests_are_listed_once() {
    let algorithms = |line: &str| run(line).scan.algorithms;
    assert_eq!(algorithms("-r a"), []);
    assert_eq!(
        algorithms("-r a -e md5 --hash sha256,md5 --hash SHA1"),
        [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256]
    );
    assert!(refused("-r a --hash crc").contains("md5, sha1, sha256, blake3"));
}

#[test]
fn programs_and_descriptors_for_flow_files() {
    let scan = run("-r a -S tcp_cmd=gzip -S tcp_alert_fd=3").scan;
    assert_eq!((scan.tcp_command, scan.tcp_alert), (Some(CommandLine::parse("gzip").unwrap()), Some(3)));
    let scan = run("-r a -S tcp_cmd=gzip -S tcp_cmd= -S tcp_alert_fd=-1").scan;
    assert_eq!((scan.tcp_command, scan.tcp_alert), (None, None));
    assert!(refused("-r a -S tcp_cmd='").contains("quote"));
    assert!(refused("-r a -S tcp_alert_fd=x").contains("descriptor"));
    assert_eq!(
        run("-r a -S netviz_histogram_size=5").notes,
        ["-S netviz_histogram_size has no effect: netviz is not built yet"]
    );
    assert_eq!(
        run("-r a -FXM").notes,
        ["no files are written, so there is nothing for digests (-FM, -e md5, --hash)"]
    );
}

#[test]
fn without_a_file_an_interface_is_captured_from() {
    let settings = LiveSettings {
        interface: None,
        promiscuous: true,
        snap_length: 262_144,
        kernel_buffer: 32 << 20,
        read_timeout: Duration::from_millis(10),
        timestamp_type: None,
        filter: None,
    };
    let options = run("-o out -c");
    assert_eq!((options.live, options.inputs.len()), (Some(settings.clone()), 0));
    assert_eq!(options.idle_timeout, Some(Duration::from_secs(3600)));
    assert_eq!(run("-S tcp_timeout=0").idle_timeout, None);
    let options = run(
        "-i eth0 -i any -p --snaplen 96 --buffer-size 4M --read-timeout 0 --stats-interval 60 tcp port 80",
    );
    let expected = LiveSettings {
        interface: Some("any".to_owned()),
        promiscuous: false,
        snap_length: 96,
        kernel_buffer: 4 << 20,
        read_timeout: Duration::ZERO,
        timestamp_type: None,
        filter: Some("tcp port 80".to_owned()),
    };
    assert_eq!((options.live, options.filter), (Some(expected), None));
    assert_eq!(options.statistics_interval, Some(Duration::from_secs(60)));
    assert_eq!(parsed("--list-interfaces"), Ok(Action::ListInterfaces));
}

#[test]
fn files_win_over_an_interface() {
    let options = run("-r a -i eth0 -p port 80");
    assert_eq!((options.live, options.filter.as_deref()), (None, Some("port 80")));
    assert_eq!(options.notes, ["-i has no effect with -r, -R and -l", "-p has no effect with -r, -R and -l"]);
    assert!(refused("-R b.pcap").contains("-r FILE"));
    assert!(refused("-l").contains("needs the files"));
    assert!(refused("-r - -r -").contains("only once"));
}

#[test]
fn tcpflows_settings_of_time_have_their_meaning() {
    assert_eq!(run("-r a -S tdelta=-3600").time_shift, -3600);
    assert!(refused("-r a -S tdelta=x").contains("expected whole seconds"));
    let timeout = |line| run(line).live.expect("an interface").read_timeout.as_millis();
    assert_eq!(timeout("-S packet-buffer-timeout=25"), 25);
    assert_eq!(timeout("-S packet-buffer-timeout=25 --read-timeout 5"), 5);
    assert!(refused("-S packet-buffer=7").contains("the settings are check_fcs, "));
}

#[test]
fn a_lock_is_for_the_console() {
    assert_eq!(run("-r a -c -L turns").lock.as_deref(), Some("turns"));
    let options = run("-r a -L turns");
    assert_eq!((options.lock, options.notes), (None, vec!["-L has no effect without -c or -C".to_owned()]));
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
fn sizes_and_times_of_a_capture_have_limits() {
    assert!(refused("--snaplen 262145").contains("from 1 to 262144"));
    assert!(refused("--snaplen 0").contains("from 1 to 262144"));
    assert!(refused("--buffer-size 2G").contains("the maximum is 2147483647"));
    assert!(refused("--read-timeout 60001").contains("expected milliseconds"));
}

#[test]
fn directories_are_numbered_by_time_and_size() {
    let rotate = |line: &str| run(line).rotate.expect("asked for");
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(rotate("-r a --rotate 1h"), Rotate { every: hour, size: None });
    assert_eq!(rotate("-r a --rotate 10G --rotate 60min"), Rotate { every: hour, size: Some(10 << 30) });
    assert_eq!(rotate("-i a --rotate 2d").every, Some(Duration::from_secs(172_800)));
    assert!(refused("-r a --rotate 10m").contains("write 10min or 10M"));
    for wrong in ["1", "h", "0h", "0M", "1w", "+1h", "99999999999999999d", "1.5h"] {
        assert!(refused(&format!("-r a --rotate {wrong}")).contains("15min"), "{wrong}");
    }
    assert!(refused("-r a -c --rotate 1h").contains("not with -c"));
    for wrong in ["-X /r.xml", "-X d/r.xml", "--jsonl ..", "-w d/x", "--har -", "-X -"] {
        assert!(refused(&format!("-r a --rotate 1h {wrong}")).contains("in each directory"), "{wrong}");
    }
    assert_eq!(run("-r a --rotate 1h -w - -X r.xml").rest, Some("-".into()));
}

#[test]
fn what_is_written_has_a_bound_and_something_happens_there() {
    let most = |line: &str| run(line).max_disk;
    assert_eq!(most("-r a"), None);
    assert_eq!(most("-r a --max-disk 1T"), Some(MaxDisk { bytes: 1 << 40, full: DiskFull::Stop }));
    let delete = Some(MaxDisk { bytes: 4 << 20, full: DiskFull::Delete });
    assert_eq!(most("-r a --max-disk 4M --disk-full delete --rotate 1M"), delete);
    assert!(refused("-r a --max-disk 4M --disk-full delete").contains("needs --rotate"));
    assert!(refused("-r a --max-disk 4M --disk-full delete --rotate 2M").contains("a quarter"));
    assert!(refused("-r a --disk-full stop").contains("needs --max-disk"));
    assert!(refused("-r a --max-disk 1M --disk-full x").contains("stop or delete"));
    assert!(refused("-r a --max-disk 0").contains("at least 1"));
    assert!(refused("-r a --max-disk 1023k").contains("at least 1M"));
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
    for line in ["-r a -c -w report.xml", "-r a -o d -w report.xml", "-r a -X x -w report.xml"] {
        run(line);
    }
    #[cfg(unix)]
    run("-r a -X /dev/null --jsonl /dev/null");
}

#[test]
fn timestamps_have_a_type_that_the_interface_knows() {
    assert_eq!(
        run("-i a --timestamp-type adapter").live.and_then(|live| live.timestamp_type),
        Some("adapter".into())
    );
    let listed = Action::ListTimestampTypes(Some("a".to_owned()));
    assert_eq!(parsed("--list-timestamp-types -i a"), Ok(listed));
}

#[test]
fn flows_and_connections_have_one_limit() {
    assert_eq!(run("-r a --max-flows 7").max_connections, Some(7));
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

#[cfg(unix)]
#[test]
fn paths_may_be_any_bytes_a_filter_may_not() {
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(b"a\xff".to_vec());
    let read = parse(["tapflow".into(), "-r".into(), odd()], &PROGRAM);
    assert!(matches!(read, Ok(Action::Run(options)) if options.inputs[0].path.as_os_str() == odd()));
    assert!(parse(["tapflow".into(), "-ra".into(), odd()], &PROGRAM).is_err());
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
fn version_is_printed_with_success() {
    assert_eq!(printed("-V"), "tapflow 1.2.3\n");
    assert_eq!(printed("--version"), "tapflow 1.2.3\n");
}

#[test]
fn the_table_of_options_is_consistent() {
    command("tapflow", "1.2.3").debug_assert();
}

#[test]
fn what_is_written_is_flushed_at_the_end_unless_more_or_less_is_asked_for() {
    assert_eq!(run("-r a --fsync").flush, Flush::EachFile);
    assert_eq!(run("-r a --no-sync").flush, Flush::Never);
    assert!(refused("-r a --fsync --no-sync").contains("cannot be used with"));
}

#[test]
fn a_umask_is_an_octal_number_of_permissions() {
    assert_eq!(run("-r a --umask 077").rights.umask, Some(0o77));
    assert_eq!(run("-r a --umask 0").rights.umask, Some(0));
    for wrong in ["8", "1000", "rw", "-1"] {
        assert!(refused(&format!("-r a --umask={wrong}")).contains("octal"), "{wrong}");
    }
}

#[test]
fn another_root_directory_needs_another_user() {
    assert!(refused("-r a -z jail").contains("-z needs -U"));
    let rights = run("-r a -z jail -U nobody --no-sandbox").rights;
    assert_eq!(
        rights,
        Rights { user: Some("nobody".into()), root: Some("jail".into()), no_sandbox: true, umask: None }
    );
}
