//! Bytes over time: bars with a layer for each service, and a line of what came until then.

use super::canvas::{Align, Area, BLACK, Canvas, Colour, Point, Style};
use super::font::Font;
use super::palette::Palette;
use super::{GREY, LABEL, scale, text};
use crate::traffic::{Bars, Traffic, width_text};

/// Bars at most.
const MAX_BARS: usize = 100;
/// Room for bars at least, so that a few packets are no wall.
const MIN_BARS: usize = 25;
/// Steps of the scale of bytes at most.
const STEPS: u64 = 5;
/// Marks of time at most.
const MARKS: u64 = 8;
const GRID: Colour = Colour(0xdd, 0xdd, 0xdd);
const AXIS: Colour = Colour(0x55, 0x55, 0x55);
/// Between two labels, at least.
const SPACE: i32 = 600;

/// Draws everything into `plot`, with its labels around it, and the legend below. `plot` has to leave room for both.
pub(super) fn draw(canvas: &mut Canvas, plot: Area, traffic: &Traffic, palette: &Palette) {
    let bars = traffic.timeline.bars(MAX_BARS);
    let heading = Style { font: Font::Bold, ..LABEL };
    let width = width_text(bars.width);
    let title = match bars.bars.len() {
        0 => "Bytes over time".to_owned(),
        1 => format!("Bytes over time; all packets are within {width}"),
        _ => format!("Bytes over time; a bar is {width}"),
    };
    canvas.text(Style { size: 900, ..heading }, Align::Left, Point(super::MARGIN, plot.top - 900), &title);
    let top = bytes_axis(canvas, plot, &bars);
    if bars.bars.is_empty() {
        let middle = Point(plot.left + plot.width / 2, plot.top + plot.height / 2);
        canvas.text(Style { size: 1100, colour: GREY, ..LABEL }, Align::Centre, middle, "no packets");
    } else {
        // A single bar stands in the middle.
        let slots = bars.bars.len().max(MIN_BARS);
        let before = ((slots - bars.bars.len()) / 2).min(slots_before(&bars));
        let columns = Columns { plot, slots, before };
        draw_bars(canvas, &columns, &bars, palette, top);
        if bars.bars.len() > 1 {
            draw_sum(canvas, &columns, &bars, traffic.total.bytes);
        }
        time_axis(canvas, &columns, &bars);
    }
    canvas.line(AXIS, 60, &[Point(plot.left, plot.bottom()), Point(plot.right(), plot.bottom())]);
    legend(canvas, plot, &bars, palette, traffic.total.bytes);
}

/// Bars before the first one that are not before 1970.
fn slots_before(bars: &Bars) -> usize {
    usize::try_from(bars.start.0 / bars.width.max(1)).unwrap_or(usize::MAX)
}

/// Where bars are.
struct Columns {
    plot: Area,
    /// Room for bars.
    slots: usize,
    /// How many of them are before the first bar.
    before: usize,
}

impl Columns {
    /// Where a bar begins.
    fn left(&self, bar: usize) -> i32 {
        self.plot.left + part(self.plot.width, (self.before + bar) as u64, self.slots as u64)
    }

    /// Where a time is.
    fn at(&self, time: u64, bars: &Bars) -> i32 {
        let start = bars.start.0.saturating_sub(bars.width.saturating_mul(self.before as u64));
        let span = u128::from(bars.width) * self.slots as u128;
        let along = u128::from(time.saturating_sub(start)) * u128::from(self.plot.width.unsigned_abs());
        self.plot.left + i32::try_from(along / span.max(1)).unwrap_or(0).min(self.plot.width)
    }
}

/// `length * number / of`, rounded down.
fn part(length: i32, number: u64, of: u64) -> i32 {
    let part = u128::from(length.unsigned_abs()) * u128::from(number) / u128::from(of.max(1));
    i32::try_from(part).unwrap_or(length).min(length)
}

/// Draws the scale of bytes on the left: its top.
fn bytes_axis(canvas: &mut Canvas, plot: Area, bars: &Bars) -> u64 {
    let max = bars.bars.iter().map(|bar| bar.count.bytes).max().unwrap_or(0);
    if max == 0 {
        return 1;
    }
    let unit = scale::unit(max, STEPS);
    let steps = max.div_ceil(unit);
    let top = unit.saturating_mul(steps);
    for step in 0..=steps {
        let height = plot.bottom() - part(plot.height, step, steps);
        canvas.line(GRID, 40, &[Point(plot.left, height), Point(plot.right(), height)]);
        let label = text::round_bytes(unit.saturating_mul(step));
        canvas.text(LABEL, Align::Right, Point(plot.left - 400, height + 230), &label);
        // Of three steps the middle ones are no round percentage.
        let is_round = steps != 3 || step == 0 || step == steps;
        if is_round && bars.bars.len() > 1 {
            let percent = format!("{}%", 100 * step / steps);
            canvas.text(
                Style { colour: GREY, ..LABEL },
                Align::Left,
                Point(plot.right() + 400, height + 230),
                &percent,
            );
        }
    }
    top
}

