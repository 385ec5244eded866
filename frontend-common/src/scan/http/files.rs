//! The scanner `http`: bodies into files beside those of the flows, messages into the report and the HAR.
//!
//! A body's file is the flow's name and a suffix, made anew: an existing file is never touched, links are never
//! followed. Bodies of up to [`BUFFER`] bytes cost one write. The first error ends saving for the connection.

use std::fs::{File, FileTimes};
use std::io::{self, Seek, SeekFrom, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tapflow_core::Timestamp;

use super::har::{self, MAX_TEXT, Place};
use super::media;
use super::{
    BodyName, Counts, Direction, Exchange, Limits, Message, Output, Role, Slot, Source, Stored, scan,
};
use crate::output::alerts::Alerts;
use crate::output::beneath::Beneath;
use crate::output::durable::finish;
use crate::retention::{BLOCK, DiskQuota};
use crate::scan::FinishedFlow;
use crate::scan::command::Runner;
use crate::scan::contents::unreadable;
use crate::scan::hash::{Algorithm, Hasher};
use crate::scan::{Connection, ScannedFlow, Scanner, Spool, Windows, buffer_pool};

/// Bytes of a body gathered for a write.
const BUFFER: usize = 128 << 10;
/// Bytes of a flow's start that tell whether it may be HTTP.
const START: usize = 64;
/// Shorter holes of a body are written as zeros: no block of the file would stay out.
const ZEROS: [u8; 4 << 10] = [0; 4 << 10];
/// Smaller flows are read whole at once.
const SMALL: u64 = 64 << 10;
/// Bytes of a connection's bodies that are kept in memory until digests are made of many at a time.
const KEPT: usize = 256 << 10;
/// Messages of one flow in the report; more are counted.
pub const MAX_MESSAGES: usize = 2000;
/// Bytes of what is kept of all messages of a connection; messages beyond it are counted.
const FACTS: usize = 4 << 20;
/// Messages of a direction among which the other one of an exchange is looked for: the latest ones.
const RECENT: usize = 256;
/// Names tried for one body while files of these names exist.
const MAX_COUNT: u32 = 1000;

/// What was found of HTTP in one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpFindings {
    /// Its messages in order, at most [`MAX_MESSAGES`], with the fields of their heads that the report names.
    pub messages: Vec<Message>,
    /// Messages beyond them.
    pub omitted: u64,
    /// Counts of the whole connection, at one of its flows.
    pub counts: Counts,
    /// The connection became another protocol: CONNECT or an upgrade.
    pub is_tunnel: bool,
    /// It took too much work, see [`Limits::steps`]: there may be more messages.
    pub is_given_up: bool,
    /// Memory that the messages take, in bytes.
    pub weight: usize,
    /// Entries for the HAR file, at one flow of the connection.
    pub entries: Spool,
}

/// What is done with HTTP.
#[derive(Debug, Default)]
pub struct HttpOptions {
    /// Bodies are saved.
    pub files: bool,
    /// Entries for a HAR file are made.
    pub har: bool,
    /// What bodies may cost, and whether they are decoded.
    pub limits: Limits,
    /// Digests of body files: of large ones they are made here, small ones are left for the scanner
    /// [`Digests`](crate::scan::hash::Digests), which has to come after this one.
    pub algorithms: Vec<Algorithm>,
    /// A program to run for each body file.
    pub command: Option<Runner>,
    /// Told of each body file.
    pub alerts: Option<Alerts>,
    /// Who counts what is written.
    pub disk: Option<DiskQuota>,
    /// The output directory, in which files are made; none for paths.
    pub directory: Option<Beneath>,
    /// Whether each file is flushed to the disk before it closes (`--fsync`).
    pub flushes: bool,
}

/// The scanner.
#[derive(Debug)]
pub struct Http(HttpOptions);

impl Http {
    /// A scanner that does this.
    #[must_use]
    pub fn new(options: HttpOptions) -> Self {
        Self(options)
    }
}

