//! What a store leaves on disk, for each kind of event and for each kind of trouble.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::flow::testing::{facts, facts_of_port};
use crate::naming::NameFlags;

const NAME: &str = "010.001.002.003.01234-192.168.005.006.00080";
const AT: Timestamp = Timestamp::new(1_700_000_000, 5_000);

fn template(text: Option<&str>) -> Arc<Template> {
    Arc::new(Template::parse(text, &NameFlags::default()).expect("a valid template"))
}

fn config(directory: &Path) -> StoreConfig {
    StoreConfig::new(directory.to_owned(), template(None), 100)
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn bytes(text: &[u8]) -> Bytes {
    Bytes::copy_from_slice(text)
}

/// All files below a directory, with their contents and times.
fn snapshot(root: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let metadata = fs::symlink_metadata(&path).expect("metadata");
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() {
                let name = path.strip_prefix(root).expect("below").to_string_lossy();
                let name = if cfg!(windows) { name.replace('\\', "/") } else { name.into_owned() };
                files
                    .insert(name, (fs::read(&path).expect("readable"), metadata.modified().expect("a time")));
            }
        }
    }
    files
}

fn contents(root: &Path) -> BTreeMap<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").replace('\0', ".");
    snapshot(root).into_iter().map(|(name, (bytes, _))| (name, text(bytes))).collect()
}

fn expect(root: &Path, files: &[(&str, &str)]) {
    let expected: BTreeMap<_, _> = files.iter().map(|(n, c)| ((*n).to_owned(), (*c).to_owned())).collect();
    assert_eq!(contents(root), expected);
}

fn open(store: &mut FileStore, facts: FlowFacts) {
    let name = store.name_of(&facts);
    store.open(facts, name);
}

fn data(store: &mut FileStore, number: u64, offset: u64, text: &[u8]) {
    store.data(number, offset, bytes(text), AT).expect("taken");
}

fn repeated(store: &mut FileStore, number: u64, offset: u64, text: &[u8]) -> Repeat {
    store.repeated(number, offset, &bytes(text), AT).expect("compared")
}

fn close(store: &mut FileStore, number: u64) -> Closed {
    store.close(number).expect("closed")
}

#[test]
fn pieces_in_any_order_become_a_file_with_the_time_of_the_first_packet() {
    let out = directory();
    let mut store = FileStore::new(config(out.path()));
    open(&mut store, facts(0));
    data(&mut store, 0, 5, b"fghij");
    data(&mut store, 0, 0, b"abcde");
    let closed = close(&mut store, 0);
    assert_eq!(
        closed.file,
        Some(FileFacts {
            original: None,
            left_out: Vec::new(),
            shortened: Shortened::default(),
            path: out.path().join(NAME),
            size: 10
        })
    );
    let metadata = fs::metadata(out.path().join(NAME)).expect("there");
    let first = UNIX_EPOCH + Duration::new(1_700_000_000, 1);
    assert_eq!((metadata.modified().expect("a time"), metadata.accessed().expect("a time")), (first, first));
    expect(out.path(), &[(NAME, "abcdefghij")]);
}

#[test]
fn without_data_there_is_no_file() {
    let out = directory();
    let mut store = FileStore::new(config(out.path()));
    open(&mut store, facts(0));
    data(&mut store, 0, 0, b"");
    assert_eq!(close(&mut store, 0), Closed::default());
    expect(out.path(), &[]);
}

#[test]
fn a_flow_that_was_not_opened_is_an_error() {
    let out = directory();
    let mut store = FileStore::new(config(out.path()));
    assert!(matches!(store.data(3, 0, bytes(b"x"), AT), Err(OutputError::NotOpen(3))));
    assert!(matches!(store.close(3), Err(OutputError::NotOpen(3))));
}

#[cfg(unix)]
#[test]
fn bytes_never_seen_are_a_hole() {
    use std::os::unix::fs::MetadataExt;
    let out = directory();
    let mut store = FileStore::new(config(out.path()));
    open(&mut store, facts(0));
    data(&mut store, 0, 0, b"a");
    data(&mut store, 0, 1 << 40, b"z");
    assert_eq!(close(&mut store, 0).file.expect("a file").size, (1 << 40) + 1);
    let metadata = fs::metadata(out.path().join(NAME)).expect("there");
    assert_eq!(metadata.len(), (1 << 40) + 1);
    assert!(metadata.blocks() < 1000);
}

