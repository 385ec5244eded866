//! HPACK: the fields of a header block. RFC 7541.
//!
//! A reference to a table entry that was inserted in bytes that were not captured gives a field without name, without
//! value or without both. Strings of the table are shared: a block costs time and memory in proportion to its own length
//! and to [`MAX_LIST`].

use std::sync::Arc;

use super::huffman;
use super::table::{Entry, Found, OVERHEAD, Shared, Table};

/// Bytes of the fields of one header block, each counted with 32 more, as SETTINGS_MAX_HEADER_LIST_SIZE counts them
/// (RFC 9113, 6.5.2). Fields beyond them are left out.
pub const MAX_LIST: usize = 256 << 10;

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; `None` where it is not known.
    pub name: Option<Arc<[u8]>>,
    /// Its value; `None` where it is not known.
    pub value: Option<Arc<[u8]>>,
}

impl Field {
    /// Whether it has this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name.as_bytes())
    }
}

/// Why a header block cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HpackError {
    /// It ends inside of a field.
    CutOff,
    /// A number of more than 32 bits.
    BadNumber,
    /// A string that is not in the Huffman code.
    BadHuffman,
    /// An index behind the end of the table.
    BadIndex,
    /// The table's size changes behind the first field.
    BadResize,
}

/// The fields of a header block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Its fields in order; those in front of the fault where there is one.
    pub fields: Vec<Field>,
    /// Fields beyond [`MAX_LIST`].
    pub left_out: u64,
    /// What ended it early.
    pub error: Option<HpackError>,
}

/// Decodes the header blocks of one direction, in order.
#[derive(Debug)]
pub struct Hpack {
    table: Table,
}

impl Default for Hpack {
    fn default() -> Self {
        Self::new()
    }
}

impl Hpack {
    /// A decoder for the first block of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self { table: Table::new() }
    }

    /// Header blocks were lost, or may have been: what they inserted is unknown.
    pub fn forget(&mut self) {
        self.table.forget();
    }

    /// The fields of a block. Behind a faulty one the table is unknown.
    pub fn decode(&mut self, block: &[u8]) -> Decoded {
        let mut decoded = Decoded::default();
        let mut reader = Reader { block };
        let mut size = 0;
        let mut is_first = true;
        while !reader.block.is_empty() {
            match self.field(&mut reader, is_first) {
                Ok(None) => {}
                Ok(Some(Entry { name, value })) => {
                    is_first = false;
                    let length = |text: &Shared| text.as_ref().map_or(0, |text| text.len());
                    size += OVERHEAD + length(&name) + length(&value);
                    if size > MAX_LIST {
                        decoded.left_out += 1;
                    } else {
                        decoded.fields.push(Field { name, value });
                    }
                }
                Err(error) => {
                    self.table.forget();
                    decoded.error = Some(error);
                    break;
                }
            }
        }
        decoded
    }

    /// The next field: RFC 7541, 6. `None` where the size of the table changes.
    fn field(&mut self, reader: &mut Reader<'_>, is_first: bool) -> Result<Option<Entry>, HpackError> {
        let kind = reader.block.first().copied().unwrap_or_default();
        if kind & 0x80 != 0 {
            let index = reader.number(7)?;
            return self.entry(index).map(Some);
        }
        if kind & 0xe0 == 0x20 {
            let size = reader.number(5)?;
            if !is_first {
                return Err(HpackError::BadResize);
            }
            self.table.resize(usize::try_from(size).unwrap_or(usize::MAX));
            return Ok(None);
        }
        let is_indexed = kind & 0x40 != 0;
        let index = reader.number(if is_indexed { 6 } else { 4 })?;
        let name = match index {
            0 => Some(reader.string()?),
            index => self.entry(index)?.name,
        };
        let entry = Entry { name, value: Some(reader.string()?) };
        if is_indexed {
            self.table.insert(entry.clone());
        }
        Ok(Some(entry))
    }

    fn entry(&self, index: u64) -> Result<Entry, HpackError> {
        match self.table.get(index) {
            Found::Entry(entry) => Ok(entry),
            Found::Unknown => Ok(Entry::default()),
            Found::Nothing => Err(HpackError::BadIndex),
        }
    }
}

