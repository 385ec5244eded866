//! Tables as CSV (`--csv`): `connections.csv`, `exchanges.csv` and `objects.csv`, each with a header line.
//!
//! The format is RFC 4180 in UTF-8. Each file is written as `NAME.csv.part` and gets its name when it is whole.
//!
//! Spreadsheets calculate cells that begin with certain characters, and what comes from traffic must not be calculated:
//! these cells have `'` before them. Control characters are shown as their symbols (U+2400 to U+2421), so that a row is
//! a line.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use csv::{Terminator, Writer, WriterBuilder};

use super::rows::{Cell, Connection, ConnectionRow, ExchangeRow, ObjectRow, Row};
use crate::format::Utc;
use crate::output::draft::{ChosenBy, Draft};
use crate::scan::FinishedFlow;

/// The names of the files.
pub const TABLES: [&str; 3] = ["connections.csv", "exchanges.csv", "objects.csv"];

/// Bytes of a table that are gathered before they are written.
const BLOCK: usize = 64 << 10;

/// The tables of a run, or of one numbered directory.
pub struct Tables {
    tables: [Table; 3],
}

impl Tables {
    /// Makes the three files in `folder`, which is there. A file that is there is replaced when the new one is whole; see
    /// [`Draft`].
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let [connections, exchanges, objects] = TABLES.map(|name| folder.join(name));
        Ok(Self {
            tables: [
                Table::create::<ConnectionRow>(connections)?,
                Table::create::<ExchangeRow>(exchanges)?,
                Table::create::<ObjectRow>(objects)?,
            ],
        })
    }

    /// The run begins: from now on the files stay, whatever comes. If they `flush`, they are on disk before they have
    /// their names (`--fsync`).
    pub fn begin(&mut self, flushes: bool) {
        self.tables.iter_mut().for_each(|table| table.draft.keep(flushes));
    }

    /// Adds a connection, of which these flows have ended.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn connection(&mut self, flows: &[&FinishedFlow]) -> io::Result<()> {
        let Some(connection) = Connection::new(flows) else { return Ok(()) };
        let [connections, exchanges, objects] = &mut self.tables;
        if !connection.is_late() {
            connections.row(&connection.row())?;
        }
        connection.exchanges().iter().try_for_each(|row| exchanges.row(row))?;
        connection.objects().iter().try_for_each(|row| objects.row(row))
    }

    /// Writes what is gathered.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn flush(&mut self) -> io::Result<()> {
        self.tables.iter_mut().try_for_each(Table::flush)
    }

    /// Writes the end, and gives the files their names.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn finish(&mut self) -> io::Result<()> {
        self.tables.iter_mut().try_for_each(Table::finish)
    }

    /// Bytes of all tables on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tables.iter().map(|table| table.size).sum()
    }
}

/// One file.
struct Table {
    path: PathBuf,
    draft: Draft,
    /// Bytes of it.
    size: u64,
    /// Lines that are not yet in it.
    lines: Writer<Vec<u8>>,
    /// The cell under way.
    cell: String,
    /// Something could not be written: the file never gets its name.
    has_failed: bool,
}

/// Gathers lines.
fn gather() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

impl Table {
    /// A table with its header.
    fn create<R: Row>(path: PathBuf) -> io::Result<Self> {
        let draft = Draft::create(&path, ChosenBy::Program).map_err(|error| at(&path, &error))?;
        let mut table =
            Self { path, draft, size: 0, lines: gather(), cell: String::new(), has_failed: false };
        table.lines.write_record(R::COLUMNS).map_err(|error| at(&table.path, &error.into()))?;
        table.flush()?;
        Ok(table)
    }

