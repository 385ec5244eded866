//! A connection: what its handshakes agree on, and the keys that follow from them.

use std::ops::Range;

use super::attempt;
use super::certificate::Certificate;
use super::derive::{self, Key, MASTER};
use super::facts::{Facts, Reason};
use super::generation::{Generation, Ladder};
use super::hello::{
    ClientHello, EARLY_DATA, ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, Extensions, ServerHello,
    TRUNCATED_HMAC, Version,
};
use super::inflate::{DEFLATE, Inflate};
use super::keylog::{KeyLog, Label, Secret};
use super::messages::{Message, kind};
use super::protect::{Keys, Modes};
use super::recognise::Start;
use super::record::Source;
use super::side::{Event, Hole, Side, Work};
use super::suites::{Cipher, Parameters, Suite};
use super::wire::Wire;

/// Bytes of a handshake's messages that are kept for the extended master secret.
const MAX_TRANSCRIPT: usize = 512 << 10;
/// Sessions of a connection that are remembered.
const MAX_SESSIONS: usize = 64;

/// Takes what was decrypted.
pub trait Output {
    /// Application data of one record: the direction, the place of the record on the wire, and the plaintext.
    fn data(&mut self, side: usize, record: Range<u64>, plain: &[u8]);

    /// Bytes on the wire that give no plaintext. `length`: the bytes of plaintext that are missing; where that is not
    /// exact, an estimate.
    fn gap(&mut self, side: usize, wire: Range<u64>, length: u64, is_exact: bool);
}

/// Bounds of what is done for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Times that a secret is tried where there is no hello.
    pub tries: u64,
    /// Bytes that are decrypted to find numbers of records, beside [`WORK`](Self::WORK) for each byte of the connection.
    pub work: u64,
}

impl Limits {
    /// Bytes of work for each byte of a connection.
    pub const WORK: u64 = 16;
}

impl Default for Limits {
    fn default() -> Self {
        Self { tries: 4096, work: 16 << 20 }
    }
}

/// Decrypts a connection that was recognised. Sessions that may be resumed by other connections go to `learn`, with
/// their identifier or ticket.
pub fn decrypt(
    sources: [&dyn Source; 2],
    start: Start,
    log: &KeyLog,
    limits: Limits,
    output: &mut dyn Output,
    learn: &mut dyn FnMut(&[u8], &Secret),
) -> Facts {
    let places = [start.client, 1 - start.client];
    let bytes: u64 = sources.iter().map(|source| source.len()).sum();
    let mut connection = Connection {
        log,
        limits,
        sides: places.map(|place| Side::new(place, sources[place], start.at[place])),
        work: Work { left: limits.work.saturating_add(bytes.saturating_mul(Limits::WORK)) },
        hello: None,
        server: None,
        transcripts: Default::default(),
        sessions: Vec::new(),
        ticket: None,
        facts: Facts { client: start.client, ..Facts::default() },
    };
    connection.ssl2();
    connection.run(output);
    for (id, secret) in &connection.sessions {
        learn(id, secret);
    }
    connection.finish()
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// Where a direction stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Its keys change.
    Keys,
    /// The server has chosen TLS 1.3.
    Chosen13,
    End,
}

struct Connection<'s> {
    log: &'s KeyLog,
    limits: Limits,
    /// The client's, then the server's.
    sides: [Side<'s>; 2],
    work: Work,
    /// The hellos of the current handshake.
    hello: Option<ClientHello>,
    server: Option<ServerHello>,
    /// Messages of the current handshake.
    transcripts: [Vec<Message>; 2],
    /// Master secrets by session identifier or ticket.
    sessions: Vec<(Vec<u8>, Secret)>,
    /// The ticket that the server gave in the current handshake.
    ticket: Option<Vec<u8>>,
    facts: Facts,
}

