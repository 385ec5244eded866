//! When: bytes over time by service.

use std::fmt::Display;

use tapflow_core::Timestamp;

use super::chart::{Chart, Layer, SIZE, legend, section};
use super::html::Attribute::{Class, Word};
use super::html::{Html, Path, Word as Words};
use super::numbers::{Grouped, Moment, Short, round_up};
use crate::traffic::{Bars, Service, Traffic, width_text};

/// Bars of the picture at most.
const BARS: usize = 100;
/// Services with a colour of their own, whatever others there are.
const FIXED: [(u16, &str); 4] = [(80, "s0"), (443, "s1"), (22, "s2"), (21, "s3")];
/// Colours of the largest others, and of all the rest.
const OTHERS: [&str; 4] = ["s4", "s5", "s6", "s7"];
const REST: &str = "s8";

/// Writes the section.
pub(super) fn write(html: &mut Html<'_>, traffic: &Traffic) {
    section(html, "when", "When");
    let bars = traffic.timeline.bars(BARS);
    let (Some((first, last)), false) = (traffic.times, bars.bars.is_empty()) else {
        html.leaf("p", &[], "There are no packets.");
        html.close();
        return;
    };
    let colours = colours(traffic);
    let colour = |service: Service| {
        colours.iter().find(|(known, ..)| *known == Some(service)).map_or(REST, |(_, class, _)| *class)
    };
    let highest = bars.bars.iter().map(|bar| bar.count.bytes).max().unwrap_or_default();
    let top = round_up(highest.max(4));
    let mut layers: Vec<Layer> =
        colours.iter().map(|(_, class, _)| Layer { class, path: Path::default() }).collect();
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let step = width / bars.bars.len() as f64;
    let gap = (step * 0.04).min(1.0);
    for (number, bar) in bars.bars.iter().enumerate() {
        let (left, mut below) = (step * number as f64, 0_u64);
        for layer in &mut layers {
            let mine = bar.services.iter().filter(|(service, _)| colour(*service) == layer.class);
            let bytes: u64 = mine.map(|(_, bytes)| *bytes).sum();
            if bytes == 0 {
                continue;
            }
            let y = |bytes: u64| height * (1.0 - bytes as f64 / top as f64);
            layer.path.rectangle(left + gap, y(below + bytes), left + step - gap, y(below));
            below += bytes;
        }
    }
    let left: Vec<String> =
        (0..=4).rev().map(|quarter| Short((u128::from(top) * quarter / 4) as u64).to_string()).collect();
    let end = bars.start.0.saturating_add(bars.width.saturating_mul(bars.bars.len() as u64));
    let below = scale(bars.start, Timestamp(end));
    let words = format!(
        "Bytes over time from {} to {}, in bars of {}, the highest with {} bytes",
        Moment(first),
        Moment(last),
        width_text(bars.width),
        Grouped(highest)
    );
    Chart { layers: &layers, words: &words, left: &left, below: &below }.write(html);
    legend(html, colours.iter().map(|(_, class, words)| (*class, words as &dyn Display)));
    html.leaf(
        "p",
        &[Class("note")],
        format_args!("Bytes on the wire in bars of {}, UTC.", width_text(bars.width)),
    );
    numbers(html, &bars);
    html.close();
}

/// What has which colour, from the bottom up, with its bytes.
fn colours(traffic: &Traffic) -> Vec<(Option<Service>, &'static str, String)> {
    let services = traffic.timeline.services();
    let fixed = |service: Service| {
        let Service::Tcp(port) = service else { return None };
        FIXED.iter().find(|(known, _)| *known == port).map(|(_, class)| *class)
    };
    let mut others = OTHERS.iter();
    let mut colours = Vec::new();
    let mut rest = traffic.total.bytes;
    for (service, bytes) in services {
        let Some(class) = fixed(service).or_else(|| others.next().copied()) else { continue };
        rest = rest.saturating_sub(bytes);
        colours.push((Some(service), class, format!("{service}: {} bytes", Grouped(bytes))));
    }
    if rest > 0 {
        colours.push((None, REST, format!("everything else: {} bytes", Grouped(rest))));
    }
    colours
}

/// Times at the beginning, in the middle and at the end: the day where there are several, fractions where it is short.
fn scale(start: Timestamp, end: Timestamp) -> Vec<String> {
    let times = [start, Timestamp(start.0.midpoint(end.0)), end];
    let texts = times.map(|time| Moment(time).to_string());
    let length = end.0.saturating_sub(start.0);
    let (from, to) = match length {
        0..2_000_000 => (11, 26),
        2_000_000..2_000_000_000 => (11, 23),
        2_000_000_000..86_400_000_000_000 => (11, 19),
        86_400_000_000_000..31_536_000_000_000_000 => (5, 16),
        _ => (0, 10),
    };
    let first = texts[0].get(..10).unwrap_or_default().to_owned();
    let mut labels: Vec<String> =
        texts.iter().map(|text| text.get(from..to).unwrap_or(text).to_owned()).collect();
    if from == 11 {
        labels[0] = format!("{first} {}", labels[0]);
    }
    labels
}

/// The bars as a table.
fn numbers(html: &mut Html<'_>, bars: &Bars) {
    html.open("details", &[]);
    html.leaf("summary", &[], "The same as numbers");
    html.open("div", &[Class("scroll")]);
    html.open("table", &[Class("facts")]);
    html.open("thead", &[]);
    html.open("tr", &[]);
    for name in ["From (UTC)", "Packets", "Bytes", "Services"] {
        html.leaf("th", &[Word(Words::Scope, "col")], name);
    }
    html.close();
    html.close();
    html.open("tbody", &[]);
    for (number, bar) in bars.bars.iter().enumerate() {
        if bar.count.packets == 0 {
            continue;
        }
        html.open("tr", &[]);
        let start = bars.start.0.saturating_add(bars.width.saturating_mul(number as u64));
        html.leaf("td", &[], Moment(Timestamp(start)));
        html.leaf("td", &[Class("n")], Grouped(bar.count.packets));
        html.leaf("td", &[Class("n")], Grouped(bar.count.bytes));
        let mut services: Vec<_> = bar.services.iter().collect();
        services.sort_by_key(|(service, bytes)| (std::cmp::Reverse(*bytes), *service));
        let words: Vec<_> = services
            .iter()
            .take(4)
            .map(|(service, bytes)| format!("{service} {}", Grouped(*bytes)))
            .collect();
        html.leaf("td", &[], words.join("; "));
        html.close();
    }
    html.close();
    html.close();
    html.close();
    html.close();
}
