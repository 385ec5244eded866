//! How long a body is: RFC 9112, section 6.3, and what to make of servers that break it.

use super::facts::{Anomalies, Anomaly};
use super::head::{self, Head, Role};
use super::stream::Direction;

/// What says where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// As many bytes as the head says.
    Length(u64),
    /// Chunks up to an empty one.
    Chunked,
    /// All there is until the connection closes.
    UntilClose,
    /// The frames of a stream of HTTP/2.
    Frames,
    /// What follows is another protocol: CONNECT or an upgrade.
    Tunnel,
}

impl Framing {
    /// The word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Length(_) => "length",
            Self::Chunked => "chunked",
            Self::UntilClose => "until-close",
            Self::Frames => "frames",
            Self::Tunnel => "tunnel",
        }
    }
}

/// The framing of a request's body, which begins at `start` of its direction.
pub(super) fn of_request(
    head: &Head,
    direction: &Direction<'_>,
    start: u64,
    anomalies: &mut Anomalies,
) -> Framing {
    let asked = declared(head, direction, start, Role::Client, anomalies);
    let framing = match asked {
        Declared::Chunked => Framing::Chunked,
        Declared::Length(length) => Framing::Length(length),
        Declared::Other | Declared::Nothing => Framing::None,
    };
    // A client that waits for 100 and is refused sends its next request instead of the body.
    let waits = head.elements("expect").any(|value| value.eq_ignore_ascii_case("100-continue"));
    if waits && !is_sent(framing, direction, start) { Framing::None } else { framing }
}

/// Whether a body that may have been left out is there: no request begins in its place, or one begins behind it, or
/// nothing.
fn is_sent(framing: Framing, direction: &Direction<'_>, start: u64) -> bool {
    let here = direction.seen(start, head::MAX_HEAD);
    if !head::begins(Role::Client, &here) {
        return true;
    }
    match framing {
        Framing::Length(length) => {
            let end = start.saturating_add(length);
            let behind = direction.seen(end, head::MAX_HEAD);
            // A word in a body may look like a method, so may the last letter of one.
            let begins = head::begins(Role::Client, &behind)
                && (head::has_known_method(&behind) || !head::has_known_method(&here));
            end == direction.len() || begins
        }
        Framing::Chunked => super::body::chunk_line(&here).is_some_and(|line| line.is_ok()),
        _ => false,
    }
}

/// The framing of the body of a response to a request with this method, where the request is known.
pub(super) fn of_response(
    head: &Head,
    method: Option<&str>,
    direction: &Direction<'_>,
    start: u64,
    anomalies: &mut Anomalies,
) -> Framing {
    let status = head.status().unwrap_or_default();
    match (status, method) {
        (101, _) => return Framing::Tunnel,
        (100..200 | 204 | 304, _) | (_, Some("HEAD")) => return Framing::None,
        (200..300, Some("CONNECT")) => return Framing::Tunnel,
        _ => {}
    }
    let framing = match declared(head, direction, start, Role::Server, anomalies) {
        Declared::Chunked => Framing::Chunked,
        Declared::Length(length) => Framing::Length(length),
        Declared::Other | Declared::Nothing => Framing::UntilClose,
    };
    // Without its request it may answer HEAD: then the next response is where the body would be.
    if method.is_none() && framing != Framing::Length(0) {
        let next = direction.seen(start, head::MAX_HEAD);
        if next.starts_with(b"HTTP/1.") && head::begins(Role::Server, &next) {
            return Framing::None;
        }
    }
    framing
}

enum Declared {
    Chunked,
    Length(u64),
    /// A transfer coding without chunks.
    Other,
    Nothing,
}

fn declared(
    head: &Head,
    direction: &Direction<'_>,
    start: u64,
    sender: Role,
    anomalies: &mut Anomalies,
) -> Declared {
    let mut lengths = Lengths::of(head);
    let coding =
        head.elements("transfer-encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity")).last();
    if let Some(coding) = coding {
        if lengths.any {
            anomalies.add(Anomaly::LengthAndTransferCoding);
        }
        if !coding.eq_ignore_ascii_case("chunked") {
            // The length counts the coded bytes, whatever the standard says of the two together.
            return lengths.first().map_or(Declared::Other, Declared::Length);
        }
        let next = direction.seen(start, 64);
        if next.is_empty() || super::body::chunk_line(&next).is_none_or(|line| line.is_ok()) {
            return Declared::Chunked;
        }
        anomalies.add(Anomaly::NotChunked);
    }
    if lengths.invalid {
        anomalies.add(Anomaly::InvalidLength);
    }
    lengths.values.dedup();
    if lengths.values.len() > 1 {
        anomalies.add(Anomaly::LengthsDiffer);
        // The one that leads to a message, or to the end.
        let fits = |length: &u64| {
            let end = start.saturating_add(*length);
            end == direction.len() || head::begins(sender, &direction.seen(end, head::MAX_HEAD))
        };
        if let Some(length) = lengths.values.iter().copied().find(fits) {
            return Declared::Length(length);
        }
    }
    lengths.first().map_or(Declared::Nothing, Declared::Length)
}

/// What the Content-Length fields say.
struct Lengths {
    values: Vec<u64>,
    invalid: bool,
    any: bool,
}

impl Lengths {
    fn of(head: &Head) -> Self {
        let mut lengths = Self { values: Vec::new(), invalid: false, any: false };
        // More than a few are no mistake but an attack; the first few decide.
        for element in head.elements("content-length").take(16) {
            lengths.any = true;
            let digits = element.bytes().all(|byte| byte.is_ascii_digit());
            match element.parse() {
                Ok(value) if digits => lengths.values.push(value),
                _ => lengths.invalid = true,
            }
        }
        lengths
    }

    fn first(&self) -> Option<u64> {
        self.values.first().copied()
    }
}