#[test]
fn bytes_beyond_the_limit_are_counted_and_not_written() {
    for (limit, text, beyond) in
        [(0, "", 32), (5, "abcde", 27), (12, "abcdefghij..", 22), (25, "abcdefghij............uvw", 19)]
    {
        let out = directory();
        let mut store = FileStore::new(StoreConfig { limit: Some(limit), index: true, ..config(out.path()) });
        open(&mut store, facts(0));
        data(&mut store, 0, 22, b"uvwxyzUVWXYZ");
        data(&mut store, 0, 0, b"abcdefghij");
        data(&mut store, 0, 100, b"0123456789");
        assert_eq!(repeated(&mut store, 0, 100, b"01"), Repeat::NotCompared);
        let closed = close(&mut store, 0);
        assert_eq!(closed.beyond_limit, beyond, "limit {limit}");
        let file = fs::read(out.path().join(NAME)).expect("there");
        let text = text.trim_end_matches('.');
        assert_eq!(String::from_utf8(file).expect("text").replace('\0', "."), text);
        assert_eq!(closed.file.expect("a file").size, text.len() as u64);
        let lines = fs::read_to_string(out.path().join(format!("{NAME}.findx"))).expect("there");
        let kept: u64 = lines.lines().filter_map(|line| line.rsplit('|').next()?.parse::<u64>().ok()).sum();
        assert_eq!((lines.lines().count(), kept), (4, 32 - beyond));
    }
}

#[test]
fn names_that_exist_are_not_touched_and_the_next_count_is_free() {
    let out = directory();
    fs::write(out.path().join(NAME), "old").expect("a file");
    fs::create_dir(out.path().join(format!("{NAME}c1"))).expect("a folder");
    let mut store = FileStore::new(config(out.path()));
    for number in 0..3 {
        open(&mut store, facts(number));
        data(&mut store, number, 0, number.to_string().as_bytes());
        close(&mut store, number);
    }
    let names = [2, 3, 4].map(|count| format!("{NAME}c{count}"));
    expect(out.path(), &[(NAME, "old"), (&names[0], "0"), (&names[1], "1"), (&names[2], "2")]);
}

#[test]
fn flows_of_one_name_are_counted_in_the_order_of_their_first_data() {
    let out = directory();
    let mut store = FileStore::new(StoreConfig { template: template(Some("%A")), ..config(out.path()) });
    for number in 0..3 {
        open(&mut store, facts(number));
    }
    for number in [2, 0, 1] {
        data(&mut store, number, 0, number.to_string().as_bytes());
    }
    for number in 0..3 {
        close(&mut store, number);
    }
    expect(out.path(), &[("010.001.002.003", "2"), ("010.001.002.003c1", "0"), ("010.001.002.003c2", "1")]);
}

#[test]
fn an_index_of_an_earlier_run_is_not_touched() {
    let out = directory();
    fs::write(out.path().join(format!("{NAME}.findx")), "old").expect("a file");
    let mut store = FileStore::new(StoreConfig { index: true, ..config(out.path()) });
    open(&mut store, facts(0));
    data(&mut store, 0, 0, b"x");
    close(&mut store, 0);
    let (index, name) = (format!("{NAME}.findx"), format!("{NAME}c1"));
    expect(
        out.path(),
        &[(&index, "old"), (&name, "x"), (&format!("{name}.findx"), "0|1700000000.000005|1\n")],
    );
}

#[cfg(unix)]
#[test]
fn a_planted_link_is_not_written_through() {
    let out = directory();
    let outside = directory();
    let victim = outside.path().join("victim");
    fs::write(&victim, "precious").expect("a file");
    std::os::unix::fs::symlink(&victim, out.path().join(NAME)).expect("a link");
    std::os::unix::fs::symlink(outside.path().join("absent"), out.path().join(format!("{NAME}c1")))
        .expect("a link");
    let mut store = FileStore::new(config(out.path()));
    open(&mut store, facts(0));
    data(&mut store, 0, 0, b"x");
    close(&mut store, 0);
    expect(outside.path(), &[("victim", "precious")]);
    expect(out.path(), &[(&format!("{NAME}c2"), "x")]);
}