impl Scanner for Http {
    fn scan(&self, connection: &mut Connection) -> Result<(), String> {
        let flows = &connection.flows;
        let mut worth = false;
        for flow in flows {
            worth |= may_be_http(flow)?;
        }
        if !worth {
            return Ok(());
        }
        let streams: Vec<_> = flows.iter().map(ScannedFlow::stream).collect::<Result<_, _>>()?;
        let times: Vec<_> =
            flows.iter().map(|scanned| |offset: u64| scanned.flow.timeline.at(offset)).collect();
        let mut directions = [Direction::EMPTY; 2];
        for (index, scanned) in flows.iter().enumerate().take(2) {
            let (flow, stream) = (&scanned.flow, &streams[index]);
            let mut direction = Direction {
                bytes: &stream.bytes,
                source: stream.windows.as_ref().map(|windows| windows as &dyn Source),
                gaps: &stream.gaps,
                skipped: &stream.skipped,
                unknown: stream.unknown.as_ref(),
                begins: begins(flow),
                ends: false,
                times: &times[index],
            };
            let left_out = flow.file.as_ref().map_or(0, |file| file.left_out.len()) as u64;
            direction.ends = flow.summary.fin && direction.len() + left_out == flow.summary.span;
            directions[index] = direction;
        }
        let mut files = Files::new(&self.0, flows, connection.is_plaintext);
        let scanned = scan(directions, &self.0.limits, &mut files);
        let unread = flows.iter().zip(streams).find_map(|(scanned, stream)| {
            let error = stream.windows.and_then(Windows::into_error)?;
            scanned.flow.file.as_ref().map(|file| unreadable(file, &error))
        });
        let Some(mut scanned) = scanned else { return unread.map_or(Ok(()), Err) };
        if !self.0.files {
            (scanned.counts.bodies, scanned.counts.body_bytes) = (0, 0);
        }
        let Files { error, messages, omitted, unsaved, is_undigested, entries, .. } = files;
        scanned.counts.bodies = scanned.counts.bodies.saturating_sub(unsaved);
        scanned.counts.unlisted = omitted.iter().sum();
        scanned.counts.given_up = u64::from(scanned.is_given_up);
        let mut counts = Some((scanned.counts, entries));
        for (side, (messages, omitted)) in messages.into_iter().zip(omitted).enumerate() {
            let index = if side == 0 { scanned.client } else { 1 - scanned.client };
            let Some(flow) = connection.flows.get_mut(index) else { continue };
            let (counts, entries) = counts.take().unwrap_or_default();
            let (is_tunnel, is_given_up) = (scanned.is_tunnel, scanned.is_given_up);
            flow.flow.found.is_undigested |= is_undigested[side];
            let weight = messages.iter().map(Message::weight).sum();
            flow.flow.found.http = Some(Box::new(HttpFindings {
                messages,
                omitted,
                counts,
                is_tunnel,
                is_given_up,
                weight,
                entries,
            }));
        }
        unread.or(error.filter(|error| !error.is_empty())).map_or(Ok(()), Err)
    }

    fn finish(&self) -> Result<(), String> {
        self.0.command.as_ref().map_or(Ok(()), Runner::wait)
    }
}

/// Whether it is worth to read a flow: told by its first bytes, unless they are missing.
fn may_be_http(scanned: &ScannedFlow) -> Result<bool, String> {
    let flow = &scanned.flow;
    let size = flow.file.as_ref().map_or(0, |file| file.size);
    if size == 0 {
        return Ok(false);
    }
    if size <= SMALL || !begins(flow) {
        return Ok(true);
    }
    let start = scanned.start(START)?;
    let text = start.trim_ascii_start();
    let word = text.iter().position(|byte| !byte.is_ascii_graphic());
    // The first frame of a server of HTTP/2 is short and of kind 4.
    if start.starts_with(&[0]) && start.get(3) == Some(&4) {
        return Ok(true);
    }
    Ok(text.starts_with(b"HTTP/1.") || word.is_some_and(|at| at > 0 && text[at] == b' '))
}

/// Whether a stream has its first byte, the one behind the SYN.
fn begins(flow: &FinishedFlow) -> bool {
    flow.facts.opened.syn && !flow.gaps.at_start()
}

/// What one connection's scan writes and keeps.
struct Files<'s> {
    options: &'s HttpOptions,
    flows: &'s [ScannedFlow],
    client: usize,
    open: [Option<Body>; 2],
    /// Gathered bytes, one buffer for each slot.
    buffers: [Vec<u8>; 2],
    /// The bodies of the exchange under way, for the HAR: the client's and the server's.
    texts: [Option<Vec<u8>>; 2],
    /// Bytes of bodies that are kept.
    kept: usize,
    place: Place,
    entries: Spool,
    /// The client's and the server's.
    messages: [Vec<Message>; 2],
    omitted: [u64; 2],
    /// What all messages take, in bytes.
    weight: usize,
    /// A body has no digests because of its holes, of the client's or the server's.
    is_undigested: [bool; 2],
    /// Bodies without a whole file.
    unsaved: u64,
    /// What went wrong first; empty where that was told already.
    error: Option<String>,
}

