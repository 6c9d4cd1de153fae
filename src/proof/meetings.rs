//! Compares an artifact with a policy, everywhere that packets meet the firewall.
//!
//! Hook, interfaces and connection state come first: they select one of the policy's lists, and what is left
//! of the artifact's list. What is left is the same in many places, and is compared once.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::meaning::{Done, Governed, done, tracked};
use super::store::Item;
use super::terminal::{ACCEPT, UNDECIDED, terminal};
use super::translate::{self, Side};
use super::value::Value;
use super::witness::{self, Meeting};
use super::{Claim, field};
use crate::ir::flow::RuleSet;
use crate::ir::{Direction, Hook, Interface, Packet, Placement, State, Verdict};
use crate::program::Program;
use rustc_hash::FxHashSet;
use std::rc::Rc;

/// A packet that contradicts a claim.
pub(super) enum Found {
    /// None does; a packet that gets in beyond the policy, as declared.
    Nothing(Option<Packet>),
    /// The policy decides it differently.
    Policy(Packet),
    /// It is not decided as declared.
    Declared(Packet),
}

impl Meeting {
    /// Returns a packet as it meets the firewall here.
    pub(super) fn of(self, packet: Packet) -> Packet {
        let Meeting { hook, incoming, outgoing, state } = self;
        Packet { hook, incoming, outgoing, state, ..packet }
    }
}

/// What is expected of the packets of a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Expected {
    All(Verdict),
    Governed(Direction),
}

/// Lists that are parted together: of an artifact, of what was declared instead of the policy, and of the packets
/// that never come.
type Lists = [Rc<[Item]>; 3];

/// A place where packets meet the firewall, and what the sides do with them there.
struct Met {
    meeting: Meeting,
    expected: Expected,
    lists: Lists,
}

/// Compares a program with what a policy means, in one family, and with what was declared.
pub(super) fn compare<V: Side>(
    claim: &Claim<'_>,
    (policy, governed): (&RuleSet, &Governed),
    program: &Program,
    declared: Option<&Program>,
    diagrams: &mut Diagrams<V>,
) -> Result<Found, OverBudget> {
    let placement = claim.placement;
    let unseen = match translate::union(claim.unseen, placement, diagrams)? {
        UNDECIDED => Vec::new(),
        node => vec![diagrams.item(node)?],
    };
    let artifact = translate::listed(program, placement, diagrams)?;
    let instead = match declared {
        Some(declared) => translate::listed(declared, placement, diagrams)?,
        None => Vec::new(),
    };
    let met = met(claim, policy, [artifact, instead, unseen].map(Rc::from), diagrams)?;
    let mut beyond = None;
    for one in &met {
        let [artifact, _, unseen] = &one.lists;
        let expected = one.expected(governed, diagrams)?;
        let expected = diagrams.chained(unseen, &expected);
        let artifact = diagrams.chained(unseen, artifact);
        let region = diagrams.unlike(&expected, &artifact)?;
        let means = diagrams.within(region, &expected)?;
        let does = diagrams.within(region, &artifact)?;
        let differs = witness::difference(diagrams, placement, means, does);
        let differs = differs.map(|packet| one.meeting.of(packet));
        if declared.is_none() {
            if let Some(packet) = differs {
                return Ok(Found::Policy(packet));
            }
            continue;
        }
        // What the policy lets through, and what the artifact does with that.
        let let_through = diagrams.guard(means, ACCEPT)?;
        let done = diagrams.guard(means, does)?;
        if let Some(packet) = witness::difference(diagrams, placement, let_through, done) {
            return Ok(Found::Policy(one.meeting.of(packet)));
        }
        beyond = beyond.or(differs);
    }
    for one in met.iter().filter(|_| declared.is_some()) {
        let [artifact, instead, unseen] = &one.lists;
        let instead = diagrams.chained(unseen, instead);
        let artifact = diagrams.chained(unseen, artifact);
        let region = diagrams.unlike(&instead, &artifact)?;
        let says = diagrams.within(region, &instead)?;
        let does = diagrams.within(region, &artifact)?;
        if let Some(packet) = witness::difference(diagrams, placement, says, does) {
            return Ok(Found::Declared(one.meeting.of(packet)));
        }
    }
    Ok(Found::Nothing(beyond))
}

/// Tells whether two programs do the same with every packet of a family.
pub(super) fn same<V: Side>(
    placement: &Placement,
    (old, new): (&Program, &Program),
    diagrams: &mut Diagrams<V>,
) -> Result<bool, OverBudget> {
    let mut open = vec![(
        0,
        Rc::from(translate::listed(old, placement, diagrams)?),
        Rc::from(translate::listed(new, placement, diagrams)?),
    )];
    let mut known = FxHashSet::default();
    while let Some((at, old, new)) = open.pop() {
        if old == new {
            continue;
        }
        let Some(level) = BEFORE.get(at) else {
            if !diagrams.alike(&old, &new)? {
                return Ok(false);
            }
            continue;
        };
        let whole = [diagrams.maximum(*level)];
        let nothing = Rc::from(Vec::new());
        for (_, [old, new, _]) in parts(*level, &whole, [old, new, nothing], diagrams)? {
            if known.insert((at, Rc::clone(&old), Rc::clone(&new))) {
                open.push((at + 1, old, new));
            }
        }
    }
    Ok(true)
}

