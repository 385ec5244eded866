//! The table of link types in the documentation says what the code does.

use std::collections::BTreeMap;

use tapflow_core::decode::{LINK_TYPES, Reject, RejectReason, decode};
use tapflow_core::{Frame, LinkType, Timestamp};

const TABLE: &str = include_str!("../../docs/link-types.md");

/// Whether each number of the table is decoded, as the table says.
fn table() -> BTreeMap<u32, bool> {
    let mut table = BTreeMap::new();
    for row in TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| number")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, number, name, decoded, remark, _] = cells[..] else { panic!("a row of four cells: {row}") };
        assert!(!name.is_empty() && (decoded == "yes" || !remark.is_empty()), "{row}");
        let (first, last) = number.split_once('-').unwrap_or((number, number));
        for number in first.parse().unwrap()..=last.parse().unwrap() {
            let decoded = match decoded {
                "yes" => true,
                "no" => false,
                other => panic!("{other} in {row}"),
            };
            assert_eq!(table.insert(number, decoded), None, "{number} is listed twice");
        }
    }
    table
}

#[test]
fn the_table_and_the_code_agree() {
    let table = table();
    for number in 0..600 {
        let frame = Frame { link: LinkType(number), time: Timestamp(0), wire_len: 1, bytes: &[] };
        let unknown = matches!(decode(&frame), Err(Reject { reason: RejectReason::UnknownLinkType(_), .. }));
        assert_eq!(table.get(&number).copied().unwrap_or(false), !unknown, "{number}");
        assert_eq!(LINK_TYPES.contains(&LinkType(number)), !unknown, "{number}");
    }
}

#[test]
fn the_table_lists_every_number_that_libpcap_gives_a_meaning() {
    let table = table();
    // Numbers of libpcap 1.10 below which nothing is assigned: those between the values that systems wrote of
    // their own, and one that is reserved.
    let unassigned = [17].into_iter().chain(20..32).chain(33..50).chain(52..99).chain([208]);
    let unassigned: Vec<u32> = unassigned.collect();
    for number in 0..=289 {
        assert_eq!(table.contains_key(&number), !unassigned.contains(&number), "{number}");
    }
}
