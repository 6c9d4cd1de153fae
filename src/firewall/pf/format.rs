//! Addresses, protocols and ports in pf's words.

use super::TABLE;
use crate::ir::packet::TcpFlags;
use crate::ir::{L4, L4Kind};
use crate::net::protocol::{self, ICMP, ICMPV6, TCP, UDP};
use crate::net::{Family, IpSet, PortSet, ProtocolSet, icmp};
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The tables of a file, by what is in them.
#[derive(Default)]
pub(super) struct Tables {
    names: HashMap<(Family, IpSet), String>,
    /// Name and prefixes, in the order in which the rules need them.
    pub(super) list: Vec<(String, Vec<String>)>,
}

impl Tables {
    /// Spells one side of a rule: `any`, one prefix, or a table.
    pub(super) fn side(&mut self, set: &IpSet, family: Family, name: &str) -> String {
        let set = set.only(family);
        if set == IpSet::family(family) {
            return "any".to_owned();
        }
        let prefixes: Vec<_> = set.prefixes().map(spelled).collect();
        if let [one] = prefixes.as_slice() {
            return one.clone();
        }
        let key = (family, set);
        if let Some(known) = self.names.get(&key) {
            return format!("<{known}>");
        }
        let name = self.free(name, family);
        self.list.push((name.clone(), prefixes));
        self.names.insert(key, name.clone());
        format!("<{name}>")
    }

    /// A name that no other table has, short enough for pf.
    fn free(&self, wanted: &str, family: Family) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let family = if family == Family::V4 { "v4" } else { "v6" };
        let whole: String = format!("{wanted}_{family}").chars().map(plain).collect();
        let taken = |name: &String| self.list.iter().any(|(known, _)| known == name);
        if whole.len() <= TABLE && !taken(&whole) {
            return whole;
        }
        let hex: String = Sha256::digest(format!("{whole} {}", self.list.len()))
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let head: String = whole.chars().take(TABLE - 9).collect();
        format!("{head}_{}", hex.get(..8).unwrap_or_default())
    }
}

fn spelled(net: IpNet) -> String {
    match net {
        _ if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        _ => net.to_string(),
    }
}

/// What of a rule stands around its addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Around {
    /// `proto tcp`, or nothing.
    pub(super) protocol: String,
    /// ` port 53` behind `from`.
    pub(super) source: String,
    /// ` port 443` behind `to`.
    pub(super) destination: String,
    /// `icmp-type 8 code 0`.
    pub(super) icmp: String,
    /// `flags A/A`; nothing where pf looks at none.
    pub(super) flags: Option<&'static str>,
    /// Whether TCP packets match.
    pub(super) tcp: bool,
    /// The protocols without TCP, where others match too; flags go with TCP alone.
    pub(super) but_tcp: Option<String>,
}

/// Spells a layer 4 set in a family: one or several pf rules.
///
/// # Errors
/// What pf cannot match.
pub(super) fn around(l4: &L4, flags: TcpFlags, family: Family) -> Result<Vec<Around>, String> {
    Ok(match l4.kind() {
        L4Kind::Any => {
            vec![Around { tcp: true, but_tcp: Some(String::new()), ..Around::default() }]
        }
        L4Kind::Protocols(set) => vec![Around {
            protocol: protocols(set)?,
            tcp: set.contains(TCP),
            but_tcp: but_tcp(set)?,
            ..Around::default()
        }],
        L4Kind::Ports { protocols: set, source, destination } => {
            if !set.is_subset(&ProtocolSet::from_ranges([(TCP, TCP), (UDP, UDP)])) {
                return Err("pf matches ports of TCP and UDP only".to_owned());
            }
            let one = Around {
                protocol: protocols(set)?,
                source: ports(source),
                destination: ports(destination),
                tcp: set.contains(TCP),
                but_tcp: but_tcp(set)?,
                ..Around::default()
            };
            match flags {
                TcpFlags::Any => vec![one],
                // pf asks for flags that are all set: either of the two is two rules.
                TcpFlags::AckOrRst => ["A/A", "R/R"]
                    .map(|flags| Around { flags: Some(flags), ..one.clone() })
                    .to_vec(),
            }
        }
        L4Kind::Icmp(words) => types(words, "icmp", "icmp-type", family == Family::V4)?,
        L4Kind::Icmpv6(words) => types(words, "icmp6", "icmp6-type", family == Family::V6)?,
    })
}

fn protocols(set: &ProtocolSet) -> Result<String, String> {
    if set.contains(0) {
        // `proto 0` means any protocol.
        return Err("pf cannot match protocol 0".to_owned());
    }
    let numbers = set.ranges().iter().flat_map(|(low, high)| *low..=*high);
    let spelled = |number: u8| match number {
        ICMP => "icmp".to_owned(),
        ICMPV6 => "icmp6".to_owned(),
        TCP | UDP => protocol::name(number).unwrap_or_default().to_owned(),
        number => number.to_string(),
    };
    let list: Vec<_> = numbers.map(spelled).collect();
    Ok(match list.as_slice() {
        [one] => format!(" proto {one}"),
        many => format!(" proto {{ {} }}", many.join(" ")),
    })
}

fn but_tcp(set: &ProtocolSet) -> Result<Option<String>, String> {
    let others = set.difference(&ProtocolSet::one(TCP));
    if others.is_empty() { Ok(None) } else { protocols(&others).map(Some) }
}

fn ports(set: &PortSet) -> String {
    if set.is_all() {
        return String::new();
    }
    let range = |(low, high): &(u16, u16)| {
        if low == high { low.to_string() } else { format!("{low}:{high}") }
    };
    let list: Vec<_> = set.ranges().iter().map(range).collect();
    match list.as_slice() {
        [one] => format!(" port {one}"),
        many => format!(" port {{ {} }}", many.join(" ")),
    }
}

fn types(words: &PortSet, name: &str, key: &str, own: bool) -> Result<Vec<Around>, String> {
    let rule =
        |icmp: String| Around { protocol: format!(" proto {name}"), icmp, ..Around::default() };
    let mut rules = Vec::new();
    for ty in (0..=u8::MAX).filter(|_| own) {
        let some = words.intersection(&icmp::all_codes(ty));
        if some.is_empty() {
            continue;
        }
        if ty == u8::MAX {
            // pf keeps a type as one more than it is, in eight bits.
            return Err("pf cannot match ICMP type 255".to_owned());
        }
        if some == icmp::all_codes(ty) {
            rules.push(rule(format!(" {key} {ty}")));
            continue;
        }
        for word in some.ranges().iter().flat_map(|(low, high)| *low..=*high) {
            let code = icmp::split(word).1;
            if code == u8::MAX {
                return Err("pf cannot match ICMP code 255".to_owned());
            }
            rules.push(rule(format!(" {key} {ty} code {code}")));
        }
    }
    Ok(rules)
}
