//! What was recorded equals what the client received.

use std::fs;
use std::net::SocketAddr;

use tapflow_tests::program;

use super::capture::Capture;
use super::network::{Network, SERVER, SERVER6, is_possible, noise, wait};

/// A place for a server, with a file of this size in it.
fn place(size: usize) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("noise.bin"), noise(size, 7)).unwrap();
    place
}

#[test]
fn http_over_ipv4_and_ipv6() {
    if !is_possible(&["python3", "curl", "ss"]) {
        return;
    }
    let (network, place) = (Network::veth(1500), place(3_000_000));
    let arguments = ["-m", "http.server", "80", "--bind", "::"];
    let _server = network.server.start("python3", &arguments, place.path());
    network.wait_for(80);
    for host in ["192.0.2.2", "[2001:db8::2]"] {
        let mut capture =
            Capture::start(&network.server, &["-i", "net0", "-o", "out", "-e", "http", "port 80"]);
        // As it came: head and body.
        let url = format!("http://{host}/noise.bin");
        let received = network.client.run("curl", &["-sSi", "--raw", "--noproxy", "*", "-m", "30", &url]);
        capture.end_well();
        let files = capture.files();
        let source = if host.starts_with('[') { "2001:db8::2.00080-" } else { "192.000.002.002.00080-" };
        let of_server: Vec<_> = files.iter().filter(|(name, _)| name.starts_with(source)).collect();
        let [(_, stream), (body_name, body)] = of_server[..] else { panic!("{:?}", capture.said()) };
        assert!(*stream == received, "{host}: {} of {} bytes", stream.len(), received.len());
        assert!(body_name.ends_with("-HTTPBODY-001"), "{body_name}");
        assert!(*body == noise(3_000_000, 7));
    }
}

#[test]
fn tls_in_both_directions() {
    if !is_possible(&["openssl", "ss"]) {
        return;
    }
    let (network, place) = (Network::veth(1500), place(1_000_000));
    let request =
        "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost";
    let made = program::run("openssl", request.split(' '), place.path(), None, super::network::LIMIT);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let arguments = ["s_server", "-accept", "443", "-cert", "cert.pem", "-key", "key.pem", "-WWW", "-quiet"];
    let _server = network.server.start("openssl", &arguments, place.path());
    network.wait_for(443);
    for target in [SocketAddr::new(SERVER.into(), 443), SocketAddr::new(SERVER6.into(), 443)] {
        let mut capture = Capture::start(&network.server, &["-i", "net0", "-o", "out", "port", "443"]);
        let relay = network.relay(4430, target);
        let client = ["-sSk", "--noproxy", "*", "-m", "30", "https://127.0.0.1:4430/noise.bin"];
        let decrypted = network.client.run("curl", &client);
        let [sent, received] = relay.join().unwrap();
        capture.end_well();
        assert!(decrypted.ends_with(&noise(1_000_000, 7)));
        assert!(received.len() > 1_000_000 && !received.windows(20).any(|bytes| bytes == &decrypted[..20]));
        assert!(capture.client_side(443) == sent, "{target}: the client's side");
        assert!(capture.server_side(443) == received, "{target}: the server's side");
    }
}

#[test]
fn jumbo_frames() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(9000);
    network.serve(7000, noise(5_000_000, 3));
    let mut capture = Capture::start(&network.server, &["-i", "net0", "-o", "out"]);
    let mut frames = Capture::start(&network.server, &["-i", "net0", "-o", "out", "-K"]);
    let received = network.ask(7000);
    capture.end_well();
    frames.end_well();
    assert!(received == noise(5_000_000, 3));
    assert!(capture.server_side(7000) == received);
    let longest = frames.files().iter().map(|(_, bytes)| longest_record(bytes)).max();
    assert_eq!(longest, Some(9014), "frames as long as the link has them");
}

/// The length of the longest record of a pcap file in this machine's byte order.
fn longest_record(file: &[u8]) -> u32 {
    let (mut at, mut longest) = (24, 0);
    while let Some(length) = file.get(at + 8..at + 12) {
        let length = u32::from_ne_bytes(length.try_into().unwrap());
        longest = longest.max(length);
        at += 16 + length as usize;
    }
    longest
}

#[test]
fn vlans() {
    if !is_possible(&["python3", "sysctl"]) {
        return;
    }
    for (tags, mark) in
        [(&["--tag", "0x8100:5"][..], "--5"), (&["--tag", "0x88a8:100", "--tag", "0x8100:5"], "--100")]
    {
        let network = Network::wire(tags);
        network.serve(7000, noise(300_000, 5));
        let mut capture =
            Capture::start(&network.server, &["-i", "mirror", "-o", "out", "vlan and port 7000"]);
        if tags.len() > 2 {
            capture = Capture::start(
                &network.server,
                &["-i", "mirror", "-o", "out", "vlan and vlan and port 7000"],
            );
        }
        let received = network.ask(7000);
        capture.end_well();
        assert!(received == noise(300_000, 5));
        let (name, bytes) = capture.files().into_iter().find(|(_, bytes)| bytes.len() > 1000).unwrap();
        assert!(bytes == received && name.contains(mark), "{name}: {} bytes", bytes.len());
    }
}

#[test]
fn loss_repetition_and_reordering() {
    if !is_possible(&["python3", "sysctl"]) {
        return;
    }
    let network =
        Network::wire(&["--seed", "7", "--before", "lose=2,repeat=2,swap=4", "--after", "lose=2,repeat=2"]);
    network.serve(7000, noise(400_000, 9));
    let mut capture = Capture::start(&network.server, &["-v", "-i", "mirror", "-o", "out"]);
    let received = network.ask(7000);
    let said = {
        let ended = capture.end();
        assert_eq!(ended.code, 0, "{}", ended.said);
        ended.said
    };
    assert!(received == noise(400_000, 9));
    assert!(said.contains("out of order") && said.contains("repeated: "), "{said}");
    assert!(capture.server_side(7000) == received, "{said}");
}

#[test]
fn all_interfaces_at_once() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(200_000, 11));
    let mut capture = Capture::start(&network.server, &["-i", "any", "-o", "out"]);
    let received = network.ask(7000);
    capture.end_well();
    assert!(capture.server_side(7000) == received && received == noise(200_000, 11));
}

#[test]
fn the_only_interface_without_its_name_and_only_what_the_filter_wants() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(10_000, 1));
    network.serve(7001, noise(20_000, 2));
    let mut capture = Capture::start(&network.server, &["-o", "out", "port 7001"]);
    assert!(capture.said().contains("listening on net0"), "{}", capture.said());
    wait("the directory is said", || {
        capture.said().contains("writing to /") && capture.said().contains("/out\n")
    });
    network.ask(7000);
    let received = network.ask(7001);
    capture.end_well();
    assert_eq!(capture.files().len(), 2);
    assert!(capture.server_side(7001) == received);
    // The kernel has passed over the rest.
    assert!(!capture.said().contains("not matched"), "{}", capture.said());
}

#[test]
fn a_snap_length_cuts_frames() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(100_000, 1));
    let mut capture = Capture::start(&network.server, &["-o", "out", "--snaplen", "100"]);
    network.ask(7000);
    let ended = capture.end();
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(ended.said.contains("(snap length)"), "{}", ended.said);
}