/// What is left of a block.
struct Reader<'b> {
    block: &'b [u8],
}

impl Reader<'_> {
    /// A number behind a prefix of the first byte: RFC 7541, 5.1.
    fn number(&mut self, prefix: u32) -> Result<u64, HpackError> {
        let (first, mut rest) = self.block.split_first().ok_or(HpackError::CutOff)?;
        let mask = (1 << prefix) - 1;
        let mut number = u64::from(*first) & mask;
        if number == mask {
            let mut shift = 0;
            loop {
                let (byte, behind) = rest.split_first().ok_or(HpackError::CutOff)?;
                rest = behind;
                number += u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
                if shift > 28 {
                    return Err(HpackError::BadNumber);
                }
            }
        }
        self.block = rest;
        if number > u64::from(u32::MAX) { Err(HpackError::BadNumber) } else { Ok(number) }
    }

    /// A string: RFC 7541, 5.2.
    fn string(&mut self) -> Result<Arc<[u8]>, HpackError> {
        let is_coded = self.block.first().is_some_and(|first| first & 0x80 != 0);
        let length = usize::try_from(self.number(7)?).unwrap_or(usize::MAX);
        let (text, rest) = self.block.split_at_checked(length).ok_or(HpackError::CutOff)?;
        self.block = rest;
        Ok(if is_coded { huffman::decode(text)?.into() } else { text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits: Vec<_> = hexadecimal.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    fn text(decoded: &Decoded) -> String {
        let part = |text: &Shared| text.as_deref().map_or("?".into(), |text| text.escape_ascii().to_string());
        let line = |field: &Field| format!("{}={}", part(&field.name), part(&field.value));
        decoded.fields.iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_of_the_rfc() {
        // RFC 7541, C.1.
        for (coded, prefix, number) in [("0a", 5, 10), ("1f9a0a", 5, 1337), ("2a", 8, 42)] {
            let coded = bytes(coded);
            let mut reader = Reader { block: &coded };
            assert_eq!(reader.number(prefix), Ok(number));
            assert!(reader.block.is_empty());
        }
        for (coded, error) in [
            ("1f", HpackError::CutOff),
            ("1f80", HpackError::CutOff),
            ("1fffffffffffff01", HpackError::BadNumber),
            ("1fffffffff7f", HpackError::BadNumber),
        ] {
            assert_eq!(Reader { block: &bytes(coded) }.number(5), Err(error), "{coded}");
        }
    }

    #[test]
    fn single_fields_of_the_rfc() {
        // RFC 7541, C.2.
        for (coded, expected) in [
            ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key=custom-header"),
            ("040c 2f73 616d 706c 652f 7061 7468", ":path=/sample/path"),
            ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password=secret"),
            ("82", ":method=GET"),
        ] {
            assert_eq!(text(&Hpack::new().decode(&bytes(coded))), expected);
        }
    }

    /// RFC 7541, C.3 to C.6: blocks of one connection, the size of its table, what they come to.
    const EXAMPLES: [(usize, [(&str, &str); 3]); 4] = [
        (4096, REQUESTS),
        (
            4096,
            [
                ("828684418cf1e3c2e5f23a6ba0ab90f4ff", REQUESTS[0].1),
                ("828684be5886a8eb10649cbf", REQUESTS[1].1),
                ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", REQUESTS[2].1),
            ],
        ),
        (
            256,
            [
                (
                    "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 \
                     474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                    RESPONSES[0],
                ),
                ("4803 3330 37c1 c0bf", RESPONSES[1]),
                (
                    "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 \
                     666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 \
                     3630 303b 2076 6572 7369 6f6e 3d31",
                    RESPONSES[2],
                ),
            ],
        ),
        (
            256,
            [
                (
                    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
                    RESPONSES[0],
                ),
                ("4883640effc1c0bf", RESPONSES[1]),
                (
                    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f\
                     3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
                    RESPONSES[2],
                ),
            ],
        ),
    ];

    const REQUESTS: [(&str, &str); 3] = [
        (
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            ":method=GET :scheme=http :path=/ :authority=www.example.com",
        ),
        (
            "8286 84be 5808 6e6f 2d63 6163 6865",
            ":method=GET :scheme=http :path=/ :authority=www.example.com cache-control=no-cache",
        ),
        (
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ":method=GET :scheme=https :path=/index.html :authority=www.example.com custom-key=custom-value",
        ),
    ];

    const RESPONSES: [&str; 3] = [
        ":status=302 cache-control=private date=Mon, 21 Oct 2013 20:13:21 GMT location=https://www.example.com",
        ":status=307 cache-control=private date=Mon, 21 Oct 2013 20:13:21 GMT location=https://www.example.com",
        ":status=200 cache-control=private date=Mon, 21 Oct 2013 20:13:22 GMT location=https://www.example.com \
         content-encoding=gzip set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ];

    #[test]
    fn connections_of_the_rfc() {
        for (size, blocks) in EXAMPLES {
            let mut hpack = Hpack::new();
            hpack.table.resize(size);
            for (coded, expected) in blocks {
                let decoded = hpack.decode(&bytes(coded));
                assert_eq!((text(&decoded).as_str(), decoded.error), (expected, None));
            }
        }
    }

    #[test]
    fn begun_late_a_field_is_right_or_unknown() {
        for (_, blocks) in EXAMPLES {
            for start in 1..3 {
                let mut hpack = Hpack::new();
                hpack.forget();
                for (coded, expected) in &blocks[start..] {
                    let decoded = text(&hpack.decode(&bytes(coded)));
                    let (mut rest, mut unknown) = (*expected, false);
                    for field in decoded.split('?') {
                        let field = field.trim_matches(['=', ' ']);
                        let at = rest.find(field).unwrap_or_else(|| panic!("{field} of {expected}"));
                        rest = &rest[at + field.len()..];
                        unknown = true;
                    }
                    assert!(unknown, "{decoded}");
                }
            }
        }
        // The value of a field whose name is unknown is known, and is found again.
        let mut hpack = Hpack::new();
        hpack.forget();
        assert_eq!(text(&hpack.decode(b"\x7f\x00\x01v\xbe\xc0")), "?=v ?=v ?=?");
    }

    #[test]
    fn faults_end_a_block_and_what_was_before_them_stays() {
        for (coded, expected, error) in [
            ("82 ff00", ":method=GET", HpackError::BadIndex),
            ("82 80", ":method=GET", HpackError::BadIndex),
            ("82 4005", ":method=GET", HpackError::CutOff),
            ("82 20", ":method=GET", HpackError::BadResize),
            ("40 811e", "", HpackError::BadHuffman),
        ] {
            let mut hpack = Hpack::new();
            let decoded = hpack.decode(&bytes(coded));
            assert_eq!((text(&decoded).as_str(), decoded.error), (expected, Some(error)), "{coded}");
            assert_eq!(text(&hpack.decode(b"\xbe")), "?=?", "behind it the table is unknown");
        }
    }

    #[test]
    fn a_bomb_gives_no_more_than_the_limit() {
        let mut hpack = Hpack::new();
        hpack.decode(&[&b"\x40\x01n\x7f\xa1\x1e"[..], &[b'v'; 4000]].concat());
        let decoded = hpack.decode(&[0xbe; 16384]);
        let size: usize =
            decoded.fields.iter().map(|field| 33 + field.value.as_ref().map_or(0, |text| text.len())).sum();
        assert!(size <= MAX_LIST && decoded.fields.len() == MAX_LIST / 4033, "{size}");
        assert_eq!(decoded.fields.len() as u64 + decoded.left_out, 16384);
    }
}
