//! TLS with keys: plaintext in files of its own, and what the report says.

use std::fs;

use tapflow_tests::answers::sha256;

use super::support::Place;

/// The files of a directory whose names end so.
fn named(place: &Place, directory: &str, end: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(directory)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(end)).collect();
    names.sort();
    names
}

#[test]
fn a_key_log_gives_the_plaintext_of_each_direction() {
    let place = Place::new();
    let run = place.tapflow(&[
        "-e",
        "md5",
        "-o",
        "o",
        "-r",
        "@tls/tls13-aes128-gcm.pcap",
        "--keylog",
        "@tls/tls13-aes128-gcm.keys",
        "--jsonl",
        "o.jsonl",
    ]);
    run.ends_with(0).says(&["written:    4 files", "tls:        1 connection, 1 decrypted\n"]);
    let [server, client] = &named(&place, "o", "-TLS")[..] else { panic!("two files") };
    let answers =
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tls/tls13-aes128-gcm.answers.json"));
    let answers: serde_json::Value = serde_json::from_slice(&answers.unwrap()).unwrap();
    for (name, side) in [(client, "client"), (server, "server")] {
        let text = fs::read(place.path(&format!("o/{name}"))).unwrap();
        let expected = &answers[if text.starts_with(b"client") { "client" } else { "server" }];
        assert_eq!(sha256(&text), expected["sha256"], "{side}");
    }
    let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
    for part in [
        " version=\"TLS 1.3\" suite=\"TLS_AES_128_GCM_SHA256\" sni=\"tls.example\" ja3=",
        "<tcpflow:certificate sha256=",
        " subject=\"tls.example\" issuer=\"tls.example\" names=\"tls.example www.tls.example\"/>",
        "<tcpflow:tls_plaintext of=",
        "<tcpflow:counter name=\"tls_decrypted\">1</tcpflow:counter>",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
    // Each of the four files has a digest.
    assert_eq!(report.matches("<hashdigest type=\"MD5\">").count(), 4);
    let lines = fs::read_to_string(place.path("o.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(lines.trim()).unwrap();
    let flow = &line["flows"][0];
    assert_eq!(flow["tls"]["plaintext"]["size"], answers["client"]["length"], "{flow}");
    assert_eq!((&flow["tls"]["decrypted"], &flow["tls"]["data_records"]), (&true.into(), &1.into()));
    // No secret is in any output.
    let keys =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tls/tls13-aes128-gcm.keys"));
    for secret in keys.unwrap().split_whitespace().filter(|word| word.len() == 64) {
        assert!(!report.contains(secret) && !lines.contains(secret));
    }
}

#[test]
fn a_capture_with_its_secrets_needs_no_key_log_and_http_is_found_in_it() {
    let place = Place::new();
    let run = place.tapflow(&["-a", "-o", "o", "-r", "@tls/https.pcapng"]).ends_with(0);
    run.says(&[
        "tls:        1 connection, 1 decrypted",
        "http:       1 request, 1 response, 1 body file, 6000 bytes",
    ]);
    let [body] = &named(&place, "o", "-TLS-HTTPBODY-001.txt")[..] else { panic!("one body") };
    assert_eq!(fs::metadata(place.path(&format!("o/{body}"))).unwrap().len(), 6000);
    // The scheme is that of the connection: HTTP/1 does not say one.
    assert!(place.report("o").contains(" url=\"https://tls.example:444/body.txt\""), "{}", place.report("o"));
}

#[test]
fn secrets_behind_the_packets_and_of_resumed_sessions_are_used_at_the_end() {
    let place = Place::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tls/https.pcapng");
    let bytes = fs::read(data).unwrap();
    // The block with the secrets goes to the end.
    let (mut at, mut others, mut secrets) = (0, Vec::new(), Vec::new());
    while at < bytes.len() {
        let word = |place: usize| u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap());
        let end = at + word(at + 4) as usize;
        if word(at) == 10 { &mut secrets } else { &mut others }.extend_from_slice(&bytes[at..end]);
        at = end;
    }
    assert!(!secrets.is_empty());
    place.put("late.pcapng", [others, secrets].concat());
    let run = place.tapflow(&["-a", "-o", "o", "-r", "late.pcapng"]).ends_with(0);
    run.says(&["tls:        1 connection, 1 decrypted\n", "1 body file, 6000 bytes"]);
    let arguments = [
        "-o",
        "r",
        "-r",
        "@tls/tls12-resumed.pcap",
        "--keylog",
        "@tls/tls12-resumed.keys",
        "--jsonl",
        "r.jsonl",
    ];
    let run = place.tapflow(&arguments).ends_with(0);
    run.says(&["tls:        2 connections, 2 decrypted\n"]);
    // In the second connection the server sends nothing.
    assert_eq!(named(&place, "r", "-TLS").len(), 3);
    let lines = fs::read_to_string(place.path("r.jsonl")).unwrap();
    assert_eq!((lines.lines().count(), lines.matches("\"late\":true").count()), (3, 2));
}

#[test]
fn without_keys_there_is_no_plaintext_and_a_reason() {
    let place = Place::new();
    let run = place.tapflow(&["-e", "tls", "-o", "o", "-r", "@tls/tls10-cbc.pcap"]).ends_with(0);
    run.says(&["tls:        1 connection, 0 decrypted, 1 without keys\n"]);
    assert!(named(&place, "o", "-TLS").is_empty());
    let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
    assert!(report.contains("not_decrypted=\"no secret for its client random\""), "{report}");
}

#[test]
fn a_key_log_that_cannot_be_read_is_an_error_and_a_strange_one_is_said() {
    let place = Place::new();
    let run = place.tapflow(&["-o", "o", "-r", "@tls/tls10-cbc.pcap", "--keylog", "no.keys"]);
    run.ends_with(1).says(&["tapflow: cannot read the key log no.keys: "]);
    place.put("strange.keys", b"CLIENT_RANDOM 12 34\n");
    let run =
        place.tapflow(&["-o", "o", "-r", "@tls/tls10-cbc.pcap", "--keylog", "strange.keys"]).ends_with(0);
    run.says(&[
        "strange.keys: there is no secret of TLS in it so far",
        "strange.keys: 1 line left out: no entry of a key log",
        "1 without keys",
    ]);
}
