//! Captures that end: by a signal, or because the interface does.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use nix::sys::signal::Signal;

use super::capture::{Capture, Ended, valid};
use super::network::{LIMIT, Network, SERVER, is_possible, noise, read_exactly};

/// A connection over which the server has sent `count` bytes, and the client has them all; it stays open.
fn half_way(network: &Network, count: usize) -> (TcpStream, TcpStream, Vec<u8>) {
    let (send, listening) = std::sync::mpsc::channel();
    let server = network.server.within(move || {
        let listener = TcpListener::bind((SERVER, 7000)).unwrap();
        send.send(()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&noise(count, 17)).unwrap();
        stream
    });
    listening.recv().unwrap();
    let client = network.client.within(move || {
        let mut stream = TcpStream::connect((SERVER, 7000)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let received = read_exactly(&mut stream, count).unwrap();
        (stream, received)
    });
    let (stream, received) = client.join().unwrap();
    (server.join().unwrap(), stream, received)
}

#[test]
fn a_signal_ends_well_with_all_that_was_sent_before() {
    if !is_possible(&[]) {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let network = Network::veth(1500);
        let mut capture = Capture::start(&network.server, &["-i", "net0", "-o", "out"]);
        let (_server, _client, received) = half_way(&network, 2_000_000);
        capture.signal(signal);
        let Ended { code, said } = capture.wait();
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(", 0 dropped by the kernel"), "{said}");
        assert!(capture.server_side(7000) == received, "{said}");
        valid(&capture.path("out/report.xml"));
    }
}

#[test]
fn an_interface_that_goes_down_or_away_ends_it_with_an_error_and_everything_kept() {
    if !is_possible(&[]) {
        return;
    }
    for end in ["link set net0 down", "link del net0"] {
        let network = Network::veth(1500);
        let mut capture = Capture::start(&network.server, &["-i", "net0", "-o", "out"]);
        let (_server, _client, received) = half_way(&network, 500_000);
        network.server.ip(end);
        let Ended { code, said } = capture.wait();
        assert_eq!(code, 1, "{end}: {said}");
        assert!(said.contains("tapflow: net0: the capture ended: "), "{end}: {said}");
        assert!(capture.server_side(7000) == received, "{end}: {said}");
        let report = capture.report("report.xml");
        assert!(report.contains("<tcpflow:error>net0: the capture ended: "), "{report}");
        valid(&capture.path("out/report.xml"));
    }
}