impl Connection<'_> {
    /// A hello of SSL 2.0 at the client's start.
    fn ssl2(&mut self) {
        let side = &mut self.sides[CLIENT];
        let end = super::record::seen_until(side.source, side.at).min(side.at + 4096);
        let bytes = side.source.read(side.at..end);
        if !matches!(bytes.first(), Some(0x80..=0x8f)) {
            return;
        }
        if let Some((hello, length)) = ClientHello::parse_ssl2(&bytes) {
            side.at += length as u64;
            self.client_hello(hello);
        }
    }

    fn run(&mut self, output: &mut dyn Output) {
        for round in 0u64.. {
            let server = self.advance(SERVER, output);
            if server == Stop::Chosen13 {
                return self.run_13(output);
            }
            let client = self.advance(CLIENT, output);
            if [server, client] == [Stop::End; 2] {
                return;
            }
            if self.server.is_none() {
                return self.without_hello(output);
            }
            if let Err(reason) = self.change_keys([client, server]) {
                self.facts.reason = Some(reason);
                return;
            }
            self.facts.renegotiations = round;
        }
    }

    /// Reads a direction up to its end, or to what needs other keys.
    fn advance(&mut self, side: usize, output: &mut dyn Output) -> Stop {
        loop {
            match self.sides[side].next(&mut self.work, output) {
                Event::Message(message) => {
                    if self.message(side, message) {
                        return Stop::Chosen13;
                    }
                }
                Event::ChangeCipherSpec => return Stop::Keys,
                // Those that are protected go on in `run_13` and `change_keys`.
                Event::Protected => return Stop::Keys,
                Event::End => return Stop::End,
            }
        }
    }

    /// Takes a message. Answers true for the hello by which a server chooses TLS 1.3.
    fn message(&mut self, side: usize, message: Message) -> bool {
        let mut is_chosen = false;
        match (message.kind, side) {
            (kind::CLIENT_HELLO, CLIENT) => {
                if let Some(hello) = ClientHello::parse(message.body()) {
                    self.client_hello(hello);
                }
            }
            (kind::SERVER_HELLO, SERVER) => is_chosen = self.server_hello(message.body()),
            (kind::ENCRYPTED_EXTENSIONS, SERVER) => {
                if let Some(extensions) = Extensions::parse(&mut Wire(message.body())) {
                    self.protocol(&extensions);
                }
            }
            (kind::CERTIFICATE, _) => self.certificate(side, message.body()),
            (kind::NEW_TICKET, SERVER) if !self.is_13() => {
                let ticket = message.body().get(4..).and_then(|body| Wire(body).vector16());
                self.ticket = ticket.filter(|ticket| !ticket.is_empty()).map(<[u8]>::to_vec);
            }
            (kind::FINISHED | kind::END_OF_EARLY_DATA, _)
                if self.is_13() && !self.sides[side].is_traffic() =>
            {
                self.sides[side].advance(1);
            }
            (kind::KEY_UPDATE, _) if self.is_13() && self.sides[side].is_traffic() => {
                self.sides[side].facts.updates += 1;
                self.sides[side].advance(1);
            }
            _ => {}
        }
        let size: usize = self.transcripts[side].iter().map(|message| message.bytes.len()).sum();
        if size + message.bytes.len() <= MAX_TRANSCRIPT && !self.is_13() {
            self.transcripts[side].push(message);
        }
        is_chosen
    }

    fn client_hello(&mut self, hello: ClientHello) {
        self.transcripts[CLIENT].clear();
        if self.facts.hello.is_none() {
            self.facts.hello = Some(hello.clone());
        }
        self.hello = Some(hello);
    }

    fn server_hello(&mut self, body: &[u8]) -> bool {
        let Some(hello) = ServerHello::parse(body) else { return false };
        self.transcripts[SERVER].clear();
        self.ticket = None;
        let version = hello.version;
        if version.is_13() {
            self.set_version(version);
        }
        self.facts.version.get_or_insert(version);
        self.facts.suite.get_or_insert(Suite::new(hello.suite));
        if hello.is_retry() {
            return false;
        }
        for side in &mut self.sides {
            side.version = Some(version);
        }
        self.protocol(&hello.extensions);
        let is_13 = version.is_13();
        // A client that resumes nothing has pre_shared_key in no answer.
        self.facts.resumed |= is_13 && hello.extensions.get(41).is_some();
        self.server = Some(hello);
        is_13
    }

    fn set_version(&mut self, version: Version) {
        self.facts.version = Some(version);
        for side in &mut self.sides {
            side.version = Some(version);
        }
    }

    fn protocol(&mut self, extensions: &Extensions) {
        if self.facts.protocol.is_none() {
            self.facts.protocol = extensions.protocols().into_iter().next();
        }
    }

    fn certificate(&mut self, side: usize, body: &[u8]) {
        let chain = Certificate::chain(body, self.is_13());
        let known = if side == SERVER {
            &mut self.facts.server_certificates
        } else {
            &mut self.facts.client_certificates
        };
        if known.is_empty() {
            *known = chain;
        }
    }

    fn is_13(&self) -> bool {
        self.facts.version.is_some_and(Version::is_13)
    }

    /// Reads both directions of TLS 1.3.
    fn run_13(&mut self, output: &mut dyn Output) {
        let (Some(server), version) = (&self.server, self.facts.version.unwrap_or(Version::TLS13)) else {
            return;
        };
        let suite = Suite::new(server.suite);
        self.facts.suite = Some(suite);
        // The client's own messages come before its keys, and so does its random.
        let client = self.advance(CLIENT, output);
        if suite.parameters().is_none() {
            self.facts.reason = Some(Reason::Suite);
            return;
        }
        let Some(hello) = &self.hello else { return self.try_13(Some(suite), output) };
        let (random, early) = (hello.random, hello.extensions.has(EARLY_DATA));
        let server_ladder = self.ladder(SERVER, version, suite, &random, false);
        let client_ladder = self.ladder(CLIENT, version, suite, &random, early);
        if server_ladder.is_empty() && client_ladder.is_empty() {
            self.facts.reason = Some(Reason::NoSecret);
            return;
        }
        self.sides[SERVER].begin(server_ladder);
        self.advance(SERVER, output);
        if client == Stop::Keys {
            self.sides[CLIENT].begin(client_ladder);
            self.advance(CLIENT, output);
        }
    }

    /// The generations of a direction of TLS 1.3.
    fn ladder(&self, side: usize, version: Version, suite: Suite, random: &[u8; 32], early: bool) -> Ladder {
        let of = |label| Generation::traffic(version, suite, self.log.traffic(label, random));
        let mut rungs = Vec::new();
        if side == CLIENT {
            if early {
                rungs.push(of(Label::ClientEarly));
            }
            rungs.extend([of(Label::ClientHandshake), of(Label::ClientTraffic)]);
        } else {
            rungs.extend([of(Label::ServerHandshake), of(Label::ServerTraffic)]);
        }
        Ladder::of_13(rungs)
    }

    /// Reads on where the server's hello was not captured.
    fn without_hello(&mut self, output: &mut dyn Output) {
        self.facts.reason = Some(Reason::NoServerHello);
        self.try_13(None, output);
    }

    /// Tries secrets of TLS 1.3 where a hello is missing.
    fn try_13(&mut self, suite: Option<Suite>, output: &mut dyn Output) {
        let randoms = match &self.hello {
            Some(hello) => vec![hello.random],
            None => self.log.randoms().to_vec(),
        };
        if self.hello.is_none() {
            self.facts.reason = Some(Reason::NoClientHello);
        }
        let labels = |side| match side {
            CLIENT => [Label::ClientHandshake, Label::ClientTraffic],
            _ => [Label::ServerHandshake, Label::ServerTraffic],
        };
        // Without any hello, either direction may be the client's.
        let turns: &[bool] =
            if self.hello.is_none() && self.server.is_none() { &[false, true] } else { &[false] };
        for turned in turns {
            let (mut randoms, mut suite, mut found) = (randoms.clone(), suite, [None; 2]);
            for place in [SERVER, CLIENT] {
                let role = if *turned { 1 - place } else { place };
                let side = &mut self.sides[place];
                found[place] = attempt::find(
                    side,
                    self.log,
                    &randoms,
                    suite,
                    labels(role),
                    (self.limits.tries, &mut self.work),
                );
                if let Some(found) = &found[place] {
                    (randoms, suite) = (vec![found.random], Some(found.suite));
                }
            }
            if found == [None; 2] {
                continue;
            }
            if *turned {
                self.sides.reverse();
                found.reverse();
                self.facts.client = self.sides[CLIENT].place;
            }
            self.facts.reason = None;
            self.facts.tried = true;
            self.set_version(Version::TLS13);
            let (Some(random), Some(suite)) = (randoms.first(), suite) else { return };
            self.facts.suite = Some(suite);
            for (place, found) in found.into_iter().enumerate() {
                let early = place == CLIENT && !self.log.traffic(Label::ClientEarly, random).is_empty();
                let early = early && found.is_none();
                let mut ladder = self.ladder(place, Version::TLS13, suite, random, early);
                ladder.advance(usize::from(found.is_some_and(|found| found.is_traffic)));
                let side = &mut self.sides[place];
                side.begin(ladder);
                side.hole = None;
                match found {
                    Some(found) => (side.at, side.number) = (found.place, found.number),
                    // Its first records are in a hole.
                    None => side.hole = Some(Hole { from: 0, number: 0, refused: false }),
                }
                self.advance(place, output);
            }
            return;
        }
    }

    /// Derives the keys of the handshake that has just ended, up to TLS 1.2, for the directions that have changed to
    /// them.
    fn change_keys(&mut self, stops: [Stop; 2]) -> Result<(), Reason> {
        let server = self.server.clone().ok_or(Reason::NoServerHello)?;
        let suite = Suite::new(server.suite);
        let parameters = suite.parameters().ok_or(Reason::Suite)?;
        if !matches!(server.compression, 0 | DEFLATE) {
            return Err(Reason::Compression);
        }
        let candidates = self.masters(&server, suite, parameters)?;
        let modes = Modes {
            version: server.version,
            cipher: parameters.cipher,
            mac: parameters.mac,
            encrypt_then_mac: server.extensions.has(ENCRYPT_THEN_MAC)
                && matches!(parameters.cipher, Cipher::Cbc(_)),
            truncated: server.extensions.has(TRUNCATED_HMAC),
        };
        let [mut client_keys, mut server_keys] = [Vec::new(), Vec::new()];
        for (random, master) in &candidates {
            let [client, server] = keys(&modes, parameters, master.bytes(), [random, &server.random]);
            client_keys.push(client);
            server_keys.push(server);
        }
        let generations = [client_keys, server_keys].map(|keys| Generation::new(&modes, parameters, keys));
        for ((side, generation), stop) in self.sides.iter_mut().zip(generations).zip(stops) {
            if stop == Stop::Keys {
                side.begin(Ladder::single(generation.ok_or(Reason::Suite)?));
                side.inflate = (server.compression == DEFLATE).then(Inflate::new);
            }
        }
        self.remember(&server, &candidates);
        Ok(())
    }

    /// The master secrets that may be those of the current handshake, each with the client's random.
    fn masters(
        &mut self,
        server: &ServerHello,
        suite: Suite,
        parameters: Parameters,
    ) -> Result<Vec<([u8; 32], Secret)>, Reason> {
        let Some(hello) = self.hello.clone() else {
            // The log's lines have randoms too.
            let randoms = self.log.randoms().iter().take(self.limits.tries.min(1 << 16) as usize);
            let masters: Vec<_> = randoms
                .flat_map(|random| self.log.masters(random).iter().map(|master| (*random, master.clone())))
                .collect();
            self.facts.tried = true;
            return if masters.is_empty() { Err(Reason::NoClientHello) } else { Ok(masters) };
        };
        let random = hello.random;
        let mut masters = self.log.masters(&random).to_vec();
        let is_resumed = !server.session.is_empty() && server.session == hello.session;
        self.facts.resumed |= is_resumed;
        if masters.is_empty() {
            let premasters = self.premasters(&random, suite, server.version);
            let transcript = server.extensions.has(EXTENDED_MASTER_SECRET).then(|| self.transcript());
            let randoms = [&random, &server.random];
            let of = |premaster: &Secret| {
                let (hash, transcript) = (parameters.derivation, transcript.as_deref());
                let master = derive::master(server.version, hash, premaster.bytes(), randoms, transcript);
                Secret::new(master.to_vec())
            };
            masters = premasters.iter().map(of).collect();
        }
        if masters.is_empty() {
            // A resumed session has the secret of an earlier connection.
            let ids = [Some(server.session.as_slice()).filter(|id| !id.is_empty()), hello.ticket()];
            for id in ids.into_iter().flatten() {
                let own = self.sessions.iter().filter(|(known, _)| known == id).map(|(_, secret)| secret);
                masters.extend(own.chain(self.log.session(id)).cloned());
            }
        }
        if masters.is_empty() {
            return Err(Reason::NoSecret);
        }
        Ok(masters.into_iter().map(|master| (random, master)).collect())
    }

    fn premasters(&self, random: &[u8; 32], suite: Suite, version: Version) -> Vec<Secret> {
        let mut premasters = self.log.premasters(random).to_vec();
        let exchange =
            self.transcripts[CLIENT].iter().find(|message| message.kind == kind::CLIENT_KEY_EXCHANGE);
        if let Some(exchange) = exchange.filter(|_| suite.transports_premaster()) {
            // SSL 3.0 has no length before it.
            let body = exchange.body();
            let encrypted = Wire(body).vector16().filter(|_| version > Version::SSL3).unwrap_or(body);
            premasters.extend_from_slice(self.log.decrypted(encrypted));
        }
        premasters
    }

    /// The messages that the extended master secret covers: RFC 7627, section 3.
    fn transcript(&self) -> Vec<u8> {
        let [client, server] = &self.transcripts;
        let mut bytes = Vec::new();
        let mut add = |message: &Message| bytes.extend_from_slice(&message.bytes);
        client.iter().filter(|message| message.kind == kind::CLIENT_HELLO).for_each(&mut add);
        let is_own = |message: &&Message| {
            matches!(
                message.kind,
                kind::SERVER_HELLO
                    | kind::CERTIFICATE
                    | kind::SERVER_KEY_EXCHANGE
                    | kind::CERTIFICATE_REQUEST
                    | kind::SERVER_HELLO_DONE
                    | kind::CERTIFICATE_STATUS
                    | kind::SUPPLEMENTAL_DATA
            )
        };
        server.iter().filter(is_own).for_each(&mut add);
        for message in client.iter().filter(|message| message.kind != kind::CLIENT_HELLO) {
            add(message);
            if message.kind == kind::CLIENT_KEY_EXCHANGE {
                break;
            }
        }
        bytes
    }

    /// Remembers a session for those that resume it.
    fn remember(&mut self, server: &ServerHello, candidates: &[([u8; 32], Secret)]) {
        let ([(_, master)], Some(_)) = (candidates, &self.hello) else { return };
        let ids = [Some(server.session.clone()).filter(|id| !id.is_empty()), self.ticket.take()];
        for id in ids.into_iter().flatten() {
            if self.sessions.len() < MAX_SESSIONS {
                self.sessions.push((id, master.clone()));
            }
        }
    }

    fn finish(mut self) -> Facts {
        self.facts.early = self.sides[CLIENT].facts.early > 0;
        for side in self.sides {
            if self.facts.reason.is_none() {
                self.facts.reason = side.reason;
            }
            self.facts.sides[side.place] = side.facts;
        }
        self.facts
    }
}

