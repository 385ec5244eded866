//! HTTP as a real server and a real client speak it: nginx serves files, curl and a bare socket fetch them while
//! tcpdump records the loopback; the bodies that tapflow takes out of the recording equal the files.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tapflow_tests::not_tested;
use tapflow_tests::program::{self, is_installed};

const TAPFLOW: &str = env!("CARGO_BIN_EXE_tapflow");
const LIMIT: Duration = Duration::from_secs(30);

/// Ends a program when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "{what} in {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Bytes that look random.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| byte()).collect()
}

/// What the server serves.
fn files() -> [(&'static str, Vec<u8>); 6] {
    let page: String = (0..2000).map(|line| format!("<p>line {line} of a page</p>\n")).collect();
    [
        ("plain.txt", b"a short text\n".repeat(40)),
        ("page.html", page.clone().into_bytes()),
        ("noise.png", noise(300_000)),
        ("style.css", b"p { margin: 0 }\n".repeat(300)),
        ("empty.txt", Vec::new()),
        // Its length is not known before it is made: it comes in chunks.
        ("included.shtml", b"<html><!--#echo var=\"arg_a\" --></html>\n".repeat(500)),
    ]
}

fn serve(root: &Path, port: u16) -> Running {
    let path = root.display();
    let configuration = format!(
        "daemon off; worker_processes 1; pid {path}/pid; error_log {path}/errors;
         events {{ worker_connections 64; }}
         http {{
             access_log off; types {{ text/html html shtml; text/plain txt; text/css css; image/png png; }}
             client_body_temp_path {path}/t1; proxy_temp_path {path}/t2; fastcgi_temp_path {path}/t3;
             uwsgi_temp_path {path}/t4; scgi_temp_path {path}/t5;
             server {{
                 listen 127.0.0.1:{port}; root {path}/www;
                 gzip on; gzip_types text/css; gzip_min_length 1000;
                 location ~ shtml$ {{ ssi on; }}
                 location /upload {{ dav_methods PUT; client_max_body_size 10m; return 201 \"taken\\n\"; }}
             }}
         }}"
    );
    let user = if nix_is_root() { "user root; " } else { "" };
    fs::write(root.join("nginx.conf"), format!("{user}{configuration}")).unwrap();
    let nginx = Command::new("nginx")
        .args([
            "-e".as_ref(),
            root.join("errors").as_os_str(),
            "-c".as_ref(),
            root.join("nginx.conf").as_os_str(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(nginx);
    wait("nginx answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    running
}

fn nix_is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A recording of a port on the loopback.
struct Recording {
    tcpdump: Running,
    capture: std::path::PathBuf,
    words: std::path::PathBuf,
}

impl Recording {
    fn start(root: &Path, port: u16) -> Self {
        let (capture, words) = (root.join("capture.pcap"), root.join("words"));
        let tcpdump = Command::new("tcpdump")
            .args(["-i", "lo", "-s", "0", "-B", "32768", "--immediate-mode", "-U", "-Z", "root", "-w"])
            .arg(&capture)
            .arg(format!("tcp port {port}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(&words).unwrap())
            .spawn()
            .unwrap();
        let recording = Self { tcpdump: Running(tcpdump), capture, words };
        wait("tcpdump listens", || recording.said().contains("listening on"));
        recording
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.words).unwrap_or_default()
    }

    /// Ends it once nothing more comes.
    fn end(mut self) -> std::path::PathBuf {
        let mut size = 0;
        wait("the recording is complete", || {
            std::thread::sleep(Duration::from_millis(300));
            let now = fs::metadata(&self.capture).unwrap().len();
            std::mem::replace(&mut size, now) == now
        });
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.tcpdump.0.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        self.tcpdump.0.wait().unwrap();
        assert!(self.said().contains("\n0 packets dropped by kernel"), "{}", self.said());
        self.capture.clone()
    }
}

/// Runs curl, which must succeed: what it prints.
fn curl(arguments: &[&str]) -> Vec<u8> {
    let finished = program::run(
        "curl",
        [&["-sS", "--noproxy", "*", "-m", "20"], arguments].concat(),
        Path::new("/"),
        None,
        LIMIT,
    );
    assert_eq!(finished.code, 0, "curl {arguments:?}: {}", finished.stderr);
    finished.stdout
}

/// Sends all requests at once and reads until the server closes.
fn socket(port: u16, requests: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(!answer.is_empty());
}

/// Bodies with the number and the ending of their file, sorted.
type Bodies = Vec<(String, Vec<u8>)>;

#[test]
fn bodies_equal_the_files_served() {
    let tools = ["nginx", "curl", "tcpdump"];
    if let Some(missing) = tools.iter().find(|tool| !is_installed(tool)) {
        not_tested(&format!("a live server: {missing} is not installed"));
        return;
    }
    if !nix_is_root() {
        not_tested("a live server: recording wants root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir(root.join("www")).unwrap();
    for (name, bytes) in files() {
        fs::write(root.join("www").join(name), bytes).unwrap();
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = serve(root, port);
    let recording = Recording::start(root, port);

    let url = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    let served = |name: &str| files().into_iter().find(|(known, _)| *known == name).unwrap().1;
    let included =
        String::from_utf8(served("included.shtml")).unwrap().replace("<!--#echo var=\"arg_a\" -->", "7");
    let mut expected = Bodies::new();
    let mut expect = |suffix: &str, bytes: Vec<u8>| expected.push((suffix.to_owned(), bytes));

    // Several on one connection, plain.
    let names = ["plain.txt", "page.html", "noise.png", "empty.txt", "style.css"];
    let found = curl(&names.map(url).each_ref().map(String::as_str));
    assert!(found == names.map(served).concat());
    for (name, suffix) in names.into_iter().zip(["001.txt", "002.html", "003.png", "", "005.css"]) {
        if !suffix.is_empty() {
            expect(&format!("HTTPBODY-{suffix}"), served(name));
        }
    }
    // gzip, in chunks, as nginx makes it while it sends; and chunks of a page that is put together.
    assert!(
        curl(&["--compressed", &url("page.html"), &url("style.css")])
            == [served("page.html"), served("style.css")].concat()
    );
    expect("HTTPBODY-001.html", served("page.html"));
    expect("HTTPBODY-002.css", served("style.css"));
    assert!(curl(&[&url("included.shtml?a=7")]) == included.as_bytes());
    expect("HTTPBODY-001.html", included.clone().into_bytes());
    assert!(curl(&["--compressed", &url("included.shtml?a=7")]) == included.as_bytes());
    expect("HTTPBODY-001.html", included.into_bytes());
    // A range, then HEAD and GET on one connection, then what is not there.
    assert!(curl(&["-r", "1000-1999", &url("noise.png")]) == served("noise.png")[1000..2000]);
    expect("HTTPBODY-001.png", served("noise.png")[1000..2000].to_vec());
    curl(&["-I", &url("noise.png"), "--next", "-sS", "--noproxy", "*", &url("plain.txt")]);
    expect("HTTPBODY-002.txt", served("plain.txt"));
    let missing = curl(&[&url("missing")]);
    expect("HTTPBODY-001.html", missing);
    // Uploads: a file with PUT, in chunks, and a form.
    let upload = root.join("www/noise.png").display().to_string();
    curl(&[
        "-T",
        &upload,
        "-H",
        "Transfer-Encoding: chunked",
        "-H",
        "Expect:",
        "-H",
        "Content-Type: image/png",
        &url("upload"),
    ]);
    expect("HTTPREQ-001.png", served("noise.png"));
    expect("HTTPBODY-001.txt", b"taken\n".to_vec());
    let style = format!("file=@{}/www/style.css;type=text/css", root.display());
    curl(&["-H", "Expect:", "-F", "who=me", "-F", &style, &url("upload")]);
    expect("HTTPREQ-001-PART-001", b"me".to_vec());
    expect("HTTPREQ-001-PART-002.css", served("style.css"));
    expect("HTTPBODY-001.txt", b"taken\n".to_vec());
    // Pipelining over a bare socket, HEAD among it; and HTTP/1.0, where the close ends the body.
    let request =
        |method: &str, path: &str, more: &str| format!("{method} /{path} HTTP/1.1\r\nHost: a\r\n{more}\r\n");
    socket(
        port,
        &[
            request("GET", "plain.txt", ""),
            request("HEAD", "page.html", ""),
            request("GET", "page.html", "Accept-Encoding: gzip\r\n"),
            request("GET", "noise.png", "Range: bytes=-500\r\n"),
            request("GET", "style.css", "Connection: close\r\n"),
        ]
        .concat(),
    );
    expect("HTTPBODY-001.txt", served("plain.txt"));
    expect("HTTPBODY-003.html", served("page.html"));
    expect("HTTPBODY-004.png", served("noise.png")[300_000 - 500..].to_vec());
    expect("HTTPBODY-005.css", served("style.css"));
    socket(port, "GET /included.shtml?a=7 HTTP/1.0\r\n\r\n");
    expect("HTTPBODY-001.html", curl(&[&url("included.shtml?a=7")]));
    expect("HTTPBODY-001.html", curl(&[&url("included.shtml?a=7")]));
    expected.push(("HTTPBODY-001.html".into(), expected.last().unwrap().1.clone()));

    let capture = recording.end();
    drop(server);
    let out = root.join("out");
    let arguments = ["-a".as_ref(), "-r".as_ref(), capture.as_os_str(), "-o".as_ref(), out.as_os_str()];
    let finished = program::finish(program::command(TAPFLOW), arguments, root, None, LIMIT);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let mut found = Bodies::new();
    for (name, left) in program::tree(&out) {
        let Some(at) = name.find("-HTTP") else { continue };
        // The whole of a form has a boundary that curl made up.
        if left.bytes.starts_with(b"--------") {
            continue;
        }
        found.push((name[at + 1..].to_owned(), left.bytes));
    }
    expected.sort();
    found.sort();
    let names = |bodies: &Bodies| {
        bodies.iter().map(|(name, bytes)| format!("{name} {}", bytes.len())).collect::<Vec<_>>()
    };
    assert_eq!(names(&found), names(&expected));
    assert!(found == expected);
}
