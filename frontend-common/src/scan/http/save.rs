//! A body on its way to its file: begun with its first byte, taken apart where it is a form or has messages of gRPC.

use super::coding::Spent;
use super::facts::{Anomalies, Anomaly, BodyFile, BodyKind, BodyName, Grpc};
use super::grpc::{Messages, Settings};
use super::multipart::{Event, Splitter};
use super::stream::Direction;
use super::{Output, Slot, Stored, media};

/// Bytes of names that are kept of the parts of one body; parts beyond it are counted.
const NAMES: usize = 1 << 20;

/// What became of a body.
#[derive(Debug, Default)]
pub(super) struct Saved {
    pub(super) files: Vec<BodyFile>,
    pub(super) parts_omitted: u64,
    /// What those take in memory that are parts, in bytes.
    names: usize,
    /// Files that were written but have no place in `files`.
    pub(super) unnamed: u64,
    pub(super) bytes: u64,
    pub(super) anomalies: Anomalies,
    /// Messages of gRPC.
    pub(super) grpc: Option<Grpc>,
}

/// What a body consists of.
#[derive(Debug)]
pub(super) enum Inside {
    /// Bytes.
    Bytes,
    /// The parts of a form with this boundary.
    Form(String),
    /// Messages of gRPC.
    Grpc(Settings),
}

/// Saves one body.
pub(super) struct Saver<'s> {
    whole: File<'s>,
    form: Option<Form>,
    grpc: Option<Messages<'s>>,
}

struct Form {
    splitter: Splitter,
    parts: Parts,
}

/// The part under way.
struct Parts {
    number: u64,
    limit: u64,
    /// `None` beyond the limit.
    name: Option<BodyName>,
    field: Option<String>,
    suggested_name: Option<String>,
    /// Bytes of it are missing.
    holed: bool,
}

/// The file under way, and those that are done.
pub(super) struct File<'s> {
    output: &'s mut dyn Output,
    direction: &'s Direction<'s>,
    name: BodyName,
    /// The stream offset of the piece under way.
    at: u64,
    begun: [bool; 2],
    holes: [u64; 2],
    room: u64,
    pub(super) saved: Saved,
}

impl<'s> Saver<'s> {
    /// Saves a body: of a form so many parts, of all files no more than there is `room` for. `spent` counts what messages
    /// of gRPC decode to.
    pub(super) fn new(whole: File<'s>, inside: Inside, parts: u64, spent: &'s mut Spent) -> Self {
        let (mut form, mut grpc) = (None, None);
        match inside {
            Inside::Bytes => {}
            Inside::Form(boundary) => {
                form = Splitter::new(&boundary).map(|splitter| Form {
                    splitter,
                    parts: Parts {
                        number: 0,
                        limit: parts,
                        name: None,
                        field: None,
                        suggested_name: None,
                        holed: false,
                    },
                });
            }
            Inside::Grpc(settings) => grpc = Some(Messages::new(settings, spent)),
        }
        Self { whole, form, grpc }
    }

    /// The bytes that follow stand at this stream offset, or were decoded from there.
    pub(super) fn at(&mut self, offset: u64) {
        self.whole.at = offset;
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let Self { whole, form, grpc } = self;
        let name = whole.name.clone();
        whole.write(Slot::Whole, &name, bytes);
        if let Some(form) = form {
            let Form { splitter, parts } = form;
            splitter.push(bytes, &mut |event| parts.take(whole, event));
        }
        if let Some(grpc) = grpc {
            grpc.push(bytes, whole);
        }
    }

    /// All bytes of the body, which may be taken.
    pub(super) fn all(&mut self, bytes: &mut Vec<u8>) {
        if self.form.is_some() || self.grpc.is_some() {
            return self.bytes(bytes);
        }
        let name = self.whole.name.clone();
        if self.whole.begins(Slot::Whole, &name) {
            self.whole.output.write_all(Slot::Whole, bytes);
        }
    }

    pub(super) fn hole(&mut self, length: u64) {
        let Self { whole, form, grpc } = self;
        whole.hole(Slot::Whole, length);
        if let Some(form) = form {
            let Form { splitter, parts } = form;
            splitter.hole(length, &mut |event| parts.take(whole, event));
        }
        if let Some(grpc) = grpc {
            grpc.hole(length, whole);
        }
    }

    /// Bytes may be missing here, it is not known how many.
    pub(super) fn loss(&mut self) {
        let Self { whole, form, grpc } = self;
        if let Some(Form { splitter, parts }) = form {
            splitter.hole(0, &mut |event| parts.take(whole, event));
        }
        if let Some(grpc) = grpc {
            grpc.loss(whole);
        }
    }

