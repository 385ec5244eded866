//! Numbers and addresses as digits, looked up: names and reports have dozens for each flow.

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

/// The two hexadecimal digits of each byte.
static HEXADECIMAL: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// Appends a number.
#[inline]
pub(crate) fn put_number(number: u64, out: &mut Vec<u8>) {
    match number {
        0..10 => out.push(b'0' + number as u8),
        10..100 => out.extend_from_slice(&TWO[number as usize]),
        100..1000 => out.extend_from_slice(&THREE[number as usize]),
        _ => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}

/// Appends an IPv4 address as everybody writes it.
pub(crate) fn put_ipv4(octets: [u8; 4], out: &mut Vec<u8>) {
    let (mut text, mut end) = ([0; 16], 0);
    for octet in octets {
        let [hundreds, tens, ones] = THREE[usize::from(octet)];
        let (digits, length) = match octet {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        text[end..end + 4].copy_from_slice(&digits);
        end += length;
    }
    out.extend_from_slice(&text[..end - 1]);
}

/// Appends a MAC address as everybody writes it.
pub(crate) fn put_mac(address: [u8; 6], out: &mut Vec<u8>) {
    let mut text = *b"00:00:00:00:00:00";
    for (place, byte) in address.into_iter().enumerate() {
        text[3 * place..3 * place + 2].copy_from_slice(&HEXADECIMAL[usize::from(byte)]);
    }
    out.extend_from_slice(&text);
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
        for (byte, digits) in HEXADECIMAL.iter().enumerate() {
            assert_eq!(str::from_utf8(digits).expect("digits"), format!("{byte:02x}"));
        }
        for number in (0..=1100).chain([u64::from(u32::MAX), u64::MAX]) {
            let mut out = Vec::new();
            put_number(number, &mut out);
            assert_eq!(str::from_utf8(&out).expect("digits"), number.to_string());
        }
    }

    #[test]
    fn addresses_are_those_of_the_standard_library_and_of_everybody() {
        for octets in [[0, 9, 10, 99], [100, 255, 1, 0], [255; 4], [0; 4], [192, 0, 2, 1]] {
            let mut out = b"to ".to_vec();
            put_ipv4(octets, &mut out);
            let expected = format!("to {}", std::net::Ipv4Addr::from_octets(octets));
            assert_eq!(str::from_utf8(&out).expect("an address"), expected);
        }
        let mut out = b"to ".to_vec();
        put_mac([0x02, 0, 0xff, 0x0a, 0xa0, 9], &mut out);
        assert_eq!(out, b"to 02:00:ff:0a:a0:09");
    }
}
