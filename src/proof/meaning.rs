//! What a policy means, as a diagram: built from its flow rules and docs/semantics.md, and from nothing of
//! the passes.

use super::diagram::{
    Conjunction, Diagrams, LEFT, Node, OverBudget, UNDECIDED, Value, exchanged, terminal,
};
use super::field;
use super::program::Ranges;
use super::ranges::{common, sorted};
use super::translate::{Side, restrict};
use crate::ir::flow::{Rule, RuleSet};
use crate::ir::packet::{self, HopLimit, TcpFlags};
use crate::ir::{
    Action, Direction, Hook, L4, Path, Placement, State, StateMode, Verdict, baseline_rules,
};
use crate::net::protocol::{self, ICMP, ICMPV6, SCTP, TCP, UDP};
use crate::net::{Family, icmp};
use rustc_hash::FxHashMap;

/// Gives the diagram of what a policy means at one firewall.
pub(super) fn meaning<V: Side>(
    policy: &RuleSet,
    placement: &Placement,
    state: StateMode,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let mut builder = Builder { policy, placement, state, diagrams };
    let inbound = builder.governed(Direction::Inbound)?;
    let outbound = builder.governed(Direction::Outbound)?;
    builder.ways(inbound, outbound)
}

struct Builder<'a, V> {
    policy: &'a RuleSet,
    placement: &'a Placement,
    state: StateMode,
    diagrams: &'a mut Diagrams<V>,
}

/// What one layer 4 set is to its replies.
struct Reply<V> {
    /// Every packet whose opener could be in the set.
    all: Conjunction<V>,
    /// Those of them that are let in when the opener is allowed; `None` for none.
    admitted: Option<Conjunction<V>>,
}

impl<V: Side> Builder<'_, V> {
    /// Hooks and interfaces lead to what is done on each way.
    fn ways(&mut self, inbound: Node, outbound: Node) -> Result<Node, OverBudget> {
        let last = self.placement.other_interface();
        let mut hooks = Vec::new();
        for (at, hook) in (0u32..).zip(Hook::ALL) {
            let incomings = if hook.has_incoming() { last } else { 0 };
            let outgoings = if hook.has_outgoing() { last } else { 0 };
            let mut by_incoming = Vec::new();
            for incoming in 0..=incomings {
                let mut by_outgoing = Vec::new();
                for outgoing in 0..=outgoings {
                    let node =
                        self.way(self.placement.path(hook, incoming, outgoing), inbound, outbound);
                    by_outgoing.push((self.end(outgoing, outgoings), node));
                }
                let node = self.diagrams.node(field::OUTGOING, by_outgoing)?;
                by_incoming.push((self.end(incoming, incomings), node));
            }
            let node = self.diagrams.node(field::INCOMING, by_incoming)?;
            hooks.push((V::from_field(at), node));
        }
        self.diagrams.node(field::HOOK, hooks)
    }

    fn end(&self, at: u16, last: u16) -> V {
        if at == last { self.diagrams.maximum(field::INCOMING) } else { V::from_field(at.into()) }
    }

    fn way(&self, path: Path, inbound: Node, outbound: Node) -> Node {
        match path {
            Path::Ungoverned => terminal(Verdict::Accept),
            Path::Tracking if self.state == StateMode::Stateless => terminal(Verdict::Untrack),
            Path::Tracking => terminal(Verdict::Accept),
            Path::Loopback(_) if self.policy.baseline.loopback() => terminal(Verdict::Accept),
            Path::Governed(Direction::Inbound) | Path::Loopback(Direction::Inbound) => inbound,
            Path::Governed(Direction::Outbound) | Path::Loopback(Direction::Outbound) => outbound,
        }
    }

    /// What is done with the governed packets of a direction.
    fn governed(&mut self, way: Direction) -> Result<Node, OverBudget> {
        let mut list = self.baseline(way)?;
        if self.state == StateMode::Stateless {
            list.push(self.replies(way)?);
            list.push(self.errors(way)?);
        }
        let early = self.diagrams.first_match(&list)?;
        let mut rules = Vec::with_capacity(self.policy.rules.len());
        for rule in self.policy.rules.iter().filter(|rule| rule.direction == way) {
            rules.push(self.rule(rule)?);
        }
        let rules = self.diagrams.first_match(&rules)?;
        let default = self.action(self.policy.defaults.of(way))?;
        let rules = self.diagrams.over(rules, default)?;
        let decided = self.diagrams.over(early, rules)?;
        if self.state == StateMode::Stateless {
            return Ok(decided);
        }
        let by_state = State::ALL.map(|state| match state {
            State::Established | State::Related => terminal(Verdict::Accept),
            State::Invalid => terminal(Verdict::Drop),
            State::New | State::Untracked => decided,
        });
        self.diagrams.node(field::STATE, (0u32..).map(V::from_field).zip(by_state))
    }

    /// What an action does, by protocol.
    fn action(&mut self, action: Action) -> Result<Node, OverBudget> {
        let at = |protocol: u8| terminal(Verdict::of(action, protocol));
        let edges = [(TCP - 1, at(0)), (TCP, at(TCP)), (u8::MAX, at(u8::MAX))];
        let edges = edges.map(|(high, node)| (V::from_field(high.into()), node));
        self.diagrams.node(field::PROTOCOL, edges)
    }

    fn rule(&mut self, rule: &Rule) -> Result<Node, OverBudget> {
        let sets = product(V::of_set(&rule.source), V::of_set(&rule.destination), &rule.l4);
        let Some(sets) = sets else { return Ok(UNDECIDED) };
        match rule.action {
            Action::Allow => self.diagrams.product(&sets, terminal(Verdict::Accept)),
            Action::Drop => self.diagrams.product(&sets, terminal(Verdict::Drop)),
            Action::Reject => {
                let inside = self.diagrams.product(&sets, terminal(Verdict::Accept))?;
                let action = self.action(rule.action)?;
                self.diagrams.guard(inside, action)
            }
        }
    }

    fn baseline(&mut self, way: Direction) -> Result<Vec<Node>, OverBudget> {
        let mut list = Vec::new();
        for rule in baseline_rules(self.policy.baseline, self.placement, way) {
            list.push(self.packet_rule(&rule)?);
        }
        Ok(list)
    }

    fn packet_rule(&mut self, rule: &packet::Rule) -> Result<Node, OverBudget> {
        let sets = product(V::of_set(&rule.source), V::of_set(&rule.destination), &rule.l4);
        let Some(mut sets) = sets else { return Ok(UNDECIDED) };
        if rule.tcp_flags == TcpFlags::AckOrRst {
            restrict(&mut sets, field::TCP_FLAGS, ack_or_rst());
        }
        if let HopLimit::Exactly(hop) = rule.hop_limit {
            restrict(&mut sets, field::HOP_LIMIT, one(hop));
        }
        let action = terminal(Verdict::of(rule.action, 0));
        self.diagrams.product(&sets, action)
    }

    fn replies(&mut self, way: Direction) -> Result<Node, OverBudget> {
        replies_on(self.policy, way, self.diagrams)
    }
    /// ICMP errors to addresses that take part in an allowed flow.
    fn errors(&mut self, way: Direction) -> Result<Node, OverBudget> {
        let number = match V::FAMILY {
            Family::V4 => ICMP,
            Family::V6 => ICMPV6,
        };
        let mut ends = Vec::new();
        if Direction::BOTH.iter().any(|way| self.policy.defaults.of(*way) == Action::Allow) {
            ends.push((V::ZERO, V::MAX));
        }
        for rule in self.policy.rules.iter().filter(|rule| rule.action == Action::Allow) {
            let end = if rule.direction == way { &rule.destination } else { &rule.source };
            ends.extend(V::of_set(end));
        }
        let mut sets = vec![
            (field::PROTOCOL, one(number)),
            (field::DESTINATION_PORT, ports(icmp::errors(V::FAMILY).ranges())),
        ];
        if !restrict(&mut sets, field::DESTINATION, sorted(&ends)) {
            return Ok(UNDECIDED);
        }
        self.diagrams.product(&sets, terminal(Verdict::Accept))
    }
}

