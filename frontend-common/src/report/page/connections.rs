//! The connections: as rows in memory while the run goes on, then as a table and as columns for the script.

use std::collections::HashMap;
use std::fmt::{self, Display, Write};
use std::net::IpAddr;

use tapflow_core::{CloseReason, Timestamp};

use super::code;
use super::html::Attribute::{Class, Data, Hidden, Href, Id, Title, Word};
use super::html::{Html, Word as Words};
use super::link::{Way, decoded};
use super::numbers::{Grouped, Moment, Seconds};
use super::service;
use crate::flow::{Link, Ranges};
use crate::report::dfxml::tunnel;
use crate::scan::FinishedFlow;

/// Connections that the page lists at most.
pub(super) const MOST: usize = 100_000;
/// Bytes of names that are not the usual ones.
const NAMES: usize = 512 << 10;
/// Bytes of all columns.
const COLUMNS: usize = 4_000 << 10;
/// Combinations of VLANs and tunnels that are told apart.
const AROUND: usize = 500;
/// Rows of the table that is there without a script, and the bytes beyond which there are fewer.
pub(super) const TABLE: usize = 1000;
const TABLE_BYTES: u64 = 384 << 10;

/// A connection. Index 0 is the side that opened it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    start: Timestamp,
    end: Timestamp,
    hosts: [IpAddr; 2],
    ports: [u16; 2],
    state: u8,
    /// Stream bytes of each side.
    data: [u64; 2],
    packets: [u32; 2],
    /// Bytes that were never captured.
    missing: u64,
    /// Bytes that came again.
    repeated: u64,
    /// Bytes of copies that differ from those that count.
    differing: u64,
    files: [Name; 2],
    /// The VLANs and tunnels around it: its place in the list of them plus one.
    around: u16,
}

/// Where a file's name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    None,
    /// It is made of addresses and ports.
    Usual,
    /// Bytes in the list of names.
    Listed { start: u32, length: u32 },
}

impl Row {
    /// Whether there is anything to see in it.
    fn is_of_interest(&self) -> bool {
        self.data[0] + self.data[1] + self.missing + self.differing > 0
    }

    /// The name that its file for one direction has unless another template was given.
    fn usual_name(&self, side: usize) -> String {
        let mut name = String::new();
        for side in [side, 1 - side] {
            let written = match self.hosts[side] {
                IpAddr::V4(host) => {
                    let [a, b, c, d] = host.octets();
                    write!(name, "{a:03}.{b:03}.{c:03}.{d:03}.{:05}", self.ports[side])
                }
                IpAddr::V6(host) => write!(name, "{host}.{:05}", self.ports[side]).map(|()| {
                    name = name.replace(':', "%3A");
                }),
            };
            debug_assert!(written.is_ok(), "writing to memory does not fail");
            if name.len() < 48 && !name.contains('-') {
                name.push('-');
            }
        }
        name
    }
}

/// All connections, as far as there is room.
#[derive(Debug)]
pub(super) struct Connections {
    way: Way,
    rows: Vec<Row>,
    /// Those of them in which there is nothing to see, which make room for others.
    dull: Vec<u32>,
    names: String,
    unnamed: u64,
    /// VLANs and tunnels around connections.
    around: Vec<String>,
    /// The first flow of a connection whose second one comes next.
    half: Option<(u64, Row)>,
    total: u64,
}

