//! What is wrong with a filter expression: the place of the fault, and the words for what was meant.
//!
//! libpcap's compiler says that there is a syntax error, but not where. The place is found by compiling: the first
//! words of an expression are right as long as something can follow with which they compile.

mod display;

use std::ops::Range;

/// Words of an expression in which the place of a fault is looked for; each costs some compilations.
const MAX_TOKENS: usize = 64;

/// What can follow the first words of an expression. Brackets that are open are closed behind it.
const ENDINGS: [&str; 25] = [
    "",
    "1",
    "tcp",
    "port 1",
    "host 1.2.3.4",
    "1.2.3.4",
    "1.2.3.0/24",
    "mask 255.255.255.0",
    "src port 1",
    "1-2",
    "or tcp",
    "proto 6",
    "\\tcp",
    "0 = 0",
    "= 0",
    "] = 0",
    "0] = 0",
    ": 1] = 0",
    "1) = 0",
    "& 1 = 0",
    "00:00:5e:00:53:01",
    "host 00:00:5e:00:53:01",
    "::1",
    "mgt",
    "lo",
];

/// Explains why `expression` does not compile: in one sentence, with the place of the fault, and how to write what looks
/// like a display filter of Wireshark. `reason` is what the compiler says, `compiles` asks it again.
pub fn explain(expression: &str, reason: &str, compiles: &dyn Fn(&str) -> bool) -> String {
    let tokens = tokens(expression);
    let mut text = format!("filter \"{expression}\": ");
    if let Some(at) = named(expression, reason) {
        text.push_str(&format!("{reason}, at character {at}"));
    } else if !reason.contains("syntax error") {
        text.push_str(reason);
    } else {
        text.push_str(&match fault(expression, &tokens, compiles) {
            Some(Fault::At(token)) => {
                let at = expression.get(..token.start).unwrap_or_default().chars().count() + 1;
                let token = expression.get(token).unwrap_or_default();
                format!("syntax error at '{token}', character {at}")
            }
            Some(Fault::End) => "something is missing at the end".to_owned(),
            None => "syntax error".to_owned(),
        });
    }
    let words: Vec<&str> = tokens.iter().filter_map(|token| expression.get(token.clone())).collect();
    match display::translated(&words) {
        Some(meant) if compiles(&meant) => {
            text.push_str(&format!("; this looks like a display filter of Wireshark, write '{meant}'"));
        }
        _ if display::is_display_filter(&words) => text.push_str(
            "; this looks like a display filter of Wireshark, write a capture filter such as 'host 192.0.2.1 and tcp port 80'",
        ),
        _ => {}
    }
    text.push_str("; see pcap-filter(7)");
    text
}

/// The place, in characters from 1, of the word that the compiler's `reason` has in quotation marks.
fn named(expression: &str, reason: &str) -> Option<usize> {
    let word = reason.split('\'').nth(1).filter(|word| !word.is_empty())?;
    let at = expression.find(word)?;
    Some(expression.get(..at)?.chars().count() + 1)
}

/// Where an expression goes wrong.
enum Fault {
    /// At this word.
    At(Range<usize>),
    /// Behind the last word: it is not complete.
    End,
}

/// The first word with which nothing compiles, whatever follows.
fn fault(expression: &str, tokens: &[Range<usize>], compiles: &dyn Fn(&str) -> bool) -> Option<Fault> {
    for token in tokens.iter().take(MAX_TOKENS) {
        let start = expression.get(..token.end)?;
        let open =
            |pair: [char; 2]| start.matches(pair[0]).count().saturating_sub(start.matches(pair[1]).count());
        let parentheses = ")".repeat(open(['(', ')']));
        let can_follow = |ending: &&str| {
            compiles(&format!("{start} {ending} {parentheses}"))
                || !parentheses.is_empty() && compiles(&format!("{start} {ending} {parentheses} = 0"))
        };
        if !ENDINGS.iter().any(can_follow) {
            return Some(Fault::At(token.clone()));
        }
    }
    (tokens.len() <= MAX_TOKENS).then_some(Fault::End)
}

/// The words and operators of an expression.
fn tokens(expression: &str) -> Vec<Range<usize>> {
    const PAIRS: [&str; 10] = ["==", "!=", ">=", "<=", "&&", "||", "<<", ">>", "=~", ".."];
    let is_word = |letter: char| letter.is_alphanumeric() || "._:/\\-".contains(letter);
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = expression.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if is_word(first) {
            rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())
        } else if PAIRS.iter().any(|pair| rest.starts_with(pair)) {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push(at..at + length);
        }
        at += length;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expressions `tcp port N`, and these joined by `and`.
    fn compiles(text: &str) -> bool {
        let is_right = |term: &str| {
            let words: Vec<&str> = term.split_whitespace().collect();
            matches!(words[..], ["tcp"])
                || matches!(words[..], ["tcp", "port", number] | ["port", number] if number.parse::<u16>().is_ok())
        };
        text.split(" and ").all(is_right)
    }

    #[test]
    fn the_place_is_the_first_word_that_cannot_stand_there() {
        for (expression, part) in [
            ("tcp prot 80", "syntax error at 'prot', character 5"),
            ("tcp port 80 and udp", "syntax error at 'udp', character 17"),
            ("tcp port", "something is missing at the end"),
            ("tcp port 80 and", "something is missing at the end"),
        ] {
            let text = explain(expression, "syntax error", &compiles);
            assert!(text.contains(part) && text.ends_with("see pcap-filter(7)"), "{text}");
        }
    }

    #[test]
    fn a_word_that_the_compiler_names_is_the_place() {
        let text = explain("tcp port htpp", "unknown port 'htpp'", &|_| panic!("known"));
        assert_eq!(
            text,
            "filter \"tcp port htpp\": unknown port 'htpp', at character 10; see pcap-filter(7)"
        );
    }

    #[test]
    fn what_wireshark_calls_so_gets_the_right_words() {
        let text = explain("tcp.port == 80", "syntax error", &compiles);
        assert!(text.contains("at 'tcp.port', character 1; "), "{text}");
        assert!(text.contains("display filter of Wireshark, write 'tcp port 80'"), "{text}");
    }

    #[test]
    fn any_text_has_an_explanation() {
        for text in ["", " ", "((((", "é ü", "'", "\"", "tcp[", "a\u{0}b", "&&&", &"tcp and ".repeat(100)] {
            assert!(explain(text, "syntax error", &|_| false).starts_with("filter \""));
        }
    }
}
