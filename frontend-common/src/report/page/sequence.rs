//! Connections in time: stream offsets over time in both directions, and the first bytes of each side.

use std::fmt::{self, Display, Write};
use std::net::IpAddr;

use tapflow_core::Timestamp;

use super::chart::{Chart, Layer, SIZE, legend, section};
use super::connections::Endpoint;
use super::html::Attribute::{Class, Word};
use super::html::{Html, Path, Word as Words};
use super::numbers::{Grouped, Moment, Seconds, Short, round_up};
use crate::flow::{Strokes, Trace, TraceSide};
use crate::scan::FinishedFlow;
use crate::traffic::Service;

/// Connections that are shown at most.
pub const FOLLOWED: usize = 8;
/// Bytes in a line.
const LINE: usize = 16;

/// A connection that was followed.
#[derive(Debug)]
struct Followed {
    weight: u64,
    session: u64,
    hosts: [IpAddr; 2],
    ports: [u16; 2],
    state: &'static str,
    trace: Box<Trace>,
}

/// The heaviest connections that were followed.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    list: Vec<Followed>,
}

impl Sequences {
    /// Takes the trace of a flow's connection.
    pub(super) fn flow(&mut self, flow: &mut FinishedFlow) {
        let Some(trace) = flow.trace.take() else { return };
        let opened = &flow.facts.opened;
        let key = &opened.key;
        let (mut hosts, mut ports) = ([key.source, key.destination], [key.source_port, key.destination_port]);
        if !opened.client {
            hosts.reverse();
            ports.reverse();
        }
        let (session, state) = (opened.session, flow.reason.name());
        self.list.push(Followed { weight: trace.weight(), session, hosts, ports, state, trace });
        if self.list.len() > FOLLOWED {
            self.sort();
            self.list.truncate(FOLLOWED);
        }
    }

    fn sort(&mut self) {
        self.list.sort_by_key(|one| (std::cmp::Reverse(one.weight), one.session));
    }

    /// Writes the section.
    pub(super) fn write(&mut self, html: &mut Html<'_>) {
        self.sort();
        section(html, "sequence", "Connections in time");
        if self.list.is_empty() {
            html.leaf("p", &[], "No connection with data was followed.");
            html.close();
            return;
        }
        html.leaf(
            "p",
            &[Class("note")],
            "Those with most bytes, where bytes that are missing or came again count 64 times. Of many connections at \
             once some are followed only.",
        );
        for (number, one) in self.list.iter().enumerate() {
            if number == 0 {
                html.leaf("h3", &[], Heading(one));
                one.write(html);
            } else {
                html.open("details", &[]);
                html.leaf("summary", &[], Heading(one));
                one.write(html);
                html.close();
            }
        }
        html.close();
    }
}

struct Heading<'a>(&'a Followed);

impl Display for Heading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Followed { hosts, ports, state, .. } = self.0;
        let [client, server] = [0, 1].map(|side| Endpoint(hosts[side], ports[side]));
        write!(f, "{client} to {server}")?;
        if let Some(name) = Service::Tcp(ports[1]).name() {
            write!(f, ", {name}")?;
        }
        write!(f, ", {state}")
    }
}

impl Followed {
    fn write(&self, html: &mut Html<'_>) {
        let all = self.trace.sides.iter().flat_map(|side| {
            [&side.data, &side.repeated, &side.acknowledged, &side.window].into_iter().flat_map(Strokes::list)
        });
        let start = all.clone().map(|stroke| stroke.time.0).min().unwrap_or_default();
        let end = all.map(|stroke| stroke.time.1).max().unwrap_or_default();
        html.open("div", &[Class("sides")]);
        for (number, side) in self.trace.sides.iter().enumerate() {
            let words = if number == 0 { "From the client" } else { "From the server" };
            html.open("div", &[Class("side")]);
            html.leaf("h4", &[], words);
            if side.bytes == [0; 3] {
                html.leaf("p", &[], "No data.");
                html.close();
                continue;
            }
            picture(html, words, side, start, end);
            let [data, repeated, missing] = side.bytes;
            let is_above = side.window.list().iter().all(|stroke| stroke.offset.1 > top(side));
            let entries = [
                ("data", format!("data: {} bytes", Grouped(data))),
                ("repeated", format!("repeated: {} bytes", Grouped(repeated))),
                ("gap", format!("missing: {} bytes", Grouped(missing))),
                ("acknowledged", "acknowledged".to_owned()),
                ("window", format!("end of the receiver's window{}", if is_above { ": above" } else { "" })),
            ];
            let has = |class: &str| match class {
                "repeated" => repeated > 0,
                "gap" => missing > 0,
                "acknowledged" => !side.acknowledged.list().is_empty(),
                "window" => !side.window.list().is_empty(),
                _ => true,
            };
            let entries = entries.iter().filter(|(class, _)| has(class));
            legend(html, entries.map(|(class, words)| (*class, words as &dyn Display)));
            first_bytes(html, &side.first);
            html.close();
        }
        html.close();
    }
}

