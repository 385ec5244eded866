//! Pictures that stretch to the room there is: shapes in an SVG element, and their labels around it as text of the page,
//! which keeps its size on any screen.

use std::fmt::Display;

use super::html::Attribute::{Class, Id, Label, Path as Outline, View, Word};
use super::html::{Html, Path, Word as Words};

/// Width and height of the shapes' coordinates.
pub(super) const SIZE: (u32, u32) = (1000, 400);

/// Shapes of one kind.
pub(super) struct Layer {
    /// The class of their colour.
    pub(super) class: &'static str,
    pub(super) path: Path,
}

/// A picture with its labels.
pub(super) struct Chart<'a> {
    pub(super) layers: &'a [Layer],
    /// What it shows, for those who do not see it.
    pub(super) words: &'a dyn Display,
    /// The scale on the left, from the top, at equal distances.
    pub(super) left: &'a [String],
    /// The scale below, from the left, at equal distances.
    pub(super) below: &'a [String],
}

impl Chart<'_> {
    pub(super) fn write(&self, html: &mut Html<'_>) {
        html.open("div", &[Class("chart")]);
        html.open("div", &[Class("left")]);
        for label in self.left {
            html.leaf("span", &[], label);
        }
        html.close();
        let (width, height) = SIZE;
        html.open(
            "svg",
            &[View(width, height), Word(Words::Stretch, "none"), Word(Words::Role, "img"), Label(self.words)],
        );
        let mut grid = Path::default();
        let lines = self.left.len().saturating_sub(1).max(1);
        for line in 0..=lines {
            let y = f64::from(height) * line as f64 / lines as f64;
            grid.go(0.0, y);
            grid.line(f64::from(width), y);
        }
        html.shape("path", &[Class("grid"), Outline(&grid)]);
        for layer in self.layers.iter().filter(|layer| !layer.path.is_empty()) {
            html.shape("path", &[Class(layer.class), Outline(&layer.path)]);
        }
        html.close();
        html.open("div", &[Class("below")]);
        for label in self.below {
            html.leaf("span", &[], label);
        }
        html.close();
        html.close();
    }
}

/// A bar as long as its share of `all`, to stand in a cell of a table.
pub(super) fn bar(html: &mut Html<'_>, part: u64, all: u64) {
    let mut path = Path::default();
    let share = if all == 0 { 0.0 } else { part as f64 / all as f64 };
    path.rectangle(0.0, 0.0, 100.0 * share.min(1.0), 10.0);
    html.open(
        "svg",
        &[Class("bar"), View(100, 10), Word(Words::Stretch, "none"), Word(Words::Role, "presentation")],
    );
    html.shape("path", &[Outline(&path)]);
    html.close();
}

/// Words for colours.
pub(super) fn legend<'a>(
    html: &mut Html<'_>,
    entries: impl Iterator<Item = (&'static str, &'a dyn Display)>,
) {
    html.open("ul", &[Class("legend")]);
    for (class, words) in entries {
        html.open("li", &[]);
        html.leaf("i", &[Class(class)], "");
        html.text(words);
        html.close();
    }
    html.close();
}

/// A heading of a section.
pub(super) fn section(html: &mut Html<'_>, id: &'static str, title: &'static str) {
    html.open("section", &[Id(id)]);
    html.leaf("h2", &[], title);
}
