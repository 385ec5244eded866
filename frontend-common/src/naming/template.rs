//! How files are named: the language of `-T` and the prefixes of `-F`.
//!
//! A [`Template`] is parsed once and then expanded for each flow; expanding cannot fail. What comes
//! out is a name as the user asked for it: [`super::path`] decides whether it may be used.

use std::fmt;
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use tapflow_core::LinkInfo;
use tapflow_core::{Flow, FlowKey, Timestamp};

use super::path::{NameError, relative};
use super::{NameFlags, NamePrefix, portable};
use crate::flow::{FlowFacts, Opened};
use crate::format::{Utc, digits};

/// What names look like unless `-T` says otherwise.
pub const DEFAULT: &str = "%A.%a-%B.%b%V%v%C%c";

/// A parsed template, ready to be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// What all names end in.
    ending: String,
    count_always: bool,
    portable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    SourceAddress,
    SourcePort,
    DestinationAddress,
    DestinationPort,
    SourceMac,
    DestinationMac,
    Iso,
    Seconds,
    VlanMark,
    Vlan,
    CountMark,
    Count,
    CountAlways,
    Session,
    /// The flow's number divided by this, modulo 1000.
    Number(u64),
}

/// Each letter and what it stands for; `%%` stands for itself.
const LETTERS: [(char, Field); 18] = [
    ('A', Field::SourceAddress),
    ('a', Field::SourcePort),
    ('B', Field::DestinationAddress),
    ('b', Field::DestinationPort),
    ('E', Field::SourceMac),
    ('e', Field::DestinationMac),
    ('T', Field::Iso),
    ('t', Field::Seconds),
    ('V', Field::VlanMark),
    ('v', Field::Vlan),
    ('C', Field::CountMark),
    ('c', Field::Count),
    ('#', Field::CountAlways),
    ('S', Field::Session),
    ('N', Field::Number(1)),
    ('K', Field::Number(1_000)),
    ('M', Field::Number(1_000_000)),
    ('G', Field::Number(1_000_000_000)),
];

