//! Options beside each other: each works, or the command line is refused.

use super::support::Place;

#[test]
fn what_would_not_be_written_is_refused_and_nothing_is_made() {
    for words in [
        "-c --har a.har",
        "-C --har a.har",
        "-FX --har a.har",
        "-K --har a.har",
        "-x tcpdemux --har a.har",
        "-c -e http",
        "-FX -e http",
        "-c --hash sha256",
        "-FXM",
        "-K -e md5",
        "-x all -e md5",
        "-c -I",
        "-K -I",
        "-FX -I",
        "-K -FX",
        "-c --hash-inputs",
        "-c -e wifiviz",
        "-S enable_report=NO -e wifiviz",
        "-S enable_report=NO -X a.xml",
        "-S enable_report=NO --dfxml-compat",
        "-c --dfxml-compat",
        "-c -S tcp_cmd=true",
        "-FX -S tcp_alert_fd=2",
        "-S http_cmd=true",
        "-Z",
        "-c --order arrival --hole-timeout 3",
        "-c --fresh",
        "--rotate 1h --overwrite",
        "-c --jsonl -",
        "-c --har - -X a.xml",
        "-c -X -",
        "-w - --jsonl -",
        "-w - -X -",
        "--har - --jsonl -",
        "--fsync --no-sync",
        "--disk-full stop",
    ] {
        let place = Place::new();
        let args: Vec<&str> = words.split(' ').chain(["-o", "o", "-r", "@http-plain.pcap"]).collect();
        let run = place.tapflow(&args).ends_with(2);
        assert_eq!(run.err.lines().count(), 1, "{words}: {}", run.err);
        assert_eq!(std::fs::read_dir(place.path("")).unwrap().count(), 0, "{words}");
    }
}

#[cfg(unix)]
#[test]
fn called_as_tcpflow_they_are_accepted_and_noted() {
    let place = Place::new();
    let line = "ln -s \"${tapflow##* }\" tcpflow; $TAPFLOW_RUNNER ./tcpflow -c -I -e http -FM -r $data/http-plain.pcap";
    let run = place.shell(line).ends_with(0);
    run.says(&["-I needs flow files", "-e http needs flow files", "a digest (-FM"]);
}

#[test]
fn a_minus_is_standard_output_for_report_and_har() {
    let place = Place::new();
    let run = place.tapflow(&["-o", "o", "-X", "-", "-r", "@http-plain.pcap"]).ends_with(0);
    let text = String::from_utf8(run.out).unwrap();
    assert!(roxmltree::Document::parse(&text).is_ok(), "{text}");
    let place = Place::new();
    let run = place.tapflow(&["-o", "o", "--har", "-", "-r", "@http-plain.pcap"]).ends_with(0);
    let har: serde_json::Value = serde_json::from_slice(&run.out).unwrap();
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 1);
    assert!(!place.path("-").exists());
}

#[cfg(unix)]
#[test]
fn standard_output_that_is_a_file_has_the_same() {
    let place = Place::new();
    place.shell("echo before > out; $tapflow -q -o o --har - -r $data/http-plain.pcap >> out").ends_with(0);
    let text = std::fs::read_to_string(place.path("out")).unwrap();
    let json = text.strip_prefix("before\n").unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
}