/// The keys of both directions up to TLS 1.2: RFC 5246, section 6.3.
fn keys(modes: &Modes, parameters: Parameters, master: &[u8], [client, server]: [&[u8; 32]; 2]) -> [Keys; 2] {
    let Modes { version, cipher, mac, .. } = *modes;
    let derive = |label: &[u8], secret: &[u8], seed: &[u8], length| {
        derive::prf(version, parameters.derivation, secret, label, seed, length)
    };
    debug_assert!(master.len() == MASTER || master.is_empty());
    let mac = if cipher.tag().is_some() { 0 } else { mac.length() };
    let (key, fixed) = (parameters.export.unwrap_or(cipher.key()), cipher.fixed());
    let seed = [&server[..], &client[..]].concat();
    let block = derive(b"key expansion", master, &seed, 2 * (mac + key + fixed));
    let mut rest = Wire(&block);
    let mut part = |length| Key::new(rest.take(length).unwrap_or_default().to_vec());
    let macs = [part(mac), part(mac)];
    let mut keys = [part(key), part(key)];
    let mut fixed = [part(fixed), part(fixed)];
    if parameters.export.is_some() {
        weaken(modes, parameters, &mut keys, &mut fixed, [client, server]);
    }
    let ([client_mac, server_mac], [client_key, server_key], [client_iv, server_iv]) = (macs, keys, fixed);
    [
        Keys { mac: client_mac, key: client_key, iv: client_iv },
        Keys { mac: server_mac, key: server_key, iv: server_iv },
    ]
}