/// A template that names no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A letter after `%` that stands for nothing.
    UnknownLetter {
        /// The letter.
        letter: char,
        /// Where it is: characters before it, plus one.
        position: usize,
    },
    /// The template ends in a single `%`.
    LonePercent,
    /// What the template expands to cannot name a file in the output directory.
    Name(NameError),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLetter { letter, position } => {
                write!(f, "%{} (character {position}) stands for nothing", letter.escape_default())?;
            }
            Self::LonePercent => f.write_str("ends in a single %; write %% for a percent sign")?,
            Self::Name(error) => return error.fmt(f),
        }
        f.write_str("; the letters are")?;
        for (letter, _) in LETTERS {
            write!(f, " %{letter}")?;
        }
        f.write_str(" %%")
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template (`None`: [`DEFAULT`]) and puts the prefixes of `flags` before it.
    ///
    /// A template without `%c` has `%C%c` appended, so that no two flows want the same file.
    ///
    /// # Errors
    /// [`TemplateError`] for letters that stand for nothing, and for templates whose names would be
    /// empty, end in `/` or contain `..`.
    pub fn parse(template: Option<&str>, flags: &NameFlags) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        for prefix in flags.prefixes.iter().rev() {
            parse_into(&mut parts, prefix_text(*prefix))?;
        }
        parse_into(&mut parts, template.unwrap_or(DEFAULT))?;
        if !parts.contains(&Part::Field(Field::Count)) {
            parse_into(&mut parts, "%C%c")?;
        }
        let (ending, portable) = (String::new(), flags.portable || cfg!(windows));
        let parsed = Self { parts, ending, count_always: flags.count, portable };
        let mut name = String::new();
        parsed.expand(&sample(), 0, &mut name);
        relative(&name).map_err(TemplateError::Name)?;
        Ok(parsed)
    }

    /// The same names with `ending` after each.
    #[must_use]
    pub fn with_ending(mut self, ending: &str) -> Self {
        self.parts.push(Part::Text(ending.to_owned()));
        self.ending = ending.to_owned();
        self
    }

    /// Where a file with an expanded name is, below the output directory, and the name as it was meant where that
    /// is another one (see [`portable`]).
    ///
    /// # Errors
    /// [`NameError`].
    pub fn place(&self, name: &str) -> Result<(String, Option<Box<str>>), NameError> {
        let path = relative(name)?;
        if !self.portable {
            return Ok((path, None));
        }
        let mut stored = portable::stored(&path);
        if !stored.ends_with(&self.ending)
            && let Some(stem) = path.strip_suffix(&self.ending)
        {
            // Too long, and cut: what it is still shows.
            stored = portable::stored(stem) + &self.ending;
        }
        let original = (stored != path).then(|| path.into_boxed_str());
        Ok((stored, original))
    }

    /// Appends the name of a flow to `out`, behind its numbered directory. `count` is how many files of this name there are already.
    pub fn expand(&self, facts: &FlowFacts, count: u32, out: &mut String) {
        // As bytes: one look at the whole whether it is UTF-8 takes less than one at each of a dozen parts.
        let mut bytes = std::mem::take(out).into_bytes();
        let written = self.put(facts, count, &mut bytes);
        debug_assert!(written.is_ok(), "writing to memory cannot fail");
        *out = String::from_utf8(bytes).unwrap_or_default();
    }

    /// What tells the name of a flow (with count 0) from nearly all others, under this hasher. `text` is memory for it.
    pub fn hash(&self, facts: &FlowFacts, hasher: &impl BuildHasher, text: &mut String) -> u64 {
        text.clear();
        self.expand(facts, 0, text);
        hasher.hash_one(text.as_str())
    }

    fn put(&self, facts: &FlowFacts, count: u32, out: &mut Vec<u8>) -> io::Result<()> {
        if facts.directory > 0 {
            write!(out, "{:06}/", facts.directory)?;
        }
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Field(field) => self.field(*field, facts, count, out)?,
            }
        }
        Ok(())
    }

    fn field(&self, field: Field, facts: &FlowFacts, count: u32, out: &mut Vec<u8>) -> io::Result<()> {
        let Opened { key, link, time, session, .. } = &facts.opened;
        let counted = count > 0 || self.count_always;
        match field {
            Field::SourceAddress => return address(key.source, out),
            Field::SourcePort => five_digits(key.source_port, out),
            Field::DestinationAddress => return address(key.destination, out),
            Field::DestinationPort => five_digits(key.destination_port, out),
            Field::SourceMac => return mac(link.source_mac, out),
            Field::DestinationMac => return mac(link.destination_mac, out),
            Field::Iso => return write!(out, "{}", Utc(Timestamp::new(time.seconds(), 0))),
            Field::Seconds => return write!(out, "{}", time.seconds()),
            Field::VlanMark if !link.vlans().is_empty() => out.extend_from_slice(b"--"),
            Field::Vlan => return link.vlans().first().map_or(Ok(()), |vlan| write!(out, "{vlan}")),
            Field::CountMark if counted => out.push(b'c'),
            Field::Count if counted => return write!(out, "{count}"),
            Field::VlanMark | Field::CountMark | Field::Count => {}
            Field::CountAlways => return write!(out, "{count}"),
            Field::Session => return write!(out, "{session:020}"),
            Field::Number(unit) => three_digits((facts.number / unit % 1000) as u16, out),
        }
        Ok(())
    }
}

const fn prefix_text(prefix: NamePrefix) -> &'static str {
    match prefix {
        NamePrefix::Seconds => "%tT",
        NamePrefix::Iso => "%T",
        NamePrefix::Thousand => "%K/",
        NamePrefix::Million => "%M000-%M999/%M%K/",
        NamePrefix::Billion => "%G000000-%G999999/%G%M000-%G%M999/%G%M%K/",
    }
}

fn parse_into(parts: &mut Vec<Part>, template: &str) -> Result<(), TemplateError> {
    let mut text = String::new();
    let mut letters = template.chars().enumerate();
    while let Some((_, letter)) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let (place, letter) = letters.next().ok_or(TemplateError::LonePercent)?;
        if letter == '%' {
            text.push('%');
            continue;
        }
        let Some((_, field)) = LETTERS.iter().find(|(known, _)| *known == letter) else {
            return Err(TemplateError::UnknownLetter { letter, position: place + 1 });
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Field(*field));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(())
}

