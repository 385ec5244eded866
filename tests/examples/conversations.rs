//! Plays conversations between two model endpoints, any number of them, and says what is wrong with their recordings.
//!
//! ```text
//! cargo run --release -p tapflow-tests --example conversations -- settled|all|each|INGREDIENT COUNT [SEED]
//! ```
//!
//! `settled` mixes the ingredients that the test of the same name has, `all` mixes all, `each` plays every one alone;
//! `INGREDIENT` is one of them, alone. Seeds count up from
//! `SEED` (0). Of the faults of each kind, the one with the fewest packets is shown. The exit status is 1 with faults.

use std::collections::BTreeMap;
use std::process::ExitCode;

use tapflow_tests::endpoints::plan::Ingredient;
use tapflow_tests::endpoints::{Mix, try_conversation};

/// Faults of one kind: how many, and the shortest.
type Faults = BTreeMap<String, (u64, String)>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "settled".into());
    let mut number = |usual: u64| arguments.next().map_or(Some(usual), |text| text.parse().ok());
    let (Some(count), Some(seed)) = (number(10_000), number(0)) else {
        eprintln!("COUNT and SEED are numbers");
        return ExitCode::from(2);
    };
    let mixes = match (what.as_str(), Ingredient::named(&what)) {
        (_, Some(one)) => vec![Mix::Alone(one)],
        ("settled", _) => vec![Mix::Settled],
        ("all", _) => vec![Mix::All],
        ("each", _) => Ingredient::ALL.into_iter().map(Mix::Alone).collect(),
        _ => {
            eprintln!("{what} is none of {:?}", Ingredient::ALL);
            return ExitCode::from(2);
        }
    };
    let mut wrong = false;
    for mix in mixes {
        let mut faults = Faults::new();
        let mut packets = 0;
        for seed in seed..seed + count {
            match try_conversation(mix, seed) {
                Ok(played) => packets += played.passed.len(),
                Err(story) => note(&mut faults, story),
            }
        }
        let failed: u64 = faults.values().map(|(count, _)| count).sum();
        println!("{mix:?}: {count} conversations, {packets} packets, {failed} with faults");
        for (kind, (count, story)) in &faults {
            println!("\n{count} of the kind: {kind}\n{story}");
        }
        wrong |= !faults.is_empty();
    }
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn note(faults: &mut Faults, story: String) {
    let first = story.lines().next().unwrap_or_default();
    eprintln!("{first}");
    let (_, fault) = first.split_once("]: ").unwrap_or(("", first));
    let fault = fault.split(", with").next().unwrap_or_default();
    let words =
        fault.split(' ').filter(|word| !word.bytes().any(|byte| byte.is_ascii_digit())).filter(|word| {
            !word.bytes().all(|byte| byte.is_ascii_alphabetic())
                || word.bytes().any(|byte| byte.is_ascii_lowercase())
        });
    let words: Vec<_> = words.take(14).collect();
    let (count, shortest) = faults.entry(words.join(" ")).or_default();
    *count += 1;
    if shortest.is_empty() || story.lines().count() < shortest.lines().count() {
        *shortest = story;
    }
}
