//! The console: streams on standard output, in the order of their bytes.

use super::support::{Place, streams};

const SERVER: &str = "198.051.100.002.00080-192.000.002.001.40000";
const CLIENT: &str = "192.000.002.001.40000-198.051.100.002.00080";

fn printed(args: &[&str]) -> String {
    let run = Place::new().tapflow(args).ends_with(0);
    String::from_utf8(run.out).unwrap()
}

/// What stands behind the headers of a flow, put together.
fn stream_of(text: &str, name: &str) -> String {
    let header = format!("{name}: ");
    text.lines().filter_map(|line| line.strip_prefix(&header)).collect()
}

#[test]
fn streams_are_printed_in_their_order_whatever_the_order_of_arrival() {
    let whole = streams(&["tcp-out-of-order.pcap"]);
    let server = String::from_utf8(whole[SERVER].clone()).unwrap();
    let in_order = printed(&["-c", "-r", "@tcp-out-of-order.pcap"]);
    assert_eq!(stream_of(&in_order, SERVER), server);
    let arrived = printed(&["-c", "--order", "arrival", "-r", "@tcp-out-of-order.pcap"]);
    let arrived = stream_of(&arrived, SERVER);
    assert_ne!(arrived, server);
    assert_eq!(arrived.len(), server.len());
}

#[test]
fn the_binary_console_without_names_and_line_ends_is_the_stream() {
    for name in ["tcp-out-of-order.pcap", "wire-loss-reorder.pcap", "tcp-duplicates.pcap", "tcp-overlap.pcap"]
    {
        let capture = format!("@{name}");
        let run = Place::new().tapflow(&["-CB0", "-r", &capture, "src port 80"]).ends_with(0);
        let server = streams(&[name]).into_iter().filter(|(flow, _)| flow.contains(".00080-"));
        assert_eq!(run.out, server.map(|(_, bytes)| bytes).collect::<Vec<_>>().concat(), "{name}");
    }
}

#[test]
fn gaps_are_shown_in_their_place() {
    let text = printed(&["-C", "-r", "@tcp-holes.pcap"]);
    let gaps: Vec<_> = text.lines().map(|line| line.starts_with('[').then_some(line)).collect();
    let hundred = Some("[100 bytes missing]");
    let expected =
        [hundred, None, hundred, None, hundred, None, hundred, None, Some("[1100 bytes missing]"), None];
    assert_eq!(gaps, expected);
}

#[test]
fn pieces_have_names_unless_bare() {
    let request = "GET /one HTTP/1.1\r\nHost: server.example\r\n\r\n";
    assert!(printed(&["-c", "-r", "@link-ipv4-228.pcap"]).starts_with(&format!("{CLIENT}: {request}\n")));
    assert!(printed(&["-C", "-r", "@link-ipv4-228.pcap"]).starts_with(&format!("{request}\n")));
    assert!(
        printed(&["-c0", "-r", "@link-ipv4-228.pcap"]).starts_with(&format!("{CLIENT}: {request}{SERVER}: "))
    );
    assert!(
        printed(&["-c", "-o", "dir", "-T", "%A", "-r", "@link-ipv4-228.pcap"])
            .starts_with("dir/192.000.002.001: ")
    );
}

#[test]
fn colours_tell_client_from_server() {
    let text = printed(&["-Cg", "-r", "@link-ipv4-228.pcap"]);
    assert!(text.starts_with("\u{1b}[0;34mGET /one") && text.contains("\u{1b}[0m\n\u{1b}[0;31m"), "{text:?}");
}

#[test]
fn hexadecimal_lines_have_offset_bytes_and_text() {
    let text = printed(&["-CD", "-r", "@link-ipv4-228.pcap"]);
    assert!(
        text.starts_with(
            "0000: 4745 5420 2f6f 6e65 2048 5454 502f 312e 310d 0a48 6f73 743a 2073 6572 7665 722e  \
             GET /one HTTP/1.1..Host: server.\n0020: 6578 616d 706c 650d 0a0d 0a"
        ),
        "{text}"
    );
}

#[test]
fn json_has_an_object_for_each_piece() {
    for (capture, hosts) in [
        (
            "@link-ipv4-228.pcap",
            r#"{"src_host":"192.0.2.1","src_port":40000,"dst_host":"198.51.100.2","dst_port":80,"payload": [71,69,84,"#,
        ),
        ("@link-ipv6-229.pcap", r#"{"src_host":"2001:db8::1","src_port":"#),
        (
            "@tcp-holes.pcap",
            r#"{"src_host":"192.0.2.1","src_port":40000,"dst_host":"198.51.100.2","dst_port":80,"payload": [],"missing":100}"#,
        ),
    ] {
        let text = printed(&["-cJ", "-r", capture]);
        assert!(text.starts_with(hosts), "{text}");
        assert!(text.lines().all(|line| line.starts_with('{') && line.ends_with('}')));
    }
}

#[test]
fn unprintable_bytes_are_points() {
    let run = Place::new().tapflow(&["-C", "-r", "@ssh.pcap"]).ends_with(0);
    assert!(run.out.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r')));
}

#[test]
fn the_limit_of_bytes_holds_on_the_console_too() {
    assert_eq!(printed(&["-C", "-b", "3", "-r", "@link-ipv4-228.pcap"]).lines().next(), Some("GET"));
}
