//! What traffic a change of rules opens and closes.

use super::traffic::traffic;
use crate::ir::flow::{RuleSet, Traffic};
use crate::ir::{Action, Direction, L4, Packet};
use crate::net::{Family, IpSet};
use crate::proof::{OverBudget, Packets, Space};

/// What becomes of some traffic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was refused and is allowed.
    Allowed,
    /// It was allowed and is refused.
    Refused,
    /// It was and is refused: dropped before and rejected now, or the reverse.
    Answered,
}

/// Traffic that is decided otherwise: some services between the same two sets of addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What becomes of it.
    pub kind: Kind,
    /// Which way it is opened.
    pub direction: Direction,
    /// By whom.
    pub source: IpSet,
    /// To whom.
    pub destination: IpSet,
    /// With what.
    pub services: Vec<L4>,
    /// One of its packets.
    pub example: Packet,
}

/// Every change, and whether these are all: at most so many boxes of a kind, direction and family.
#[derive(Clone, Default, Debug)]
pub struct Changes {
    /// By kind, then direction.
    pub list: Vec<Change>,
    /// Whether there are more than are listed.
    pub more: bool,
    /// Whether the replies that stateless firewalls let through change, other traffic unchanged or not.
    pub replies: bool,
}

/// What is allowed, dropped and rejected of some flows.
struct ByAction {
    allowed: Packets,
    dropped: Packets,
    rejected: Packets,
}

fn by_action(space: &mut Space, flows: Packets) -> Result<ByAction, OverBudget> {
    Ok(ByAction {
        allowed: space.with_action(flows, Action::Allow)?,
        dropped: space.with_action(flows, Action::Drop)?,
        rejected: space.with_action(flows, Action::Reject)?,
    })
}

/// Gives what becomes of flows between two policies.
///
/// # Errors
/// When the diagrams become too large: nothing is known.
pub fn changes(old: &RuleSet, new: &RuleSet, most: usize) -> Result<Changes, OverBudget> {
    let mut space = Space::default();
    let mut found = Changes::default();
    for way in Direction::BOTH {
        let (before, after) = (space.flows(old, way)?, space.flows(new, way)?);
        found.replies |= space.replies(old, way)? != space.replies(new, way)?;
        if before == after {
            continue;
        }
        let (was, is) = (by_action(&mut space, before)?, by_action(&mut space, after)?);
        let quiet = space.intersection(was.rejected, is.dropped)?;
        let loud = space.intersection(was.dropped, is.rejected)?;
        for (kind, packets) in [
            (Kind::Allowed, space.difference(is.allowed, was.allowed)?),
            (Kind::Refused, space.difference(was.allowed, is.allowed)?),
            (Kind::Answered, space.union(quiet, loud)?),
        ] {
            let (boxes, all) = space.boxes(packets, most);
            let boxes = boxes.iter().flat_map(|one| traffic(one, way)).collect();
            found.more |= !all;
            for one in together(boxes) {
                found.list.extend(change(&mut space, kind, way, one)?);
            }
        }
    }
    found.list.sort_by_key(|change| (change.kind, change.direction));
    Ok(found)
}

fn change(
    space: &mut Space,
    kind: Kind,
    direction: Direction,
    (source, destination, services): Together,
) -> Result<Option<Change>, OverBudget> {
    let Some(l4) = services.first().cloned() else { return Ok(None) };
    let (from, to) = (source.clone(), destination.clone());
    let part = space.traffic(&Traffic { direction, source: from, destination: to, l4 })?;
    let example = space.packet(part);
    let change = |example| Change { kind, direction, source, destination, services, example };
    Ok(example.map(change))
}

/// Services between the same two sets of addresses.
pub(super) type Together = (IpSet, IpSet, Vec<L4>);

/// Puts boxes together that people would: services between the same addresses, IPv4 and IPv6 that have the
/// same services, and addresses that differ on one side only.
pub(super) fn together(boxes: Vec<Traffic>) -> Vec<Together> {
    let mut list: Vec<Together> = Vec::new();
    for one in boxes {
        let same = |(s, d, _): &&mut Together| *s == one.source && *d == one.destination;
        match list.iter_mut().find(same) {
            Some((_, _, services)) => services.push(one.l4),
            None => list.push((one.source, one.destination, vec![one.l4])),
        }
    }
    list.iter_mut().for_each(|(_, _, services)| services.sort());
    let mut joined: Vec<Together> = Vec::new();
    for (source, destination, services) in list {
        let fits = |(s, d, known): &&mut Together| {
            *known == services && (*s == source || *d == destination || apart(s, &source))
        };
        match joined.iter_mut().find(fits) {
            Some((s, d, _)) => {
                *s = s.union(&source);
                *d = d.union(&destination);
            }
            None => joined.push((source, destination, services)),
        }
    }
    joined
}

/// Tells whether two sets are of one family each, and of different ones.
fn apart(one: &IpSet, other: &IpSet) -> bool {
    let families = |set: &IpSet| (set.has(Family::V4), set.has(Family::V6));
    matches!((families(one), families(other)), ((true, false), (false, true)))
}
