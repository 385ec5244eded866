//! Names for every system: whatever the name, Windows can store what becomes of it, tells it from all others, and it
//! leads back.

use proptest::prelude::*;
use tapflow_common::naming::portable::{MAX_PART, original, stored};

/// What Windows' documentation says of the names of files ("Naming Files, Paths, and Namespaces"), by itself.
fn windows_stores(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let device = ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str())
        || ["COM", "LPT"].iter().any(|name| {
            stem.strip_prefix(name).is_some_and(|number| {
                ["1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"].contains(&number)
            })
        });
    !part.is_empty()
        && part.encode_utf16().count() <= 255
        && !part.ends_with(['.', ' '])
        && !part.contains(|letter: char| letter < ' ' || "<>:\"/\\|?*".contains(letter))
        && !device
}

/// As file systems compare that do not know case: both ways to fold it.
fn folded(name: &str) -> [String; 2] {
    [name.to_lowercase(), name.to_uppercase().to_lowercase()]
}

/// Names of what is hard, in few letters, so that two of them are often nearly the same.
fn hard_names() -> impl Strategy<Value = String> {
    let pieces = [
        "a", "A", "é", "É", "ß", "ſ", "s", "ss", "K", "k", "ς", "σ", "%", "%41", "%61", ":", ".", " ", "~",
        "~1", "/", "con", "NUL", "com1", "lpt²", "conin$", "\\", "\u{1}", "-", "0",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..7).prop_map(|pieces| pieces.concat())
}

fn any_names() -> impl Strategy<Value = String> {
    prop_oneof![3 => hard_names(), 1 => any::<String>(), 1 => "[A-Za-z0-9.:~%-]{150,300}"]
}

/// A path as output knows it has no empty parts, and none that climb.
fn is_path(name: &str) -> bool {
    name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

proptest! {
    #[test]
    fn windows_can_store_every_name(name in any_names().prop_filter("a path", |name| is_path(name))) {
        let path = stored(&name);
        for part in path.split('/') {
            prop_assert!(windows_stores(part), "{name:?} as {part:?}");
            prop_assert!(part.len() <= MAX_PART);
        }
        prop_assert_eq!(path.matches('/').count(), name.matches('/').count());
    }

    #[test]
    fn names_lead_back_unless_they_were_cut(name in any_names()) {
        let path = stored(&name);
        if path.contains('~') {
            prop_assert!(name.split('/').any(|part| part.len() > MAX_PART / 12));
            prop_assert_eq!(original(&path), None);
        } else {
            prop_assert_eq!(original(&path), Some(name));
        }
    }

    #[test]
    fn different_names_stay_different_where_case_does_not_count(a in any_names(), b in any_names()) {
        if a != b {
            let (a, b) = (folded(&stored(&a)), folded(&stored(&b)));
            prop_assert!(a[0] != b[0] && a[1] != b[1]);
        }
    }

    #[test]
    fn what_is_stored_as_it_is_was_no_trouble(name in any_names()) {
        if stored(&name) == name {
            prop_assert_eq!(&folded(&name)[0], &name);
        }
    }
}

/// All pairs of short names of the letters that are hardest to tell apart.
#[test]
fn no_two_short_names_meet() {
    let letters = ["a", "A", "%", "4", "1", "6", ":", "3", ".", " ", "~", "é", "É"];
    let mut seen = std::collections::HashMap::new();
    for a in letters {
        for b in letters {
            for c in letters {
                for d in letters {
                    let name = [a, b, c, d].concat();
                    let [lower, _] = folded(&stored(&name));
                    if let Some(other) = seen.insert(lower.clone(), name.clone()) {
                        panic!("{name:?} and {other:?} are both stored as {lower:?}");
                    }
                }
            }
        }
    }
}