/// A body under way.
struct Body {
    role: usize,
    path: PathBuf,
    suffix: (String, &'static str),
    time: Option<Timestamp>,
    file: Option<File>,
    /// Its length so far, with what is gathered and with holes.
    size: u64,
    /// It ends in a hole.
    hole: bool,
    /// `None` where digests are made later.
    hasher: Option<Hasher>,
    /// Its bytes as long as they are few.
    text: Option<Vec<u8>>,
}

impl Body {
    /// More bytes, which are written or gathered elsewhere.
    fn adds(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hole = false;
        self.text = self.text.take().filter(|text| text.len() + bytes.len() <= MAX_TEXT);
        if let Some(text) = &mut self.text {
            text.extend_from_slice(bytes);
        }
    }
}

impl<'s> Files<'s> {
    fn new(options: &'s HttpOptions, flows: &'s [ScannedFlow], is_tls: bool) -> Self {
        Self {
            options,
            flows,
            client: 0,
            open: [None, None],
            buffers: Default::default(),
            texts: [None, None],
            kept: 0,
            place: Place { is_tls, ..Place::default() },
            entries: Spool::counted(options.disk.clone()),
            messages: Default::default(),
            omitted: [0; 2],
            unsaved: 0,
            weight: 0,
            is_undigested: [false; 2],
            error: None,
        }
    }

    /// Keeps the first error; nothing is saved after it.
    fn check<T>(&mut self, path: &Path, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error.get_or_insert_with(|| format!("{}: {error}", path.display()));
                None
            }
        }
    }

    /// Puts what was gathered, and bytes behind it, into the file, if there are any.
    fn put(&mut self, index: usize, body: &mut Body, bytes: &[u8]) {
        if !self.buffers[index].is_empty() || !bytes.is_empty() {
            self.make(index, body, bytes);
        }
    }

    /// Makes the file where there is none yet, and puts these bytes into it.
    fn make(&mut self, index: usize, body: &mut Body, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        let is_new = body.file.is_none();
        let first = if is_new { BLOCK } else { 0 };
        let length = first + (self.buffers[index].len() + bytes.len()) as u64;
        if let Some(Err(no_room)) = self.options.disk.as_ref().map(|disk| disk.ask(length)) {
            self.buffers[index].clear();
            // Told once in a run.
            let text =
                if no_room.is_first { format!("{}: {no_room}", body.path.display()) } else { String::new() };
            self.error = Some(text);
            return;
        }
        let mut put = || {
            if is_new {
                body.file = Some(create(self.options.directory.as_ref(), &mut body.path, &body.suffix)?);
                if let Some(alerts) = &self.options.alerts {
                    alerts.open(&body.path);
                }
            }
            let Some(file) = &mut body.file else { return Ok(()) };
            for part in [&self.buffers[index], bytes] {
                if let Some(hasher) = &mut body.hasher {
                    hasher.update(part);
                }
                file.write_all(part)?;
            }
            if let Some(disk) = &self.options.disk {
                disk.add(&body.path, length);
            }
            Ok(())
        };
        let result = put();
        self.buffers[index].clear();
        self.check(&body.path, result);
    }

    /// Notes at both messages of an exchange which the other one is, and at the response what was asked for.
    fn join(&mut self, request: Option<&Message>, response: Option<&Message>) {
        let (Some(request), Some(response)) = (request, response) else { return };
        let is_pushed = request.http2.is_some_and(|http2| http2.is_pushed);
        let find = |kept: &[Message], message: &Message| {
            let first = kept.len().saturating_sub(RECENT);
            let recent = kept.get(first..).unwrap_or_default();
            let is_it = |kept: &Message| kept.number == message.number && kept.role == message.role;
            recent.iter().rposition(is_it).map(|at| first + at)
        };
        let sent = usize::from(is_pushed);
        let asked = find(&self.messages[sent], request).and_then(|at| self.messages[sent].get_mut(at));
        let url = match &asked {
            Some(asked) => asked.exchange.url.clone(),
            None => har::request_url(&self.place, request),
        };
        if let Some(asked) = asked {
            asked.exchange.other = Some(response.number);
            asked.exchange.is_pushed = is_pushed;
        }
        let answered = find(&self.messages[1], response).and_then(|at| self.messages[1].get_mut(at));
        if let Some(answered) = answered {
            self.weight += url.as_ref().map_or(0, String::len);
            if answered.suggested_name.is_none() && answered.decoded_length > 0 {
                answered.suggested_name = url.as_deref().and_then(media::name_in_url);
                self.weight += answered.suggested_name.as_ref().map_or(0, String::len);
            }
            answered.exchange = Exchange { url, other: Some(request.number), is_pushed };
        }
    }

    /// Ends a body's file.
    fn close(&mut self, body: &mut Body) {
        let Some(file) = body.file.take() else { return };
        let times = body.time.map(|time| {
            let time = UNIX_EPOCH + Duration::new(time.seconds(), time.subsec_nanos());
            FileTimes::new().set_modified(time).set_accessed(SystemTime::now())
        });
        let set = || {
            if body.hole {
                file.set_len(body.size)?;
            }
            times.map_or(Ok(()), |times| file.set_times(times))
        };
        let result = set().and(finish(file, self.options.flushes));
        self.check(&body.path, result);
        if let Some(alerts) = &self.options.alerts {
            alerts.close(&body.path);
        }
        if let Some(command) = &self.options.command {
            command.run(&body.path);
        }
    }
}