fn draw_bars(canvas: &mut Canvas, columns: &Columns, bars: &Bars, palette: &Palette, top: u64) {
    let plot = columns.plot;
    let mut areas: Vec<Vec<Area>> = vec![Vec::new(); palette.layers().len()];
    for (place, bar) in bars.bars.iter().enumerate() {
        let mut layers = vec![0_u64; areas.len()];
        for (service, bytes) in &bar.services {
            layers[palette.layer(*service)] += bytes;
        }
        let (left, right) = (columns.left(place), columns.left(place + 1));
        let mut sum = 0_u64;
        let mut bottom = plot.bottom();
        for (layer, bytes) in layers.into_iter().enumerate().filter(|(_, bytes)| *bytes > 0) {
            sum = sum.saturating_add(bytes);
            // Heights are those of the sum: what is too low to be seen alone is seen together.
            let high = plot.bottom() - part(plot.height, sum, top);
            areas[layer].push(Area { left, top: high, width: right - left - 30, height: bottom - high });
            bottom = high;
        }
        // Something is something.
        if sum > 0 && bottom > plot.bottom() - 40 {
            let layer = bar
                .services
                .iter()
                .max_by_key(|(_, bytes)| *bytes)
                .map(|(service, _)| palette.layer(*service));
            if let Some(areas) = layer.and_then(|layer| areas.get_mut(layer)) {
                areas.push(Area { left, top: plot.bottom() - 40, width: right - left - 30, height: 40 });
            }
        }
    }
    for (layer, areas) in palette.layers().iter().zip(areas) {
        canvas.fill(layer.colour, areas);
    }
}

/// The line of all bytes until the end of each bar.
fn draw_sum(canvas: &mut Canvas, columns: &Columns, bars: &Bars, total: u64) {
    let plot = columns.plot;
    let mut sum = 0_u64;
    let mut line = vec![Point(columns.left(0), plot.bottom())];
    for (place, bar) in bars.bars.iter().enumerate() {
        sum = sum.saturating_add(bar.count.bytes);
        line.push(Point(columns.left(place + 1), plot.bottom() - part(plot.height, sum, total)));
    }
    canvas.line(Colour(0xff, 0xff, 0xff), 220, &line);
    canvas.line(BLACK, 90, &line);
}

fn time_axis(canvas: &mut Canvas, columns: &Columns, bars: &Bars) {
    let plot = columns.plot;
    let start = bars.start.0.saturating_sub(bars.width.saturating_mul(columns.before as u64));
    let end = start.saturating_add(bars.width.saturating_mul(columns.slots as u64));
    let mut ticks = scale::ticks(start, end, MARKS);
    if bars.bars.len() == 1 {
        // A scale around a single bar would have nothing to measure.
        ticks.retain(|tick| tick.time == bars.start.0);
    }
    let (mut free, mut day_free, mut day) = (i32::MIN, i32::MIN, None);
    for tick in ticks {
        let at = columns.at(tick.time, bars);
        canvas.line(AXIS, 50, &[Point(at, plot.bottom()), Point(at, plot.bottom() + 250)]);
        // Labels stay on the page, and leave out those that would touch.
        let mut label = |text: &str, height: i32, free: &mut i32| {
            let width = LABEL.font.width(text, LABEL.size);
            let middle = at.clamp(plot.left - 2500 + width / 2, plot.right() + 2500 - width / 2);
            if middle - width / 2 < *free {
                return false;
            }
            canvas.text(LABEL, Align::Centre, Point(middle, plot.bottom() + height), text);
            *free = middle + width / 2 + SPACE;
            true
        };
        let is_shown = label(&tick.label, 1050, &mut free);
        if is_shown && tick.day.is_some() && tick.day != day {
            let is_shown = tick.day.as_deref().is_some_and(|text| label(text, 1900, &mut day_free));
            day = if is_shown { tick.day } else { day };
        }
    }
}

/// The colours, below the plot, in rows.
fn legend(canvas: &mut Canvas, plot: Area, bars: &Bars, palette: &Palette, total: u64) {
    let mut sums = vec![0_u64; palette.layers().len()];
    for (service, bytes) in bars.bars.iter().flat_map(|bar| &bar.services) {
        sums[palette.layer(*service)] += bytes;
    }
    let (mut left, mut height) = (plot.left, plot.bottom() + 3000);
    let mut place = |width: i32| {
        if left + width > plot.right() && left > plot.left {
            (left, height) = (plot.left, height + 1050);
        }
        let at = Point(left, height);
        left += width + 1200;
        at
    };
    let shown = palette.layers().iter().zip(sums).filter(|(_, bytes)| *bytes > 0);
    for (layer, bytes) in shown {
        let label = format!("{} {}", layer.name, text::share(bytes, total));
        let at = place(1000 + LABEL.font.width(&label, LABEL.size));
        canvas.fill(layer.colour, [Area { left: at.0, top: at.1 - 600, width: 700, height: 700 }]);
        canvas.text(LABEL, Align::Left, Point(at.0 + 1000, at.1), &label);
    }
    if bars.bars.len() > 1 {
        let label = "all bytes until then (scale on the right)";
        let at = place(1500 + LABEL.font.width(label, LABEL.size));
        canvas.line(BLACK, 90, &[Point(at.0, at.1 - 250), Point(at.0 + 1200, at.1 - 250)]);
        canvas.text(LABEL, Align::Left, Point(at.0 + 1500, at.1), label);
    }
}