#[test]
fn deep_directories_are_made() {
    let out = directory();
    let deep = "a/".repeat(40) + "%A/%a/%B/%b/%N";
    let mut store = FileStore::new(StoreConfig { template: template(Some(&deep)), ..config(out.path()) });
    for number in 0..2 {
        open(&mut store, facts(number));
        data(&mut store, number, 0, b"x");
        close(&mut store, number);
    }
    let folder = "a/".repeat(40) + "010.001.002.003/01234/192.168.005.006/00080/";
    expect(out.path(), &[(&format!("{folder}000"), "x"), (&format!("{folder}001"), "x")]);
}

#[test]
fn the_first_copy_stays_and_differences_are_told() {
    for written in [false, true] {
        let out = directory();
        let mut store = FileStore::new(config(out.path()));
        open(&mut store, facts(0));
        data(&mut store, 0, 0, b"0123456789");
        if written {
            store.flush().expect("written");
        }
        data(&mut store, 0, 10, b"abcdefghij");
        assert_eq!(repeated(&mut store, 0, 3, b"3456789abcd"), Repeat::Same);
        assert_eq!(repeated(&mut store, 0, 8, b"8Xabc"), Repeat::Differs);
        assert_eq!(repeated(&mut store, 0, 0, b"XX2X"), Repeat::Differs);
        assert_eq!(repeated(&mut store, 0, 9, b"YY"), Repeat::Differs);
        let conflicts = close(&mut store, 0).conflicts;
        assert_eq!(conflicts.listed, [9..10, 0..2, 3..4, 9..11]);
        assert_eq!(conflicts.bytes, 6);
        expect(out.path(), &[(NAME, "0123456789abcdefghij")]);
    }
}

#[test]
fn bytes_that_count_take_the_place_of_earlier_ones_in_memory_and_on_disk() {
    for written in [false, true] {
        let out = directory();
        let mut store = FileStore::new(StoreConfig { limit: Some(18), ..config(out.path()) });
        open(&mut store, facts(0));
        data(&mut store, 0, 2, b"23456789");
        data(&mut store, 0, 10, b"abcdefghij");
        if written {
            store.flush().expect("written");
        }
        let mut replaced = |offset, bytes: &'static [u8]| {
            store.replaced(0, offset, &Bytes::from_static(bytes), Timestamp::new(1, 0)).expect("replaced")
        };
        assert_eq!(replaced(4, b"456"), Repeat::Same);
        assert_eq!(replaced(8, b"8XYbc"), Repeat::Differs);
        assert_eq!(replaced(9, b"Z"), Repeat::Differs);
        assert_eq!(replaced(16, b"GHIJ"), Repeat::Differs, "up to the limit");
        assert_eq!(replaced(18, b"IJ"), Repeat::NotCompared);
        assert_eq!(repeated(&mut store, 0, 8, b"8ZY"), Repeat::Same);
        data(&mut store, 0, 0, b"01");
        let closed = close(&mut store, 0);
        assert_eq!(closed.replaced.listed, [9..11, 9..10, 16..18]);
        assert_eq!(closed.conflicts, Ranges::default());
        expect(out.path(), &[(NAME, "012345678ZYbcdefGH")]);
    }
}

