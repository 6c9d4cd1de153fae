//! The reference meaning of a policy: what it decides for one packet.

use super::flow::RuleSet;
use super::{
    Action, Direction, Packet, Path, Placement, State, StateMode, Verdict, baseline_rules,
};
use crate::net::{icmp, protocol};

/// What happens to a packet, and which part of the policy decides it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The policy does not govern this packet, and it passes.
    Ungoverned,
    /// The tracking stage: a stateless firewall takes the packet out of tracking.
    Tracking(StateMode),
    /// A host's own loopback traffic passes.
    Loopback,
    /// Connection tracking knows the flow: the packet passes.
    Tracked,
    /// Connection tracking found no flow that it belongs to: dropped.
    Invalid,
    /// The baseline's rule of that name allows it.
    Baseline(String),
    /// It is a reply to a flow that the rule with that index, or a default, allows (stateless).
    Return(Option<usize>),
    /// It is an ICMP error to an address that has flows (stateless).
    Related,
    /// The rule with that index decides.
    Rule(usize, Verdict),
    /// No rule matches; the direction's default decides.
    Default(Direction, Verdict),
}

impl Decision {
    /// Returns the verdict.
    pub fn verdict(&self) -> Verdict {
        match self {
            Decision::Tracking(StateMode::Stateless) => Verdict::Untrack,
            Decision::Invalid => Verdict::Drop,
            Decision::Rule(_, verdict) | Decision::Default(_, verdict) => *verdict,
            _ => Verdict::Accept,
        }
    }

    /// Returns why, in words that follow "by".
    pub fn reason(&self, policy: &RuleSet) -> String {
        let rule = |index: usize| {
            let origin = policy.rules.get(index).and_then(|rule| rule.origins.first());
            origin.map_or_else(String::new, |origin| format!("rule `{}`", origin.rule))
        };
        match self {
            Decision::Ungoverned => "nothing: the policy does not govern this packet".to_owned(),
            Decision::Tracking(mode) => format!("the tracking stage of a {} target", mode.word()),
            Decision::Loopback => "the host's own loopback".to_owned(),
            Decision::Tracked => "connection tracking: it belongs to a known flow".to_owned(),
            Decision::Invalid => "connection tracking: it belongs to no flow".to_owned(),
            Decision::Baseline(name) => format!("baseline `{name}`"),
            Decision::Return(Some(index)) => format!("the return rule of {}", rule(*index)),
            Decision::Return(None) => "the return rule of a default".to_owned(),
            Decision::Related => "the rule for ICMP errors about allowed flows".to_owned(),
            Decision::Rule(index, _) => rule(*index),
            Decision::Default(way, _) => format!("the {way} default"),
        }
    }
}

/// Returns whether this packet may open a flow in that direction: the action, and the index of the rule, or
/// `None` for the default.
pub fn decide_flow(policy: &RuleSet, way: Direction, packet: &Packet) -> (Action, Option<usize>) {
    let matches = |rule: &super::flow::Rule| rule.direction == way && rule.matches(packet);
    match policy.rules.iter().position(matches) {
        Some(index) => (policy.rules[index].action, Some(index)),
        None => (policy.defaults.of(way), None),
    }
}

/// Returns what is decided for a packet at a firewall with that placement and mode of connection tracking.
pub fn decide(
    policy: &RuleSet,
    placement: &Placement,
    state: StateMode,
    packet: &Packet,
) -> Decision {
    let way = match placement.path(packet.hook, packet.incoming, packet.outgoing) {
        Path::Ungoverned => return Decision::Ungoverned,
        Path::Tracking => return Decision::Tracking(state),
        Path::Loopback(_) if policy.baseline.loopback() => return Decision::Loopback,
        Path::Loopback(way) | Path::Governed(way) => way,
    };
    if state == StateMode::Stateful {
        match packet.state {
            State::Established | State::Related => return Decision::Tracked,
            State::Invalid => return Decision::Invalid,
            State::New | State::Untracked => {}
        }
    }
    let baseline = baseline_rules(policy.baseline, placement, way);
    if let Some(rule) = baseline.iter().find(|rule| rule.matches(packet)) {
        return Decision::Baseline(rule.origins[0].rule.clone());
    }
    if state == StateMode::Stateless
        && let Some(decision) = reply_or_error(policy, way, packet)
    {
        return decision;
    }
    match decide_flow(policy, way, packet) {
        (action, Some(rule)) => Decision::Rule(rule, Verdict::of(action, packet.protocol)),
        (action, None) => Decision::Default(way, Verdict::of(action, packet.protocol)),
    }
}

fn reply_or_error(policy: &RuleSet, way: Direction, packet: &Packet) -> Option<Decision> {
    if let Some(opener) = opener_of(packet) {
        let (action, rule) = decide_flow(policy, way.reverse(), &opener);
        let ports = match rule {
            Some(index) => policy.rules[index].ephemeral.clone(),
            None => policy.ephemeral(way.reverse()),
        };
        let to_initiator =
            !protocol::has_ports(packet.protocol) || ports.contains(packet.destination_port);
        let flags = packet.protocol != protocol::TCP
            || super::packet::TcpFlags::AckOrRst.admits(packet.protocol, packet.tcp_flags);
        if action == Action::Allow && to_initiator && flags {
            return Some(Decision::Return(rule));
        }
    }
    let errors = match packet.family() {
        crate::net::Family::V4 => protocol::ICMP,
        crate::net::Family::V6 => protocol::ICMPV6,
    };
    let is_error = packet.protocol == errors
        && icmp::errors(packet.family()).contains(packet.destination_port);
    (is_error && policy.endpoints(way).contains(packet.destination)).then_some(Decision::Related)
}

/// Returns the packet that would have opened the flow that this one is a reply in.
///
/// Replies of ICMP are those of echo and timestamp; an error or any other ICMP message is not a reply.
fn opener_of(packet: &Packet) -> Option<Packet> {
    let family = packet.family();
    let (source_port, destination_port) = match packet.protocol {
        protocol::ICMP | protocol::ICMPV6 => {
            let (ty, code) = icmp::split(packet.destination_port);
            let own = (packet.protocol == protocol::ICMP) == (family == crate::net::Family::V4);
            let request = icmp::requests(family)
                .iter()
                .find(|request| own && icmp::reply_of(family, **request) == Some(ty))?;
            (packet.source_port, icmp::word(*request, code))
        }
        _ => (packet.destination_port, packet.source_port),
    };
    Some(Packet {
        source: packet.destination,
        destination: packet.source,
        source_port,
        destination_port,
        ..*packet
    })
}
