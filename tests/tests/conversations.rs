use tapflow_tests::endpoints::plan::Ingredient;
use tapflow_tests::endpoints::{Mix, try_conversation};

#[test]
fn survey() {
    let count: u64 = std::env::var("COUNT").ok().and_then(|s| s.parse().ok()).unwrap_or(300);
    let only = std::env::var("ONLY").ok();
    for one in Ingredient::ALL {
        if only.as_ref().is_some_and(|only| Ingredient::named(only) != Some(one)) {
            continue;
        }
        let mut failed = 0;
        let mut best: Option<String> = None;
        let mut packets = 0;
        for seed in 0..count {
            match std::panic::catch_unwind(|| try_conversation(Mix::Alone(one), seed)) {
                Ok(Ok(played)) => packets += played.passed.len(),
                Ok(Err(story)) => {
                    failed += 1;
                    if best.as_ref().is_none_or(|b| b.lines().count() > story.lines().count()) {
                        best = Some(story);
                    }
                }
                Err(_) => {
                    failed += 1;
                    best.get_or_insert(format!("PANIC at seed {seed}{}", "\n".repeat(1000)));
                }
            }
        }
        println!("## {one:?}: {failed} of {count} fail; {packets} packets");
        if let Some(best) = best {
            println!("{best}");
        }
    }
}