#[test]
fn bytes_left_out_are_no_part_of_the_file_and_of_its_index() {
    for written in [false, true] {
        let out = directory();
        let mut store = FileStore::new(StoreConfig { index: true, ..config(out.path()) });
        let left_out = |store: &mut FileStore, offset, bytes: &'static [u8]| {
            store.leave_out(0, offset, Bytes::from_static(bytes), Timestamp::new(1, 0)).expect("left out");
        };
        open(&mut store, facts(0));
        data(&mut store, 0, 0, b"01");
        left_out(&mut store, 2, b"X");
        data(&mut store, 0, 3, b"34");
        if written {
            store.flush().expect("written");
        }
        left_out(&mut store, 7, b"Y");
        data(&mut store, 0, 8, b"89");
        left_out(&mut store, 10, b"Z");
        assert_eq!(repeated(&mut store, 0, 1, b"1X3"), Repeat::Same);
        assert_eq!(repeated(&mut store, 0, 1, b"?X?"), Repeat::Differs);
        let closed = close(&mut store, 0);
        assert_eq!(closed.conflicts.listed, [1..2, 3..4], "in stream offsets");
        let file = closed.file.expect("a file");
        assert_eq!((file.size, &file.left_out[..]), (8, &[2, 7][..]));
        assert_eq!([3, 7, 8].map(|offset| file.place(offset)), [2, 6, 6]);
        let time = "1700000000.000005";
        let index = format!("0|{time}|2\n2|{time}|2\n6|{time}|2\n1|{time}|2\n1|{time}|2\n");
        expect(out.path(), &[(NAME, "0134..89"), (&format!("{NAME}.findx"), &index)]);
    }
}

#[cfg(unix)]
#[test]
fn an_index_that_somebody_removed_costs_its_file_no_byte() {
    let out = directory();
    let mut store = FileStore::new(StoreConfig { index: true, max_open: 1, ..config(out.path()) });
    open(&mut store, facts(0));
    data(&mut store, 0, 0, b"01");
    store.leave_out(0, 2, bytes(b"X"), AT).expect("left out");
    data(&mut store, 0, 3, b"3456789");
    store.flush().expect("written");
    fs::remove_file(out.path().join(format!("{NAME}.findx"))).expect("removed");
    open(&mut store, facts_of_port(1, 1));
    data(&mut store, 1, 0, b"another descriptor");
    store.flush().expect("written");
    assert!(store.close(0).expect_err("no index").to_string().contains(".findx"));
    assert_eq!(close(&mut store, 0).file.expect("a file").size, 9);
    assert_eq!(fs::read(out.path().join(NAME)).expect("there"), b"013456789");
}

#[test]
fn earlier_bytes_move_the_file_up() {
    for written in [false, true] {
        let out = directory();
        let mut store = FileStore::new(StoreConfig { index: true, ..config(out.path()) });
        open(&mut store, facts(0));
        data(&mut store, 0, 0, b"more");
        repeated(&mut store, 0, 1, b"X");
        if written {
            store.flush().expect("written");
        }
        data(&mut store, 0, 4, b" and more");
        store.rebased(0, 6).expect("moved");
        data(&mut store, 0, 1, b"ello");
        assert_eq!(repeated(&mut store, 0, 6, b"more and"), Repeat::Same);
        let closed = close(&mut store, 0);
        assert_eq!((closed.conflicts.listed.len(), closed.conflicts.listed[0].clone()), (1, 7..8));
        assert_eq!(closed.file.expect("a file").size, 19);
        let time = "1700000000.000005";
        let index = format!("6|{time}|4\n7|{time}|1\n10|{time}|9\n1|{time}|4\n6|{time}|8\n");
        expect(out.path(), &[(NAME, ".ello.more and more"), (&format!("{NAME}.findx"), &index)]);
    }
}

/// Plain random numbers: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What the files of some flows must be, kept in the simplest way.
#[derive(Default)]
struct Model {
    streams: Vec<Vec<Option<u8>>>,
}

