//! What a policy means, as a diagram: built from its flow rules and docs/semantics.md, without the passes.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::field;
use super::product::Product;
use super::store::Item;
use super::terminal::{ACCEPT, LEFT, Node, UNDECIDED, exchanged, terminal};
use super::translate::Side;
use super::value::Value;
use crate::ir::flow::RuleSet;
use crate::ir::packet::{self, HopLimit, TcpFlags};
use crate::ir::{
    Action, Direction, Hook, L4, Path, Placement, State, StateMode, Verdict, baseline_rules,
};
use crate::net::protocol::{self, ICMP, ICMPV6, SCTP, TCP, UDP};
use crate::net::{Family, icmp};
use crate::program::Ranges;
use crate::program::{common, sorted};
use rustc_hash::FxHashMap;

/// What is done with the governed packets of each direction that connection tracking does not decide: lists
/// that decide every packet.
#[derive(Clone)]
pub(super) struct Governed {
    /// To the protected side.
    pub(super) inbound: Vec<Item>,
    /// From the protected side.
    pub(super) outbound: Vec<Item>,
}

/// Returns what a policy does with governed packets at one firewall.
pub(super) fn governed<V: Side>(
    policy: &RuleSet,
    placement: &Placement,
    state: StateMode,
    diagrams: &mut Diagrams<V>,
) -> Result<Governed, OverBudget> {
    let mut builder = Builder { policy, placement, state, diagrams };
    let inbound = builder.governed(Direction::Inbound)?;
    let outbound = builder.governed(Direction::Outbound)?;
    Ok(Governed { inbound, outbound })
}

/// Returns the diagram of what a policy means at one firewall.
pub(super) fn meaning<V: Side>(
    policy: &RuleSet,
    placement: &Placement,
    state: StateMode,
    governed: &Governed,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let inbound = diagrams.of_list(&governed.inbound)?;
    let outbound = diagrams.of_list(&governed.outbound)?;
    let mut builder = Builder { policy, placement, state, diagrams };
    let inbound = builder.by_state(inbound)?;
    let outbound = builder.by_state(outbound)?;
    builder.ways(inbound, outbound)
}

/// What a policy does with packets in some place, before looking at the packets themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Done {
    /// The same with all packets.
    All(Verdict),
    /// What the list of the direction says.
    Governed(Direction),
}

/// Returns what a policy does with packets on a path.
pub(super) fn done(policy: &RuleSet, state: StateMode, path: Path) -> Done {
    match path {
        Path::Ungoverned => Done::All(Verdict::Accept),
        Path::Tracking if state == StateMode::Stateless => Done::All(Verdict::Untrack),
        Path::Tracking => Done::All(Verdict::Accept),
        Path::Loopback(_) if policy.baseline.loopback() => Done::All(Verdict::Accept),
        Path::Governed(way) | Path::Loopback(way) => Done::Governed(way),
    }
}

/// Returns what connection tracking decides of governed packets in a state; `None` where the rules do.
pub(super) fn tracked(mode: StateMode, state: State) -> Option<Verdict> {
    match state {
        _ if mode == StateMode::Stateless => None,
        State::Established | State::Related => Some(Verdict::Accept),
        State::Invalid => Some(Verdict::Drop),
        State::New | State::Untracked => None,
    }
}

struct Builder<'a, V> {
    policy: &'a RuleSet,
    placement: &'a Placement,
    state: StateMode,
    diagrams: &'a mut Diagrams<V>,
}

/// Sets of values of some fields.
type Fields<V> = Vec<(u8, Ranges<V>)>;

/// What one layer 4 set is to its replies.
struct Reply<V> {
    /// Every packet whose opener could be in the set.
    all: Fields<V>,
    /// Those of them that are let in when the opener is allowed.
    admitted: Fields<V>,
}

impl<V: Side> Builder<'_, V> {
    /// Hooks and interfaces lead to what is done on each path.
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
        match done(self.policy, self.state, path) {
            Done::All(verdict) => terminal(verdict),
            Done::Governed(Direction::Inbound) => inbound,
            Done::Governed(Direction::Outbound) => outbound,
        }
    }

    /// What connection tracking decides comes before the rules.
    fn by_state(&mut self, rules: Node) -> Result<Node, OverBudget> {
        let node = |state| tracked(self.state, state).map_or(rules, terminal);
        let by_state = State::ALL.map(node);
        self.diagrams.node(field::STATE, (0u32..).map(V::from_field).zip(by_state))
    }

    /// What is done with the governed packets of a direction.
    fn governed(&mut self, way: Direction) -> Result<Vec<Item>, OverBudget> {
        let mut list = Vec::new();
        for rule in baseline_rules(self.policy.baseline, self.placement, way) {
            list.extend(self.packet_rule(&rule)?);
        }
        if self.state == StateMode::Stateless {
            let replies = replies_on(self.policy, way, self.diagrams)?;
            list.push(self.diagrams.item(replies)?);
            let errors = self.errors(way)?;
            list.push(self.diagrams.item(errors)?);
        }
        for rule in self.policy.rules.iter().filter(|rule| rule.direction == way) {
            let ends = (V::of_set(&rule.source), V::of_set(&rule.destination));
            if let Some(product) = product(ends, &rule.l4, self.diagrams)? {
                self.action(&product, rule.action, &mut list)?;
            }
        }
        self.action(&Product::ALL, self.policy.defaults.of(way), &mut list)?;
        Ok(list)
    }

    /// Adds what an action does inside of a product, by protocol.
    fn action(
        &mut self,
        product: &Product,
        action: Action,
        list: &mut Vec<Item>,
    ) -> Result<(), OverBudget> {
        let of = |protocol| terminal(Verdict::of(action, protocol));
        if of(TCP) != of(u8::MAX) {
            let tcp = self.diagrams.set(&one(TCP))?;
            let mut own = *product;
            if self.diagrams.narrow(&mut own, field::PROTOCOL, tcp)? {
                list.push(self.item(&own, of(TCP))?);
            }
        }
        list.push(self.item(product, of(u8::MAX))?);
        Ok(())
    }

    fn item(&mut self, product: &Product, node: Node) -> Result<Item, OverBudget> {
        let end = self.diagrams.item(node)?;
        self.diagrams.inside(product, end)
    }

    fn packet_rule(&mut self, rule: &packet::Rule) -> Result<Option<Item>, OverBudget> {
        let ends = (V::of_set(&rule.source), V::of_set(&rule.destination));
        let Some(mut product) = product(ends, &rule.l4, self.diagrams)? else { return Ok(None) };
        if rule.tcp_flags == TcpFlags::AckOrRst {
            let flags = self.diagrams.set(&ack_or_rst())?;
            self.diagrams.narrow(&mut product, field::TCP_FLAGS, flags)?;
        }
        if let HopLimit::Exactly(hop) = rule.hop_limit {
            let hop = self.diagrams.set(&one(hop))?;
            self.diagrams.narrow(&mut product, field::HOP_LIMIT, hop)?;
        }
        self.item(&product, terminal(Verdict::of(rule.action, 0))).map(Some)
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
        let fields = vec![
            (field::PROTOCOL, one(number)),
            (field::DESTINATION_PORT, ports(icmp::errors(V::FAMILY).ranges())),
            (field::DESTINATION, sorted(&ends)),
        ];
        let all = [(V::ZERO, V::MAX)];
        match between(fields, (&all, &all), self.diagrams)? {
            Some(product) => {
                let item = self.item(&product, ACCEPT)?;
                self.diagrams.of_list(&[item])
            }
            None => Ok(UNDECIDED),
        }
    }
}

