//! A page to draw on. Lengths are hundredths of a point (1/7200 inch) in whole numbers, from the upper left corner: so
//! every system writes the same digits.

use pdf_writer::types::LineCapStyle;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::font::{Font, encode};

/// US letter.
pub(super) const WIDTH: i32 = 61_200;
pub(super) const HEIGHT: i32 = 79_200;

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const BLACK: Colour = Colour(0, 0, 0);

/// How text is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) font: Font,
    pub(super) size: i32,
    pub(super) colour: Colour,
}

/// Which part of a text is at the place that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// A place, to the right and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point(pub(super) i32, pub(super) i32);

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Area {
    pub(super) fn right(&self) -> i32 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> i32 {
        self.top + self.height
    }
}

/// The content of a page.
pub(super) struct Canvas {
    content: Content,
    fill: Colour,
    /// Where texts are.
    #[cfg(test)]
    pub(super) texts: Vec<(Area, String)>,
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self {
            content: Content::new(),
            fill: BLACK,
            #[cfg(test)]
            texts: Vec::new(),
        }
    }

    fn fill_with(&mut self, colour: Colour) {
        if self.fill != colour {
            let [red, green, blue] = parts(colour);
            self.content.set_fill_rgb(red, green, blue);
            self.fill = colour;
        }
    }

    /// Fills rectangles.
    pub(super) fn fill(&mut self, colour: Colour, areas: impl IntoIterator<Item = Area>) {
        let mut areas = areas.into_iter().filter(|area| area.width > 0 && area.height > 0).peekable();
        if areas.peek().is_none() {
            return;
        }
        self.fill_with(colour);
        for area in areas {
            let (left, bottom) = (points(area.left), points(HEIGHT - area.bottom()));
            self.content.rect(left, bottom, points(area.width), points(area.height));
        }
        self.content.fill_nonzero();
    }

    /// Draws a line through points.
    pub(super) fn line(&mut self, colour: Colour, width: i32, line: &[Point]) {
        let Some((first, rest)) = line.split_first() else { return };
        let [red, green, blue] = parts(colour);
        self.content.set_stroke_rgb(red, green, blue).set_line_width(points(width));
        self.content.set_line_cap(LineCapStyle::ButtCap);
        self.content.move_to(points(first.0), points(HEIGHT - first.1));
        for point in rest {
            self.content.line_to(points(point.0), points(HEIGHT - point.1));
        }
        self.content.stroke();
    }

    /// Writes a text on the line whose height is that of `at`.
    pub(super) fn text(&mut self, style: Style, align: Align, at: Point, text: &str) {
        let width = style.font.width(text, style.size);
        let left = match align {
            Align::Left => at.0,
            Align::Centre => at.0 - width / 2,
            Align::Right => at.0 - width,
        };
        self.fill_with(style.colour);
        self.content.begin_text();
        self.content.set_font(Name(style.font.resource()), points(style.size));
        self.content.next_line(points(left), points(HEIGHT - at.1));
        self.content.show(Str(&encode(text)));
        self.content.end_text();
        #[cfg(test)]
        {
            let area = Area { left, top: at.1 - style.size * 3 / 4, width, height: style.size };
            self.texts.push((area, text.to_owned()));
        }
    }

    /// The document.
    pub(super) fn finish(self, title: &str) -> Vec<u8> {
        let [catalog, pages, page_id, content_id, regular, bold, info] = [1, 2, 3, 4, 5, 6, 7].map(Ref::new);
        let mut pdf = Pdf::new();
        pdf.set_version(1, 4);
        let mut root = pdf.catalog(catalog);
        root.pages(pages).lang(TextStr("en"));
        root.viewer_preferences().display_doc_title(true);
        root.finish();
        pdf.pages(pages).kids([page_id]).count(1);
        let mut page = pdf.page(page_id);
        page.media_box(Rect::new(0.0, 0.0, points(WIDTH), points(HEIGHT))).parent(pages).contents(content_id);
        let mut resources = page.resources();
        let mut fonts = resources.fonts();
        fonts.pair(Name(Font::Regular.resource()), regular).pair(Name(Font::Bold.resource()), bold);
        fonts.finish();
        resources.finish();
        page.finish();
        pdf.stream(content_id, &self.content.finish());
        for (id, font) in [(regular, Font::Regular), (bold, Font::Bold)] {
            pdf.type1_font(id).base_font(Name(font.name())).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        let producer = concat!("tapflow ", env!("CARGO_PKG_VERSION"));
        pdf.document_info(info).title(TextStr(title)).producer(TextStr(producer));
        pdf.finish()
    }
}

/// Hundredths of points as points.
fn points(hundredths: i32) -> f32 {
    // Below 2^24, so this is the number nearest to it on every machine.
    hundredths as f32 / 100.0
}

/// A colour as PDF has it, in steps that have few digits.
fn parts(colour: Colour) -> [f32; 3] {
    [colour.0, colour.1, colour.2].map(|part| ((u32::from(part) * 1000 + 127) / 255) as f32 / 1000.0)
}