impl Connections {
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            rows: Vec::new(),
            dull: Vec::new(),
            names: String::new(),
            unnamed: 0,
            around: Vec::new(),
            half: None,
            total: 0,
        }
    }

    /// How many there were.
    pub(super) fn total(&self) -> u64 {
        self.total + u64::from(self.half.is_some())
    }

    /// Adds a flow, one of a `pair` or alone: a connection's flows come one after the other.
    pub(super) fn flow(&mut self, flow: &FinishedFlow, pair: bool) {
        let session = flow.facts.opened.session;
        let mut row = match self.half.take() {
            Some((other, row)) if other == session => {
                self.join(row, flow);
                return;
            }
            Some((_, row)) => {
                self.add(row);
                Self::row(flow)
            }
            None => Self::row(flow),
        };
        self.side(&mut row, flow);
        if pair {
            self.half = Some((session, row));
        } else {
            self.add(row);
        }
    }

    fn row(flow: &FinishedFlow) -> Row {
        let opened = &flow.facts.opened;
        let (mut hosts, mut ports) = (
            [opened.key.source, opened.key.destination],
            [opened.key.source_port, opened.key.destination_port],
        );
        if !opened.client {
            hosts.reverse();
            ports.reverse();
        }
        let state = CloseReason::ALL.iter().position(|reason| *reason == flow.reason).unwrap_or_default();
        Row {
            start: opened.time,
            end: flow.summary.last,
            hosts,
            ports,
            state: u8::try_from(state).unwrap_or_default(),
            data: [0; 2],
            packets: [0; 2],
            missing: 0,
            repeated: 0,
            differing: 0,
            files: [Name::None; 2],
            around: 0,
        }
    }

    fn join(&mut self, mut row: Row, flow: &FinishedFlow) {
        row.start = row.start.min(flow.facts.opened.time);
        row.end = row.end.max(flow.summary.last);
        self.side(&mut row, flow);
        self.add(row);
    }

    /// What one of its flows adds to a connection.
    fn side(&mut self, row: &mut Row, flow: &FinishedFlow) {
        let (side, summary) = (usize::from(!flow.facts.opened.client), &flow.summary);
        let bytes = |ranges: &Ranges| ranges.bytes;
        row.data[side] = summary.data;
        if row.around == 0 {
            row.around = self.around(&flow.facts.opened.link);
        }
        row.packets[side] = u32::try_from(summary.packets).unwrap_or(u32::MAX);
        row.missing += summary.gaps;
        row.repeated += summary.repeated;
        row.differing += bytes(&flow.conflicts) + bytes(&flow.replaced);
        let Some(name) = flow.file.as_ref().and_then(|file| self.way.name(&file.path)) else { return };
        row.files[side] = if name == row.usual_name(side) {
            Name::Usual
        } else if self.names.len() + name.len() < NAMES {
            let start = u32::try_from(self.names.len()).unwrap_or_default();
            self.names.push_str(&name);
            Name::Listed { start, length: u32::try_from(name.len()).unwrap_or_default() }
        } else {
            self.unnamed += 1;
            Name::None
        };
    }

    /// The number of the VLANs and tunnels around a flow, 0 where there are none or too many to list.
    fn around(&mut self, link: &Link) -> u16 {
        let vlans = link.vlans().iter().map(|vlan| format!("VLAN {vlan}"));
        let words: Vec<String> = vlans.chain(link.tunnels().iter().map(tunnel)).collect();
        if words.is_empty() {
            return 0;
        }
        let words = words.join(", ");
        let known = self.around.iter().position(|other| *other == words);
        if known.is_none() && self.around.len() >= AROUND {
            return 0;
        }
        let place = known.unwrap_or_else(|| {
            self.around.push(words);
            self.around.len() - 1
        });
        u16::try_from(place + 1).unwrap_or_default()
    }

    fn add(&mut self, row: Row) {
        self.total += 1;
        if self.rows.len() < MOST {
            if self.rows.len() == self.rows.capacity() && self.rows.len() >= MOST / 8 {
                self.rows.reserve_exact(MOST - self.rows.len());
            }
            if !row.is_of_interest() {
                self.dull.push(u32::try_from(self.rows.len()).unwrap_or_default());
            }
            self.rows.push(row);
        } else if row.is_of_interest()
            && let Some(place) = self.dull.pop().and_then(|place| self.rows.get_mut(place as usize))
        {
            *place = row;
        }
    }

    /// All have been added: puts them into the order in which they began.
    pub(super) fn settle(&mut self) {
        if let Some((_, row)) = self.half.take() {
            self.add(row);
        }
        self.dull = Vec::new();
        self.rows.sort_by_key(|row| (row.start, row.end));
    }

    /// From the first packet of a connection to the last.
    pub(super) fn covers(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.rows.first()?.start;
        Some((first, self.rows.iter().map(|row| row.end).max()?))
    }

    /// The encoded name of a file.
    fn name(&self, row: &Row, side: usize) -> Option<String> {
        match row.files[side] {
            Name::None => None,
            Name::Usual => Some(row.usual_name(side)),
            Name::Listed { start, length } => {
                self.names.get(start as usize..(start + length) as usize).map(str::to_owned)
            }
        }
    }

    /// Writes the section.
    pub(super) fn write(&self, html: &mut Html<'_>) {
        html.open("section", &[Id("connections")]);
        html.leaf("h2", &[], "Connections");
        let columns = self.encode();
        let listed = columns.count;
        if self.total() > listed {
            let omitted = Grouped(self.total() - listed);
            html.leaf(
                "p",
                &[Class("note")],
                format_args!(
                    "{} of {} connections are listed; {omitted} more, as far as there is a choice those without data, are in the report.",
                    Grouped(listed),
                    Grouped(self.total())
                ),
            );
        }
        if self.unnamed > 0 {
            html.leaf(
                "p",
                &[Class("note")],
                format_args!("The names of {} more files are in the report only.", Grouped(self.unnamed)),
            );
        }
        if self.rows.is_empty() {
            html.leaf("p", &[], "There are none.");
            html.close();
            return;
        }
        html.open("div", &[Class("tools"), Id("connections-tools"), Hidden]);
        html.close();
        html.open("div", &[Class("scroll")]);
        html.open("table", &[Id("connections-table")]);
        head(html);
        html.open("tbody", &[]);
        let (begin, mut shown) = (html.length(), 0);
        for row in self.rows.iter().take(TABLE) {
            if html.length() - begin > TABLE_BYTES {
                break;
            }
            self.row_of_table(html, row);
            shown += 1;
        }
        html.close();
        html.close();
        html.close();
        if listed > shown as u64 {
            let (first, all) = (Grouped(shown as u64), Grouped(listed));
            html.leaf(
                "p",
                &[Class("note static")],
                format_args!("These are the first {first} of {all}; the others are shown with JavaScript."),
            );
        }
        self.columns(html, &columns);
        html.close();
    }

    fn row_of_table(&self, html: &mut Html<'_>, row: &Row) {
        html.open("tr", &[]);
        html.leaf("td", &[], Moment(row.start));
        html.leaf("td", &[Class("n")], Seconds(row.end.0.saturating_sub(row.start.0)));
        for side in [0, 1] {
            let class = if row.hosts[side].is_ipv6() { "host" } else { "" };
            html.leaf("td", &[Class(class)], Endpoint(row.hosts[side], row.ports[side]));
        }
        html.leaf("td", &[], service(row.ports[1]).unwrap_or(""));
        html.leaf("td", &[], state(row.state));
        for number in row.data.into_iter().chain(row.packets.map(u64::from)) {
            html.leaf("td", &[Class("n")], Grouped(number));
        }
        for (class, number) in [("n gap", row.missing), ("n", row.repeated), ("n conflict", row.differing)] {
            html.leaf("td", &[Class(if number == 0 { "n zero" } else { class })], Grouped(number));
        }
        let around = usize::from(row.around).checked_sub(1).and_then(|place| self.around.get(place));
        html.leaf("td", &[], around.map_or("", String::as_str));
        html.open("td", &[Class("files")]);
        for (side, arrow) in [(0, "sent"), (1, "received")] {
            let name = self.name(row, side);
            if let Some((name, link)) = name.and_then(|name| Some((decoded(&name), self.way.link(&name)?))) {
                html.leaf("a", &[Href(&link), Title(&name)], arrow);
                html.text(" ");
            }
        }
        html.close();
        html.close();
    }

    /// What the script makes rows of, as far as there is room.
    fn encode(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        let mut numbers: HashMap<IpAddr, u64> = HashMap::new();
        let mut length = 0;
        let mut before = self.rows.first().map_or(0, |row| row.start.0 / 1000);
        for row in &self.rows {
            let start = row.start.0 / 1000;
            let (mut files, mut scale) = (0, 1);
            for side in [0, 1] {
                files += scale
                    * match row.files[side] {
                        Name::None => 0,
                        Name::Usual => 1,
                        Name::Listed { start, length: bytes } => {
                            let name = self.names.get(start as usize..(start + bytes) as usize);
                            columns.names.push(name.unwrap_or_default());
                            length += bytes as usize + 1;
                            2
                        }
                    };
                scale = 3;
            }
            let [client, server] = row.hosts.map(|host| {
                *numbers.entry(host).or_insert_with(|| {
                    let before = columns.hosts.len();
                    let written = writeln!(columns.hosts, "{host}");
                    debug_assert!(written.is_ok(), "writing to memory does not fail");
                    length += columns.hosts.len() - before;
                    columns.host_count += 1;
                    columns.host_count - 1
                })
            });
            if let Some(name) = service(row.ports[1])
                && !columns.services.iter().any(|(port, _)| *port == row.ports[1])
            {
                columns.services.push((row.ports[1], name));
            }
            let fields: [u64; FIELDS] = [
                start - before,
                row.end.0.saturating_sub(row.start.0) / 1000,
                client,
                row.ports[0].into(),
                server,
                row.ports[1].into(),
                row.state.into(),
                row.data[0],
                row.data[1],
                row.packets[0].into(),
                row.packets[1].into(),
                row.missing,
                row.repeated,
                row.differing,
                row.around.into(),
                files,
            ];
            fields.iter().for_each(|field| code::put(*field, &mut columns.rows));
            (before, columns.count) = (start, columns.count + 1);
            if columns.rows.len() + length > COLUMNS {
                break;
            }
        }
        columns
    }

    /// Writes what the script makes rows of.
    fn columns(&self, html: &mut Html<'_>, columns: &Columns<'_>) {
        let prefix = self.way.prefix();
        let base = self.rows.first().map_or(0, |row| row.start.0 / 1000);
        let has_way = u8::from(prefix.is_some());
        html.open(
            "template",
            &[
                Id("rows"),
                Data("count", &columns.count),
                Data("base", &base),
                Data("way", &has_way),
                Data("prefix", &prefix.unwrap_or_default()),
            ],
        );
        html.text(&columns.rows);
        html.close();
        html.open("template", &[Id("hosts")]);
        for host in columns.hosts.lines() {
            html.text(host);
            html.separate(true);
        }
        html.close();
        html.open("template", &[Id("names")]);
        for name in &columns.names {
            html.text(name);
            html.separate(true);
        }
        html.close();
        html.open("template", &[Id("services")]);
        for (port, name) in &columns.services {
            html.text(port);
            html.separate(false);
            html.text(name);
            html.separate(true);
        }
        html.close();
        html.open("template", &[Id("around")]);
        for around in &self.around {
            html.text(around);
            html.separate(true);
        }
        html.close();
        html.open("template", &[Id("states")]);
        for number in 0..CloseReason::ALL.len() {
            html.text(state(u8::try_from(number).unwrap_or_default()));
            html.separate(true);
        }
        html.close();
    }
}