/// Sends many flows through a store: data with holes, repeats and earlier beginnings.
fn random_run(config: StoreConfig, flows: u64, steps: u64) -> (Model, Vec<Closed>) {
    let limit = config.limit.unwrap_or(u64::MAX);
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut store = FileStore::new(config);
    let mut model = Model { streams: vec![Vec::new(); flows as usize] };
    for number in 0..flows {
        open(&mut store, facts_of_port(number, (number / 2) as u16));
    }
    for step in 0..steps {
        let number = random.below(flows);
        let stream = &mut model.streams[number as usize];
        let time = Timestamp::new(1_700_000_000, step as u32);
        let len = 1 + random.below(40) as usize;
        match random.below(8) {
            0 if stream.len() < 1000 && !stream.is_empty() => {
                let by = 1 + random.below(30);
                stream.splice(0..0, (0..by).map(|_| None));
                store.rebased(number, by).expect("moved");
            }
            1 if !stream.is_empty() => {
                let start = random.below(stream.len() as u64) as usize;
                let first: Vec<u8> = stream[start..].iter().take(len).map_while(|byte| *byte).collect();
                if first.is_empty() {
                    continue;
                }
                let mut again = first.clone();
                let place = random.below(again.len() as u64) as usize;
                again[place] = again[place].wrapping_add(random.below(2) as u8);
                let in_file = limit.saturating_sub(start as u64).min(first.len() as u64) as usize;
                let expected = match in_file {
                    0 => Repeat::NotCompared,
                    n if first[..n] == again[..n] => Repeat::Same,
                    _ => Repeat::Differs,
                };
                let answer = store.repeated(number, start as u64, &bytes(&again), time).expect("compared");
                assert_eq!(answer, expected);
            }
            _ => {
                let hole = stream.iter().position(Option::is_none).filter(|_| random.below(2) == 0);
                let start = hole.unwrap_or(stream.len() + random.below(3) as usize);
                let room = stream
                    .get(start..)
                    .map_or(len, |rest| rest.iter().position(Option::is_some).unwrap_or(len).clamp(1, len));
                let piece: Vec<u8> = (0..room).map(|_| 1 + random.below(255) as u8).collect();
                if stream.len() < start + room {
                    stream.resize(start + room, None);
                }
                stream[start..start + room].iter_mut().zip(&piece).for_each(|(to, from)| *to = Some(*from));
                store.data(number, start as u64, bytes(&piece), time).expect("taken");
            }
        }
    }
    let mut closed = Vec::new();
    let finished = store.finish(|number, flow| {
        assert_eq!(number, closed.len() as u64);
        closed.push(flow);
    });
    assert!(finished.error.is_none() && finished.not_closed.is_none());
    assert_eq!(finished.files, closed.iter().filter(|flow| flow.file.is_some()).count() as u64);
    (model, closed)
}

#[test]
fn random_events_leave_what_a_plain_vector_holds() {
    for limit in [None, Some(300)] {
        let out = directory();
        let config = StoreConfig { limit, max_open: 3, pending_pieces: 50, ..config(out.path()) };
        let (model, closed) = random_run(config, 20, 20_000);
        for (stream, flow) in model.streams.iter().zip(&closed) {
            let file = flow.file.as_ref().expect("a file");
            let written = fs::read(&file.path).expect("there");
            assert_eq!(written.len() as u64, file.size);
            let mut expected: Vec<u8> = stream.iter().map(|byte| byte.unwrap_or(0)).collect();
            expected.truncate(limit.unwrap_or(u64::MAX) as usize);
            // Beyond a limit, bytes may have been a hole when the stream moved; the end is then zeros.
            let differs =
                (0..expected.len()).find(|at| written.get(*at).copied().unwrap_or(0) != expected[*at]);
            assert_eq!(differs, None, "{}", file.path.display());
            if limit.is_none() {
                assert_eq!(written.len(), expected.len());
            }
        }
    }
}

#[test]
fn few_descriptors_give_the_same_output_as_many() {
    let run = |max_open, pending_pieces| {
        let out = directory();
        let config = StoreConfig { max_open, pending_pieces, index: true, ..config(out.path()) };
        let (_, closed) = random_run(config, 300, 20_000);
        let conflicts: Vec<_> = closed.into_iter().map(|flow| flow.conflicts).collect();
        let times = |name: &str| !name.ends_with(".findx");
        let files: BTreeMap<_, _> = snapshot(out.path())
            .into_iter()
            .map(|(name, (bytes, time))| (name.clone(), (bytes, times(&name).then_some(time))))
            .collect();
        (files, conflicts)
    };
    let many = run(1000, 16_384);
    assert_eq!(many.0.len(), 600);
    for max_open in [1, 2, 4] {
        assert!(run(max_open, 16) == many, "{max_open} descriptors");
    }
}

