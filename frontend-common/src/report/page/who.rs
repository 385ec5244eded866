//! Who with whom: the hosts with most bytes, and what the largest of them sent to each other.

use std::net::IpAddr;

use super::chart::{bar, section};
use super::html::Attribute::{Class, Title, Word};
use super::html::{Html, Word as Words};
use super::numbers::{Grouped, Short};
use crate::traffic::{Pair, Traffic};

/// Hosts in the table.
const HOSTS: usize = 20;
/// Hosts in the matrix.
const MATRIX: usize = 10;

/// Writes the section.
pub(super) fn write(html: &mut Html<'_>, traffic: &Traffic) {
    section(html, "who", "Who with whom");
    if traffic.hosts.entries.is_empty() {
        html.leaf("p", &[], "There are no packets with IP addresses.");
        html.close();
        return;
    }
    html.open("div", &[Class("beside")]);
    for part in [hosts, matrix] {
        html.open("div", &[]);
        part(html, traffic);
        html.close();
    }
    html.close();
    html.close();
}

fn hosts(html: &mut Html<'_>, traffic: &Traffic) {
    html.leaf("h3", &[], "Hosts");
    html.open("div", &[Class("scroll")]);
    html.open("table", &[Class("hosts")]);
    html.open("thead", &[]);
    html.open("tr", &[]);
    html.leaf("th", &[Word(Words::Scope, "col")], "Host");
    html.leaf("th", &[Word(Words::Scope, "col")], "Share");
    for name in ["Bytes sent", "Bytes received", "Packets sent", "Packets received"] {
        html.leaf("th", &[Word(Words::Scope, "col"), Class("n")], name);
    }
    html.close();
    html.close();
    html.open("tbody", &[]);
    let all = traffic.total.bytes;
    for host in traffic.hosts.entries.iter().take(HOSTS) {
        let counts = &host.counts;
        html.open("tr", &[]);
        html.leaf("th", &[Word(Words::Scope, "row")], host.key);
        html.open("td", &[Class("share")]);
        bar(html, counts.bytes(), all);
        html.text(Percent(counts.bytes(), all));
        html.close();
        for number in [counts.sent.bytes, counts.received.bytes, counts.sent.packets, counts.received.packets]
        {
            html.leaf("td", &[Class("n")], Grouped(number));
        }
        html.close();
    }
    html.close();
    html.close();
    html.close();
    let omitted = traffic.hosts.entries.len().saturating_sub(HOSTS) as u64;
    if traffic.hosts.error > 0 {
        html.leaf(
            "p",
            &[Class("note")],
            format_args!(
                "There are too many hosts to count each: up to {} bytes may be missing of each of these.",
                Grouped(traffic.hosts.error)
            ),
        );
    } else if omitted > 0 {
        html.leaf("p", &[Class("note")], format_args!("Hosts with fewer bytes: {}.", Grouped(omitted)));
    }
    html.leaf(
        "p",
        &[Class("note")],
        "Shares of all bytes on the wire, sent or received: each byte has two hosts.",
    );
}

fn matrix(html: &mut Html<'_>, traffic: &Traffic) {
    // Those of the largest pairs: the largest hosts may have nothing to do with each other.
    let mut hosts: Vec<IpAddr> = Vec::new();
    for host in traffic.pairs.entries.iter().flat_map(|pair| [pair.key.first, pair.key.second]) {
        if hosts.len() < MATRIX && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let cell = |from: IpAddr, to: IpAddr| {
        let pair =
            if from <= to { Pair { first: from, second: to } } else { Pair { first: to, second: from } };
        let found = traffic.pairs.entries.iter().find(|entry| entry.key == pair)?;
        let counts = if from <= to { found.counts.sent } else { found.counts.received };
        Some(counts.bytes).filter(|bytes| *bytes > 0)
    };
    let most = hosts
        .iter()
        .flat_map(|from| hosts.iter().filter_map(|to| cell(*from, *to)))
        .max()
        .unwrap_or_default();
    html.leaf("h3", &[], "From (rows) to (columns)");
    html.open("div", &[Class("scroll")]);
    html.open("table", &[Class("matrix")]);
    html.open("thead", &[]);
    html.open("tr", &[]);
    html.leaf("th", &[Word(Words::Scope, "col")], "Host");
    for (number, host) in hosts.iter().enumerate() {
        html.leaf("th", &[Word(Words::Scope, "col"), Class("n"), Title(host)], number + 1);
    }
    html.close();
    html.close();
    html.open("tbody", &[]);
    for (number, from) in hosts.iter().enumerate() {
        html.open("tr", &[]);
        html.leaf("th", &[Word(Words::Scope, "row")], format_args!("{} {from}", number + 1));
        for to in &hosts {
            match cell(*from, *to) {
                Some(bytes) => {
                    let title = format!("{from} to {to}: {} bytes", Grouped(bytes));
                    html.leaf("td", &[Class(shade(bytes, most)), Title(&title)], Short(bytes));
                }
                None => html.leaf("td", &[], ""),
            }
        }
        html.close();
    }
    html.close();
    html.close();
    html.close();
    if traffic.pairs.error > 0 {
        html.leaf(
            "p",
            &[Class("note")],
            format_args!(
                "There are too many pairs of hosts to count each: up to {} bytes may be missing of each.",
                Grouped(traffic.pairs.error)
            ),
        );
    }
}

/// A colour for a number, by its logarithm: what is a thousandth of the most is still seen.
fn shade(bytes: u64, most: u64) -> &'static str {
    let below = most.max(1).ilog2().saturating_sub(bytes.max(1).ilog2());
    match below {
        0 => "m5",
        1..=2 => "m4",
        3..=5 => "m3",
        6..=9 => "m2",
        _ => "m1",
    }
}

/// A share in percent, with one digit behind the point.
struct Percent(u64, u64);

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(part, all) = *self;
        let tenths =
            (u128::from(part) * 1000 + u128::from(all) / 2).checked_div(u128::from(all)).unwrap_or(0);
        write!(f, "{}.{} %", tenths / 10, tenths % 10)
    }
}
