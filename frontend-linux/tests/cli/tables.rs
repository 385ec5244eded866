//! Tables as CSV.

use std::fs;

use tapflow_tests::answers::sha256;

use super::support::{HALF_PAST, Place, capture_bytes, connection, pcap};
#[cfg(unix)]
use super::support::{end_of, half_read};

#[cfg(unix)]
const TABLES: [&str; 3] = ["connections.csv", "exchanges.csv", "objects.csv"];

/// The rows of a table below its header, each as its cells.
fn rows(place: &Place, name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(place.path(name)).unwrap();
    assert!(text.ends_with("\r\n"), "{text}");
    let mut lines: Vec<Vec<String>> = text.split_terminator("\r\n").map(cells).collect();
    let columns = lines.remove(0).len();
    assert!(lines.iter().all(|line| line.len() == columns), "{text}");
    lines
}

/// The cells of a line: RFC 4180, 2.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let last = cells.last_mut().unwrap();
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => last.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => last.push(other),
        }
    }
    cells
}

/// The cells of one column.
fn column(place: &Place, table: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(place.path(table)).unwrap();
    let header = cells(text.lines().next().unwrap());
    let index = header.iter().position(|column| column == name).unwrap();
    rows(place, table).into_iter().map(|mut row| row.swap_remove(index)).collect()
}

