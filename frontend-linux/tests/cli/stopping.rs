//! Runs that end before their input does: by a signal, or because nobody reads the console.

use std::io::{Read, Write};
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, mkfifo};

use super::support::{
    HALF_READ as HTTP, Place, capture_bytes, end_of, half, half_read, record_offsets, streams, wait_until,
};

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[test]
fn a_signal_ends_a_run_as_the_end_of_the_input_does() {
    for (signal, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let place = Place::new();
        let (child, _stdin) = half_read(&place, &[]);
        send(&child, signal);
        let run = end_of(child).ends_with(status);
        let stopped = format!("tapflow: stopped by signal {}; ", status - 128);
        run.says(&[&stopped, "30 packets", "ended:      early, in standard input"]);
        assert_eq!(place.files("o"), half(&place));
        assert!(place.report("o").contains("ended early"));
    }
}

/// Shells without job control have what they start in the background ignore SIGINT.
#[test]
fn a_script_ends_what_it_started_in_the_background() {
    let place = Place::new();
    mkfifo(&place.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script =
        "$tapflow -o o -r fifo & until [ -e o/report.xml.part ]; do sleep 0.01; done; kill -INT $!; wait $!";
    place.shell(script).ends_with(130).says(&["stopped by signal 2"]);
    place.report("o");
}

#[test]
fn a_quiet_run_stays_quiet_when_it_is_stopped() {
    let place = Place::new();
    let (child, _stdin) = half_read(&place, &["-q"]);
    send(&child, Signal::SIGTERM);
    assert_eq!(end_of(child).ends_with(143).err, "");
    assert_eq!(place.files("o"), half(&place));
}

#[test]
fn a_second_signal_ends_at_once() {
    let place = Place::new();
    // Nobody reads its output: it cannot end well.
    let mut child = place.start(&["-C", "-r", "@wire-loss-reorder.pcap"]);
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    send(&child, Signal::SIGINT);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    // The first may still be under way: two that wait are one.
    wait_until("the end", || {
        send(&child, Signal::SIGINT);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_signal_ends_the_wait_for_the_writer_of_a_named_pipe() {
    let place = Place::new();
    mkfifo(&place.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let child = place.start(&["-o", "o", "-r", "fifo"]);
    wait_until("the report", || place.path("o/report.xml.part").exists());
    std::thread::sleep(std::time::Duration::from_millis(100));
    send(&child, Signal::SIGINT);
    end_of(child).ends_with(130);
    place.report("o");
}

#[test]
fn a_signal_that_is_ignored_stays_ignored_as_nohup_wants_it() {
    let place = Place::new();
    let bytes = capture_bytes(HTTP);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec $tapflow -o o -r -"]);
    command.env("tapflow", tapflow_tests::program::words(env!("CARGO_BIN_EXE_tapflow")));
    command.current_dir(place.path("")).stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&bytes[..20_000]).unwrap();
    wait_until("files", || place.path("o").exists() && place.files("o").len() == 2);
    send(&child, Signal::SIGHUP);
    std::thread::sleep(std::time::Duration::from_millis(200));
    stdin.write_all(&bytes[20_000..]).unwrap();
    drop(stdin);
    end_of(child).ends_with(0);
    assert_eq!(place.files("o"), streams(&[HTTP]));
}

#[test]
fn a_reader_of_the_console_who_leaves_ends_the_run_quietly() {
    for form in ["-c", "-C", "-cB", "-cD", "-cJ"] {
        for order in ["stream", "arrival"] {
            let place = Place::new();
            let args = [form, "--order", order, "-X", "report.xml", "-r", "@wire-loss-reorder.pcap"];
            let mut child = place.start(&args);
            let mut stdout = child.stdout.take().unwrap();
            stdout.read_exact(&mut [0; 10]).unwrap();
            drop(stdout);
            let run = end_of(child).ends_with(0);
            assert_eq!(run.err, "", "{form} {order}");
            place.report_file("report.xml");
        }
    }
}

#[test]
fn help_that_nobody_reads_to_its_end_is_no_error() {
    let place = Place::new();
    let run = place.shell("{ $tapflow --help; echo $? >&2; } | head -c 1").ends_with(0);
    assert_eq!(run.err, "0\n");
}

/// As `tcpdump -U -w - | tapflow -c -r -` wants it.
#[test]
fn a_pipe_that_rests_shows_everything_that_was_read() {
    let bytes = capture_bytes(HTTP);
    let half = record_offsets(&bytes)[30];
    // Also where the last record has come in part.
    for end in [half, half + 7, half + 30] {
        let place = Place::new();
        let mut child = place.start(&["-q", "-CB", "-r", "-"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&bytes[..end]).unwrap();
        place.put("half.pcap", &bytes[..half]);
        let expected = place.tapflow(&["-CB", "-r", "half.pcap"]).ends_with(0).out;
        let mut shown = vec![0; expected.len()];
        child.stdout.as_mut().unwrap().read_exact(&mut shown).unwrap();
        assert_eq!(shown, expected);
        stdin.write_all(&bytes[end..]).unwrap();
        drop(stdin);
        end_of(child).ends_with(0);
    }
}
