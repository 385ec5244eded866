//! ARCHITECTURE.md and the source agree: which rooms use which, in no circle, and where there is unsafe code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms that each room uses.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// The lines of ARCHITECTURE.md below a heading.
fn section(heading: &str) -> Vec<String> {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let lines: Vec<_> = lines.take_while(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no {heading} in ARCHITECTURE.md");
    lines
}

/// Words of `a-z`, digits and `_`.
fn names(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_ascii_lowercase() && !letter.is_ascii_digit() && letter != '_')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

/// The table: rooms in the first column, what they use in the third.
fn listed() -> Arrows {
    let mut arrows = Arrows::new();
    for line in section("## Rooms of the front-end") {
        let cells: Vec<_> = line.split('|').collect();
        if let [_, rooms, _, uses, _] = cells.as_slice()
            && rooms.contains('`')
        {
            names(rooms).for_each(|room| arrows.entry(room).or_default().extend(names(uses)));
        }
    }
    arrows
}

/// All source files below a folder, but for what is built there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let entries = entries.filter(|path| path.file_name().is_none_or(|name| name != "target"));
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    files.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// The path of the module that a file is.
fn module(file: &Path) -> Vec<String> {
    let mut parts: Vec<_> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The source without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The rooms that a module of a room names: behind `crate::`, or behind as many `super::` as lead to the root.
fn uses(module: &[String], code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let to_root = "super::".repeat(module.len());
    for way in ["crate::", to_root.as_str()] {
        for (at, _) in code.match_indices(way) {
            let (before, after) = (&code[..at], &code[at + way.len()..]);
            if before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':') {
                continue;
            }
            let rooms = match after.strip_prefix('{') {
                Some(group) => first_names(group),
                None => names(after).next().into_iter().collect(),
            };
            found.extend(rooms.into_iter().filter(|room| room != &module[0]));
        }
    }
    found
}

/// The first name of each path in a group, which is closed somewhere behind.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut is_first, mut found) = (0, true, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_first = true,
            letter if is_first && !letter.is_whitespace() => {
                is_first = false;
                found.extend(names(&group[at..]).next());
            }
            _ => {}
        }
    }
    found
}

/// The arrows in the source, which is not that of tests.
fn drawn() -> Arrows {
    let root = repository().join("frontend-common/src");
    let mut arrows = Arrows::new();
    for file in sources(&root) {
        let module = module(file.strip_prefix(&root).expect("below it"));
        if module[0] == "lib" || module.iter().any(|part| part == "tests" || part == "testing") {
            continue;
        }
        let text = fs::read_to_string(&file).expect("text").replace("\r\n", "\n");
        arrows.entry(module[0].clone()).or_default().extend(uses(&module, &code(&text)));
    }
    arrows
}

/// A circle of rooms, if there is one.
fn circle(arrows: &Arrows) -> Option<Vec<String>> {
    fn walk(room: &str, arrows: &Arrows, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        let is_closed = way.iter().any(|earlier| earlier == room);
        way.push(room.to_owned());
        if is_closed
            || (!done.contains(room)
                && arrows.get(room).is_some_and(|used| used.iter().any(|next| walk(next, arrows, way, done))))
        {
            return true;
        }
        way.pop();
        done.insert(room.to_owned());
        false
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|room| {
        let mut way = Vec::new();
        walk(room, arrows, &mut way, &mut done).then_some(way)
    })
}

#[test]
fn the_table_has_every_arrow_and_no_other() {
    let (listed, drawn) = (listed(), drawn());
    assert_eq!(
        listed.keys().collect::<Vec<_>>(),
        drawn.keys().collect::<Vec<_>>(),
        "rooms of the table and of the source"
    );
    for (room, used) in &drawn {
        let table = &listed[room];
        let missing: Vec<_> = used.difference(table).collect();
        assert!(missing.is_empty(), "{room} uses {missing:?}, which ARCHITECTURE.md does not allow");
        let unused: Vec<_> = table.difference(used).collect();
        assert!(unused.is_empty(), "{room} no longer uses {unused:?}: remove that from ARCHITECTURE.md");
    }
}

#[test]
fn no_rooms_use_each_other_in_a_circle() {
    assert_eq!(circle(&drawn()), None);
}

#[test]
fn paths_of_every_form_are_seen() {
    let module = ["scan", "http", "body"].map(str::to_owned);
    let text = "use crate::flow::Ranges;\nuse crate::{\n    codec::{Codec, Step},\n    format,\n};\n// crate::cli\n\
        fn f() { super::super::super::naming::path(); super::super::output(); crate::scan::x(); mycrate::y() }\n\
        #[cfg(test)]\nmod tests {\n    use crate::report::x;\n}\n";
    let found: Vec<_> = uses(&module, &code(text)).into_iter().collect();
    assert_eq!(found, ["codec", "flow", "format", "naming"]);
}

#[test]
fn a_circle_is_found_wherever_it_begins() {
    let arrows = |pairs: &[(&str, &str)]| {
        let mut arrows = Arrows::new();
        for (from, to) in pairs {
            arrows.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        arrows
    };
    assert_eq!(circle(&arrows(&[("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")])), None);
    assert!(circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")])).is_some());
}

#[test]
fn unsafe_code_is_where_the_list_says() {
    let listed: BTreeSet<_> = section("## Unsafe code")
        .iter()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split('|').next()?.to_owned()))
        .flat_map(|files| {
            files.split('`').filter(|part| part.ends_with(".rs")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let root = repository();
    let folders =
        ["core-nostd", "cross", "frontend-common", "frontend-linux", "frontend-windows", "fuzz", "tests"];
    let found: BTreeSet<_> = folders
        .into_iter()
        .flat_map(|folder| sources(&root.join(folder)))
        .filter(|file| {
            let text = fs::read_to_string(file).expect("text");
            ["{", "impl", "extern", "fn"].iter().any(|what| text.contains(&format!("{} {what}", "unsafe")))
        })
        .map(|file| {
            let parts = file.strip_prefix(&root).expect("below it").iter().map(|part| part.to_string_lossy());
            parts.collect::<Vec<_>>().join("/")
        })
        .collect();
    assert_eq!(listed, found, "files in ARCHITECTURE.md and those with unsafe code");
}

#[test]
fn no_source_file_is_longer_than_30_000_bytes() {
    let crates = ["core-nostd", "frontend-common", "frontend-linux", "frontend-windows", "tests"];
    for file in crates.into_iter().flat_map(|name| sources(&repository().join(name).join("src"))) {
        let size = fs::metadata(&file).expect("a file").len();
        assert!(size <= 30_000, "{} has {size} bytes", file.display());
    }
}
