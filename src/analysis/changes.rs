//! What traffic a change of rules opens and closes.

use super::traffic::{Together, together, traffic};
use crate::ir::flow::{RuleSet, Traffic};
use crate::ir::{Action, Direction, L4, Packet};
use crate::net::IpSet;
use crate::proof::{OverBudget, Packets, Space};

/// What happens to some traffic.
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

/// Traffic that is decided differently: some services between the same two sets of addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What happens to it.
    pub kind: Kind,
    /// Why.
    pub cause: Cause,
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

/// Every change, with a limited number of boxes of each kind, direction and family, and whether these are all.
#[derive(Clone, Default, Debug)]
pub struct Changes {
    /// By kind, then direction.
    pub list: Vec<Change>,
    /// Whether there are more than are listed.
    pub more: bool,
    /// Whether the replies that stateless firewalls let through change, whether or not other traffic does.
    pub replies: bool,
}

/// Why traffic is decided differently.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The policy says otherwise: its rules, names, or lists of its own.
    Policy,
    /// A vendor publishes other addresses.
    Feed,
}

/// What is allowed, dropped and rejected of some flows.
#[derive(Clone, Copy)]
struct ByAction {
    allowed: Packets,
    dropped: Packets,
    rejected: Packets,
}

fn by_action(
    space: &mut Space,
    policy: &RuleSet,
    way: Direction,
    region: Packets,
) -> Result<ByAction, OverBudget> {
    let flows = space.flows_within(policy, way, region)?;
    Ok(ByAction {
        allowed: space.with_action(flows, Action::Allow)?,
        dropped: space.with_action(flows, Action::Drop)?,
        rejected: space.with_action(flows, Action::Reject)?,
    })
}

/// Returns what happens to flows from one policy to the next. `between` is the new policy with the old feeds,
/// where the feeds differ: what it already changes is caused by the policy, the rest by the feeds.
///
/// # Errors
/// When the diagrams become too large: nothing is known.
pub fn changes(
    old: &RuleSet,
    between: Option<&RuleSet>,
    new: &RuleSet,
    most: usize,
) -> Result<Changes, OverBudget> {
    let mut space = Space::default();
    let mut found = Changes::default();
    for way in Direction::BOTH {
        found.replies |= !space.same_replies(old, new, way)?;
        // Nothing changes elsewhere.
        let region = space.unlike(old, new, way)?;
        let mut within = |policy| by_action(&mut space, policy, way, region);
        let (was, is) = (within(old)?, within(new)?);
        let mid = match between {
            Some(between) => within(between)?,
            None => is,
        };
        for (kind, changed, of_policy) in [
            (Kind::Allowed, space.difference(is.allowed, was.allowed)?, mid.allowed),
            (Kind::Refused, space.difference(was.allowed, is.allowed)?, refused(&mut space, mid)?),
            (Kind::Answered, space.intersection(was.rejected, is.dropped)?, mid.dropped),
            (Kind::Answered, space.intersection(was.dropped, is.rejected)?, mid.rejected),
        ] {
            for (cause, packets) in [
                (Cause::Policy, space.intersection(changed, of_policy)?),
                (Cause::Feed, space.difference(changed, of_policy)?),
            ] {
                let (boxes, all) = space.boxes(packets, most);
                let boxes = boxes.iter().flat_map(|one| traffic(one, way)).collect();
                found.more |= !all;
                for one in together(boxes) {
                    found.list.extend(change(&mut space, (kind, cause, way), one)?);
                }
            }
        }
    }
    found.list.sort_by_key(|change| (change.kind, change.direction, change.cause));
    Ok(found)
}

fn refused(space: &mut Space, by: ByAction) -> Result<Packets, OverBudget> {
    space.union(by.dropped, by.rejected)
}

fn change(
    space: &mut Space,
    (kind, cause, direction): (Kind, Cause, Direction),
    (source, destination, services): Together,
) -> Result<Option<Change>, OverBudget> {
    let Some(l4) = services.first().cloned() else { return Ok(None) };
    let (from, to) = (source.clone(), destination.clone());
    let part = space.traffic(&Traffic { direction, source: from, destination: to, l4 })?;
    let example = space.packet(part);
    let change =
        |example| Change { kind, cause, direction, source, destination, services, example };
    Ok(example.map(change))
}
