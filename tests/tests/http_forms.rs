//! Uploads: the body of a request, and the parts of a form.

use std::slice;

use tapflow_common::scan::http::{BodyKind, Limits};
use tapflow_tests::http::{Kept, whole, with_gaps};

const FORM: &str = "--XX\r\nContent-Disposition: form-data; name=\"who\"\r\n\r\nme\r\n--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../../a.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--X\r\n\r\n--XX--\r\n";

fn post(kind: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn form(body: &str) -> Kept {
    Kept::of(post("multipart/form-data; boundary=XX", body), "HTTP/1.1 204 Done\r\n\r\n")
}

#[test]
fn a_body_of_a_request() {
    let kept = Kept::of(post("application/json", "{}"), "");
    assert_eq!(kept.lines(), ["-HTTPREQ-001.json {}"]);
}

#[test]
fn a_form_is_saved_whole_and_in_parts() {
    let kept = form(FORM);
    assert_eq!(kept.body("-HTTPREQ-001"), FORM.as_bytes());
    assert_eq!(kept.body("-HTTPREQ-001-PART-001"), b"me");
    assert_eq!(kept.body("-HTTPREQ-001-PART-002.png"), b"PNG\r\n--X\r\n");
    let files = &kept.request(1).files;
    assert_eq!(
        files.iter().map(|file| file.kind).collect::<Vec<_>>(),
        [BodyKind::Request, BodyKind::Part(1), BodyKind::Part(2)]
    );
    assert_eq!((files[1].field.as_deref(), files[1].suggested_name.as_deref()), (Some("who"), None));
    assert_eq!(
        (files[2].field.as_deref(), files[2].suggested_name.as_deref()),
        (Some("f"), Some("../../a.png"))
    );
    assert_eq!(kept.anomalies(), [""; 0]);
}

/// However the body is cut into pieces, the parts are the same.
#[test]
fn parts_do_not_depend_on_chunks() {
    for size in 1..FORM.len() {
        let mut client =
            "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=XX\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_owned();
        for chunk in FORM.as_bytes().chunks(size) {
            client += &format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap());
        }
        client += "0\r\n\r\n";
        let kept = Kept::of(client, "");
        assert_eq!(kept.body("-HTTPREQ-001-PART-001"), b"me", "{size}");
        assert_eq!(kept.body("-HTTPREQ-001-PART-002.png"), b"PNG\r\n--X\r\n", "{size}");
        assert_eq!((kept.bodies.len(), kept.anomalies()), (3, vec![]), "{size}");
    }
}

#[test]
fn bare_line_feeds_a_preamble_and_empty_parts() {
    let kept = form("preamble\n--XX\nContent-Type: text/plain\n\nhello\n--XX\n\n\n--XX\n\n--XX--");
    assert_eq!(kept.lines()[0], "-HTTPREQ-001-PART-001.txt hello");
    assert_eq!(kept.bodies.len(), 2, "empty parts make no file");
    assert_eq!(kept.anomalies(), [""; 0]);
}

#[test]
fn a_form_without_an_end_or_without_parts() {
    let kept = form("--XX\r\nContent-Type: text/plain\r\n\r\nhello\r\n--X");
    assert_eq!(kept.body("-HTTPREQ-001-PART-001.txt"), b"hello\r\n--X");
    assert_eq!(kept.anomalies(), ["bad_multipart"]);
    let kept = form("no parts at all");
    assert_eq!(
        (kept.lines(), kept.anomalies()),
        (vec!["-HTTPREQ-001 no parts at all".to_owned()], vec!["bad_multipart"])
    );
}

#[test]
fn a_gap_in_a_part() {
    let client = post("multipart/form-data; boundary=XX", FORM);
    let at = client.find("PNG").unwrap() as u64;
    let mut client = client.into_bytes();
    let gap = at + 1..at + 3;
    let kept = Kept::scan([with_gaps(&mut client, slice::from_ref(&gap)), whole(b"")], &Limits::default());
    assert_eq!(kept.body("-HTTPREQ-001-PART-002.png"), b"P\0\0\r\n--X\r\n");
    let complete: Vec<bool> = kept.request(1).files.iter().map(|file| file.complete).collect();
    assert_eq!(complete, [false, true, false]);
    assert_eq!(kept.anomalies(), ["gap_in_body"]);
}

#[test]
fn parts_beyond_the_limit_are_counted() {
    let client = post("multipart/form-data; boundary=XX", FORM);
    let limits = Limits { parts: 1, ..Limits::default() };
    let kept = Kept::scan([whole(client.as_bytes()), whole(b"")], &limits);
    assert_eq!((kept.bodies.len(), kept.request(1).parts_omitted), (2, 1));
}

#[test]
fn files_beyond_the_limit_are_told() {
    let client = post("text/plain", "x").repeat(5);
    let limits = Limits { bodies: 2, ..Limits::default() };
    let kept = Kept::scan([whole(client.as_bytes()), whole(b"")], &limits);
    assert_eq!((kept.bodies.len(), kept.anomalies()), (2, vec!["too_many_bodies"]));
    assert_eq!(kept.messages.len(), 5);
}
