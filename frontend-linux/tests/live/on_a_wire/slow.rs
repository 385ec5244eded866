//! Output that is slower than the wire.

use std::io::Read;
use std::process::Stdio;

use super::capture::{Capture, TAPFLOW};
use super::network::{Network, is_possible, noise};

/// Prints to a pipe that nobody reads until all has been sent, and then is read to its end: what came out of it.
fn printed(network: &Network, arguments: &[&str], port: u16) -> (Vec<u8>, String) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = network.server.command(TAPFLOW);
    command.args(["-i", "net0", "-C", "-B", "-0", "-X", "report.xml"]);
    let mut capture = Capture::of_command(command, arguments, Stdio::from(writer));
    let received = network.ask(port);
    assert!(!received.is_empty());
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let ended = capture.end();
    assert_eq!(ended.code, 0, "{}", ended.said);
    let report = std::fs::read_to_string(capture.path("report.xml")).unwrap();
    (reading.join().unwrap(), ended.said + &report)
}

#[test]
fn what_fits_the_buffer_waits_there_and_nothing_is_lost() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(40_000_000, 1));
    let (bytes, said) = printed(&network, &["src port 7000"], 7000);
    assert!(bytes == noise(40_000_000, 1), "{} bytes: {said}", bytes.len());
    assert!(said.contains(", 0 dropped by the kernel"), "{said}");
    assert!(said.contains(" dropped=\"0\" "), "{said}");
}

#[test]
fn what_is_more_is_dropped_by_the_kernel_and_counted() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(9000);
    network.serve(7000, noise(150_000_000, 1));
    let (bytes, said) = printed(&network, &["--buffer-size", "2M", "src port 7000"], 7000);
    assert!(bytes.len() > 40_000_000 && bytes.len() < 150_000_000, "{} bytes: {said}", bytes.len());
    assert!(!said.contains(", 0 dropped by the kernel"), "{said}");
    assert!(said.contains(" dropped=\"") && !said.contains(" dropped=\"0\""), "{said}");
    // What is there is what was sent, up to the last byte seen, without the gaps that the report lists.
    let report = said.split_once("?>").unwrap().1;
    let report = roxmltree::Document::parse(report).unwrap();
    let number =
        |node: &roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse::<usize>().unwrap();
    let flow = report.descendants().find(|node| node.attribute("srcport") == Some("7000")).unwrap();
    let mut expected = noise(150_000_000, 1);
    expected.truncate(number(&flow, "span"));
    assert_eq!(bytes.len(), number(&flow, "data"), "{said}");
    let gaps = flow.children().find(|node| node.tag_name().name() == "gaps").unwrap();
    if gaps.attribute("not_listed").is_none() {
        let gaps: Vec<_> = gaps.children().filter(|node| node.is_element()).collect();
        for gap in gaps.iter().rev() {
            let start = number(gap, "offset");
            expected.drain(start..start + number(gap, "len"));
        }
        assert!(bytes == expected);
    }
}
