//! Conversations between two model endpoints, and what a recording of them must be.
//!
//! The [endpoints](endpoint) are receivers and senders of RFC 9293 with [applications](plan) that send, read and
//! end; a [network] loses, delays and repeats what they send; an [attacker](forge) sends what they have
//! not sent. A tap captures in the middle. The [oracle] says what the recording must be, from what the
//! endpoints' applications have read and nothing else that tapflow's core could have a part in.
//!
//! Everything follows from a seed and a [recipe](plan::Recipe).

pub mod endpoint;
pub mod forge;
pub mod network;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod segment;
pub mod socket;

use std::fmt::Write;

use crate::{KEY, with};
use tapflow_core::{Config, Frame, LinkType, Reassembler, Storage, Timestamp};

use self::network::Played;
use self::plan::{Ingredient, Plan, Recipe};
use self::random::Random;
use crate::recorder::Recorder;
use crate::scene::check_accounts;

/// How a conversation is made.
#[derive(Clone, Copy, Debug)]
pub enum Mix {
    /// With one ingredient.
    Alone(Ingredient),
    /// With some that are settled together.
    Settled,
    /// With some of all.
    All,
}

/// The conversation of a seed.
#[must_use]
pub fn conversation(mix: Mix, seed: u64) -> Played {
    let mut random = Random::new(seed);
    let recipe = match mix {
        Mix::Alone(ingredient) => Recipe::alone(ingredient, &mut random),
        Mix::Settled => Recipe::some(true, &mut random),
        Mix::All => Recipe::some(false, &mut random),
    };
    let plan = Plan::new(recipe, &mut random);
    network::play(plan, &mut random)
}

/// Records a conversation and holds the recording against it.
///
/// # Errors
/// What is wrong, with everything that helps to find out why.
///
/// # Panics
/// Where the core breaks its contract with sinks.
pub fn try_conversation(mix: Mix, seed: u64) -> Result<Played, String> {
    let played = conversation(mix, seed);
    let (recorder, core) = record(&played);
    check_accounts(core.counters());
    match oracle::check(&played, &recorder, core.counters()) {
        Ok(()) => Ok(played),
        Err(fault) => Err(story(seed, &played, &recorder, &fault)),
    }
}

/// Records what the tap captured.
///
/// # Panics
/// Without memory, or where the core breaks its contract with sinks.
#[must_use]
pub fn record(played: &Played) -> (Recorder, Reassembler<'static>) {
    let storage = Storage::heap(16, 256).expect("memory");
    // As for files: what has ended is closed at the end of the capture.
    let config = with(Config::new(KEY), |c| c.closing = u64::MAX);
    let mut core = Reassembler::new(config, storage).expect("storage");
    let mut sink = Recorder::default();
    for passed in played.passed.iter().filter(|passed| passed.captured) {
        let bytes = passed.segment.frame().bytes();
        let time = Timestamp(passed.time * 1000);
        if played.plan.busy {
            let Ok(()) = core.advance(time, &mut sink);
        }
        let cut = bytes.len() - (passed.segment.payload.len() - passed.bytes);
        let (wire_len, bytes) = (bytes.len() as u32, &bytes[..cut]);
        let frame = Frame { link: LinkType::ETHERNET, time, wire_len, bytes };
        let Ok(()) = core.push(&frame, &mut sink);
    }
    let Ok(()) = core.finish(&mut sink);
    (recorder_of(sink), core)
}

fn recorder_of(sink: Recorder) -> Recorder {
    assert!(sink.all_closed(), "everything is closed");
    sink
}

/// The packets, what the endpoints read, what was recorded, and the fault.
fn story(seed: u64, played: &Played, recorder: &Recorder, fault: &str) -> String {
    let mut story = format!("seed {seed}, {:?}: {fault}\n", played.plan.recipe.0);
    let shown = |bytes: &[u8]| {
        let more = if bytes.len() > 100 { "…" } else { "" };
        format!("{} bytes \"{}{more}\"", bytes.len(), bytes[..bytes.len().min(100)].escape_ascii())
    };
    if played.plan.busy {
        story.push_str("(the capture's clock is kept going by other connections)\n");
    }
    for passed in &played.passed {
        let _ = writeln!(story, "{passed}");
    }
    for (connection, truth) in played.truths.iter().enumerate() {
        let _ = writeln!(story, "connection {connection}: the server read {}", shown(&truth.read[0]));
        let _ = writeln!(story, "connection {connection}: the client read {}", shown(&truth.read[1]));
    }
    for (number, record) in &recorder.flows {
        let bytes: Vec<u8> = record.bytes.iter().map(|byte| byte.unwrap_or(b'_')).collect();
        let from = record.opened.key.source_port;
        let (session, conflicts) = (record.opened.session, record.conflicts);
        let _ = write!(story, "flow {number} from port {from}, session {session}: {}", shown(&bytes));
        let _ = write!(story, ", gaps {:?}, conflicts {conflicts}", record.gaps);
        if let Some((reason, summary)) = &record.closed {
            let unseen = summary.acknowledged_unseen;
            let _ = write!(story, ", closed {}, span {}, unseen {unseen}", reason.name(), summary.span);
        }
        story.push('\n');
    }
    story
}