#[test]
fn what_waits_is_bounded_in_bytes_pieces_and_age() {
    let out = directory();
    let bounds = StoreConfig { pending_bytes: 1000, pending_pieces: 20, ..config(out.path()) };
    let mut store = FileStore::new(bounds);
    for number in 0..100 {
        open(&mut store, facts_of_port(number, number as u16));
        data(&mut store, number, 0, &[1; 30]);
        assert!(store.waiting.pieces <= 20 && store.waiting.bytes <= 1000);
    }
    assert_eq!(snapshot(out.path()).len(), 80);
    data(&mut store, 99, 30, &[1; 900]);
    assert!(store.waiting.bytes <= 1000);
    store.flush().expect("written");
    assert_eq!((store.waiting.pieces, store.waiting.bytes, store.waiting.longest()), (0, 0, None));

    data(&mut store, 0, 30, b"old");
    let block = Bytes::from(vec![1; 1 << 20]);
    for n in 0..18 {
        store.data(1, 30 + (n << 20), block.clone(), AT).expect("taken");
    }
    assert!(store.waiting.at(store.flows[0].place).is_empty());
}

#[test]
fn pieces_are_not_copied() {
    let out = directory();
    let mut store = FileStore::new(config(out.path()));
    open(&mut store, facts(0));
    let block = bytes(b"0123456789");
    store.data(0, 0, block.slice(2..5), AT).expect("taken");
    let waits = store.waiting.at(store.flows[0].place);
    assert_eq!(waits[0].bytes.as_ptr(), block[2..].as_ptr());
}

#[cfg(unix)]
mod trouble {
    //! Files that cannot be made or written. Limits of the process are set in a child.

    use std::process::{Command, Stdio};

    use super::*;