/// Makes a file of this name, or of the next one with a count in it that does not exist yet.
pub(in crate::scan) fn create(
    directory: Option<&Beneath>,
    path: &mut PathBuf,
    (stem, extension): &(String, &'static str),
) -> io::Result<File> {
    let base = path.as_os_str().to_owned();
    for count in 0..MAX_COUNT {
        let mut name = base.clone();
        name.push(stem);
        if count > 0 {
            name.push(format!("c{count}"));
        }
        if !extension.is_empty() {
            name.push(".");
            name.push(extension);
        }
        let made = match directory {
            Some(directory) => directory.create_at(Path::new(&name)),
            None => File::options().write(true).create_new(true).open(&name),
        };
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => {
                *path = name.into();
                return result;
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many files of this name exist"))
}

impl Output for Files<'_> {
    fn recognised(&mut self, client: usize) {
        self.client = client;
        // The direction that was captured tells both ends.
        let ends = [(client, false), (1 - client, true)].into_iter().find_map(|(index, is_server)| {
            let opened = &self.flows.get(index)?.flow.facts.opened;
            let key = &opened.key;
            let server = match is_server {
                true => (key.source, key.source_port),
                false => (key.destination, key.destination_port),
            };
            Some((server, opened))
        });
        if let Some(((address, port), opened)) = ends {
            let is_tls = self.place.is_tls;
            // URLs leave out the port that their scheme has: RFC 9110, 4.2.
            let server = match address {
                _ if port != if is_tls { 443 } else { 80 } => SocketAddr::new(address, port).to_string(),
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            let (connection, time) = (opened.session, opened.time);
            self.place = Place { server, server_address: address.to_string(), connection, time, is_tls };
        }
    }

    fn begin(&mut self, slot: Slot, name: &BodyName) {
        let role = usize::from(name.role == Role::Server);
        let index = if role == 0 { self.client } else { 1 - self.client };
        let file = self.flows.get(index).and_then(|scanned| scanned.flow.file.as_ref());
        let stem = BodyName { extension: None, ..name.clone() }.suffix();
        let wants_text = self.options.har && slot == Slot::Whole;
        self.open[slot as usize] = Some(Body {
            role,
            path: file.map(|file| file.path.clone()).unwrap_or_default(),
            suffix: (stem, name.extension.unwrap_or_default()),
            time: name.time,
            file: None,
            size: 0,
            hole: false,
            hasher: Some(Hasher::new(&self.options.algorithms)),
            text: wants_text.then(Vec::new),
        });
    }

    fn write_all(&mut self, slot: Slot, bytes: &mut Vec<u8>) {
        let index = slot as usize;
        if self.options.files && self.buffers[index].is_empty() && bytes.len() <= BUFFER {
            let Some(body) = &mut self.open[index] else { return };
            body.adds(bytes);
            std::mem::swap(&mut self.buffers[index], bytes);
        } else {
            self.write(slot, bytes);
        }
    }

    fn write(&mut self, slot: Slot, bytes: &[u8]) {
        let index = slot as usize;
        let Some(mut body) = self.open[index].take() else { return };
        body.adds(bytes);
        if self.options.files {
            if self.buffers[index].len() + bytes.len() <= BUFFER {
                self.buffers[index].extend_from_slice(bytes);
            } else {
                self.put(index, &mut body, bytes);
            }
        }
        self.open[index] = Some(body);
    }

    fn hole(&mut self, slot: Slot, length: u64) {
        let index = slot as usize;
        let Some(mut body) = self.open[index].take() else { return };
        let flow = if body.role == 0 { self.client } else { 1 - self.client };
        let flow = self.flows.get(flow).map(|scanned| &scanned.flow);
        let file = flow.and_then(|flow| flow.file.as_ref());
        let length = file.map_or(length, |file| file.shortened.length(length));
        body.text = None;
        if let Some(zeros) = ZEROS.get(..length as usize).filter(|_| length < ZEROS.len() as u64) {
            self.open[index] = Some(body);
            return self.write(slot, zeros);
        }
        body.size += length;
        body.hole = true;
        if self.options.files {
            // Also where the hole is the beginning of the file.
            self.make(index, &mut body, &[]);
            if flow.is_some_and(|flow| flow.is_sparse) {
                self.is_undigested[body.role] |= !self.options.algorithms.is_empty();
                body.hasher = None;
            } else if !self.options.algorithms.is_empty()
                && let Some(hasher) = &mut body.hasher
            {
                hasher.zeros(length);
            }
            let end = body.size;
            if let Some(file) = &mut body.file {
                let result = file.seek(SeekFrom::Start(end));
                let path = body.path.clone();
                self.check(&path, result);
            }
        }
        self.open[index] = Some(body);
    }

    fn end(&mut self, slot: Slot) -> Option<Stored> {
        let index = slot as usize;
        let mut body = self.open[index].take()?;
        if slot == Slot::Whole {
            self.texts[body.role] = body.text.take();
        }
        if !self.options.files {
            return None;
        }
        let gathered = &self.buffers[index];
        let is_whole = gathered.len() as u64 == body.size;
        let keeps = is_whole && !self.options.algorithms.is_empty() && self.kept + gathered.len() <= KEPT;
        let contents = keeps.then(|| buffer_pool::fitted(std::mem::take(&mut self.buffers[index])));
        if let Some(contents) = &contents {
            self.kept += contents.len();
            body.hasher = None;
        }
        self.put(index, &mut body, contents.as_deref().unwrap_or_default());
        if body.file.is_none() {
            self.unsaved += u64::from(self.error.is_some());
            return None;
        }
        self.close(&mut body);
        if self.error.is_some() {
            self.unsaved += 1;
            return None;
        }
        let name = body.path.display().to_string();
        let digests = body.hasher.map(Hasher::finish).unwrap_or_default();
        Some(Stored { name, size: body.size, time: body.time, digests, contents })
    }

    fn message(&mut self, message: &mut Message) {
        if message.raw_length == 0 {
            // A text that is there is that of a message whose exchange is not over.
            self.texts[usize::from(message.role == Role::Server)] = None;
        }
        let is_pushed = message.http2.is_some_and(|http2| http2.is_pushed);
        let side = usize::from(message.role == Role::Server || is_pushed);
        if self.messages[side].len() >= MAX_MESSAGES {
            self.omitted[side] += 1;
            return;
        }
        // Contents go on their way once; what the report does not name stays behind.
        let contents: Vec<_> = message.files.iter_mut().map(|file| file.contents.take()).collect();
        let fields = std::mem::take(&mut message.head.fields);
        let trailers = std::mem::take(&mut message.trailers);
        let mut kept = message.clone();
        kept.trailers = Vec::new();
        let named = |name: &str| {
            ["host", ":authority", "content-type"].iter().any(|kept| name.eq_ignore_ascii_case(kept))
        };
        kept.head.fields = fields.iter().filter(|field| named(&field.name)).cloned().collect();
        for (file, contents) in kept.files.iter_mut().zip(contents) {
            file.contents = contents;
        }
        (message.head.fields, message.trailers) = (fields, trailers);
        kept.exchange.url = har::request_url(&self.place, message);
        let weight = kept.weight();
        if self.weight + weight > FACTS {
            self.omitted[side] += 1;
            return;
        }
        self.weight += weight;
        self.messages[side].push(kept);
    }

    fn exchange(&mut self, request: Option<&Message>, response: Option<&Message>) {
        self.join(request, response);
        if !self.options.har {
            return;
        }
        let texts = std::mem::take(&mut self.texts);
        let entry = har::entry(&self.place, request, response, [texts[0].as_deref(), texts[1].as_deref()]);
        let result = self.entries.push(format!(",\n{entry}").as_bytes());
        self.check(Path::new("entries of the HAR file"), result);
    }
}