/// The replies to flows that the other direction may open. The first rule that matches the opener decides;
/// one that refuses lets nothing in, and hides later ones.
pub(super) fn replies_on<V: Side>(
    policy: &RuleSet,
    way: Direction,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let opening = way.reverse();
    let mut list = Vec::new();
    for rule in policy.rules.iter().filter(|rule| rule.direction == opening) {
        let (from, to) = (V::of_set(&rule.source), V::of_set(&rule.destination));
        let ephemeral = ports(rule.ephemeral.ranges());
        replies_to(rule.action, (from, to), &rule.l4, ephemeral, diagrams, &mut list)?;
    }
    let all = [(V::ZERO, V::MAX)];
    let ephemeral = ports(policy.ephemeral(opening).ranges());
    let default = policy.defaults.of(opening);
    replies_to(default, (&all, &all), &L4::any(), ephemeral, diagrams, &mut list)?;
    let decided = diagrams.first_match(&list)?;
    let nothing = |node| exchanged(node, LEFT, UNDECIDED);
    diagrams.replace(decided, nothing, &mut FxHashMap::default())
}

/// Ranges of the source and of the destination.
type Ends<'a, V> = (&'a [(V, V)], &'a [(V, V)]);

fn replies_to<V: Side>(
    action: Action,
    (from, to): Ends<'_, V>,
    l4: &L4,
    ephemeral: Ranges<V>,
    diagrams: &mut Diagrams<V>,
    list: &mut Vec<Node>,
) -> Result<(), OverBudget> {
    for reply in replies::<V>(l4, &ephemeral) {
        let Some(all) = between(reply.all, to, from) else { continue };
        if let Some(admitted) = reply.admitted.filter(|_| action == Action::Allow)
            && let Some(admitted) = between(admitted, to, from)
        {
            list.push(diagrams.product(&admitted, terminal(Verdict::Accept))?);
        }
        list.push(diagrams.product(&all, LEFT)?);
    }
    Ok(())
}