/// The end of the scale of offsets. A window far beyond all data would leave no room for these.
fn top(side: &TraceSide) -> u64 {
    let window = side.window.list().iter().map(|stroke| stroke.offset.1).max().unwrap_or_default();
    let last = side.end();
    round_up(window.min(last.saturating_add(last / 2)).max(last).max(4))
}

fn picture(html: &mut Html<'_>, words: &str, side: &TraceSide, start: Timestamp, end: Timestamp) {
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let top = top(side);
    let length = end.0.saturating_sub(start.0).max(1);
    let x = |time: Timestamp| width * (time.0.saturating_sub(start.0) as f64 / length as f64);
    let y = |offset: u64| height * (1.0 - offset.min(top) as f64 / top as f64);
    let strokes = |strokes: &Strokes| {
        let mut path = Path::default();
        for stroke in strokes.list() {
            path.go(x(stroke.time.0), y(stroke.offset.0));
            path.line(x(stroke.time.1), y(stroke.offset.1));
        }
        path
    };
    let steps = |strokes: &Strokes| {
        let (mut path, mut before) = (Path::default(), None);
        for stroke in strokes.list() {
            for (time, offset) in [(stroke.time.0, stroke.offset.0), (stroke.time.1, stroke.offset.1)] {
                match before {
                    None => path.go(x(time), y(offset)),
                    Some(before) if before == (time, offset) => {}
                    Some(_) => path.step(x(time), y(offset)),
                }
                before = Some((time, offset));
            }
        }
        if let Some((_, offset)) = before {
            path.step(width, y(offset));
        }
        path
    };
    let mut gaps = Path::default();
    for gap in &side.gaps {
        // Seen however small it is.
        let (bottom, top) = (y(gap.start), y(gap.end));
        gaps.rectangle(0.0, top.min(bottom - 2.0).max(0.0), width, bottom);
    }
    let layers = [
        Layer { class: "gap", path: gaps },
        Layer { class: "window", path: steps(&side.window) },
        Layer { class: "acknowledged", path: steps(&side.acknowledged) },
        Layer { class: "data", path: strokes(&side.data) },
        Layer { class: "repeated", path: strokes(&side.repeated) },
    ];
    let left: Vec<String> =
        (0..=4).rev().map(|quarter| Short((u128::from(top) * quarter / 4) as u64).to_string()).collect();
    let below =
        [Moment(start).to_string(), format!("+{} s", Seconds(length / 2)), format!("+{} s", Seconds(length))];
    let [data, repeated, missing] = side.bytes.map(Grouped);
    let words = format!("{words}: {data} bytes of data, {repeated} repeated, {missing} missing, over time");
    Chart { layers: &layers, words: &words, left: &left, below: &below }.write(html);
    let (events, drawn) = (side.data.events(), side.data.list().len() as u64);
    if events > drawn {
        html.leaf(
            "p",
            &[Class("note")],
            format_args!("{} pieces of data are drawn as {} strokes.", Grouped(events), Grouped(drawn)),
        );
    }
}

/// The first bytes of a stream, in hexadecimal and as text.
fn first_bytes(html: &mut Html<'_>, bytes: &[Option<u8>]) {
    html.open("div", &[Class("scroll")]);
    html.open("table", &[Class("bytes")]);
    html.open("thead", &[]);
    html.open("tr", &[]);
    for name in ["Offset", "First bytes", "Text"] {
        html.leaf("th", &[Word(Words::Scope, "col")], name);
    }
    html.close();
    html.close();
    html.open("tbody", &[]);
    for (number, line) in bytes.chunks(LINE).enumerate() {
        html.open("tr", &[]);
        html.leaf("td", &[Class("n")], format_args!("{:04x}", number * LINE));
        let (mut digits, mut text) = (String::new(), String::new());
        for byte in line {
            let written = match byte {
                Some(byte) => write!(digits, "{byte:02x} "),
                None => digits.write_str("-- "),
            };
            debug_assert!(written.is_ok(), "writing to memory does not fail");
            let shown = byte.filter(|byte| (0x20..0x7f).contains(byte)).map_or('·', char::from);
            text.push(if byte.is_none() { '-' } else { shown });
        }
        html.leaf("td", &[], digits.trim_end());
        html.leaf("td", &[Class("text")], text);
        html.close();
    }
    html.close();
    html.close();
    html.close();
}
