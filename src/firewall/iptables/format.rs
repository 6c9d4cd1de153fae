//! Layer 4 in iptables' words: one alternative a rule.

use crate::firewall::Fault;
use crate::firewall::text::fault;
use crate::ir::packet::{HopLimit, Rule, TcpFlags};
use crate::ir::{L4Kind, Origin};
use crate::net::{Family, PortSet, ProtocolSet, icmp};

/// Ports in one multiport match; a range counts twice (`XT_MULTI_PORTS`).
const MULTIPORT: usize = 15;
/// More alternatives than this are no rule that anybody could read.
const MOST: usize = 512;

/// What a rule says above the addresses.
#[derive(Debug)]
pub(super) struct Spelled {
    /// Any of these; each ends in a blank unless it is empty.
    pub(super) alternatives: Vec<String>,
    /// But none of these protocols.
    pub(super) except: Vec<u8>,
}

/// Spells the protocols, ports, types, flags and hop limit of a rule for a family.
pub(super) fn layer4(rule: &Rule, family: Family) -> Result<Spelled, Fault> {
    let origin = rule.origins.first();
    let (mut alternatives, except) = match rule.l4.kind() {
        L4Kind::Any => (vec![String::new()], Vec::new()),
        L4Kind::Protocols(set) => whole(set, origin)?,
        L4Kind::Ports { protocols, source, destination } => {
            (ports(protocols, source, destination), Vec::new())
        }
        L4Kind::Icmp(words) | L4Kind::Icmpv6(words) => (types(words, family, origin)?, Vec::new()),
    };
    if alternatives.len() > MOST {
        let message = format!("a rule needs {} combinations of ports or types", alternatives.len());
        return Err(fault(message, origin, "split the rule"));
    }
    let mut further = String::new();
    if rule.tcp_flags == TcpFlags::AckOrRst {
        further += "! --tcp-flags ACK,RST NONE ";
    }
    if let HopLimit::Exactly(hop) = rule.hop_limit {
        further += &match family {
            Family::V4 => format!("-m ttl --ttl-eq {hop} "),
            Family::V6 => format!("-m hl --hl-eq {hop} "),
        };
    }
    alternatives.iter_mut().for_each(|words| words.push_str(&further));
    Ok(Spelled { alternatives, except })
}

/// Whole protocols: listed, or every one but those listed, whichever is shorter.
///
/// `-p 0` means *any* protocol to iptables, so protocol 0 is never listed.
fn whole(set: &ProtocolSet, origin: Option<&Origin>) -> Result<(Vec<String>, Vec<u8>), Fault> {
    let numbers = |set: &ProtocolSet| -> Vec<u8> {
        set.ranges().iter().flat_map(|(low, high)| *low..=*high).collect()
    };
    let (listed, others) = (numbers(set), numbers(&set.complement()));
    let others_sayable = !others.contains(&0);
    if !listed.contains(&0) && (listed.len() <= others.len() || !others_sayable) {
        return Ok((listed.iter().map(|number| format!("-p {number} ")).collect(), Vec::new()));
    }
    if others_sayable {
        return Ok((vec![String::new()], others));
    }
    let message = "protocol 0 cannot be told from any protocol";
    Err(fault(message, origin, "leave out protocol 0 (IPv6 hop-by-hop options)"))
}

fn ports(protocols: &ProtocolSet, source: &PortSet, destination: &PortSet) -> Vec<String> {
    // One rule takes one multiport match: where both sides need one, the source ports stand alone.
    let both = source.ranges().len() > 1 && destination.ranges().len() > 1;
    let sources = port_words(source, "sport", if both { 0 } else { MULTIPORT });
    let destinations = port_words(destination, "dport", MULTIPORT);
    let mut alternatives = Vec::new();
    for number in protocols.ranges().iter().flat_map(|(low, high)| *low..=*high) {
        let name = crate::net::protocol::name(number).unwrap_or_default();
        for source in &sources {
            for destination in &destinations {
                // Without `-m tcp`, multiport would take `--dport` for its own `--dports`.
                alternatives.push(format!("-p {name} -m {name} {source}{destination}"));
            }
        }
    }
    alternatives
}

/// The ports of one side: as few matches as a multiport match of so many slots allows, or one range each.
fn port_words(set: &PortSet, side: &str, most: usize) -> Vec<String> {
    if set.is_all() {
        return vec![String::new()];
    }
    let spell = |(low, high): &(u16, u16)| {
        if low == high { low.to_string() } else { format!("{low}:{high}") }
    };
    if set.ranges().len() == 1 || most == 0 {
        return set.ranges().iter().map(|range| format!("--{side} {} ", spell(range))).collect();
    }
    let mut matches: Vec<(usize, Vec<String>)> = Vec::new();
    for range in set.ranges() {
        let slots = if range.0 == range.1 { 1 } else { 2 };
        match matches.last_mut().filter(|(used, _)| used + slots <= most) {
            Some((used, list)) => {
                *used += slots;
                list.push(spell(range));
            }
            None => matches.push((slots, vec![spell(range)])),
        }
    }
    let multiport =
        |(_, list): (usize, Vec<String>)| format!("-m multiport --{side}s {} ", list.join(","));
    matches.into_iter().map(multiport).collect()
}

/// ICMP types, whole or code by code.
fn types(words: &PortSet, family: Family, origin: Option<&Origin>) -> Result<Vec<String>, Fault> {
    let lead = match family {
        Family::V4 => "-p icmp -m icmp --icmp-type",
        Family::V6 => "-p ipv6-icmp -m icmp6 --icmpv6-type",
    };
    let mut alternatives = Vec::new();
    for ty in 0..=u8::MAX {
        let codes = words.intersection(&icmp::all_codes(ty));
        if codes.is_empty() {
            continue;
        }
        if family == Family::V4 && ty == u8::MAX {
            let message = "ICMP type 255 means any type to iptables";
            return Err(fault(message, origin, "leave out type 255, which is reserved"));
        }
        if codes == icmp::all_codes(ty) {
            alternatives.push(format!("{lead} {ty} "));
            continue;
        }
        let each = codes.ranges().iter().flat_map(|(low, high)| *low..=*high);
        alternatives.extend(each.map(|word| format!("{lead} {ty}/{} ", icmp::split(word).1)));
    }
    Ok(alternatives)
}
