//! Counts in sentences.

/// A number and its noun, in the plural unless the number is 1.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_of_them_has_no_s() {
        assert_eq!([0, 1, 2].map(|number| count(number, "byte")), ["0 bytes", "1 byte", "2 bytes"]);
    }
}