#[test]
fn a_connection_has_a_row_with_what_both_sides_sent() {
    let place = Place::new();
    place.tapflow(&["--csv", "t", "-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0);
    let only = |name: &str| {
        let cells = column(&place, "t/connections.csv", name);
        assert_eq!(cells.len(), 1);
        cells[0].clone()
    };
    for (name, cell) in [
        ("start", "2026-11-23T06:24:06.354107Z"),
        ("client_address", "192.0.2.1"),
        ("client_port", "41670"),
        ("server_address", "192.0.2.2"),
        ("server_port", "80"),
        ("service", "http"),
        ("state", "finished"),
        ("client_bytes", "561"),
        ("server_bytes", "7253"),
        ("server_gaps", "0"),
        ("http_not_listed", "0"),
    ] {
        assert_eq!(only(name), cell, "{name}");
    }
    // Nothing was saved, so objects have no file.
    assert_eq!(column(&place, "t/objects.csv", "size"), ["300", "5000", "146", "138", "300"]);
    assert_eq!(column(&place, "t/objects.csv", "file"), [""; 5]);
    assert!(place.files("o").keys().all(|name| !name.contains("HTTPBODY")));
}

#[test]
fn exchanges_and_objects_have_the_url_and_objects_their_digest() {
    let place = Place::new();
    place.tapflow(&["--csv", "t", "-e", "http", "-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0);
    let paths = ["300.txt", "5000.txt", "missing", "empty.txt", "moved", "nothing", "300.txt"];
    let urls = paths.map(|path| format!("http://192.0.2.2/{path}"));
    assert_eq!(column(&place, "t/exchanges.csv", "url"), urls);
    let status = ["200", "200", "404", "200", "302", "204", "200"];
    assert_eq!(column(&place, "t/exchanges.csv", "status"), status);
    let [all, objects] = ["t/exchanges.csv", "t/objects.csv"].map(|table| column(&place, table, "url"));
    assert_eq!(objects, [0, 1, 2, 4, 6].map(|index| all[index].clone()));
    let files = column(&place, "t/objects.csv", "file");
    assert!(files.iter().all(|file| place.path(file).is_file()));
    let responses = column(&place, "t/exchanges.csv", "response_file");
    assert_eq!(responses.into_iter().filter(|file| !file.is_empty()).collect::<Vec<_>>(), files);
    // What `sha256sum` says of the first.
    let digests = column(&place, "t/objects.csv", "sha256");
    assert_eq!(digests[0], "b55485ff2f72e1447c8123a33ff2ea6cdeb15e184b2a0fe5f0366ae6826a8391");
}

#[test]
fn what_traffic_says_is_never_calculated() {
    let place = Place::new();
    let head = b"HTTP/1.1 200 =1+1,\"x\"\r\nContent-Type: @SUM(A1)\r\nContent-Length: 2\r\n\r\nok";
    place.put("a.pcap", pcap(&connection(1000, &[(HALF_PAST, &head[..])])));
    place.tapflow(&["--csv", "t", "-o", "o", "-r", "a.pcap"]).ends_with(0);
    assert_eq!(column(&place, "t/exchanges.csv", "reason"), ["'=1+1,\"x\""]);
    assert_eq!(column(&place, "t/objects.csv", "content_type"), ["'@sum(a1)"]);
    // The request was not captured.
    assert_eq!(column(&place, "t/exchanges.csv", "url"), [""]);
}

#[test]
fn the_console_and_lines_do_not_change_the_table_of_connections() {
    let place = Place::new();
    place.tapflow(&["--csv", "files", "-o", "o", "-r", "@http-parallel.pcap"]).ends_with(0);
    let args = ["-c", "--csv", "console", "--jsonl", "lines", "-r", "@http-parallel.pcap"];
    place.tapflow(&args).ends_with(0);
    for name in ["connection", "start", "client_port", "client_bytes", "server_bytes", "state"] {
        let of = |folder: &str| column(&place, &format!("{folder}/connections.csv"), name);
        assert_eq!(of("files"), of("console"), "{name}");
    }
    let lines = fs::read_to_string(place.path("lines")).unwrap();
    assert_eq!(lines.lines().count(), rows(&place, "console/connections.csv").len());
    assert_eq!(rows(&place, "console/exchanges.csv"), Vec::<Vec<String>>::new());
}

#[test]
fn each_numbered_directory_has_its_own_tables() {
    let place = Place::new();
    let mut frames = connection(1000, &[(HALF_PAST, &b"first"[..])]);
    frames.extend(connection(2000, &[(HALF_PAST + 3600, &b"second"[..])]));
    place.put("a.pcap", pcap(&frames));
    let args =
        ["--csv", "t", "-o", "o", "-r", "a.pcap", "--rotate", "1h", "--max-disk", "100M", "--jsonl", "-"];
    let run = place.tapflow(&args).ends_with(0);
    assert_eq!(run.out.split(|byte| *byte == b'\n').count(), 3, "two lines, whole");
    for (number, port) in [("000001", "1000"), ("000002", "2000")] {
        assert_eq!(column(&place, &format!("o/{number}/t/connections.csv"), "client_port"), [port]);
    }
}

#[test]
fn what_stands_in_the_way_is_named_before_anything_is_read() {
    let place = Place::new();
    place.put("t", "mine");
    place.tapflow(&["--csv", "t", "-o", "o", "-r", "@ssh.pcap"]).ends_with(1).says(&["t: "]);
    assert_eq!(fs::read(place.path("t")).unwrap(), b"mine");
    fs::create_dir_all(place.path("d/objects.csv")).unwrap();
    let run = place.tapflow(&["--csv", "d", "-o", "o", "-r", "@ssh.pcap"]).ends_with(1);
    run.says(&["objects.csv"]);
    assert_eq!(place.files("d").len(), 0, "nothing is left");
    fs::copy(super::support::capture("ssh.pcap"), place.path("connections.csv")).unwrap();
    let run = place.tapflow(&["--csv", ".", "-o", "o", "-r", "connections.csv"]).ends_with(1);
    run.says(&["it is an input; name another directory with --csv"]);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_leaves_whole_tables() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let place = Place::new();
    let (child, stdin) = half_read(&place, &["--csv", "t"]);
    for name in TABLES {
        assert!(!place.path(&format!("t/{name}")).exists() && place.path(&format!("t/{name}.part")).exists());
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    end_of(child);
    drop(stdin);
    assert_eq!(place.files("t").keys().map(String::as_str).collect::<Vec<_>>(), TABLES);
    assert_eq!(rows(&place, "t/connections.csv").len(), 1);
}

#[test]
fn the_first_frame_of_a_flow_is_known_by_its_number_in_its_file() {
    let place = Place::new();
    let mut frames = connection(1000, &[(HALF_PAST, &b"first"[..])]);
    let before = frames.len() as u64;
    frames.extend(connection(2000, &[(HALF_PAST + 5, &b"second"[..])]));
    place.put("a.pcap", pcap(&frames));
    place.put("b.pcap", pcap(&connection(3000, &[(HALF_PAST + 2, &b"between"[..])])));
    // SYN and SYN with ACK are the first two frames of each connection. Port 3000 lies between the others in time.
    let known = |args: &[&str]| {
        place.tapflow(&[args, &["--csv", "t", "--jsonl", "lines", "--fresh", "-q"]].concat()).ends_with(0);
        let [ports, clients, servers, inputs] =
            ["client_port", "client_frame", "server_frame", "client_input"]
                .map(|name| column(&place, "t/connections.csv", name));
        (0..ports.len())
            .map(|row| [&ports, &clients, &servers, &inputs].map(|all| all[row].clone()))
            .collect()
    };
    let rows: Vec<[String; 4]> = known(&["-o", "o", "-r", "a.pcap", "-r", "b.pcap"]);
    let row = |port: &str, client: u64, input: &str| {
        [port.to_owned(), client.to_string(), (client + 1).to_string(), input.to_owned()]
    };
    let mut sorted = rows.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [row("1000", 1, "a.pcap"), row("2000", before + 1, "a.pcap"), row("3000", 1, "b.pcap")]
    );
    let report = place.report("o");
    assert!(report.contains(&format!(" frame=\"{}\" input=\"a.pcap\"", before + 2)), "{report}");
    let lines = fs::read_to_string(place.path("lines")).unwrap();
    assert!(lines.contains(&format!("\"frame\":{},\"input\":\"a.pcap\"", before + 1)), "{lines}");

    // Frames that a filter drops count, in numbered directories too.
    let rows: Vec<[String; 4]> = known(&["-o", "f", "-r", "a.pcap", "port", "2000"]);
    assert_eq!(rows, [row("2000", before + 1, "")]);
    let args = ["-o", "r", "-r", "a.pcap", "--rotate", "1h", "--csv", "t", "-q", "port", "2000"];
    place.tapflow(&args).ends_with(0);
    assert_eq!(column(&place, "r/000001/t/connections.csv", "client_frame"), [(before + 1).to_string()]);
}

#[test]
fn a_body_has_the_name_and_time_of_what_was_asked_for_in_every_report() {
    let place = Place::new();
    let args = ["--csv", "t", "--jsonl", "lines", "-e", "http", "-o", "o", "-r", "@http-keepalive.pcap"];
    place.tapflow(&args).ends_with(0);
    let names = ["300.txt", "5000.txt", "missing", "moved", "300.txt"];
    assert_eq!(column(&place, "t/objects.csv", "suggested_name"), names);
    let report = place.report("o");
    let body = " suggested_name=\"5000.txt\" url=\"http://192.0.2.2/5000.txt\"";
    assert!(report.contains(body), "{report}");
    // The third exchange, from both sides.
    let request = "<tcpflow:request number=\"3\" method=\"GET\" target=\"/missing\" response=\"3\"";
    let response =
        "<tcpflow:response number=\"3\" status=\"404\" request=\"3\" url=\"http://192.0.2.2/missing\"";
    assert!(report.contains(request) && report.contains(response), "{report}");
    let objects: Vec<&str> =
        report.split("<fileobject>").filter(|object| object.contains("http_body")).collect();
    let times = column(&place, "t/objects.csv", "start");
    for (object, time) in objects.iter().zip(&times) {
        assert!(object.contains(&format!("<mtime>{time}</mtime>")), "{object}");
    }
    let lines = fs::read_to_string(place.path("lines")).unwrap();
    let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let [request, response] = [0, 1].map(|flow| &line["flows"][flow]["http"]["messages"][1]);
    assert_eq!((&request["response"], &response["request"]), (&2.into(), &2.into()));
    assert_eq!((&request["url"], &response["url"]), (&response["url"], &"http://192.0.2.2/5000.txt".into()));
    assert_eq!(response["files"][0]["time"], "2026-11-23T06:24:06.355778Z");
}

#[test]
fn exchanges_inside_of_tls_are_in_the_tables_also_if_the_secrets_come_late() {
    let place = Place::new();
    place.tapflow(&["-a", "--csv", "t", "-o", "o", "-r", "@tls/https.pcapng"]).ends_with(0);
    assert_eq!(column(&place, "t/connections.csv", "service"), ["https"]);
    assert_eq!(column(&place, "t/exchanges.csv", "status"), ["200"]);
    assert_eq!(column(&place, "t/objects.csv", "size"), ["6000"]);
    let file = column(&place, "t/objects.csv", "file").remove(0);
    assert_eq!(column(&place, "t/objects.csv", "sha256"), [sha256(&fs::read(place.path(&file)).unwrap())]);

    // Blocks of secrets behind all others.
    let bytes = capture_bytes("tls/https.pcapng");
    let (mut secrets, mut others, mut rest) = (Vec::new(), Vec::new(), &bytes[..]);
    while let Some(header) = rest.first_chunk::<8>() {
        let [kind, length] = [0, 4].map(|at| u32::from_le_bytes(header[at..at + 4].try_into().unwrap()));
        let (block, behind) = rest.split_at(length as usize);
        if kind == 0xa {
            secrets.extend_from_slice(block)
        } else {
            others.extend_from_slice(block)
        }
        rest = behind;
    }
    place.put("late.pcapng", [others, secrets].concat());
    place.tapflow(&["-a", "--csv", "late", "-o", "l", "-r", "late.pcapng"]).ends_with(0);
    assert_eq!(rows(&place, "late/connections.csv").len(), 1, "no connection is there twice");
    for name in ["status", "url", "response_bytes"] {
        let of = |folder: &str| column(&place, &format!("{folder}/exchanges.csv"), name);
        assert_eq!(of("late"), of("t"), "{name}");
    }
}
