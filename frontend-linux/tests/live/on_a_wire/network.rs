//! Two hosts in namespaces of their own, and what joins them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use tapflow_tests::not_tested;
use tapflow_tests::program::is_installed;

/// Waiting for anything ends here.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(super) const SERVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// Ends a program when the test ends.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so.
pub(super) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "{what} in {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether this machine can do it; says so where it cannot.
pub(super) fn is_possible(programs: &[&str]) -> bool {
    let missing = programs.iter().chain(&["ip", "ethtool"]).find(|program| !is_installed(program));
    let reason = if let Some(missing) = missing {
        format!("{missing} is not installed")
    } else if !nix::unistd::geteuid().is_root() {
        "network namespaces want root".to_owned()
    } else {
        return true;
    };
    not_tested(&format!("live capture: {reason}"));
    false
}

fn ip(words: &str) {
    let done = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(done.status.success(), "ip {words}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A namespace; it goes when this does, and what it holds with it.
pub(super) struct Namespace(String);

impl Namespace {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tapflow-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip(&format!("netns add {name}"));
        let own = Self(name);
        own.ip("link set lo up");
        own
    }

    /// Runs `ip` in it.
    pub(super) fn ip(&self, words: &str) {
        ip(&format!("-n {} {words}", self.0));
    }

    /// A program that will run in it. No signal is ignored, as some would be where the tests run in the background.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, "env", "--default-signal=INT,HUP,TERM"]).arg(program);
        command
    }

    /// Starts a program in it that says nothing.
    pub(super) fn start(&self, program: &str, arguments: &[&str], directory: &Path) -> Running {
        let mut command = self.command(program);
        command.args(arguments).current_dir(directory).stdin(Stdio::null());
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Runs a program in it, which must succeed: what it prints.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let done = self.command(program).args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program} {arguments:?}: {said}");
        done.stdout
    }

    /// Does something in a thread whose sockets are in it.
    pub(super) fn within<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> thread::JoinHandle<R> {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.0)).unwrap();
        thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        })
    }

    fn addresses(&self, device: &str, v4: Ipv4Addr, last: u8) {
        self.ip(&format!("addr add {v4}/24 dev {device}"));
        self.ip(&format!("addr add 2001:db8::{last}/64 dev {device} nodad"));
        self.ip(&format!("link set {device} up"));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

/// A client and a server, each with a device `net0`.
pub(super) struct Network {
    // Before the namespaces: it holds devices of them.
    _wire: Option<Running>,
    pub(super) client: Namespace,
    pub(super) server: Namespace,
}

impl Network {
    /// Joined by a veth pair with frames of this size, segments as on a wire.
    pub(super) fn veth(mtu: u32) -> Self {
        let (client, server) = (Namespace::new(), Namespace::new());
        client.ip(&format!("link add net0 type veth peer name net0 netns {}", server.0));
        for host in [&client, &server] {
            host.run("ethtool", &["-K", "net0", "tso", "off", "gso", "off", "gro", "off", "tx", "off"]);
            host.ip(&format!("link set net0 mtu {mtu}"));
        }
        client.addresses("net0", CLIENT, 1);
        server.addresses("net0", SERVER, 2);
        let network = Self { _wire: None, client, server };
        for host in [&network.client, &network.server] {
            wait("the link is up", || {
                let state = host.run("ip", &["-br", "link", "show", "net0"]);
                String::from_utf8_lossy(&state).contains("LOWER_UP")
            });
        }
        network
    }

    /// Joined by a wire that does as `arguments` say (see `tests/record/link.py`). What it passes on comes to the
    /// server's device `mirror` too.
    pub(super) fn wire(arguments: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/record/link.py");
        let mut command = Command::new("python3");
        let mut wire = command.arg(script).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(wire.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let wire = Running(wire);
        assert_eq!(ready, "ready\n");
        let (client, server, number) = (Namespace::new(), Namespace::new(), wire.0.id());
        ip(&format!("link set tc-{number} netns {} name net0", client.0));
        ip(&format!("link set ts-{number} netns {} name net0", server.0));
        ip(&format!("link set tm-{number} netns {} name mirror", server.0));
        server.run("sysctl", &["-q", "net.ipv6.conf.mirror.disable_ipv6=1"]);
        server.ip("link set mirror up");
        client.addresses("net0", CLIENT, 1);
        server.addresses("net0", SERVER, 2);
        Self { _wire: Some(wire), client, server }
    }

    /// A server that sends `answer` to whoever asks for it with a line, and closes.
    pub(super) fn serve(&self, port: u16, answer: Vec<u8>) {
        let (listening, is_listening) = std::sync::mpsc::channel();
        let server = self.server.within(move || {
            let listener = TcpListener::bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).unwrap();
            listening.send(()).unwrap();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut question = String::new();
                BufReader::new(&stream).read_line(&mut question).unwrap();
                // A client that goes away early wants no more.
                if stream.write_all(&answer).is_ok() {
                    let _ = stream.shutdown(Shutdown::Write);
                }
            }
        });
        is_listening.recv().unwrap();
        drop(server);
    }

    /// Asks a server of [`Self::serve`]: what the client receives.
    pub(super) fn ask(&self, port: u16) -> Vec<u8> {
        let client = self.client.within(move || {
            let mut stream = TcpStream::connect((SERVER, port)).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(b"please\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            answer
        });
        client.join().unwrap()
    }

    /// Passes on connections that come to a port of the client itself, one, to `target`: what went each way.
    pub(super) fn relay(&self, port: u16, target: SocketAddr) -> thread::JoinHandle<[Vec<u8>; 2]> {
        let (listening, is_listening) = std::sync::mpsc::channel();
        let relay = self.client.within(move || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
            listening.send(()).unwrap();
            let (near, _) = listener.accept().unwrap();
            let far = TcpStream::connect(target).unwrap();
            let pass = |mut from: TcpStream, mut to: TcpStream| {
                thread::spawn(move || {
                    let (mut passed, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
                    while let Ok(count @ 1..) = from.read(&mut bytes) {
                        passed.extend_from_slice(&bytes[..count]);
                        if to.write_all(&bytes[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Write);
                    passed
                })
            };
            let there = pass(near.try_clone().unwrap(), far.try_clone().unwrap());
            let back = pass(far, near);
            [there.join().unwrap(), back.join().unwrap()]
        });
        is_listening.recv().unwrap();
        relay
    }

    /// Waits until something listens at a port of the server.
    pub(super) fn wait_for(&self, port: u16) {
        let wanted = format!(":{port} ");
        wait("the server listens", || {
            let sockets = self.server.run("ss", &["-Hltn"]);
            String::from_utf8_lossy(&sockets).contains(&wanted)
        });
    }
}

/// Bytes that look random, and are the same for the same `seed`.
pub(super) fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ state >> 29).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// Reads exactly so many bytes, or says why not.
pub(super) fn read_exactly(stream: &mut TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
