//! State lowering: from who may open what to which packets pass (docs/semantics.md, 3 and 4).

use super::effective::openers;
use crate::ir::flow::{self, RuleSet};
use crate::ir::packet::{Filter, HopLimit, Rule, TcpFlags};
use crate::ir::{Direction, L4, Origin, OriginKind, Placement, StateMode, baseline_rules};
use crate::net::protocol::{ICMP, ICMPV6, TCP, has_ports};
use crate::net::{Family, IpSet, PortSet, ProtocolSet, icmp};

/// Returns the packets that pass so that the policy's flows work at this firewall.
pub fn lower(policy: &RuleSet, placement: &Placement, state: StateMode) -> Filter {
    let rules = |way| {
        let mut rules = baseline_rules(policy.baseline, placement, way);
        if state == StateMode::Stateless {
            rules.extend(openers(policy, way.reverse()).iter().flat_map(returns));
            rules.extend(related(policy, way));
        }
        rules.extend(policy.rules.iter().filter(|rule| rule.direction == way).map(opening));
        rules
    };
    Filter {
        name: policy.name.clone(),
        placement: placement.clone(),
        state,
        loopback: policy.baseline.loopback(),
        inbound: rules(Direction::Inbound),
        outbound: rules(Direction::Outbound),
        defaults: policy.defaults,
    }
}

/// The packets that open what a flow rule speaks of.
fn opening(rule: &flow::Rule) -> Rule {
    Rule {
        action: rule.action,
        source: rule.source.clone(),
        destination: rule.destination.clone(),
        l4: rule.l4.clone(),
        tcp_flags: TcpFlags::Any,
        hop_limit: HopLimit::Any,
        log: rule.log.clone(),
        origins: rule.origins.clone(),
    }
}

/// The packets that answer what an effective opener opens.
fn returns(opener: &flow::Rule) -> Vec<Rule> {
    let protocols = opener.l4.protocol_set();
    let tcp = protocols.intersection(&ProtocolSet::one(TCP));
    let tcp = ported_return(opener, tcp, TcpFlags::AckOrRst);
    let others = protocols.intersection(&where_ports(true)).difference(&ProtocolSet::one(TCP));
    let others = ported_return(opener, others, TcpFlags::Any);
    let whole = protocols.intersection(&where_ports(false));
    let whole = mirrored(opener, L4::protocols(whole), TcpFlags::Any);
    let echoes = Family::BOTH.into_iter().filter_map(|family| icmp_return(opener, family));
    [tcp, others, whole].into_iter().flatten().chain(echoes).collect()
}

/// The protocols with ports, or those that have neither ports nor ICMP words.
fn where_ports(wanted: bool) -> ProtocolSet {
    let fits = |p: &u8| has_ports(*p) == wanted && !matches!(*p, ICMP | ICMPV6);
    ProtocolSet::from_ranges((0..=u8::MAX).filter(fits).map(|p| (p, p)))
}

/// Replies keep the responder's port and come back to the initiator's.
fn ported_return(opener: &flow::Rule, protocols: ProtocolSet, flags: TcpFlags) -> Option<Rule> {
    let to_initiator = opener.l4.source().intersection(&opener.ephemeral);
    if protocols.is_empty() || to_initiator.is_empty() {
        return None;
    }
    mirrored(opener, L4::product(protocols, opener.l4.destination().clone(), to_initiator), flags)
}

/// An echo or timestamp request is answered by its reply, with the same code.
fn icmp_return(opener: &flow::Rule, family: Family) -> Option<Rule> {
    let (number, make) = match family {
        Family::V4 => (ICMP, L4::icmp as fn(PortSet) -> L4),
        Family::V6 => (ICMPV6, L4::icmpv6 as fn(PortSet) -> L4),
    };
    if !opener.l4.protocol_set().contains(number) {
        return None;
    }
    let answers = icmp::requests(family).iter().flat_map(|request| {
        let asked = opener.l4.destination().intersection(&icmp::all_codes(*request));
        let reply = icmp::reply_of(family, *request).unwrap_or_default();
        let answer = move |word: u16| icmp::word(reply, icmp::split(word).1);
        let ranges: Vec<_> = asked.ranges().iter().map(|(a, b)| (answer(*a), answer(*b))).collect();
        ranges
    });
    let mut rule = mirrored(opener, make(PortSet::from_ranges(answers)), TcpFlags::Any)?;
    rule.source = rule.source.only(family);
    rule.destination = rule.destination.only(family);
    (!rule.source.is_empty()).then_some(rule)
}

/// A rule for the other way round; `None` when it would match nothing.
fn mirrored(opener: &flow::Rule, l4: L4, tcp_flags: TcpFlags) -> Option<Rule> {
    if l4.is_empty() {
        return None;
    }
    let origins = opener.origins.iter().map(|o| Origin { kind: OriginKind::Return, ..o.clone() });
    Some(Rule {
        tcp_flags,
        origins: origins.collect(),
        ..Rule::allow(
            opener.destination.clone(),
            opener.source.clone(),
            l4,
            Origin::new(OriginKind::Return, ""),
        )
    })
}

/// ICMP errors about allowed flows; on a stateful firewall they are *related* and need no rule.
fn related(policy: &RuleSet, way: Direction) -> Vec<Rule> {
    let to = policy.endpoints(way);
    let rule = |family, l4| {
        let origin = Origin::new(OriginKind::Related, "icmp-errors");
        let rule = Rule::allow(IpSet::family(family), to.only(family), l4, origin);
        (!rule.destination.is_empty()).then_some(rule)
    };
    let v4 = rule(Family::V4, L4::icmp(icmp::errors(Family::V4)));
    let v6 = rule(Family::V6, L4::icmpv6(icmp::errors(Family::V6)));
    v4.into_iter().chain(v6).collect()
}