/// The replies to flows that the other direction may open. The first rule that matches the opener decides;
/// one that refuses lets nothing in, and hides later ones.
fn replies_on<V: Side>(
    policy: &RuleSet,
    way: Direction,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let list = reply_list(policy, way, diagrams)?;
    let decided = diagrams.of_list(&list)?;
    let nothing = |node| exchanged(node, LEFT, UNDECIDED);
    diagrams.replace(decided, nothing, &mut FxHashMap::default())
}

/// Returns what openers there are to the packets of a direction, in the order of the rules: replies to the first
/// that matches are let in, or left to others.
pub(super) fn reply_list<V: Side>(
    policy: &RuleSet,
    way: Direction,
    diagrams: &mut Diagrams<V>,
) -> Result<Vec<Item>, OverBudget> {
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
    Ok(list)
}

/// Ranges of the source and of the destination.
type Ends<'a, V> = (&'a [(V, V)], &'a [(V, V)]);

fn replies_to<V: Side>(
    action: Action,
    (from, to): Ends<'_, V>,
    l4: &L4,
    ephemeral: Ranges<V>,
    diagrams: &mut Diagrams<V>,
    list: &mut Vec<Item>,
) -> Result<(), OverBudget> {
    for reply in replies::<V>(l4, &ephemeral) {
        let Some(all) = between(reply.all, (to, from), diagrams)? else { continue };
        if action == Action::Allow
            && let Some(admitted) = between(reply.admitted, (to, from), diagrams)?
        {
            let accept = diagrams.item(ACCEPT)?;
            list.push(diagrams.inside(&admitted, accept)?);
        }
        let left = diagrams.item(LEFT)?;
        list.push(diagrams.inside(&all, left)?);
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
    ends: Ends<'_, V>,
    l4: &L4,
    diagrams: &mut Diagrams<V>,
) -> Result<Option<Product>, OverBudget> {
    let fields = vec![
        (field::PROTOCOL, protocols(numbers(l4))),
        (field::DESTINATION_PORT, ports(l4.destination().ranges())),
        (field::SOURCE_PORT, ports(l4.source().ranges())),
    ];
    between(fields, ends, diagrams)
}

fn between<V: Value>(
    fields: Fields<V>,
    (source, destination): Ends<'_, V>,
    diagrams: &mut Diagrams<V>,
) -> Result<Option<Product>, OverBudget> {
    let mut product = Product::ALL;
    let ends = [(field::DESTINATION, destination), (field::SOURCE, source)];
    let fields = fields.iter().map(|(level, ranges)| (*level, ranges.as_slice()));
    for (level, ranges) in ends.into_iter().chain(fields) {
        let set = diagrams.set(ranges)?;
        if !diagrams.narrow(&mut product, level, set)? {
            return Ok(None);
        }
    }
    Ok(Some(product))
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
        admitted.push((field::DESTINATION_PORT, ephemeral.clone()));
        if protocol == TCP {
            admitted.push((field::TCP_FLAGS, ack_or_rst()));
        }
        replies.push(Reply { all, admitted });
    }
    let (own, number) = match V::FAMILY {
        Family::V4 => (l4.protocol_set().contains(ICMP), ICMP),
        Family::V6 => (l4.protocol_set().contains(ICMPV6), ICMPV6),
    };
    let words = if own { answers(l4) } else { Vec::new() };
    if !words.is_empty() {
        let all = vec![(field::PROTOCOL, one(number)), (field::DESTINATION_PORT, words)];
        replies.push(Reply { admitted: all.clone(), all });
    }
    let plain = |p: &u8| !protocol::has_ports(*p) && !matches!(*p, ICMP | ICMPV6);
    let whole = protocols(numbers(l4).filter(plain));
    if !whole.is_empty() {
        let all = vec![(field::PROTOCOL, whole)];
        replies.push(Reply { admitted: all.clone(), all });
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
