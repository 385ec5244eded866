//! Captures with known answers: `NAME.pcap` (or `.pcapng`, …) beside `NAME.answers.json`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A capture and what it holds.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The capture file.
    pub path: PathBuf,
    /// Its name without directory and ending.
    pub name: String,
    /// What a reader must be able to do beyond the ordinary.
    pub needs: Vec<String>,
    /// Whether connections come through more than one VLAN or tunnel, or each direction through another one,
    /// and the answers put them together.
    pub encapsulation_varies: bool,
    /// One for each direction that carried payload.
    pub flows: Vec<Answer>,
    /// Of each flow, how many of its bytes came twice with different values.
    pub conflicting: Vec<u64>,
}

/// One flow of an answer file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Source, its port, destination, its port.
    pub key: Key,
    /// Length of the stream in bytes, up to the last one captured.
    pub length: u64,
    /// SHA-256 of it, in hexadecimal, with zeros for bytes never captured.
    pub sha256: String,
    /// Ranges never captured.
    pub gaps: Vec<Range<u64>>,
}

/// Source, its port, destination, its port; addresses as they are printed.
pub type Key = (String, u16, String, u16);

/// Flows by key, in the order of their connections.
pub type Flows = BTreeMap<Key, Vec<Answer>>;

/// Captures of the corpus in which tapflow has reason to differ from the answers, or the answers are
/// told to be ambiguous: name, how many flows with data must be found instead, and why.
pub const EXCEPTIONS: [(&str, usize, &str); 0] = [];

/// What a reader of a capture must be able to do, and tapflow is.
pub const ABLE: [&str; 5] = ["ip-fragments", "tunnel", "802.11", "rare-link", "ipsec-ah"];

impl Capture {
    /// Whether tapflow does all that a reader of the capture must be able to do.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        self.needs.iter().all(|need| ABLE.contains(&need.as_str()))
    }

    /// All captures with answers in a directory, by name.
    ///
    /// # Panics
    /// When the directory or an answer file cannot be read: a test without its data must fail.
    #[must_use]
    pub fn all(directory: &Path) -> Vec<Self> {
        let entries =
            std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut captures: Vec<Self> = entries
            .map(|entry| entry.expect("a directory entry").path())
            .filter(|path| !path.to_string_lossy().ends_with(".answers.json"))
            .filter_map(|path| {
                let name = path.file_stem()?.to_string_lossy().into_owned();
                let answers = path.with_file_name(format!("{name}.answers.json"));
                let text = std::fs::read_to_string(answers).ok()?;
                let json: Value =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
                let conflicting =
                    list(&json["flows"]).map(|flow| flow["conflicting_bytes"].as_u64().unwrap_or(0));
                Some(Self {
                    needs: list(&json["needs"]).filter_map(Value::as_str).map(str::to_owned).collect(),
                    encapsulation_varies: list(&json["ambiguous"])
                        .any(|what| what == "encap-varies" || what == "vlan-varies"),
                    flows: flows(&json),
                    conflicting: conflicting.collect(),
                    name,
                    path,
                })
            })
            .collect();
        captures.sort_by(|a, b| a.name.cmp(&b.name));
        captures
    }

    /// The flows by key.
    #[must_use]
    pub fn by_key(&self) -> Flows {
        let mut flows = Flows::new();
        for flow in &self.flows {
            flows.entry(flow.key.clone()).or_default().push(flow.clone());
        }
        flows
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn flows(json: &Value) -> Vec<Answer> {
    let text = |flow: &Value, field: &str| flow[field].as_str().expect(field).to_owned();
    let number = |value: &Value| value.as_u64().expect("a number");
    let port = |flow: &Value, field: &str| u16::try_from(number(&flow[field])).expect("a port");
    let list = json["flows"].as_array().expect("flows");
    list.iter()
        .map(|flow| Answer {
            key: (text(flow, "src"), port(flow, "sport"), text(flow, "dst"), port(flow, "dport")),
            length: number(&flow["length"]),
            sha256: text(flow, "sha256"),
            gaps: flow["gaps"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|gap| number(&gap[0])..number(&gap[0]) + number(&gap[1]))
                .collect(),
        })
        .collect()
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the corpus of other projects' captures is: `TAPFLOW_CORPUS`, else beside the repository.
/// `None` if it is not there and `TAPFLOW_CORPUS` does not ask for it.
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    match std::env::var_os("TAPFLOW_CORPUS") {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(repository().join("../shared/corpus")).filter(|path| path.is_dir()),
    }
}

/// Where captures of other projects with keys are: `TAPFLOW_KEYS`, else beside the repository. `None` as for [`corpus`].
#[must_use]
pub fn keys() -> Option<PathBuf> {
    match std::env::var_os("TAPFLOW_KEYS") {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(repository().join("../shared/keys")).filter(|path| path.is_dir()),
    }
}

/// The captures of this repository.
#[must_use]
pub fn own_captures() -> PathBuf {
    repository().join("tests/data")
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
