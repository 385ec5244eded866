//! Recordings of conversations between two model endpoints are what the endpoints read: see
//! [`endpoints`](tapflow_tests::endpoints) for the model and [`oracle`](tapflow_tests::endpoints::oracle) for the rule.
//!
//! A longer run than this one, with any number of conversations:
//!
//! ```text
//! cargo run --release -p tapflow-tests --example conversations -- settled 10000000
//! ```

use tapflow_tests::cases;
use tapflow_tests::endpoints::network::Played;
use tapflow_tests::endpoints::plan::{Action, Ingredient};
use tapflow_tests::endpoints::{Mix, conversation, oracle, record, try_conversation};
use tapflow_tests::recorder::Recorder;

/// Plays conversations with the seeds below `count`.
fn play(mix: Mix, count: u32) {
    for seed in 0..u64::from(count) {
        if let Err(story) = try_conversation(mix, seed) {
            let what = match mix {
                Mix::Alone(one) => format!("{one:?}"),
                Mix::Settled => "settled".into(),
                Mix::All => "all".into(),
            };
            let command = "cargo run --release -p tapflow-tests --example conversations --";
            panic!("{story}\nAgain with: {command} {what} 1 {seed}");
        }
    }
}

#[test]
fn with_one_ingredient_recordings_are_what_the_endpoints_read() {
    for ingredient in Ingredient::ALL {
        play(Mix::Alone(ingredient), cases(60));
    }
}

#[test]
fn with_several_ingredients_recordings_are_what_the_endpoints_read() {
    play(Mix::Settled, cases(2000));
}

/// What an application sends in all.
fn written(played: &Played, connection: usize, side: usize) -> Vec<u8> {
    let steps = played.plan.attempts[connection].steps[side].iter();
    let writes = steps.filter_map(|step| match &step.action {
        Action::Write(bytes) => Some(&bytes[..]),
        _ => None,
    });
    writes.flatten().copied().collect()
}

#[test]
fn the_endpoints_read_what_the_others_wrote() {
    let (mut read, mut all) = (0, 0);
    for seed in 0..u64::from(cases(1000)) {
        let played = conversation(Mix::Settled, seed);
        let forged = [Ingredient::ForgedData, Ingredient::ForgedDataOutside, Ingredient::ForgedFin];
        if forged.into_iter().any(|one| played.plan.recipe.has(one)) {
            continue;
        }
        for (connection, truth) in played.truths.iter().enumerate() {
            for side in 0..2 {
                let written = written(&played, connection, side);
                assert!(written.starts_with(&truth.read[side]), "seed {seed}, connection {connection}");
                read += truth.read[side].len();
                all += written.len();
            }
        }
    }
    assert!(read > all / 2, "most of what is written is read: {read} of {all} bytes");
}

#[test]
fn a_seed_gives_the_same_conversation_always() {
    for seed in 0..20 {
        let mix = Mix::All;
        let (one, other) = (conversation(mix, seed), conversation(mix, seed));
        assert_eq!(format!("{one:?}"), format!("{other:?}"), "seed {seed}");
    }
}

/// A conversation in which both sides read something, and its recording.
fn recorded() -> (Played, Recorder, tapflow_core::Counters) {
    let both =
        |played: &Played| played.truths.iter().all(|truth| truth.read.iter().all(|read| read.len() > 9));
    let played =
        (0..).map(|seed| conversation(Mix::Alone(Ingredient::NetworkLoss), seed)).find(both).unwrap();
    let (recorder, core) = record(&played);
    let counters = core.counters().clone();
    assert_eq!(oracle::check(&played, &recorder, &counters), Ok(()));
    (played, recorder, counters)
}

/// What the oracle says of a recording in which something was changed.
fn fault(change: impl FnOnce(&mut Recorder)) -> String {
    let (played, mut recorder, counters) = recorded();
    change(&mut recorder);
    oracle::check(&played, &recorder, &counters).unwrap_err()
}

#[test]
fn the_oracle_sees_what_is_wrong() {
    let wrong = fault(|recorder| recorder.flows.get_mut(&0).unwrap().bytes[4] = Some(b'!'));
    assert!(wrong.contains("neither the first copy"), "{wrong}");
    let wrong = fault(|recorder| recorder.flows.get_mut(&1).unwrap().bytes[4] = None);
    assert!(wrong.contains("was captured and is not in the flow"), "{wrong}");
    let wrong = fault(|recorder| _ = recorder.flows.get_mut(&1).unwrap().bytes.pop());
    assert!(wrong.contains("was captured and is not in the flow"), "{wrong}");
    let wrong = fault(|recorder| _ = recorder.flows.remove(&1));
    assert!(wrong.contains("no flow"), "{wrong}");
    let wrong = fault(|recorder| recorder.flows.get_mut(&1).unwrap().opened.session = 7);
    assert!(wrong.contains("two sessions"), "{wrong}");
    let wrong = fault(|recorder| {
        let copy = recorder.flows[&1].clone();
        recorder.flows.insert(2, copy);
    });
    assert!(wrong.contains("one too many"), "{wrong}");
    let wrong = fault(|recorder| {
        let (_, summary) = recorder.flows.get_mut(&0).unwrap().closed.as_mut().unwrap();
        summary.acknowledged_unseen = 1;
    });
    assert!(wrong.contains("told as acknowledged and not captured"), "{wrong}");
    let wrong = fault(|recorder| {
        let (_, summary) = recorder.flows.get_mut(&0).unwrap().closed.as_mut().unwrap();
        summary.span += 1000;
    });
    assert!(wrong.contains("the flow has"), "{wrong}");
}
