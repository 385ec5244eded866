//! The progress line: only on a terminal, only in runs that last.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use nix::pty::openpty;

use super::support::{Place, end_of};

/// A capture of one flow in 20,000 segments of 50 bytes.
fn long_capture() -> Vec<u8> {
    let mut bytes = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\0\0\x04\x00\x65\0\0\0".to_vec();
    for number in 0..20_000_u32 {
        let record = [0, 0, 90, 90].map(u32::to_le_bytes).concat();
        bytes.extend(record);
        bytes.extend([0x45, 0, 0, 90, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        bytes.extend([0x10, 0, 0, 80]);
        bytes.extend((number * 50).to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend([b'x'; 50]);
    }
    bytes
}

/// What a run prints on a terminal when its output is read only `rest` after its beginning.
fn on_a_terminal(args: &[&str], rest: Duration) -> String {
    let place = Place::new();
    place.put("long.pcap", long_capture());
    let terminal = openpty(None, None).unwrap();
    let mut command = place.command(args);
    command.args(["-C", "-r", "long.pcap"]);
    command.stdout(Stdio::piped()).stderr(Stdio::from(terminal.slave));
    let mut child = command.spawn().unwrap();
    // This end of the terminal must not stay open here.
    drop(command);
    let mut stdout = child.stdout.take().unwrap();
    // It has begun, however long it takes to start a program here.
    stdout.read_exact(&mut [0]).unwrap();
    thread::sleep(rest);
    let reader = thread::spawn(move || stdout.read_to_end(&mut Vec::new()).unwrap());
    let mut screen = Vec::new();
    // A terminal whose other end was closed gives an error instead of an end.
    let _ = File::from(terminal.master).read_to_end(&mut screen);
    assert!(reader.join().unwrap() > 1_000_000);
    end_of(child).ends_with(0);
    String::from_utf8(screen).unwrap()
}

#[test]
fn a_run_of_more_than_a_second_shows_bytes_percent_and_time_left() {
    let screen = on_a_terminal(&[], Duration::from_millis(1500));
    let (progress, summary) = screen.split_once("read:").unwrap();
    // The last one, whose end may wipe away that of a longer one.
    let line = progress.rsplit('\r').find(|line| line.contains(" left")).unwrap().trim_end();
    assert!(line.contains(" of 2.0 MiB, ") && line.contains(" %, ") && line.contains("/s, "), "{line}");
    // It is wiped away before anything else is printed.
    assert!(progress.ends_with('\r') && summary.contains("20000 packets"), "{screen:?}");
    let columns = line.chars().count();
    assert!(progress.contains(&format!("\r{}\r", " ".repeat(columns))), "{screen:?}");
}

#[test]
fn a_quiet_run_shows_none() {
    assert_eq!(on_a_terminal(&["-q"], Duration::from_millis(1500)), "");
}

#[test]
fn a_short_run_shows_none() {
    let screen = on_a_terminal(&["--no-sandbox"], Duration::ZERO);
    assert!(screen.starts_with("read:") || screen.contains(" left"), "{screen:?}");
}

#[test]
fn what_is_no_terminal_gets_none() {
    let place = Place::new();
    place.put("long.pcap", long_capture());
    let mut child = place.start(&["-C", "-r", "long.pcap"]);
    drop(child.stdin.take());
    let mut stdout = child.stdout.take().unwrap();
    thread::sleep(Duration::from_millis(1500));
    stdout.read_to_end(&mut Vec::new()).unwrap();
    let run = end_of(child).ends_with(0);
    assert!(run.err.starts_with("read:") && !run.err.contains('\r'), "{:?}", run.err);
}
