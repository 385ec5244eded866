//! Display filters of Wireshark in the language of capture filters (pcap-filter(7)), as far as it has words for them.

use std::net::IpAddr;

/// Protocols that Wireshark knows by name, with the ports where they usually are.
const PROTOCOLS: [(&str, &str); 18] = [
    ("http", "tcp port 80"),
    ("http2", "tcp port 443"),
    ("https", "tcp port 443"),
    ("tls", "tcp port 443"),
    ("ssl", "tcp port 443"),
    ("dns", "port 53"),
    ("ssh", "tcp port 22"),
    ("ftp", "tcp port 21"),
    ("telnet", "tcp port 23"),
    ("smtp", "tcp port 25"),
    ("pop", "tcp port 110"),
    ("imap", "tcp port 143"),
    ("smb", "tcp port 445"),
    ("smb2", "tcp port 445"),
    ("rdp", "tcp port 3389"),
    ("mysql", "tcp port 3306"),
    ("ldap", "tcp port 389"),
    ("sip", "port 5060"),
];

/// Fields with a value, and what stands before the value in a capture filter.
const FIELDS: [(&str, &str); 16] = [
    ("tcp.port", "tcp port"),
    ("tcp.srcport", "tcp src port"),
    ("tcp.dstport", "tcp dst port"),
    ("udp.port", "udp port"),
    ("udp.srcport", "udp src port"),
    ("udp.dstport", "udp dst port"),
    ("ip.addr", "host"),
    ("ip.src", "src host"),
    ("ip.dst", "dst host"),
    ("ip.host", "host"),
    ("ipv6.addr", "host"),
    ("ipv6.src", "src host"),
    ("ipv6.dst", "dst host"),
    ("eth.addr", "ether host"),
    ("eth.src", "ether src"),
    ("eth.dst", "ether dst"),
];

/// First parts of the names of fields.
const LAYERS: [&str; 10] = ["tcp", "udp", "ip", "ipv6", "eth", "frame", "http", "tls", "dns", "vlan"];

/// Whether the words are those of a display filter.
pub(super) fn is_display_filter(words: &[&str]) -> bool {
    words.iter().any(|word| {
        let layer = word.split_once('.').map(|(layer, _)| layer);
        layer.is_some_and(|layer| LAYERS.contains(&layer)) || protocol(word).is_some()
    })
}

/// The same as a capture filter; `None` where a word is none of a display filter, or has no counterpart.
pub(super) fn translated(words: &[&str]) -> Option<String> {
    if !is_display_filter(words) {
        return None;
    }
    let mut out: Vec<String> = Vec::new();
    let mut rest = words;
    while let [first, after @ ..] = rest {
        rest = after;
        match *first {
            "&&" | "and" => out.push("and".to_owned()),
            "||" | "or" => out.push("or".to_owned()),
            "!" | "not" => out.push("not".to_owned()),
            "(" | ")" | "tcp" | "udp" | "icmp" | "arp" | "ip" => out.push((*first).to_owned()),
            "ipv6" => out.push("ip6".to_owned()),
            word => {
                if let Some(meant) = protocol(word) {
                    out.push(meant.to_owned());
                    continue;
                }
                let [operator, value, after @ ..] = after else { return None };
                rest = after;
                match *operator {
                    "==" | "=" | "eq" => out.push(term(word, value)?),
                    "!=" | "ne" => out.push(format!("not {}", term(word, value)?)),
                    _ => return None,
                }
            }
        }
    }
    Some(out.join(" ").replace("( ", "(").replace(" )", ")"))
}

fn protocol(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    PROTOCOLS.iter().find(|(name, _)| *name == word).map(|(_, meant)| *meant)
}

/// A field with its value.
fn term(field: &str, value: &str) -> Option<String> {
    if field == "vlan.id" {
        return Some(format!("vlan {value}"));
    }
    let (_, words) = FIELDS.iter().find(|(name, _)| *name == field)?;
    let is_network = value.split_once('/').is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok());
    let words = if is_network { words.replace("host", "net") } else { (*words).to_owned() };
    Some(format!("{words} {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_filters_become_capture_filters() {
        for (display, capture) in [
            ("http", "tcp port 80"),
            ("DNS", "port 53"),
            ("tcp.port == 80", "tcp port 80"),
            ("tcp.dstport eq 443", "tcp dst port 443"),
            ("ip.addr == 192.0.2.1", "host 192.0.2.1"),
            ("ip.src == 192.0.2.0/24", "src net 192.0.2.0/24"),
            (
                "ip.addr == 192.0.2.1 && ! ( tcp.port == 22 || ssh )",
                "host 192.0.2.1 and not (tcp port 22 or tcp port 22)",
            ),
            ("tcp.port != 22", "not tcp port 22"),
            ("tcp and vlan.id == 5", "tcp and vlan 5"),
        ] {
            let words: Vec<&str> = display.split(' ').collect();
            assert_eq!(translated(&words).as_deref(), Some(capture), "{display}");
        }
    }

    #[test]
    fn what_has_no_words_is_only_recognised() {
        for display in ["tcp.stream == 3", "http.request.method == GET", "tcp.port", "frame.len > 100"] {
            let words: Vec<&str> = display.split(' ').collect();
            assert!(is_display_filter(&words) && translated(&words).is_none(), "{display}");
        }
        assert!(
            !is_display_filter(&["host", "www.example.com"]) && !is_display_filter(&["tcp", "prot", "80"])
        );
    }
}
