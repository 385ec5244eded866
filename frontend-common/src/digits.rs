//! Numbers as digits, looked up: names and reports have dozens for each flow.

/// The two digits of each number below 100.
pub(crate) static TWO: [[u8; 2]; 100] = {
    let mut table = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        table[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    table
};

/// The three digits of each number below 1000.
pub(crate) static THREE: [[u8; 3]; 1000] = {
    let mut table = [[0; 3]; 1000];
    let mut number = 0;
    while number < 1000 {
        let [tens, ones] = TWO[number % 100];
        table[number] = [b'0' + (number / 100) as u8, tens, ones];
        number += 1;
    }
    table
};

/// Appends a number without leading zeros.
#[inline]
pub(crate) fn put_octet(number: u8, out: &mut Vec<u8>) {
    let [hundreds, tens, ones] = THREE[usize::from(number)];
    if number >= 100 {
        out.push(hundreds);
    }
    if number >= 10 {
        out.push(tens);
    }
    out.push(ones);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_that_of_a_formatter() {
        for (number, digits) in THREE.iter().enumerate() {
            assert_eq!(str::from_utf8(digits).expect("digits"), format!("{number:03}"));
        }
        for (number, digits) in TWO.iter().enumerate() {
            assert_eq!(str::from_utf8(digits).expect("digits"), format!("{number:02}"));
        }
        for number in 0..=u8::MAX {
            let mut out = Vec::new();
            put_octet(number, &mut out);
            assert_eq!(str::from_utf8(&out).expect("digits"), number.to_string());
        }
    }
}
