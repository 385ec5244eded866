//! Any template for any flow: whatever name comes out stays below the output directory.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Component, Path};

use tapflow_common::flow::FlowFacts;
use tapflow_common::naming::{NameFlags, NamePrefix, Template, path, portable};
use tapflow_core::{Flow, FlowKey, LinkInfo, Opened, Timestamp};

use super::{Material, Script};

/// The name is refused, or made of ordinary components only; in its portable form too, which leads back to it.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let facts = facts(&mut script);
    let kinds = [
        NamePrefix::Seconds,
        NamePrefix::Iso,
        NamePrefix::Thousand,
        NamePrefix::Million,
        NamePrefix::Billion,
    ];
    let letters = script.byte();
    let prefixes = kinds.into_iter().enumerate().filter(|(bit, _)| letters >> bit & 1 == 1);
    let (count, portable) = (letters >> 7 == 1, letters >> 6 & 1 == 1);
    let flags = NameFlags { prefixes: prefixes.map(|(_, kind)| kind).collect(), count, portable };
    let count = script.u32();
    let text = String::from_utf8_lossy(script.0);
    let _ = path::relative(&text).map(|name| check(&name));
    let Ok(template) = Template::parse(Some(&text), &flags) else { return };
    let mut name = String::new();
    template.expand(&facts, count, &mut name);
    let Ok((stored, original)) = template.place(&name) else { return };
    check(&stored);
    if let Some(original) = original {
        check(&original);
        assert_eq!(portable::stored(&original), stored);
        assert!(stored.contains('~') || portable::original(&stored).as_deref() == Some(&*original));
    }
}

fn check(name: &str) {
    let mut components = Path::new(name).components();
    assert!(components.clone().next().is_some());
    assert!(components.all(|component| matches!(component, Component::Normal(_))), "{name:?}");
}

fn facts(script: &mut Script<'_>) -> FlowFacts {
    let v6 = script.byte() & 1 == 1;
    let mut address = || match v6 {
        true => Ipv6Addr::from_bits(u128::from(script.u32()) << 96 | u128::from(script.u32())).into(),
        false => Ipv4Addr::from_bits(script.u32()).into(),
    };
    let (source, destination) = (address(), address());
    let key = FlowKey { source, destination, source_port: script.u16(), destination_port: script.u16() };
    let mut link = LinkInfo::default();
    if script.byte() & 1 == 1 {
        link.source_mac = script.bytes(6).try_into().ok();
        let _ = link.vlans.push(script.u16());
    }
    let time = Timestamp(u64::from(script.u32()) << 32 | u64::from(script.u32()));
    let number = u64::from(script.u32()) << 32;
    let mut opened = Opened::new(key, time, number, v6);
    (opened.link, opened.syn) = (link, v6);
    FlowFacts::new(Flow { slot: 0, number }, &opened, 0)
}

/// Usual templates and unusual ones; the capture does not matter.
#[must_use]
pub fn seeds(_: &Material) -> Vec<Vec<u8>> {
    let templates =
        ["%A.%a-%B.%b%V%v%C%c", "%T/%t/%E-%e", "%S/%K/%M/%G/%N%#%%", "../x", "a/./b//%c", "/etc/%A"];
    templates.into_iter().map(|template| [&[0; 40], template.as_bytes()].concat()).collect()
}