    /// Closes what is open.
    pub(super) fn finish(mut self, complete: bool) -> Saved {
        let Self { whole, form, grpc } = &mut self;
        if let Some(grpc) = grpc {
            whole.saved.grpc = Some(grpc.finish(complete, whole));
        }
        if let Some(form) = form {
            let Form { splitter, parts } = form;
            splitter.finish(&mut |event| parts.take(whole, event));
            if splitter.is_bad && complete {
                whole.saved.anomalies.add(Anomaly::BadMultipart);
            }
            whole.saved.parts_omitted += parts.number.saturating_sub(parts.limit);
        }
        let kind = whole.name.kind;
        whole.end(Slot::Whole, kind, complete, None, None);
        // The body before its parts.
        if form.is_some() || grpc.is_some() {
            whole.saved.files.sort_by_key(|file| file.kind.part().unwrap_or(0));
        }
        self.whole.saved
    }
}

impl Parts {
    fn take(&mut self, file: &mut File<'_>, event: Event<'_>) {
        match event {
            Event::Begin(fields) => {
                self.number += 1;
                self.holed = false;
                if self.number > self.limit {
                    self.name = None;
                    return;
                }
                let value = |name: &str| {
                    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
                    field.map(|field| field.value.as_str())
                };
                let disposition = value("content-disposition").unwrap_or_default();
                self.field = media::parameter(disposition, "name");
                self.suggested_name = media::file_name(disposition);
                self.name = Some(BodyName {
                    kind: BodyKind::Part(self.number),
                    extension: value("content-type").and_then(media::extension),
                    ..file.name.clone()
                });
            }
            Event::Data(bytes) => {
                if let Some(name) = &self.name {
                    file.write(Slot::Part, name, bytes);
                }
            }
            Event::Hole(length) => {
                self.holed = true;
                if self.name.is_some() {
                    file.hole(Slot::Part, length);
                }
            }
            Event::End(complete) => {
                if let Some(name) = self.name.take() {
                    let complete = complete && !self.holed;
                    file.end(Slot::Part, name.kind, complete, self.field.take(), self.suggested_name.take());
                }
            }
        }
    }
}

impl<'s> File<'s> {
    /// Files of a body of this name; no more than there is `room` for.
    pub(super) fn new(
        output: &'s mut dyn Output,
        direction: &'s Direction<'s>,
        name: BodyName,
        room: u64,
    ) -> Self {
        let (begun, holes, saved) = ([false; 2], [0; 2], Saved::default());
        Self { output, direction, name, at: 0, begun, holes, room, saved }
    }

    /// The name of a file beside that of the body.
    pub(super) fn name(&self, kind: BodyKind, extension: Option<&'static str>) -> BodyName {
        BodyName { kind, extension, ..self.name.clone() }
    }

    /// The bytes that follow stand at this stream offset.
    pub(super) fn at(&mut self, offset: u64) {
        self.at = offset;
    }

    pub(super) fn write(&mut self, slot: Slot, name: &BodyName, bytes: &[u8]) {
        if !bytes.is_empty() && self.begins(slot, name) {
            self.output.write(slot, bytes);
        }
    }

    /// Makes ready for bytes: false where there is no room for another file.
    fn begins(&mut self, slot: Slot, name: &BodyName) -> bool {
        let index = slot as usize;
        if !self.begun[index] {
            if self.room == 0 {
                self.saved.anomalies.add(Anomaly::TooManyBodies);
                return false;
            }
            self.room -= 1;
            self.begun[index] = true;
            self.output.begin(slot, &BodyName { time: self.direction.time(self.at), ..name.clone() });
        }
        let hole = std::mem::take(&mut self.holes[index]);
        if hole > 0 {
            self.output.hole(slot, hole);
        }
        true
    }

    pub(super) fn hole(&mut self, slot: Slot, length: u64) {
        self.holes[slot as usize] += length;
    }

    pub(super) fn end(
        &mut self,
        slot: Slot,
        kind: BodyKind,
        complete: bool,
        field: Option<String>,
        suggested_name: Option<String>,
    ) {
        let index = slot as usize;
        let hole = std::mem::take(&mut self.holes[index]);
        if !std::mem::take(&mut self.begun[index]) {
            return;
        }
        if hole > 0 {
            self.output.hole(slot, hole);
        }
        match self.output.end(slot) {
            Some(stored) => {
                self.saved.bytes += stored.size;
                let names = [&field, &suggested_name].into_iter().flatten().map(String::len).sum::<usize>();
                self.saved.names += names + stored.name.len();
                if kind.part().is_some() && self.saved.names > NAMES {
                    self.saved.unnamed += 1;
                    self.saved.parts_omitted += 1;
                    return;
                }
                let Stored { name, size, time, digests, contents } = stored;
                self.saved.files.push(BodyFile {
                    kind,
                    name,
                    size,
                    time,
                    digests,
                    contents,
                    complete,
                    suggested_name,
                    field,
                });
            }
            None => self.saved.unnamed += 1,
        }
    }
}