/// The connections as columns: numbers of [`FIELDS`] fields a row, and what some of them count.
#[derive(Debug, Default)]
struct Columns<'c> {
    rows: String,
    count: u64,
    /// Addresses, a line each.
    hosts: String,
    host_count: u64,
    /// Names that are not the usual ones, in the order of the rows.
    names: Vec<&'c str>,
    services: Vec<(u16, &'static str)>,
}

/// Numbers of a connection for the script.
const FIELDS: usize = 16;

fn head(html: &mut Html<'_>) {
    html.open("thead", &[]);
    html.open("tr", &[]);
    for (number, (name, title)) in [
        ("Begin (UTC)", "When the first packet was captured"),
        ("Seconds", "From the first packet to the last"),
        ("Client", "The side that opened the connection"),
        ("Server", "The other side"),
        ("Service", "What usually has the server's port"),
        ("State", "Why the connection was closed"),
        ("Sent", "Stream bytes from the client"),
        ("Received", "Stream bytes from the server"),
        ("Packets sent", "Packets from the client"),
        ("Packets received", "Packets from the server"),
        ("Missing", "Stream bytes that were never captured"),
        ("Repeated", "Stream bytes that came again"),
        ("Differing", "Bytes of copies that differ from those that count"),
        ("Within", "VLANs and tunnels around it"),
        ("Files", "The streams"),
    ]
    .into_iter()
    .enumerate()
    {
        let class = if matches!(number, 1 | 6..=12) { "n" } else { "" };
        html.leaf("th", &[Word(Words::Scope, "col"), Class(class), Title(&title)], name);
    }
    html.close();
    html.close();
}

/// How a connection ended.
fn state(number: u8) -> &'static str {
    CloseReason::ALL.get(usize::from(number)).map_or("", |reason| reason.name())
}

/// An address and a port.
pub(super) struct Endpoint(pub(super) IpAddr, pub(super) u16);

impl Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(host) => write!(f, "{host}:{}", self.1),
            IpAddr::V6(host) => write!(f, "[{host}]:{}", self.1),
        }
    }
}
