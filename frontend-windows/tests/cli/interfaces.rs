//! Live capture on the loopback, through the `wpcap.dll` that Wine has: real packets of a real transfer.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use tapflow_tests::program;
use windows_sys::Win32::System::Console::{CTRL_C_EVENT, CTRL_CLOSE_EVENT};

use super::stopping::send;
use super::support::{Place, Run, end_of, record_offsets, wait_until};

/// The program, with Wine's own `wpcap.dll`: that of the other tests opens no interfaces. On a Windows it is Npcap's.
fn command(place: &Place, args: &[&str]) -> Command {
    place.command_as("with-wines-wpcap.exe", args)
}

/// The loopback's name.
fn loopback(place: &Place) -> String {
    let run: Run = program::output(&mut command(place, &["--list-interfaces"])).into();
    let list = String::from_utf8(run.ends_with(0).out).unwrap();
    let line = list.lines().find(|line| line.contains("  127.0.0.1") || line.contains("oopback"));
    let line = line.unwrap_or_else(|| panic!("no loopback in\n{list}"));
    assert!(line.starts_with(r"\Device\NPF_"), "{list}");
    line.split_whitespace().next().unwrap().to_owned()
}

/// Bytes of one direction of a transfer.
fn content(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A server of the loopback, for one connection.
struct Server {
    listener: TcpListener,
    port: u16,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Server {
    fn new(seed: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port, request: content(seed, 100_000), answer: content(seed + 1, 400_000) }
    }

    /// Sends the request there and the answer back; gives what each direction's file has to be, by name.
    fn serve(&self) -> BTreeMap<String, Vec<u8>> {
        let (server, client) = (self.port, self.connect());
        let name = |from: u16, to: u16| format!("127.000.000.001.{from:05}-127.000.000.001.{to:05}");
        [(name(client, server), self.request.clone()), (name(server, client), self.answer.clone())].into()
    }

    /// The client's port.
    fn connect(&self) -> u16 {
        thread::scope(|scope| {
            let served = scope.spawn(|| {
                let (mut stream, _) = self.listener.accept().unwrap();
                let mut request = Vec::new();
                stream.read_to_end(&mut request).unwrap();
                stream.write_all(&self.answer).unwrap();
                request
            });
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            let port = stream.local_addr().unwrap().port();
            stream.write_all(&self.request).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert!(answer == self.answer && served.join().unwrap() == self.request);
            port
        })
    }
}

/// Starts a capture of the loopback and waits until it has begun.
fn listening(place: &Place, args: &[&str]) -> Child {
    let interface = loopback(place);
    let mut command = command(place, &["-i", &interface, "-o", "o"]);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut words = String::new();
    while !words.ends_with('\n') {
        let mut letter = [0];
        if child.stderr.as_mut().unwrap().read(&mut letter).unwrap() == 0 {
            panic!("the capture does not begin: {}", end_of(child).err);
        }
        words.push(letter[0].into());
    }
    assert_eq!(words.trim_end(), format!("tapflow: listening on {interface}"), "{}", end_of(child).err);
    child
}

/// Waits until the files of a capture have all bytes of these.
fn wait_for(place: &Place, expected: &BTreeMap<String, Vec<u8>>) {
    wait_until("all bytes in the files", || {
        expected.iter().all(|(name, bytes)| {
            let file = fs::metadata(place.path("o").join(name));
            file.is_ok_and(|file| file.len() == bytes.len() as u64)
        })
    });
}

#[test]
fn a_transfer_is_recorded_byte_for_byte_and_what_the_filter_leaves_out_is_not() {
    for (args, event) in [
        (&[][..], CTRL_C_EVENT),
        (&["--read-timeout", "0", "-p"], CTRL_C_EVENT),
        (&["--snaplen", "65549"], CTRL_CLOSE_EVENT),
    ] {
        let place = Place::new();
        let (server, other) = (Server::new(1), Server::new(3));
        let filter = format!("tcp port {}", server.port);
        let child = listening(&place, &[args, &[&filter]].concat());
        other.serve();
        let expected = server.serve();
        wait_for(&place, &expected);
        send(&child, event);
        // A live capture has no other end.
        let run = end_of(child).ends_with(0).says(&["stopped by", "2 flows, 500000 bytes", "captured: "]);
        assert!(run.err.contains(", 0 dropped by the kernel"), "{}", run.err);
        let files = place.files("o");
        assert!(files == expected, "{:?}", files.keys());
        assert_eq!(place.report("o").matches("<fileobject").count(), 2);
    }
}

#[test]
fn what_came_before_the_end_is_used() {
    let place = Place::new();
    let server = Server::new(5);
    let child = listening(&place, &[&format!("tcp port {}", server.port)]);
    let expected = server.serve();
    // At once: the kernel may have delivered nothing yet.
    send(&child, CTRL_C_EVENT);
    end_of(child).ends_with(0);
    assert!(place.files("o") == expected);
}

#[test]
fn packets_have_the_time_of_their_capture() {
    let place = Place::new();
    let server = Server::new(7);
    let child = listening(&place, &["-K", &format!("tcp port {}", server.port)]);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let start = now();
    server.serve();
    send(&child, CTRL_C_EVENT);
    end_of(child).ends_with(0);
    let files = place.files("o");
    assert_eq!(files.len(), 2);
    for pcap in files.values() {
        for at in record_offsets(pcap).into_iter().filter(|at| at + 16 < pcap.len()) {
            let seconds = u32::from_le_bytes(*pcap[at..].first_chunk().unwrap());
            assert!((start..=now()).contains(&u64::from(seconds)), "{seconds}");
        }
    }
}

#[test]
fn an_interface_that_is_not_there_and_a_wrong_filter_are_told() {
    let place = Place::new();
    let name = r"\Device\NPF_{00000000-0000-0000-0000-000000000000}";
    let run: Run = program::output(&mut command(&place, &["-o", "o", "-i", name])).into();
    run.ends_with(1).says(&[name, ": cannot capture: ", "--list-interfaces shows those there are"]);
    let interface = loopback(&place);
    let run: Run = program::output(&mut command(&place, &["-o", "o", "-i", &interface, "tcp prt 80"])).into();
    run.ends_with(1).says(&["filter \"tcp prt 80\" for ", "syntax error"]);
}
