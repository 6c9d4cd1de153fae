//! From packet rules to numbered rules. A rule is the product of its four sets (addresses and ports of both
//! ends) in one family and one protocol.

use super::options::Options;
use crate::diag::Code;
use crate::firewall::Fault;
use crate::firewall::entries::aws::comment;
use crate::ir::packet::{Filter, Rule as PacketRule};
use crate::ir::{Action, Direction, Origin};
use crate::net::protocol::{self, ICMP, ICMPV6, TCP, UDP};
use crate::net::{Family, IpSet, PortSet};
use std::collections::BTreeSet;

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    /// Where it comes from.
    pub(super) comment: String,
    pub(super) priority: u16,
    pub(super) outbound: bool,
    pub(super) allow: bool,
    /// Azure's word.
    pub(super) protocol: &'static str,
    pub(super) source: End,
    pub(super) destination: End,
}

/// One end of a rule; empty lists are any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct End {
    pub(super) prefixes: Vec<String>,
    pub(super) ports: Vec<String>,
}

/// The priorities of the rules that close a direction: over both halves of IPv6, and over everything.
pub(super) const CLOSING: [u16; 2] = [4095, 4096];

/// Which part of a packet rule a rule is: its place among the rule's priorities, the protocol's number and
/// Azure's word. A part has its own place, so that a new family or protocol moves no other part.
type Part = (u16, Family, Option<u8>, &'static str);

const ESP: u8 = 50;
const AH: u8 = 51;

const PARTS: [Part; 9] = [
    (0, Family::V4, Some(TCP), "Tcp"),
    (1, Family::V4, Some(UDP), "Udp"),
    (2, Family::V4, Some(ICMP), "Icmp"),
    (3, Family::V4, Some(ESP), "Esp"),
    (4, Family::V4, Some(AH), "Ah"),
    (5, Family::V6, Some(TCP), "Tcp"),
    (6, Family::V6, Some(UDP), "Udp"),
    (7, Family::V6, Some(ESP), "Esp"),
    (8, Family::V6, Some(AH), "Ah"),
];

/// The parts of a rule for every protocol.
const WHOLE: [Part; 2] = [(0, Family::V4, None, "*"), (5, Family::V6, None, "*")];

/// Plans both directions.
pub(super) fn plan(filter: &Filter, options: &Options) -> Result<Vec<Rule>, Vec<Fault>> {
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    for way in [Direction::Inbound, Direction::Outbound] {
        match direction(filter, way, options.first_priority) {
            Ok(planned) => rules.extend(planned),
            Err(more) => faults.extend(more),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    name(&mut rules);
    Ok(rules)
}

/// Plans one direction: its rules, and those that close it.
fn direction(filter: &Filter, way: Direction, first: u16) -> Result<Vec<Rule>, Vec<Fault>> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut groups = Vec::new();
    for rule in filter.rules(way) {
        match of_rule(rule, way) {
            Ok(parts) => groups.push(parts),
            Err(fault) => faults.push(*fault),
        }
    }
    let default = filter.defaults.of(way);
    if default == Action::Reject {
        faults.push(fault(REJECT, None, "write `drop`"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut rules = numbered(groups, first).ok_or_else(|| vec![no_room(way, first)])?;
    rules.extend(closing(way, default == Action::Allow));
    Ok(rules)
}

/// Numbers the parts of each rule; `None` when there are more than priorities.
fn numbered(groups: Vec<Vec<(u16, Rule)>>, first: u16) -> Option<Vec<Rule>> {
    let room = CLOSING[0].saturating_sub(first);
    let last = |gap: u16| {
        let rules = u16::try_from(groups.len()).ok()?.saturating_sub(1);
        let part = groups.last().and_then(|parts| parts.last()).map_or(0, |(at, _)| *at);
        rules.checked_mul(gap)?.checked_add(part)
    };
    let fits = |gap: &u16| last(*gap).is_some_and(|last| last < room);
    let gap = [100, 50, 20, 10].into_iter().find(fits);
    let mut rules = Vec::new();
    for (index, parts) in groups.into_iter().enumerate() {
        for (at, rule) in parts {
            let offset = match gap {
                Some(gap) => u16::try_from(index).ok()?.checked_mul(gap)?.checked_add(at)?,
                None => u16::try_from(rules.len()).ok()?,
            };
            if offset >= room {
                return None;
            }
            rules.push(Rule { priority: first + offset, ..rule });
        }
    }
    Some(rules)
}

const REJECT: &str = "a network security group drops in silence: it cannot reject";

/// Returns the parts of a packet rule, with their places.
fn of_rule(rule: &PacketRule, way: Direction) -> Result<Vec<(u16, Rule)>, Box<Fault>> {
    sayable(rule)?;
    let numbers = rule.l4.protocol_set();
    let parts: Vec<Part> = match numbers.is_all() {
        true => WHOLE.to_vec(),
        false => {
            let named = |part: &&Part| part.2.is_some_and(|number| numbers.contains(number));
            PARTS.iter().filter(named).copied().collect()
        }
    };
    let there = |(_, family, ..): &Part| rule.source.has(*family) && rule.destination.has(*family);
    Ok(parts.into_iter().filter(there).map(|part| (part.0, of_part(rule, way, part))).collect())
}

fn of_part(rule: &PacketRule, way: Direction, (_, family, _, word): Part) -> Rule {
    let (source, destination) = (rule.source.only(family), rule.destination.only(family));
    let any = |set: &IpSet| *set == IpSet::family(family);
    // With one side bound to a family, `*` on the other is of that family too; where neither is, both are
    // bound by halves: `0.0.0.0/0` is said to mean both families.
    let both = any(&source) && any(&destination);
    let prefixes = |set: &IpSet| match any(set) {
        true if both => halves(family),
        true => Vec::new(),
        false => set.prefixes().map(|prefix| prefix.to_string()).collect(),
    };
    let protocol = word.to_ascii_lowercase();
    let protocol = if word == "*" { "any" } else { &protocol };
    Rule {
        name: format!("{}-{}-{protocol}-{}", short(way), id(rule), short_family(family)),
        comment: comment(rule),
        priority: 0,
        outbound: way == Direction::Outbound,
        allow: rule.action == Action::Allow,
        protocol: word,
        source: End { prefixes: prefixes(&source), ports: ports(rule.l4.source()) },
        destination: End { prefixes: prefixes(&destination), ports: ports(rule.l4.destination()) },
    }
}

/// Returns the whole of a family in two prefixes.
fn halves(family: Family) -> Vec<String> {
    let halves = match family {
        Family::V4 => ["0.0.0.0/1", "128.0.0.0/1"],
        Family::V6 => ["::/1", "8000::/1"],
    };
    halves.map(str::to_owned).to_vec()
}

/// Returns the ranges of ports as Azure writes them; none where all are meant.
fn ports(set: &PortSet) -> Vec<String> {
    if set.is_all() {
        return Vec::new();
    }
    let range = |(low, high): &(u16, u16)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    };
    set.ranges().iter().map(range).collect()
}

/// Returns the rules that decide what no rule before them does.
fn closing(way: Direction, allow: bool) -> [Rule; 2] {
    let rule = |name: String, priority: u16, prefixes: Vec<String>| {
        let end = End { prefixes, ports: Vec::new() };
        Rule {
            name,
            comment: format!("default {way}"),
            priority,
            outbound: way == Direction::Outbound,
            allow,
            protocol: "*",
            source: end.clone(),
            destination: end,
        }
    };
    let [v6, all] = CLOSING;
    let name = format!("{}-default", short(way));
    [rule(format!("{name}-v6"), v6, halves(Family::V6)), rule(name, all, Vec::new())]
}

fn short(way: Direction) -> &'static str {
    if way == Direction::Outbound { "out" } else { "in" }
}

fn short_family(family: Family) -> &'static str {
    if family == Family::V4 { "v4" } else { "v6" }
}

/// The longest id in a rule's name: with direction, protocol, family and a number it has at most 65 bytes,
/// beyond which flow logs may cut it.
const LONGEST_ID: usize = 45;

/// Returns the id of the rule that a packet rule comes from first, in the characters of Azure's names.
fn id(rule: &PacketRule) -> String {
    let id = rule.origins.first().map_or("rule", |origin| origin.rule.as_str());
    plain(id).chars().take(LONGEST_ID).collect()
}

/// Makes a text of the characters of Azure's names.
pub(super) fn plain(text: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    text.chars().map(|c| if known(c) { c } else { '-' }).collect()
}

/// Tells names apart that are one to Azure, which leaves case out of account.
fn name(rules: &mut [Rule]) {
    let mut known = BTreeSet::new();
    for rule in rules {
        let stem = rule.name.clone();
        let mut number = 2;
        while !known.insert(rule.name.to_ascii_lowercase()) {
            rule.name = format!("{stem}-{number}");
            number += 1;
        }
    }
}

/// Refuses what a rule cannot say.
fn sayable(rule: &PacketRule) -> Result<(), Box<Fault>> {
    let refused =
        |message: &str, help: &str| Err(Box::new(fault(message, rule.origins.first(), help)));
    if rule.log.is_some() {
        return refused(
            "a network security group cannot log single rules",
            "use virtual network flow logs, and remove `log`",
        );
    }
    if rule.action == Action::Reject {
        return refused(REJECT, "write `drop`");
    }
    let numbers = rule.l4.protocol_set();
    if numbers.is_all() {
        return Ok(());
    }
    if numbers.contains(ICMPV6) && rule.source.has(Family::V6) && rule.destination.has(Family::V6) {
        return refused(
            "a network security group has no word for ICMPv6",
            "only a rule for every protocol reaches it (`service: any`): write one, or leave it to another target",
        );
    }
    let known = [ICMP, ICMPV6, TCP, UDP, ESP, AH];
    let mut all = numbers.ranges().iter().flat_map(|(low, high)| *low..=*high);
    if let Some(number) = all.find(|number| !known.contains(number)) {
        let name = protocol::name(number).map_or_else(|| number.to_string(), str::to_owned);
        let message = format!(
            "a network security group has no word for protocol {name}, and Azure's virtual networks do not carry it"
        );
        return refused(
            &message,
            "leave it out, or write a rule for every protocol (`service: any`)",
        );
    }
    Ok(())
}

fn no_room(way: Direction, first: u16) -> Fault {
    let last = CLOSING[0] - 1;
    let message =
        format!("the {way} rules need more priorities than there are from {first} to {last}");
    let help = "let them begin lower (`first-priority: 100`), or allow less";
    Fault { code: Code::Quota, ..fault(&message, None, help) }
}

pub(super) fn fault(message: &str, origin: Option<&Origin>, help: &str) -> Fault {
    Fault {
        code: Code::NotExpressible,
        message: message.to_owned(),
        origin: origin.cloned(),
        help: help.to_owned(),
    }
}
