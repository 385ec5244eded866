//! The page: what was read, the histogram, and the lists of addresses and ports.

use super::canvas::{Align, Area, BLACK, Canvas, Colour, Point, Style, WIDTH};
use super::font::Font;
use super::palette::Palette;
use super::{GREY, LABEL, MARGIN, histogram, text};
use crate::traffic::{End, Traffic};

/// Rows of a list.
const ROWS: usize = 10;
const ROW: i32 = 1250;
const ADDRESSES: Colour = Colour(0x6b, 0x7f, 0x94);
/// Where the table of protocols begins.
const TABLE: i32 = 37_000;

/// The document of all that was read from `sources`.
pub(super) fn document(traffic: &Traffic, sources: &[String]) -> Vec<u8> {
    draw(traffic, sources).finish(&format!("Traffic of {}", inputs(sources, 4 * WIDTH)))
}

/// Draws the page.
pub(super) fn draw(traffic: &Traffic, sources: &[String]) -> Canvas {
    let mut canvas = Canvas::new();
    let palette = Palette::new(&traffic.timeline);
    head(&mut canvas, traffic, sources);
    protocols(&mut canvas, traffic);
    let plot = Area { left: 8_200, top: 13_800, width: WIDTH - 8_200 - 6_200, height: 18_500 };
    histogram::draw(&mut canvas, plot, traffic, &palette);
    lists(&mut canvas, traffic, &palette);
    foot(&mut canvas, traffic);
    canvas
}

fn head(canvas: &mut Canvas, traffic: &Traffic, sources: &[String]) {
    let heading = Style { font: Font::Bold, size: 1400, colour: BLACK };
    let program = concat!("tapflow ", env!("CARGO_PKG_VERSION"));
    canvas.text(heading, Align::Left, Point(MARGIN, 4_600), program);
    let total = traffic.total;
    let (first, last, span) = match traffic.times {
        Some((first, last)) => (text::time(first), text::time(last), text::duration(last.0 - first.0)),
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
    };
    let packets = text::counted(total.packets, "packet");
    let size = if total.bytes < 1000 {
        text::counted(total.bytes, "byte")
    } else {
        format!("{} ({})", text::bytes(total.bytes), text::counted(total.bytes, "byte"))
    };
    let room = TABLE - 2_000 - MARGIN - 5_500;
    let lines = [
        ("Input", inputs(sources, room)),
        ("First packet", first),
        ("Last packet", last),
        ("Duration", span),
        ("Traffic", format!("{packets}, {size}")),
    ];
    for (row, (name, value)) in (0..).zip(lines) {
        let height = 6_300 + row * 1_150;
        canvas.text(Style { colour: GREY, ..LABEL }, Align::Left, Point(MARGIN, height), name);
        canvas.text(LABEL, Align::Left, Point(MARGIN + 5_500, height), &value);
    }
}

/// The inputs in one line: each with its end, where its name is; how many more there are.
fn inputs(sources: &[String], room: i32) -> String {
    let Some(first) = sources.first() else { return "-".to_owned() };
    let all = sources.join(", ");
    if LABEL.font.width(&all, LABEL.size) <= room {
        return all;
    }
    let more = match sources.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let room = room - LABEL.font.width(&more, LABEL.size);
    format!("{}{more}", fitted(first, room))
}

/// A text, or as much of its end as there is room for.
fn fitted(text: &str, room: i32) -> String {
    let fits = |text: &str| LABEL.font.width(text, LABEL.size) <= room;
    if fits(text) {
        return text.to_owned();
    }
    // No more than that is ever shown: names may be very long.
    let ends = text.char_indices().rev().map(|(at, _)| &text[at..]).take(400);
    let with_dots = |end: &str| format!("\u{2026}{end}");
    let longest = ends.map(with_dots).take_while(|text| fits(text)).last();
    longest.unwrap_or_else(|| with_dots(""))
}

/// Shares of network protocols.
fn protocols(canvas: &mut Canvas, traffic: &Traffic) {
    let columns = [TABLE, TABLE + 9_500, TABLE + 15_500, WIDTH - MARGIN];
    let mut row = |height: i32, style: Style, cells: [&str; 4]| {
        for (place, cell) in cells.into_iter().enumerate() {
            let align = if place == 0 { Align::Left } else { Align::Right };
            canvas.text(style, align, Point(columns[place], height), cell);
        }
    };
    row(6_300, Style { colour: GREY, ..LABEL }, ["Network", "Packets", "Bytes", "Share"]);
    let protocols = traffic.protocols;
    let rows = [
        ("IPv4", protocols.ipv4),
        ("IPv6", protocols.ipv6),
        ("ARP", protocols.arp),
        ("other", protocols.other),
    ];
    for (place, (name, count)) in (1..).zip(rows) {
        let packets = text::grouped(count.packets);
        let share = text::share(count.bytes, traffic.total.bytes);
        row(6_300 + place * 1_150, LABEL, [name, &packets, &text::bytes(count.bytes), &share]);
    }
}

