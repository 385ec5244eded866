//! The handshake of a SOCKS proxy before HTTP: SOCKS4 and 4a (as documented by their authors), SOCKS5 (RFC 1928, with
//! user name and password of RFC 1929).

/// The lengths of a handshake that succeeded: what the client sends, what the proxy answers. `None` where the two
/// directions do not begin with a whole one.
pub(super) fn handshake(client: &[u8], proxy: &[u8]) -> Option<[u64; 2]> {
    let (client_length, proxy_length) = match client {
        [5, ..] => socks5(client, proxy)?,
        [4, ..] => socks4(client, proxy)?,
        _ => return None,
    };
    Some([client_length as u64, proxy_length as u64])
}

fn socks5(client: &[u8], proxy: &[u8]) -> Option<(usize, usize)> {
    let methods = usize::from(*client.get(1)?);
    let mut sent = 2 + methods;
    let [5, method, ..] = *proxy else { return None };
    let mut answered = 2;
    match method {
        0 => {}
        2 => {
            let [1, name, ..] = *client.get(sent..)? else { return None };
            let password = sent + 2 + usize::from(name);
            sent = password + 1 + usize::from(*client.get(password)?);
            let [1, 0, ..] = *proxy.get(answered..)? else { return None };
            answered += 2;
        }
        _ => return None,
    }
    let [5, 1, 0, ..] = *client.get(sent..)? else { return None };
    let [5, 0, 0, ..] = *proxy.get(answered..)? else { return None };
    let sent = sent + 3 + address(client.get(sent + 3..)?)?;
    let answered = answered + 3 + address(proxy.get(answered + 3..)?)?;
    (sent <= client.len() && answered <= proxy.len()).then_some((sent, answered))
}

/// The length of an address with its type and port: RFC 1928, 5.
fn address(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [1, ..] => Some(1 + 4 + 2),
        [3, length, ..] => Some(2 + usize::from(length) + 2),
        [4, ..] => Some(1 + 16 + 2),
        _ => None,
    }
}

fn socks4(client: &[u8], proxy: &[u8]) -> Option<(usize, usize)> {
    const FIXED: usize = 8;
    const MAX_TEXT: usize = 256;
    let [4, 1, _, _, a, b, c, d, ..] = *client else { return None };
    let [0, 90, ..] = *proxy.get(..FIXED)? else { return None };
    let text = |at: usize| {
        let text = client.get(at..)?;
        text.iter().take(MAX_TEXT).position(|byte| *byte == 0).map(|end| at + end + 1)
    };
    let user = text(FIXED)?;
    // SOCKS4a: the address 0.0.0.x, x not 0, stands for a name behind the user.
    let is_named = (a, b, c) == (0, 0, 0) && d != 0;
    Some((if is_named { text(user)? } else { user }, FIXED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_have_the_lengths_of_their_fields() {
        let plain5: (&[u8], &[u8]) =
            (&[5, 2, 0, 1, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80], &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(handshake(plain5.0, plain5.1), Some([14, 12]));
        let name: &[u8] = &[5, 1, 2, 1, 1, b'u', 2, b'p', b'w', 5, 1, 0, 3, 3, b'a', b'.', b'b', 1, 187];
        let answer: &[u8] = &[&[5u8, 2, 1, 0, 5, 0, 0, 4][..], &[0; 18]].concat();
        assert_eq!(handshake(name, answer), Some([19, 26]));
        let four: (&[u8], &[u8]) = (&[4, 1, 0, 80, 192, 0, 2, 1, b'm', b'e', 0], &[0, 90, 0, 0, 0, 0, 0, 0]);
        assert_eq!(handshake(four.0, four.1), Some([11, 8]));
        let four_a: &[u8] = &[4, 1, 0, 80, 0, 0, 0, 1, 0, b'a', b'.', b'b', 0];
        assert_eq!(handshake(four_a, four.1), Some([13, 8]));
    }

    #[test]
    fn what_is_refused_or_cut_off_is_no_handshake() {
        let (client, proxy) =
            ([5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80], [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(handshake(&client, &proxy), Some([13, 12]));
        for length in 0..client.len() {
            assert_eq!(handshake(&client[..length], &proxy), None, "client {length}");
        }
        for length in 0..proxy.len() {
            assert_eq!(handshake(&client, &proxy[..length]), None, "proxy {length}");
        }
        let refused = [5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(handshake(&client, &refused), None);
        assert_eq!(handshake(&[4, 1, 0, 80, 192, 0, 2, 1, 0], &[0, 91, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(handshake(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
