//! HTTP/2 made by hand: frames, and header blocks without a table.

/// What a client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The message ends: flag of HEADERS and DATA.
pub const END: u8 = 0x01;
/// The block ends: flag of HEADERS, PUSH_PROMISE and CONTINUATION.
pub const WHOLE: u8 = 0x04;

/// A frame: RFC 9113, 4.1.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// SETTINGS without any.
#[must_use]
pub fn settings() -> Vec<u8> {
    frame(4, 0, 0, b"")
}

/// What a client begins with.
#[must_use]
pub fn begin() -> Vec<u8> {
    [PREFACE, &settings()].concat()
}

/// DATA.
#[must_use]
pub fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(0, flags, stream, bytes)
}

/// HEADERS with these fields, as literals that no table keeps.
#[must_use]
pub fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(1, flags | WHOLE, stream, &block(fields, 0))
}

/// HEADERS of a GET that ends with them.
#[must_use]
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(
        stream,
        END,
        &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", path)],
    )
}

/// A header block of literals; `kind` is 0x40 for those that the table keeps (RFC 7541, 6.2).
#[must_use]
pub fn block(fields: &[(&str, &str)], kind: u8) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(kind);
        for text in [name, value] {
            assert!(text.len() < 127, "one byte of length");
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}