/// A row of a list.
struct Item {
    label: String,
    bytes: u64,
    colour: Colour,
}

fn lists(canvas: &mut Canvas, traffic: &Traffic, palette: &Palette) {
    let hosts = |end| {
        let hosts = traffic.top_hosts(end, ROWS).into_iter();
        hosts.map(|(host, count)| Item { label: host.to_string(), bytes: count.bytes, colour: ADDRESSES })
    };
    let ports = |end| {
        let ports = traffic.top_ports(end, ROWS).into_iter();
        ports.map(|(port, bytes)| Item { label: port.to_string(), bytes, colour: palette.colour(port) })
    };
    let gap = 1_600;
    let width = (WIDTH - 2 * MARGIN - gap) / 2;
    let (left, right) = (MARGIN, MARGIN + width + gap);
    let total = traffic.total.bytes;
    let mut top = 39_800;
    let rows = [
        ("addresses", hosts(End::Source).collect::<Vec<_>>(), hosts(End::Destination).collect::<Vec<_>>()),
        ("ports", ports(End::Source).collect(), ports(End::Destination).collect()),
    ];
    for (what, sources, destinations) in rows {
        let row = Area { left, top, width, height: 0 };
        draw_list(canvas, row, &format!("Top source {what}"), &sources, total);
        draw_list(
            canvas,
            Area { left: right, ..row },
            &format!("Top destination {what}"),
            &destinations,
            total,
        );
        let longest = sources.len().max(destinations.len()).clamp(1, ROWS);
        top += 3_600 + ROW * i32::try_from(longest).unwrap_or(0);
    }
}

fn draw_list(canvas: &mut Canvas, area: Area, title: &str, items: &[Item], total: u64) {
    canvas.text(
        Style { font: Font::Bold, size: 900, colour: BLACK },
        Align::Left,
        Point(area.left, area.top),
        title,
    );
    if items.is_empty() {
        canvas.text(Style { colour: GREY, ..LABEL }, Align::Left, Point(area.left, area.top + 1_350), "none");
        return;
    }
    let label_width = |item: &Item| LABEL.font.width(&item.label, LABEL.size);
    let labels = items.iter().map(label_width).max().unwrap_or(0);
    // The number, the label, the bar, the share, the bytes.
    let (label, bar) = (area.left + 1_300, area.left + 1_300 + labels + 500);
    let (share, bytes) = (area.right() - 4_400, area.right());
    let longest = (share - 2_600 - bar).max(0);
    let largest = items.iter().map(|item| item.bytes).max().unwrap_or(0).max(1);
    for (place, item) in (0_i32..).zip(items) {
        let height = area.top + 1_350 + place * ROW;
        let grey = Style { colour: GREY, ..LABEL };
        canvas.text(grey, Align::Right, Point(area.left + 900, height), &(place + 1).to_string());
        canvas.text(LABEL, Align::Left, Point(label, height), &item.label);
        let length = u128::from(longest.unsigned_abs()) * u128::from(item.bytes) / u128::from(largest);
        let width = i32::try_from(length).unwrap_or(longest).max(30).min(longest);
        canvas.fill(item.colour, [Area { left: bar, top: height - 600, width, height: 750 }]);
        canvas.text(LABEL, Align::Right, Point(share, height), &text::share(item.bytes, total));
        canvas.text(LABEL, Align::Right, Point(bytes, height), &text::bytes(item.bytes));
    }
}

fn foot(canvas: &mut Canvas, traffic: &Traffic) {
    let mut lines = vec![
        "Times are UTC. A packet counts with its length on the wire, by its innermost IP header. Shares are of all bytes. \
         1 KB is 1000 bytes."
            .to_owned(),
    ];
    if traffic.hosts.error > 0 {
        lines.push(format!(
            "There are too many addresses for exact numbers: each may have had up to {} more than is shown.",
            text::bytes(traffic.hosts.error)
        ));
    }
    let style = Style { size: 650, colour: GREY, ..LABEL };
    for (place, line) in (0_i32..).zip(lines) {
        canvas.text(style, Align::Left, Point(MARGIN, 72_900 + place * 1_000), &line);
    }
}