fn one<V: Value>(value: u8) -> Ranges<V> {
    vec![(V::from_field(value.into()), V::from_field(value.into()))]
}

fn ports<V: Value>(ranges: &[(u16, u16)]) -> Ranges<V> {
    let wide =
        |(low, high): &(u16, u16)| (V::from_field((*low).into()), V::from_field((*high).into()));
    ranges.iter().map(wide).collect()
}

fn protocols<V: Value>(numbers: impl Iterator<Item = u8>) -> Ranges<V> {
    let ranges: Ranges<V> = numbers.flat_map(one).collect();
    sorted(&ranges)
}

/// Every TCP flags octet with ACK or RST.
fn ack_or_rst<V: Value>() -> Ranges<V> {
    let set = |flags: &u8| flags & (packet::ACK | packet::RST) != 0;
    protocols((0..=u8::MAX).filter(set))
}

/// Source, destination and layer 4 as a product; `None` when no packet of the family fits.
pub(super) fn product<V: Value>(
    source: &[(V, V)],
    destination: &[(V, V)],
    l4: &L4,
) -> Option<Conjunction<V>> {
    let mut sets = vec![
        (field::PROTOCOL, protocols(numbers(l4))),
        (field::DESTINATION_PORT, ports(l4.destination().ranges())),
        (field::SOURCE_PORT, ports(l4.source().ranges())),
    ];
    sets.retain(|(level, ranges)| !is_full(*level, ranges));
    between(sets, source, destination)
}

/// Tells whether ranges are all of a port field, which then needs no edge.
fn is_full<V: Value>(level: u8, ranges: &Ranges<V>) -> bool {
    let word = V::from_field(u16::MAX.into());
    matches!(level, field::DESTINATION_PORT | field::SOURCE_PORT)
        && ranges.as_slice() == [(V::ZERO, word)]
}

fn between<V: Value>(
    mut sets: Conjunction<V>,
    source: &[(V, V)],
    destination: &[(V, V)],
) -> Option<Conjunction<V>> {
    let some = restrict(&mut sets, field::DESTINATION, destination.to_vec())
        && restrict(&mut sets, field::SOURCE, source.to_vec())
        && sets.iter().all(|(_, ranges)| !ranges.is_empty());
    some.then_some(sets)
}

fn numbers(l4: &L4) -> impl Iterator<Item = u8> + '_ {
    l4.protocol_set().ranges().iter().flat_map(|(low, high)| *low..=*high)
}

/// The replies to what is in a layer 4 set, by the kinds of protocol.
fn replies<V: Side>(l4: &L4, ephemeral: &Ranges<V>) -> Vec<Reply<V>> {
    let mut replies = Vec::new();
    for protocol in numbers(l4).filter(|p| matches!(*p, TCP | UDP | SCTP)) {
        let all = vec![
            (field::PROTOCOL, one(protocol)),
            (field::DESTINATION_PORT, ports(l4.source().ranges())),
            (field::SOURCE_PORT, ports(l4.destination().ranges())),
        ];
        let mut admitted = all.clone();
        let some = restrict(&mut admitted, field::DESTINATION_PORT, ephemeral.clone());
        if protocol == TCP {
            restrict(&mut admitted, field::TCP_FLAGS, ack_or_rst());
        }
        replies.push(Reply { all, admitted: some.then_some(admitted) });
    }
    let (own, number) = match V::FAMILY {
        Family::V4 => (l4.protocol_set().contains(ICMP), ICMP),
        Family::V6 => (l4.protocol_set().contains(ICMPV6), ICMPV6),
    };
    let words = if own { answers(l4) } else { Vec::new() };
    if !words.is_empty() {
        let all = vec![(field::PROTOCOL, one(number)), (field::DESTINATION_PORT, words)];
        replies.push(Reply { admitted: Some(all.clone()), all });
    }
    let plain = |p: &u8| !protocol::has_ports(*p) && !matches!(*p, ICMP | ICMPV6);
    let whole = protocols(numbers(l4).filter(plain));
    if !whole.is_empty() {
        let all = vec![(field::PROTOCOL, whole)];
        replies.push(Reply { admitted: Some(all.clone()), all });
    }
    replies
}

/// The ICMP words that answer a request of the set, with its code.
fn answers<V: Side>(l4: &L4) -> Ranges<V> {
    let mut words = Vec::new();
    for request in icmp::requests(V::FAMILY) {
        let asked = [(icmp::word(*request, 0), icmp::word(*request, u8::MAX))];
        let asked: Ranges<u32> =
            asked.iter().map(|(low, high)| (u32::from(*low), u32::from(*high))).collect();
        let allowed: Ranges<u32> = ports(l4.destination().ranges());
        let answer = icmp::reply_of(V::FAMILY, *request).unwrap_or_default();
        let shift = |word: u32| u32::from(answer) << 8 | (word & 0xff);
        let both = common(&asked, &allowed);
        words
            .extend(both.iter().map(|(l, h)| (V::from_field(shift(*l)), V::from_field(shift(*h)))));
    }
    sorted(&words)
}