    /// Runs one of the tests below that are marked as such, after a shell command, with a directory.
    /// `None` where the shell command is not allowed here.
    fn in_child(test: &str, shell: &str, out: &Path) -> Option<()> {
        // The words of an emulator, where the tests run in one.
        let run = "echo ready; exec $TAPFLOW_RUNNER \"$0\" --exact --ignored --nocapture \"$1\"";
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("{shell} && {{ {run}; }}"))
            .arg(std::env::current_exe().expect("this program"))
            .arg(format!("output::store::tests::trouble::{test}"))
            .env("TAPFLOW_TEST_DIRECTORY", out)
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout);
        if !text.contains("ready") {
            println!("not tested, because this is not allowed here: {shell}");
            return None;
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}\n{errors}");
        Some(())
    }

    fn child_directory() -> std::path::PathBuf {
        std::env::var_os("TAPFLOW_TEST_DIRECTORY").expect("set by the parent").into()
    }

    #[test]
    fn a_file_size_limit_keeps_what_was_written() {
        let out = directory();
        in_child("child_file_too_large", "trap '' XFSZ; ulimit -f 8", out.path());
    }

    #[test]
    #[ignore = "run in a child by a_file_size_limit_keeps_what_was_written"]
    fn child_file_too_large() {
        let out = child_directory();
        let mut store = FileStore::new(config(&out));
        let block = Bytes::from((0..64 << 10).map(|n| n as u8).collect::<Vec<_>>());
        open(&mut store, facts(0));
        open(&mut store, facts_of_port(1, 1));
        store.data(0, 0, block.slice(..1000), AT).expect("taken");
        store.data(0, 1000, block.slice(1000..), AT).expect("taken");
        data(&mut store, 1, 0, b"other");
        let error = store.close(0).expect_err("too large").to_string();
        assert!(error.contains(NAME) && error.contains("-b"), "{error}");
        let size = close(&mut store, 0).file.expect("a file").size;
        let written = fs::read(out.join(NAME)).expect("there");
        assert!(written.len() as u64 == size && size >= 4096, "{size}");
        assert!(written == block[..written.len()]);
        assert_eq!(close(&mut store, 1).file.expect("a file").size, 5);
    }

    #[test]
    fn a_full_disk_keeps_what_was_written() {
        let out = directory();
        let shell = "unshare -m true 2>/dev/null && [ -z \"$INSIDE\" ] && exec env INSIDE=1 unshare -m sh -c \
            'mount -t tmpfs -o size=64k none \"$TAPFLOW_TEST_DIRECTORY\" && echo ready && exec $TAPFLOW_RUNNER \"$0\" --exact --ignored --nocapture \"$1\"' \"$0\" \"$1\"";
        in_child("child_full_disk", shell, out.path());
    }

    #[test]
    #[ignore = "run in a child by a_full_disk_keeps_what_was_written"]
    fn child_full_disk() {
        let out = child_directory();
        let mut store = FileStore::new(config(&out));
        open(&mut store, facts(0));
        data(&mut store, 0, 0, b"small");
        close(&mut store, 0);
        open(&mut store, facts_of_port(1, 1));
        let error = store.data(1, 0, Bytes::from(vec![7; 300 << 10]), AT).expect_err("full").to_string();
        assert!(error.contains(".00001-") && error.contains("make room"), "{error}");
        let mut sizes = Vec::new();
        store.finish(|_, closed| sizes.push(closed.file.expect("a file").size));
        let files = snapshot(&out);
        assert_eq!(files[NAME].0, b"small");
        let partial = files.iter().find(|(name, _)| *name != NAME).expect("the other").1;
        assert_eq!(sizes, [partial.0.len() as u64]);
        assert!(partial.0.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_system_that_gives_few_descriptors_is_enough() {
        let out = directory();
        in_child("child_few_descriptors", "ulimit -n 24", out.path());
    }

    #[test]
    #[ignore = "run in a child by a_system_that_gives_few_descriptors_is_enough"]
    fn child_few_descriptors() {
        let out = child_directory();
        let mut store = FileStore::new(StoreConfig { max_open: 1000, pending_pieces: 1, ..config(&out) });
        for number in 0..200 {
            open(&mut store, facts_of_port(number, number as u16));
        }
        for offset in 0..3 {
            for number in 0..200 {
                data(&mut store, number, offset, &[b'a' + offset as u8]);
            }
        }
        assert!(store.finish(|_, _| {}).error.is_none());
        let files = snapshot(&out);
        assert_eq!(files.len(), 200);
        assert!(files.values().all(|(bytes, _)| bytes == b"abc"));
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named_with_advice() {
        use std::os::unix::fs::PermissionsExt;
        let out = directory();
        fs::set_permissions(out.path(), fs::Permissions::from_mode(0o555)).expect("changed");
        let mut root = out.path().to_owned();
        if fs::write(root.join("probe"), "").is_ok() {
            // Permissions do not stop root; this place does.
            root = "/sys/kernel".into();
        }
        let mut store = FileStore::new(StoreConfig { index: true, ..config(&root) });
        open(&mut store, facts(0));
        data(&mut store, 0, 0, b"x");
        let error = store.close(0).expect_err("not writable").to_string();
        assert!(error.contains(&format!("cannot create {}", root.join(NAME).display())), "{error}");
        assert!(error.contains("-o"), "{error}");
        assert_eq!(close(&mut store, 0).file, None);
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_named() {
        let out = directory();
        fs::write(out.path().join("010.001.002.003"), "").expect("a file");
        let mut store =
            FileStore::new(StoreConfig { template: template(Some("%A/%a")), ..config(out.path()) });
        open(&mut store, facts(0));
        data(&mut store, 0, 0, b"x");
        let error = store.close(0).expect_err("a file is in the way").to_string();
        assert!(error.contains("cannot make the directory") && error.contains("010.001.002.003"), "{error}");
    }

    #[test]
    fn a_name_longer_than_a_file_system_takes_is_an_error() {
        let out = directory();
        let long = "%A%B".repeat(6) + &"x".repeat(20);
        let mut flow = facts(0);
        flow.opened.key.source = "2001:db8:1111:2222:3333:4444:5555:6666".parse().expect("an address");
        let mut store = FileStore::new(StoreConfig { template: template(Some(&long)), ..config(out.path()) });
        open(&mut store, flow);
        data(&mut store, 0, 0, b"x");
        let error = store.close(0).expect_err("too long").to_string();
        assert!(error.contains("255"), "{error}");
    }
}
