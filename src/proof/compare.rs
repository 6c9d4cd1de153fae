//! Every way in which two firewalls differ, for people: what only one of them lets through, as few products.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::meetings;
use super::terminal::{ACCEPT, ANSWERED, MAY_OPEN, MAY_SHUT, Node, OPEN, SHUT, TRACKED, UNDECIDED};
use super::translate::{self, Side};
use super::value::Value;
use super::witness::Meeting;
use super::{Claim, Failure, Prover, boxes, field, of_filter, witness};
use crate::ir::{Hook, Packet, Path, Placement, State};
use crate::program::Match;
use crate::program::{self, Program};
use rustc_hash::FxHashMap;

/// How a firewall differs from what is expected of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Differs {
    /// It lets through what should be refused.
    Opens,
    /// It refuses what should pass.
    Shuts,
    /// It may let through what should be refused: that depends on what is not understood.
    MayOpen,
    /// It may refuse what should pass.
    MayShut,
    /// It tracks connections that it should leave alone, or the reverse.
    Tracks,
    /// It refuses as it should, but answers differently.
    Answers,
}

impl Differs {
    /// Every way, the most dangerous first.
    pub const ALL: [Differs; 6] = [
        Differs::Opens,
        Differs::Shuts,
        Differs::MayOpen,
        Differs::MayShut,
        Differs::Tracks,
        Differs::Answers,
    ];

    fn terminal(self) -> Node {
        match self {
            Differs::Opens => OPEN,
            Differs::Shuts => SHUT,
            Differs::MayOpen => MAY_OPEN,
            Differs::MayShut => MAY_SHUT,
            Differs::Tracks => TRACKED,
            Differs::Answers => ANSWERED,
        }
    }
}

/// Packets that are decided differently, in one way.
#[derive(Clone, Debug)]
pub struct Difference {
    /// How.
    pub differs: Differs,
    /// Where they meet the firewall: the same packets differ at each of these.
    pub meetings: Vec<Meeting>,
    /// The packets, as disjoint products without where they meet the firewall.
    pub boxes: Vec<Vec<Match>>,
    /// Whether the boxes are all.
    pub whole: bool,
    /// One of the packets.
    pub example: Packet,
}

impl Difference {
    /// Tells whether a packet is among those that are decided differently, as far as the boxes go.
    pub fn covers(&self, packet: &Packet) -> bool {
        let Packet { hook, incoming, outgoing, state, .. } = *packet;
        self.meetings.contains(&Meeting { hook, incoming, outgoing, state })
            && self.boxes.iter().any(|when| program::all(when, packet))
    }
}

impl Prover<'_> {
    /// Returns every way in which a program differs from what is claimed, with a limited number of boxes a
    /// family each; none when it does all that.
    ///
    /// # Errors
    /// If the diagrams become too large: nothing is known.
    pub fn differences(
        &mut self,
        claim: &Claim<'_>,
        program: &Program,
        most: usize,
    ) -> Result<Vec<Difference>, OverBudget> {
        match self.prove_claim(claim, program) {
            Ok(_) => return Ok(Vec::new()),
            Err(Failure::Budget) => return Err(OverBudget),
            Err(Failure::Different { .. } | Failure::NotAsDeclared { .. }) => {}
        }
        let (v4, v6) = self.meaning(claim.placement, claim.state)?;
        let declared = claim.declared.map(of_filter);
        let mut found = against(claim, v4, declared.as_ref(), program, &mut self.v4, most)?;
        found.extend(against(claim, v6, declared.as_ref(), program, &mut self.v6, most)?);
        found.sort_by_key(|difference| difference.differs);
        Ok(found)
    }
}

/// Returns every way in which one program differs from another in the same place.
///
/// # Errors
/// If the diagrams become too large: nothing is known.
pub fn between(
    placement: &Placement,
    old: &Program,
    new: &Program,
    most: usize,
) -> Result<Vec<Difference>, OverBudget> {
    fn one<V: Side>(
        placement: &Placement,
        (old, new): (&Program, &Program),
        most: usize,
    ) -> Result<Vec<Difference>, OverBudget> {
        let mut diagrams: Diagrams<V> = super::diagrams(V::FAMILY, super::Budget::default());
        if meetings::same(placement, (old, new), &mut diagrams)? {
            return Ok(Vec::new());
        }
        let old = translate::program(old, placement, &mut diagrams)?;
        let new = translate::program(new, placement, &mut diagrams)?;
        listed(placement, old, new, &mut diagrams, most)
    }
    let mut found = one::<u32>(placement, (old, new), most)?;
    found.extend(one::<u128>(placement, (old, new), most)?);
    found.sort_by_key(|difference| difference.differs);
    Ok(found)
}

