//! Holds an artifact's list against a policy's lists, where packets meet the firewall and then run by run.
//!
//! Two lists decide alike when they can be cut into stretches that decide alike, one after the other. A run is a
//! stretch of items that all do the same; most artifacts keep the runs of their policy, so runs are compared
//! first. That stays small where diagrams of whole lists do not: rules that alternate between allowing and
//! refusing, between large groups of hosts, have diagrams as large as the product of the groups.

use super::diagram::{Diagrams, Node, OverBudget, TERMINALS, UNDECIDED, Value, terminal};
use super::field;
use super::list::Item;
use super::meaning::{Done, Governed, done, tracked};
use super::product::Product;
use crate::ir::flow::RuleSet;
use crate::ir::{Direction, Hook, Placement, State, StateMode, Verdict};
use rustc_hash::FxHashSet;
use std::ops::Range;

/// What is expected of the packets of a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Expected {
    All(Verdict),
    Governed(Direction),
}

/// Tells whether a list that decides every packet does what a policy means; `false` says only that this is not
/// known.
pub(super) fn agree<V: Value>(
    (policy, placement, state): (&RuleSet, &Placement, StateMode),
    governed: &Governed,
    list: Vec<Item>,
    diagrams: &mut Diagrams<V>,
) -> Result<bool, OverBudget> {
    let mut pairs = FxHashSet::default();
    let interfaces = |some: bool| if some { placement.other_interface() } else { 0 };
    let hooks = ends(diagrams, field::HOOK, Hook::ALL.len());
    for (at, list) in diagrams.parts(field::HOOK, &hooks, list)? {
        let hook = Hook::ALL[at];
        let incoming = usize::from(interfaces(hook.has_incoming()));
        let outgoing = usize::from(interfaces(hook.has_outgoing()));
        let by_incoming = ends(diagrams, field::INCOMING, incoming + 1);
        let by_outgoing = ends(diagrams, field::OUTGOING, outgoing + 1);
        for (incoming, list) in diagrams.parts(field::INCOMING, &by_incoming, list)? {
            for (outgoing, list) in diagrams.parts(field::OUTGOING, &by_outgoing, list)? {
                let interface = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
                let path = placement.path(hook, interface(incoming), interface(outgoing));
                match done(policy, state, path) {
                    Done::All(verdict) => _ = pairs.insert((Expected::All(verdict), list)),
                    Done::Governed(way) => by_state(state, way, list, diagrams, &mut pairs)?,
                }
            }
        }
    }
    for (expected, list) in pairs {
        let alike = match expected {
            Expected::All(verdict) => {
                let all = diagrams.item(terminal(verdict))?;
                diagrams.alike(&[all], &list)?
            }
            Expected::Governed(way) => diagrams.alike(governed.of(way), &list)?,
        };
        if !alike {
            return Ok(false);
        }
    }
    Ok(true)
}

fn by_state<V: Value>(
    mode: StateMode,
    way: Direction,
    list: Vec<Item>,
    diagrams: &mut Diagrams<V>,
    pairs: &mut FxHashSet<(Expected, Vec<Item>)>,
) -> Result<(), OverBudget> {
    let states = ends(diagrams, field::STATE, State::ALL.len());
    for (at, list) in diagrams.parts(field::STATE, &states, list)? {
        let tracked = tracked(mode, State::ALL[at]);
        pairs.insert((tracked.map_or(Expected::Governed(way), Expected::All), list));
    }
    Ok(())
}

/// The last values of so many parts of a field: single values, and all others.
fn ends<V: Value>(diagrams: &Diagrams<V>, level: u8, count: usize) -> Vec<V> {
    let value = |at: usize| V::from_field(u32::try_from(at).unwrap_or(u32::MAX));
    let last = std::iter::once(diagrams.maximum(level));
    (0..count.saturating_sub(1)).map(value).chain(last).collect()
}

/// A stretch of a list whose items all do the same.
struct Run {
    outcomes: Node,
    items: Range<usize>,
}

/// Both ways to refuse with an answer: which one is a matter of the protocol.
const REJECTS: [Verdict; 2] = [Verdict::RejectReset, Verdict::RejectProhibited];

