//! Which flows policies allow, for all packets and independently of any firewall.

use super::budget::{Budget, OverBudget};
use super::diagram::Diagrams;
use super::meaning::{product, reply_list};
use super::store::Item;
use super::terminal::{ACCEPT, Node, UNDECIDED, exchanged, terminal};
use super::translate::Side;
use super::{boxes, diagrams, witness};
use crate::ir::flow::{RuleSet, Traffic};
use crate::ir::{Action, Direction, Packet, Placement, Verdict};
use crate::net::Family;
use crate::program::Match;
use rustc_hash::FxHashMap;

/// Where sets of packets are made, compared and turned into products; several policies can share one.
pub struct Space {
    v4: Diagrams<u32>,
    v6: Diagrams<u128>,
}

/// A set of packets, or what is done with each, in a [`Space`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packets {
    v4: Node,
    v6: Node,
}

impl Packets {
    /// No packet.
    pub const NONE: Packets = Packets { v4: UNDECIDED, v6: UNDECIDED };

    /// Tells whether there is no packet in the set.
    pub fn is_empty(self) -> bool {
        self == Packets::NONE
    }
}

impl Default for Space {
    fn default() -> Self {
        Space::with_budget(Budget::default())
    }
}

/// What an action is in the diagrams.
fn action(action: Action) -> Node {
    terminal(match action {
        Action::Allow => Verdict::Accept,
        Action::Drop => Verdict::Drop,
        Action::Reject => Verdict::RejectProhibited,
    })
}

/// The same, for both families.
macro_rules! both {
    ($space:expr, |$diagrams:ident, $node:ident| $do:expr) => {{
        let v4 = {
            let $diagrams = &mut $space.v4;
            #[allow(unused_variables, reason = "not every operation looks at the family's node")]
            let $node = |packets: Packets| packets.v4;
            $do
        };
        let v6 = {
            let $diagrams = &mut $space.v6;
            #[allow(unused_variables, reason = "not every operation looks at the family's node")]
            let $node = |packets: Packets| packets.v6;
            $do
        };
        Ok(Packets { v4: v4?, v6: v6? })
    }};
}

impl Space {
    /// Returns a space that gives up beyond a budget.
    pub fn with_budget(budget: Budget) -> Self {
        Space { v4: diagrams(Family::V4, budget), v6: diagrams(Family::V6, budget) }
    }

    /// Returns packets outside of which two policies do the same with the flows opened in a direction.
    ///
    /// # Errors
    /// If the diagrams become too large; the same holds for everything that makes some.
    pub fn unlike(
        &mut self,
        old: &RuleSet,
        new: &RuleSet,
        way: Direction,
    ) -> Result<Packets, OverBudget> {
        both!(self, |diagrams, node| unlike((old, new), way, diagrams))
    }

    /// Tells whether two policies let in the same replies in a direction, on a stateless firewall.
    ///
    /// # Errors
    /// As above.
    pub fn same_replies(
        &mut self,
        old: &RuleSet,
        new: &RuleSet,
        way: Direction,
    ) -> Result<bool, OverBudget> {
        Ok(same_replies((old, new), way, &mut self.v4)?
            && same_replies((old, new), way, &mut self.v6)?)
    }

    /// Returns what a policy does with the flows of a region that are opened in a direction.
    ///
    /// # Errors
    /// As above.
    pub fn flows_within(
        &mut self,
        policy: &RuleSet,
        way: Direction,
        region: Packets,
    ) -> Result<Packets, OverBudget> {
        both!(self, |diagrams, node| flows_within(policy, way, node(region), diagrams))
    }

    /// Returns what a policy does with the flows opened in a direction.
    ///
    /// # Errors
    /// As above.
    pub fn flows(&mut self, policy: &RuleSet, way: Direction) -> Result<Packets, OverBudget> {
        both!(self, |diagrams, node| flows(policy, way, diagrams))
    }

    /// Returns what of it has a certain action.
    ///
    /// # Errors
    /// As above.
    pub fn with_action(&mut self, flows: Packets, wanted: Action) -> Result<Packets, OverBudget> {
        let pick: fn(Node) -> Node = match wanted {
            Action::Allow => |node| chosen(node, action(Action::Allow)),
            Action::Drop => |node| chosen(node, action(Action::Drop)),
            Action::Reject => |node| chosen(node, action(Action::Reject)),
        };
        both!(self, |diagrams, node| diagrams.replace(node(flows), pick, &mut FxHashMap::default()))
    }

    /// Returns the packets of some traffic.
    ///
    /// # Errors
    /// As above.
    pub fn traffic(&mut self, traffic: &Traffic) -> Result<Packets, OverBudget> {
        both!(self, |diagrams, node| box_of(traffic, diagrams))
    }