fn address(address: IpAddr, out: &mut Vec<u8>) -> io::Result<()> {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            three_digits(a.into(), out);
            for octet in [b, c, d] {
                out.push(b'.');
                three_digits(octet.into(), out);
            }
            Ok(())
        }
        // inet_ntop writes the deprecated IPv4-compatible addresses (RFC 4291, 2.5.5.1) with dots.
        IpAddr::V6(address) => match address.segments() {
            [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
                write!(out, "::{}", Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
            }
            _ => write!(out, "{address}"),
        },
    }
}

/// The last three digits of a number. Every name has ten numbers: many times as fast as formatting directives.
fn three_digits(number: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&digits::THREE[usize::from(number) % 1000]);
}

/// A number with five digits.
fn five_digits(number: u16, out: &mut Vec<u8>) {
    let ([a, b], [c, d, e]) =
        (digits::TWO[usize::from(number) / 1000], digits::THREE[usize::from(number) % 1000]);
    out.extend_from_slice(&[a, b, c, d, e]);
}

/// Links without MAC addresses have zeros, so that the shape of the name stays the same.
fn mac(mac: Option<[u8; 6]>, out: &mut Vec<u8>) -> io::Result<()> {
    let [a, b, c, d, e, f] = mac.unwrap_or_default();
    write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// A flow with something for every letter, to try a template on.
fn sample() -> FlowFacts {
    let mut link = LinkInfo::default();
    // The list of a default LinkInfo is empty: there is room.
    let _ = link.vlans.push(1);
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let key = FlowKey { source: any, destination: any, source_port: 0, destination_port: 0 };
    let mut opened = tapflow_core::Opened::new(key, Timestamp(0), 0, true);
    (opened.link, opened.syn) = (link, true);
    FlowFacts::new(Flow { slot: 0, number: 0 }, &opened, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::testing::{facts, facts_between};

    fn flags(letters: &str) -> NameFlags {
        let mut flags = NameFlags::default();
        for letter in letters.chars() {
            match letter {
                't' => flags.prefixes.push(NamePrefix::Seconds),
                'T' => flags.prefixes.push(NamePrefix::Iso),
                'k' => flags.prefixes.push(NamePrefix::Thousand),
                'm' => flags.prefixes.push(NamePrefix::Million),
                'g' => flags.prefixes.push(NamePrefix::Billion),
                _ => flags.count = true,
            }
        }
        flags
    }

    fn name_of(facts: &FlowFacts, template: Option<&str>, letters: &str, count: u32) -> String {
        let mut name = String::new();
        Template::parse(template, &flags(letters)).expect("a valid template").expand(facts, count, &mut name);
        name
    }

    fn name(template: &str) -> String {
        name_of(&facts(0), Some(template), "", 0)
    }

    #[test]
    fn default_names_are_addresses_and_ports_padded() {
        assert_eq!(name_of(&facts(0), None, "", 0), "010.001.002.003.01234-192.168.005.006.00080");
        assert_eq!(name_of(&facts(0), None, "", 2), "010.001.002.003.01234-192.168.005.006.00080c2");
    }

    #[test]
    fn each_letter() {
        let mut flow = facts(1_002_003_004);
        flow.opened.session = 77;
        let mut link = LinkInfo::default();
        link.source_mac = Some([0, 1, 2, 3, 0xab, 0xff]);
        link.vlans.extend([100, 7]);
        flow.opened.link = (&link).into();
        let expect = |template: &str, count, expected: &str| {
            assert_eq!(name_of(&flow, Some(template), "", count), expected, "{template}");
        };
        expect("%A %a %B %b%c", 0, "010.001.002.003 01234 192.168.005.006 00080");
        expect("%E %e%c", 0, "00:01:02:03:ab:ff 00:00:00:00:00:00");
        expect("%T %t%c", 0, "2023-11-14T22:13:20Z 1700000000");
        expect("x%V%v%c", 0, "x--100");
        expect("x%C%c-%#", 0, "x-0");
        expect("x%C%c-%#", 1, "xc1-1");
        expect("%S%c", 0, "00000000000000000077");
        expect("%N %K %M %G%c", 0, "004 003 002 001");
        expect("100%%%c", 0, "100%");
    }

    #[test]
    fn without_vlan_both_letters_are_empty() {
        assert_eq!(name("x%V%vy"), "xy");
    }

    #[test]
    fn ipv6_addresses_are_as_inet_ntop_prints_them() {
        let printed =
            |source: &str| name_of(&facts_between(source, "2001:db8:0:0:1:0:0:1"), Some("%A %B"), "", 0);
        for (address, text) in [
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("::1.2.3.4", "::1.2.3.4"),
            ("::1", "::1"),
            ("::", "::"),
            ("64:ff9b::102:304", "64:ff9b::102:304"),
            ("fe80:0:1::", "fe80:0:1::"),
        ] {
            assert_eq!(printed(address), format!("{text} 2001:db8::1:0:0:1"));
        }
    }

    #[test]
    fn a_template_without_the_count_has_it_appended() {
        let second = |template| name_of(&facts(0), Some(template), "", 1);
        assert_eq!(second("a"), "ac1");
        assert_eq!(second("a%c.bin"), "a1.bin");
        assert_eq!(second("a%#"), "a1c1");
        assert_eq!(second("a%%c"), "a%cc1");
    }

    #[test]
    fn letters_of_f_prepend_from_left_to_right() {
        let name = |letters| name_of(&facts(0), Some("%a"), letters, 0);
        assert_eq!(name("t"), "1700000000T01234");
        assert_eq!(name("T"), "2023-11-14T22:13:20Z01234");
        assert_eq!(name("tT"), "2023-11-14T22:13:20Z1700000000T01234");
        assert_eq!(name("k"), "000/01234");
        assert_eq!(name("m"), "000000-000999/000000/01234");
        assert_eq!(name("g"), "000000000-000999999/000000000-000000999/000000000/01234");
        assert_eq!(name("kt"), "1700000000T000/01234");
        assert_eq!(name("km"), "000000-000999/000000/000/01234");
    }

    #[test]
    fn bins_count_flows() {
        let name = |number, letters| name_of(&facts(number), Some("%N"), letters, 0);
        assert_eq!(name(1_234_567, "k"), "234/567");
        assert_eq!(name(1_234_567, "m"), "001000-001999/001234/567");
        assert_eq!(name(5_001_234_567, "g"), "005000000-005999999/005001000-005001999/005001234/567");
    }

    #[test]
    fn letter_c_puts_the_count_on_every_name() {
        assert_eq!(name_of(&facts(0), Some("%a"), "c", 0), "01234c0");
        assert_eq!(name_of(&facts(0), Some("%a"), "c", 1), "01234c1");
        assert_eq!(name_of(&facts(0), Some("%a.%c"), "c", 0), "01234.0");
    }

    #[test]
    fn errors_name_the_letter_its_place_and_the_valid_letters() {
        let error = |template| Template::parse(Some(template), &flags("k")).expect_err(template);
        assert_eq!(error("a%Zb"), TemplateError::UnknownLetter { letter: 'Z', position: 3 });
        assert_eq!(
            error("a%Zb").to_string(),
            "%Z (character 3) stands for nothing; \
             the letters are %A %a %B %b %E %e %T %t %V %v %C %c %# %S %N %K %M %G %%"
        );
        assert_eq!(error("a%"), TemplateError::LonePercent);
        assert!(error("%\n").to_string().starts_with("%\\n (character 2)"));
    }

    #[test]
    fn templates_whose_names_are_no_names_are_refused() {
        for template in ["", "%C%c", "%A/", "../%A", "a/../%A", "a/..", "x\0y"] {
            let parsed = Template::parse(Some(template), &NameFlags::default());
            assert!(matches!(parsed, Err(TemplateError::Name(_))), "{template:?}");
        }
    }
}