impl<V: Value> Diagrams<V> {
    /// Parts a list by a field: an index into `ends`, and what is left there; a part of the list that goes over
    /// several of these comes once for each.
    fn parts(
        &mut self,
        level: u8,
        ends: &[V],
        list: Vec<Item>,
    ) -> Result<Vec<(usize, Vec<Item>)>, OverBudget> {
        if self.first_level(&list) != level {
            return Ok((0..ends.len()).map(|at| (at, list.clone())).collect());
        }
        let mut parts = Vec::new();
        let mut at = 0;
        self.without_limit();
        self.each_part(level, &list, &mut |_, until, part| {
            loop {
                parts.push((at, part.to_vec()));
                match ends.get(at) {
                    Some(end) if *end < until => at += 1,
                    Some(end) => {
                        at += usize::from(*end == until);
                        return Ok(true);
                    }
                    None => return Ok(true),
                }
            }
        })?;
        Ok(parts)
    }

    /// Tells whether two lists that decide every packet decide alike.
    pub(super) fn alike(&mut self, one: &[Item], other: &[Item]) -> Result<bool, OverBudget> {
        if one == other {
            return Ok(true);
        }
        let (runs, others) = (self.runs(one), self.runs(other));
        let (mut a, mut b) = (runs.as_slice(), others.as_slice());
        while let ([x, rest @ ..], [y, other_rest @ ..]) = (a, b)
            && self.same(x, y, (one, other))?
        {
            (a, b) = (rest, other_rest);
        }
        while let ([rest @ .., x], [other_rest @ .., y]) = (a, b)
            && self.same(x, y, (one, other))?
        {
            (a, b) = (rest, other_rest);
        }
        let (middle, other_middle) = (&one[stretch(a)], &other[stretch(b)]);
        if self.of_list(middle)? == self.of_list(other_middle)? {
            return Ok(true);
        }
        Ok(self.of_list(one)? == self.of_list(other)?)
    }

    fn runs(&self, list: &[Item]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let rejects = REJECTS.map(terminal).into_iter().fold(0, |all, one| all | one);
        for (at, item) in list.iter().enumerate() {
            let mut outcomes = self.outcomes(self.end(*item)) & !UNDECIDED;
            if outcomes & !rejects == 0 {
                outcomes = rejects;
            }
            match runs.last_mut() {
                Some(run) if run.outcomes == outcomes => run.items.end = at + 1,
                _ => runs.push(Run { outcomes, items: at..at + 1 }),
            }
        }
        runs
    }

    /// Tells whether two runs decide alike.
    fn same(
        &mut self,
        a: &Run,
        b: &Run,
        (one, other): (&[Item], &[Item]),
    ) -> Result<bool, OverBudget> {
        if a.outcomes != b.outcomes {
            return Ok(false);
        }
        let (one, other) = (&one[a.items.clone()], &other[b.items.clone()]);
        if a.outcomes.count_ones() == 1
            && let Some(products) = self.products(one)?
            && let Some(others) = self.products(other)?
        {
            // They do one and the same, in whichever order.
            return self.same_union(a.outcomes, (&products, &others));
        }
        Ok(self.of_list(one)? == self.of_list(other)?)
    }

    /// Tells whether two unions of products are the same.
    fn same_union(
        &mut self,
        end: Node,
        (one, other): (&[Product], &[Product]),
    ) -> Result<bool, OverBudget> {
        let (own, others) = (apart(one, other), apart(other, one));
        if own.len() + others.len() < (one.len() + other.len()) / 4
            && self.union(&own, end)? == self.union(&others, end)?
        {
            return Ok(true);
        }
        Ok(self.union(one, end)? == self.union(other, end)?)
    }

    fn union(&mut self, products: &[Product], end: Node) -> Result<Node, OverBudget> {
        let end = self.item(end)?;
        let mut list = Vec::with_capacity(products.len());
        for product in products {
            list.push(self.inside(product, end)?);
        }
        self.of_list(&list)
    }

    /// Returns the products of a list, joined; `None` where an item is more than a product, or in doubt.
    fn products(&mut self, list: &[Item]) -> Result<Option<Vec<Product>>, OverBudget> {
        let mut products = Vec::with_capacity(list.len());
        for item in list {
            let (product, end) = self.product_of(*item);
            if end >= TERMINALS || end & UNDECIDED != 0 {
                return Ok(None);
            }
            products.push(product);
        }
        self.joined(products).map(Some)
    }
}

/// The products of a list that another one does not have.
fn apart(list: &[Product], other: &[Product]) -> Vec<Product> {
    let known: FxHashSet<_> = other.iter().collect();
    list.iter().filter(|product| !known.contains(product)).copied().collect()
}

/// The items of some runs that stand one after the other.
fn stretch(runs: &[Run]) -> Range<usize> {
    match (runs.first(), runs.last()) {
        (Some(first), Some(last)) => first.items.start..last.items.end,
        _ => 0..0,
    }
}

impl Governed {
    fn of(&self, way: Direction) -> &[Item] {
        match way {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }
}