    /// Returns the packets that are in one of two sets.
    ///
    /// # Errors
    /// As above.
    pub fn union(&mut self, one: Packets, other: Packets) -> Result<Packets, OverBudget> {
        both!(self, |diagrams, node| diagrams.over(node(one), node(other)))
    }

    /// Returns the packets that are in both of two sets.
    ///
    /// # Errors
    /// As above.
    pub fn intersection(&mut self, one: Packets, other: Packets) -> Result<Packets, OverBudget> {
        both!(self, |diagrams, node| diagrams.guard(node(one), node(other)))
    }

    /// Returns the packets that are in the first set and not in the second.
    ///
    /// # Errors
    /// As above.
    pub fn difference(&mut self, one: Packets, other: Packets) -> Result<Packets, OverBudget> {
        let not: fn(Node) -> Node =
            |node| exchanged(exchanged(node, UNDECIDED, REST), ACCEPT, UNDECIDED);
        let back: fn(Node) -> Node = |node| exchanged(node, REST, ACCEPT);
        both!(self, |diagrams, node| {
            let rest = diagrams.replace(node(other), not, &mut FxHashMap::default())?;
            let rest = diagrams.replace(rest, back, &mut FxHashMap::default())?;
            diagrams.guard(rest, node(one))
        })
    }

    /// Returns a packet of a set, as one that opens a flow.
    pub fn packet(&self, packets: Packets) -> Option<Packet> {
        let host = &Placement::Host;
        witness::difference(&self.v4, host, packets.v4, UNDECIDED)
            .or_else(|| witness::difference(&self.v6, host, packets.v6, UNDECIDED))
    }

    /// Returns a set as disjoint products, at most `most` of a family, and whether these are all.
    pub fn boxes(&self, packets: Packets, most: usize) -> (Vec<Vec<Match>>, bool) {
        let (v4, all4) = boxes::boxes(&self.v4, packets.v4, most);
        let (v6, all6) = boxes::boxes(&self.v6, packets.v6, most);
        let mut list: Vec<_> = v4.iter().map(boxes::conjunction).collect();
        list.extend(v6.iter().map(boxes::conjunction));
        (list, all4 && all6)
    }
}

/// Marks what is not in a set, while the set is complemented.
const REST: Node = 8;

fn chosen(node: Node, wanted: Node) -> Node {
    if node == wanted { ACCEPT } else { UNDECIDED }
}

fn flows<V: Side>(
    policy: &RuleSet,
    way: Direction,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let list = flow_list(policy, way, diagrams)?;
    diagrams.of_list(&list)
}

fn flow_list<V: Side>(
    policy: &RuleSet,
    way: Direction,
    diagrams: &mut Diagrams<V>,
) -> Result<Vec<Item>, OverBudget> {
    let mut list = Vec::new();
    for rule in policy.rules.iter().filter(|rule| rule.direction == way) {
        let ends = (V::of_set(&rule.source), V::of_set(&rule.destination));
        if let Some(product) = product(ends, &rule.l4, diagrams)? {
            let end = diagrams.item(action(rule.action))?;
            list.push(diagrams.inside(&product, end)?);
        }
    }
    list.push(diagrams.item(action(policy.defaults.of(way)))?);
    Ok(list)
}

/// Packets outside of which two policies do the same with the flows opened in a direction.
fn unlike<V: Side>(
    (old, new): (&RuleSet, &RuleSet),
    way: Direction,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let (was, is) = (flow_list(old, way, diagrams)?, flow_list(new, way, diagrams)?);
    diagrams.unlike(&was, &is)
}

fn same_replies<V: Side>(
    (old, new): (&RuleSet, &RuleSet),
    way: Direction,
    diagrams: &mut Diagrams<V>,
) -> Result<bool, OverBudget> {
    let (was, is) = (reply_list(old, way, diagrams)?, reply_list(new, way, diagrams)?);
    diagrams.alike(&was, &is)
}

fn flows_within<V: Side>(
    policy: &RuleSet,
    way: Direction,
    region: Node,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let list = flow_list(policy, way, diagrams)?;
    diagrams.within(region, &list)
}

fn box_of<V: Side>(traffic: &Traffic, diagrams: &mut Diagrams<V>) -> Result<Node, OverBudget> {
    let ends = (V::of_set(&traffic.source), V::of_set(&traffic.destination));
    match product(ends, &traffic.l4, diagrams)? {
        Some(product) => {
            let end = diagrams.item(ACCEPT)?;
            let inside = diagrams.inside(&product, end)?;
            diagrams.of_list(&[inside])
        }
        None => Ok(UNDECIDED),
    }
}