fn against<V: Side>(
    claim: &Claim<'_>,
    meaning: Node,
    declared: Option<&Program>,
    program: &Program,
    diagrams: &mut Diagrams<V>,
    most: usize,
) -> Result<Vec<Difference>, OverBudget> {
    let placement = claim.placement;
    let unseen = translate::union(claim.unseen, placement, diagrams)?;
    let expected = match declared {
        Some(declared) => translate::program(declared, placement, diagrams)?,
        None => meaning,
    };
    let expected = diagrams.over(unseen, expected)?;
    let read = translate::program(program, placement, diagrams)?;
    let read = diagrams.over(unseen, read)?;
    listed(placement, expected, read, diagrams, most)
}

fn listed<V: Side>(
    placement: &Placement,
    expected: Node,
    read: Node,
    diagrams: &mut Diagrams<V>,
    most: usize,
) -> Result<Vec<Difference>, OverBudget> {
    let differ = diagrams.differ(expected, read)?;
    let mut found = Vec::new();
    // What the policy governs comes first.
    let order = |meeting: &Meeting| match placement.path(
        meeting.hook,
        meeting.incoming,
        meeting.outgoing,
    ) {
        Path::Governed(_) => 0,
        Path::Tracking => 1,
        Path::Loopback(_) => 2,
        Path::Ungoverned => 3,
    };
    for differs in Differs::ALL {
        let node = only(diagrams, differ, differs)?;
        for (packets, mut meetings) in by_packets(diagrams, placement, node) {
            meetings.sort_by_key(order);
            let Some(packet) = witness::difference(diagrams, placement, packets, UNDECIDED) else {
                continue;
            };
            let Some(first) = meetings.first().copied() else { continue };
            let (products, whole) = boxes::boxes(diagrams, packets, most);
            let boxes = products.iter().map(boxes::conjunction).collect();
            let example = first.of(packet);
            found.push(Difference { differs, meetings, boxes, whole, example });
        }
    }
    Ok(found)
}

/// The packets that differ in one way, as a set.
fn only<V: Value>(
    diagrams: &mut Diagrams<V>,
    differ: Node,
    differs: Differs,
) -> Result<Node, OverBudget> {
    let pick: fn(Node) -> Node = match differs.terminal() {
        OPEN => |node| if node == OPEN { ACCEPT } else { UNDECIDED },
        SHUT => |node| if node == SHUT { ACCEPT } else { UNDECIDED },
        MAY_OPEN => |node| if node == MAY_OPEN { ACCEPT } else { UNDECIDED },
        MAY_SHUT => |node| if node == MAY_SHUT { ACCEPT } else { UNDECIDED },
        TRACKED => |node| if node == TRACKED { ACCEPT } else { UNDECIDED },
        _ => |node| if node == ANSWERED { ACCEPT } else { UNDECIDED },
    };
    diagrams.replace(differ, pick, &mut FxHashMap::default())
}

/// Returns the sets of packets below the fields that say where they meet the firewall, each once, with where
/// that is; new packets first, because these open flows.
fn by_packets<V: Value>(
    diagrams: &Diagrams<V>,
    placement: &Placement,
    node: Node,
) -> Vec<(Node, Vec<Meeting>)> {
    let mut found: Vec<(Node, Vec<Meeting>)> = Vec::new();
    for state in State::ALL {
        for meeting in meetings(placement, state) {
            let values = values(meeting);
            let below = values.into_iter().fold(node, |node, (level, value)| {
                child(diagrams, node, level, V::from_field(value))
            });
            if below == UNDECIDED {
                continue;
            }
            match found.iter_mut().find(|(known, _)| *known == below) {
                Some((_, list)) => list.push(meeting),
                None => found.push((below, vec![meeting])),
            }
        }
    }
    found
}

/// Everywhere that packets of a state meet a firewall at that place.
fn meetings(placement: &Placement, state: State) -> Vec<Meeting> {
    let last = placement.other_interface();
    let mut list = Vec::new();
    for hook in Hook::ALL {
        for incoming in 0..=if hook.has_incoming() { last } else { 0 } {
            for outgoing in 0..=if hook.has_outgoing() { last } else { 0 } {
                list.push(Meeting { hook, incoming, outgoing, state });
            }
        }
    }
    list
}

fn values(meeting: Meeting) -> [(u8, u32); 4] {
    let index = |at: Option<usize>| u32::try_from(at.unwrap_or_default()).unwrap_or_default();
    [
        (field::HOOK, index(Hook::ALL.iter().position(|hook| *hook == meeting.hook))),
        (field::INCOMING, meeting.incoming.into()),
        (field::OUTGOING, meeting.outgoing.into()),
        (field::STATE, index(State::ALL.iter().position(|state| *state == meeting.state))),
    ]
}

/// What a diagram is where a field has a value.
fn child<V: Value>(diagrams: &Diagrams<V>, node: Node, level: u8, value: V) -> Node {
    match diagrams.edges(node) {
        Some((own, mut edges)) if own == level => {
            edges.find(|(high, _)| value <= *high).map_or(UNDECIDED, |(_, child)| child)
        }
        _ => node,
    }
}