/// The keys of suites that were weakened for export: RFC 2246, section 6.3.1; RFC 6101, section 6.2.2.1.
fn weaken(
    modes: &Modes,
    parameters: Parameters,
    keys: &mut [Key; 2],
    fixed: &mut [Key; 2],
    [client, server]: [&[u8; 32]; 2],
) {
    use super::suites::Hash::Md5;
    let (version, length, size) = (modes.version, modes.cipher.key(), modes.cipher.fixed());
    let cut = |mut key: Key, length: usize| {
        key.truncate(length);
        key
    };
    let [own, other] =
        [[client, server].map(|random| &random[..]), [server, client].map(|random| &random[..])];
    if version <= Version::SSL3 {
        keys[0] = cut(derive::digest(Md5, &[&keys[0], own[0], own[1]]), length);
        keys[1] = cut(derive::digest(Md5, &[&keys[1], other[0], other[1]]), length);
        fixed[0] = cut(derive::digest(Md5, &[own[0], own[1]]), size);
        fixed[1] = cut(derive::digest(Md5, &[other[0], other[1]]), size);
        return;
    }
    let seed = own.concat();
    let derive = |label: &[u8], secret: &[u8], length| {
        derive::prf(version, parameters.derivation, secret, label, &seed, length)
    };
    keys[0] = derive(b"client write key", &keys[0], length);
    keys[1] = derive(b"server write key", &keys[1], length);
    let both = derive(b"IV block", b"", 2 * size);
    let (first, second) = both.split_at(size);
    *fixed = [Key::new(first.to_vec()), Key::new(second.to_vec())];
}