/// The levels that come before what is in a packet.
const BEFORE: [u8; 4] = [field::HOOK, field::INCOMING, field::OUTGOING, field::STATE];

impl Met {
    fn expected<V: Value>(
        &self,
        governed: &Governed,
        diagrams: &mut Diagrams<V>,
    ) -> Result<Vec<Item>, OverBudget> {
        Ok(match self.expected {
            Expected::All(verdict) => vec![diagrams.item(terminal(verdict))?],
            Expected::Governed(Direction::Inbound) => governed.inbound.clone(),
            Expected::Governed(Direction::Outbound) => governed.outbound.clone(),
        })
    }
}

/// Finds every place where packets meet the firewall; one of those where everything is the same. The first are
/// those that people think of first.
fn met<V: Value>(
    claim: &Claim<'_>,
    policy: &RuleSet,
    lists: Lists,
    diagrams: &mut Diagrams<V>,
) -> Result<Vec<Met>, OverBudget> {
    let placement = claim.placement;
    let mut all = Vec::new();
    let hooks = ends(diagrams, field::HOOK, Hook::ALL.len());
    for (at, lists) in parts(field::HOOK, &hooks, lists, diagrams)? {
        let hook = Hook::ALL[at];
        let count = |some| if some { usize::from(placement.other_interface()) + 1 } else { 1 };
        let by_incoming = ends(diagrams, field::INCOMING, count(hook.has_incoming()));
        let by_outgoing = ends(diagrams, field::OUTGOING, count(hook.has_outgoing()));
        for (incoming, lists) in parts(field::INCOMING, &by_incoming, lists, diagrams)? {
            for (outgoing, lists) in parts(field::OUTGOING, &by_outgoing, lists, diagrams)? {
                let interface = |at: usize| Interface::try_from(at).unwrap_or(Interface::MAX);
                let (incoming, outgoing) = (interface(incoming), interface(outgoing));
                let path = placement.path(hook, incoming, outgoing);
                let done = done(policy, claim.state, path);
                let states = ends(diagrams, field::STATE, State::ALL.len());
                for (state, lists) in parts(field::STATE, &states, lists, diagrams)? {
                    let state = State::ALL[state];
                    let expected = match done {
                        Done::All(verdict) => Expected::All(verdict),
                        Done::Governed(way) => tracked(claim.state, state)
                            .map_or(Expected::Governed(way), Expected::All),
                    };
                    let meeting = Meeting { hook, incoming, outgoing, state };
                    all.push(Met { meeting, expected, lists });
                }
            }
        }
    }
    let usual = witness::usual_meeting(placement);
    let unusual = |one: &Met| {
        let Meeting { hook, incoming, outgoing, state } = one.meeting;
        let places = (incoming != usual.incoming, outgoing != usual.outgoing);
        (hook != usual.hook, places, state != usual.state)
    };
    all.sort_by_key(unusual);
    let mut known = FxHashSet::default();
    all.retain(|one| known.insert((one.expected, one.lists.clone())));
    Ok(all)
}

/// The last values of so many parts of a field: single values, and all others.
fn ends<V: Value>(diagrams: &Diagrams<V>, level: u8, count: usize) -> Vec<V> {
    let value = |at: usize| V::from_field(u32::try_from(at).unwrap_or(u32::MAX));
    let last = std::iter::once(diagrams.maximum(level));
    (0..count.saturating_sub(1)).map(value).chain(last).collect()
}

/// Parts lists by a field: an index into `ends`, and what is left there. Where a list is cut elsewhere too, an
/// index comes more than once.
fn parts<V: Value>(
    level: u8,
    ends: &[V],
    lists: Lists,
    diagrams: &mut Diagrams<V>,
) -> Result<Vec<(usize, Lists)>, OverBudget> {
    let mut cells = Vec::with_capacity(lists.len());
    for list in lists {
        cells.push(cells_of(level, list, diagrams)?);
    }
    let mut found = Vec::new();
    let (mut at, mut places) = (0, [0; 3]);
    while let Some(end) = ends.get(at) {
        let here = |one: usize| cells[one].get(places[one]);
        let [Some(a), Some(b), Some(c)] = [0, 1, 2].map(here) else { break };
        found.push((at, [a, b, c].map(|(_, list)| Rc::clone(list))));
        let until = [a.0, b.0, c.0].into_iter().fold(*end, V::min);
        at += usize::from(*end == until);
        let passed = [a.0, b.0, c.0].map(|end| usize::from(end == until));
        (0..3).for_each(|one| places[one] += passed[one]);
    }
    Ok(found)
}

/// The last value of a part, and what is left there of a list.
type Cell<V> = (V, Rc<[Item]>);

fn cells_of<V: Value>(
    level: u8,
    list: Rc<[Item]>,
    diagrams: &mut Diagrams<V>,
) -> Result<Vec<Cell<V>>, OverBudget> {
    if diagrams.first_level(&list) != level {
        return Ok(vec![(diagrams.maximum(level), list)]);
    }
    let mut cells = Vec::new();
    diagrams.without_limit();
    diagrams.each_part(level, &list, &mut |_, until, part| {
        cells.push((until, Rc::from(part)));
        Ok(true)
    })?;
    Ok(cells)
}
