//! Records read back by the table in their documentation, byte by byte, without the crate's own types.

use tapflow_core::{
    CloseReason, Config, InOrder, InOrderConfig, InOrderStorage, Reassembler, RecordError, RecordWriter,
    Storage,
};
use tapflow_tests::KEY;
use tapflow_tests::frames::{FIN, SYN, TcpFrame, frame};

/// A record as a reader on the other end of the line sees it.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    kind: char,
    detail: u8,
    flow: u64,
    offset: u64,
    body: Vec<u8>,
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// All whole records.
fn read(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((header, rest)) = bytes.split_at_checked(24) {
        assert_eq!(header[..2], [0xf7, 1], "every record begins with the mark");
        let Some((body, rest)) = rest.split_at_checked(number(&header[4..8]) as usize) else { break };
        records.push(Record {
            kind: char::from(header[2]),
            detail: header[3],
            flow: number(&header[8..16]),
            offset: number(&header[16..24]),
            body: body.to_vec(),
        });
        bytes = rest;
    }
    records
}

/// What the segments of one connection give, in order, after the input has ended.
fn written(segments: &[TcpFrame]) -> Vec<u8> {
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(4, 8).unwrap()).unwrap();
    let mut memory = vec![0; 4096];
    let mut free = &mut memory[..];
    let writer = RecordWriter::new(&mut free);
    let mut sink = InOrder::new(writer, InOrderStorage::heap(4, 8192).unwrap(), InOrderConfig::new(KEY));
    for segment in segments {
        core.push(&frame(&segment.bytes(), 7), &mut sink).unwrap();
    }
    core.finish(&mut sink).unwrap();
    sink.inner_mut().flush().unwrap();
    let left = sink.into_inner().into_inner().len();
    memory.truncate(4096 - left);
    memory
}

fn record(kind: char, detail: u8, flow: u64, offset: u64, body: &[u8]) -> Record {
    Record { kind, detail, flow, offset, body: body.to_vec() }
}

const ADDRESSES_UP: [u8; 20] = [
    0, 0, 0, 0, 0, 0, 0, 0, // session
    10, 0, 0, 1, 10, 0, 0, 2, // addresses
    0x9c, 0x40, 0, 80, // ports
];
const ADDRESSES_DOWN: [u8; 20] = [0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 0, 80, 0x9c, 0x40];

#[test]
fn a_reader_finds_every_event() {
    let bytes = written(&[
        TcpFrame::up(99, SYN, b""),
        TcpFrame::down(199, SYN, b"").acknowledging(100),
        TcpFrame::up(105, FIN, b"world").acknowledging(200),
        TcpFrame::up(100, 0, b"hello").acknowledging(200),
        TcpFrame::up(100, 0, b"HELLO").acknowledging(200),
        TcpFrame::down(203, FIN, b"!").acknowledging(111),
    ]);
    let finished = CloseReason::ALL.iter().position(|reason| *reason == CloseReason::Finished).unwrap() as u8;
    assert_eq!(
        read(&bytes),
        [
            record('O', 1 | 2, 0, 7_000_000_000, &ADDRESSES_UP),
            record('O', 2, 1, 7_000_000_000, &ADDRESSES_DOWN),
            record('D', 0, 0, 0, b"hello"),
            record('D', 0, 0, 5, b"world"),
            record('C', finished, 0, 10, b""),
            record('G', 0, 1, 0, &[0, 0, 0, 0, 0, 0, 0, 3]),
            record('D', 0, 1, 3, b"!"),
            record('C', finished, 1, 4, b""),
        ]
    );
}

#[test]
fn a_start_that_moves_is_told() {
    let bytes = written(&[TcpFrame::up(105, 0, b"world"), TcpFrame::up(100, 0, b"hello")]);
    let told: Vec<_> =
        read(&bytes).into_iter().map(|record| (record.kind, record.offset, record.body)).collect();
    assert_eq!(told[0].0, 'O');
    assert_eq!(
        told[1..5],
        [
            ('D', 0, b"world".to_vec()),
            ('R', 5, vec![]),
            ('G', 0, vec![0, 0, 0, 0, 0, 0, 0, 5]),
            ('L', 0, b"hello".to_vec()),
        ]
    );
}

#[test]
fn an_ipv6_flow_has_whole_addresses() {
    let mut packet = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
    packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend([0, 9, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, SYN, 0, 0, 0, 0, 0, 0]);
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(4, 8).unwrap()).unwrap();
    let mut memory = [0; 100];
    let mut sink = RecordWriter::new(&mut memory[..]);
    let whole = frame(&packet, 0);
    core.push(&tapflow_core::Frame { link: tapflow_core::LinkType::IPV6, ..whole }, &mut sink).unwrap();
    let left = sink.into_inner().len();
    let body = &read(&memory[..100 - left])[0];
    assert_eq!((body.detail, body.body.len()), (1 | 2 | 4, 8 + 32 + 4));
    assert_eq!(body.body[8..24], packet[8..24]);
    assert_eq!(body.body[24..], [&packet[24..40], &[0, 9, 0, 80]].concat());
}

#[test]
fn a_record_cut_short_leaves_those_before_it() {
    let bytes = written(&[TcpFrame::up(100, 0, b"hello"), TcpFrame::up(105, 0, b"world")]);
    let whole = read(&bytes).len();
    assert_eq!(read(&bytes[..bytes.len() - 1]).len(), whole - 1);
    assert_eq!(read(&bytes[..bytes.len() - 24]).len(), whole - 1);
    assert_eq!(read(&bytes[..bytes.len() - 25]).len(), whole - 2);
}

#[test]
fn a_writer_that_is_full_is_an_error_and_no_panic() {
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(4, 8).unwrap()).unwrap();
    let mut memory = [0; 50];
    let mut sink = RecordWriter::new(&mut memory[..]);
    let bytes = TcpFrame::up(100, 0, b"hello").bytes();
    let error = core.push(&frame(&bytes, 1), &mut sink).unwrap_err();
    assert!(matches!(error, RecordError::Writer(_)), "{error}");
}

/// A writer that takes nothing.
struct Stuck;

impl embedded_io::ErrorType for Stuck {
    type Error = std::convert::Infallible;
}

impl embedded_io::Write for Stuck {
    fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> {
        Ok(0)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A writer that takes a byte at a time.
struct Slow(Vec<u8>);

impl embedded_io::ErrorType for Slow {
    type Error = std::convert::Infallible;
}

impl embedded_io::Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.0.extend(bytes.first());
        Ok(bytes.len().min(1))
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn a_writer_that_takes_nothing_is_an_error_and_one_that_takes_little_is_not() {
    let bytes = TcpFrame::up(100, 0, b"hello").bytes();
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(4, 8).unwrap()).unwrap();
    let error = core.push(&frame(&bytes, 1), &mut RecordWriter::new(Stuck)).unwrap_err();
    assert_eq!(error, RecordError::Full);
    assert_eq!(error.to_string(), "the record writer takes no more bytes");
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(4, 8).unwrap()).unwrap();
    let mut sink = RecordWriter::new(Slow(Vec::new()));
    core.push(&frame(&bytes, 1), &mut sink).unwrap();
    assert_eq!(read(&sink.into_inner().0)[1], record('D', 0, 0, 0, b"hello"));
}