    fn row<R: Row>(&mut self, row: &R) -> io::Result<()> {
        let Self { path, lines, cell: text, .. } = self;
        let mut written = Ok(());
        row.cells(&mut |cell| {
            text.clear();
            put(cell, text);
            if written.is_ok() {
                written = lines.write_field(text.as_bytes());
            }
        });
        let written = written.and_then(|()| lines.write_record(None::<&[u8]>));
        written.map_err(|error| at(path, &error.into()))?;
        if self.lines.get_ref().len() < BLOCK { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let lines = std::mem::replace(&mut self.lines, gather()).into_inner();
        let lines = lines.map_err(csv::IntoInnerError::into_error);
        let written = lines.and_then(|lines| {
            self.draft.file().write_all(&lines)?;
            self.size += lines.len() as u64;
            Ok(())
        });
        self.has_failed |= written.is_err();
        written.map_err(|error| at(&self.path, &error))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.has_failed {
            return Ok(());
        }
        self.draft.complete().and_then(|()| self.draft.publish()).map_err(|error| at(&self.path, &error))
    }
}

/// Appends the text of a cell.
fn put(cell: Cell<'_>, out: &mut String) {
    let _ = match cell {
        Cell::Empty => Ok(()),
        Cell::Text(text) => {
            put_text(text, out);
            Ok(())
        }
        Cell::Number(number) => write!(out, "{number}"),
        Cell::Flag(flag) => write!(out, "{flag}"),
        Cell::Address(address) => write!(out, "{address}"),
        Cell::Time(time) => write!(out, "{}", Utc(time)),
        Cell::Duration(duration) => {
            write!(out, "{}.{:09}", duration.as_secs(), duration.subsec_nanos())
        }
    };
}

/// Appends text that comes from traffic, as a cell that no program calculates.
fn put_text(text: &str, out: &mut String) {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']) {
        out.push('\'');
    }
    out.extend(text.chars().map(|character| match character {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        control if control.is_control() => '\u{fffd}',
        character => character,
    }));
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use tapflow_core::Timestamp;

    use super::*;
    use crate::output::draft::part_of;

    /// A row with two cells.
    struct Two<'t>(Cell<'t>, Cell<'t>);

    impl Row for Two<'_> {
        const COLUMNS: &'static [&'static str] = &["a", "b"];

        fn cells(&self, take: &mut dyn FnMut(Cell<'_>)) {
            take(self.0);
            take(self.1);
        }
    }

    fn line(a: Cell<'_>, b: Cell<'_>) -> String {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("t.csv");
        let mut table = Table::create::<Two<'_>>(path.clone()).expect("made");
        table.row(&Two(a, b)).expect("written");
        table.finish().expect("written");
        let text = fs::read_to_string(path).expect("there");
        text.strip_prefix("a,b\r\n").expect("a header").to_owned()
    }

    #[test]
    fn cells_are_quoted_where_they_need_it() {
        assert_eq!(line(Cell::Text("x,y"), Cell::Text("say \"a\"")), "\"x,y\",\"say \"\"a\"\"\"\r\n");
        assert_eq!(line(Cell::Empty, Cell::Number(7)), ",7\r\n");
        let time = Cell::Time(Timestamp::new(1, 500_000_000));
        let duration = Cell::Duration(Duration::from_millis(1_250));
        assert_eq!(line(time, duration), "1970-01-01T00:00:01.500000Z,1.250000000\r\n");
    }

    #[test]
    fn no_cell_is_calculated_and_a_row_is_a_line() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\u{2409}=1"),
            ("\r=1", "'\u{240d}=1"),
            ("a=1", "a=1"),
            ("a\r\n\0\u{7f}\u{9b}b", "a\u{240d}\u{240a}\u{2400}\u{2421}\u{fffd}b"),
        ] {
            assert_eq!(line(Cell::Text(text), Cell::Flag(true)), format!("{cell},true\r\n"));
        }
    }

    #[test]
    fn files_have_their_names_when_they_are_whole_and_go_if_no_run_begins() {
        let folder = tempfile::tempdir().expect("a directory");
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .expect("there")
                .map(|entry| entry.expect("there").file_name().into_string().expect("text"))
                .collect();
            names.sort();
            names
        };
        drop(Tables::create(folder.path()).expect("made"));
        assert_eq!(names(), Vec::<String>::new());
        let mut tables = Tables::create(folder.path()).expect("made");
        tables.begin(false);
        assert_eq!(names(), TABLES.map(|name| part_of(Path::new(name)).display().to_string()));
        tables.finish().expect("written");
        assert_eq!(names(), TABLES);
        let length = |name: &str| fs::metadata(folder.path().join(name)).expect("there").len();
        assert_eq!(tables.size(), TABLES.map(length).iter().sum::<u64>());
    }
}
