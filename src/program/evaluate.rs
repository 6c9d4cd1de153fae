//! What a program does with one packet; written independently of the diagrams, which tests compare with it.

use super::{Base, Clause, Field, Match, Place, Program, Target};
use crate::ir::{Hook, Packet, State, Verdict};
use std::net::IpAddr;

/// How a chain ended.
enum Outcome {
    Decided(Verdict, Place),
    Undecided,
}

impl Program {
    /// Returns what happens to a packet, and which line decides it.
    ///
    /// The program must have passed [`check`](Program::check).
    pub fn decide(&self, packet: &Packet) -> (Verdict, Option<Place>) {
        let mut accepted = None;
        for base in self.bases.iter().filter(|base| all(&base.when, packet)) {
            let (verdict, place) = self.base(base, packet);
            if verdict != Verdict::Accept {
                return (verdict, Some(place));
            }
            accepted = Some(place);
        }
        (Verdict::Accept, accepted)
    }

    /// Returns everything that may happen to a packet where conditions cannot be evaluated, each with the first line
    /// that may decide so.
    pub fn outcomes(&self, packet: &Packet) -> Vec<(Verdict, Option<Place>)> {
        let mut found: Vec<(Verdict, Option<Place>)> = Vec::new();
        let mut accepted = Some(None);
        for base in &self.bases {
            let holds = judge(&base.when, packet);
            if holds == Holds::No {
                continue;
            }
            let Some(before) = accepted else { break };
            let (outcomes, mut undecided) = self.may(base.chain, packet);
            let policy = undecided.then_some((base.policy, base.place));
            let accepts = |outcome: &(Verdict, Place)| outcome.0 == Verdict::Accept;
            let all = outcomes.into_iter().chain(policy);
            let (accepting, refusing): (Vec<_>, Vec<_>) = all.partition(accepts);
            undecided = holds == Holds::Perhaps;
            accepted = match accepting.first() {
                Some((_, place)) => Some(Some(*place)),
                None => undecided.then_some(before),
            };
            for (verdict, place) in refusing {
                if found.iter().all(|(known, _)| *known != verdict) {
                    found.push((verdict, Some(place)));
                }
            }
        }
        found.extend(accepted.map(|place| (Verdict::Accept, place)));
        found
    }

    /// What may be decided in a chain, and whether the chain may end undecided.
    fn may(&self, index: usize, packet: &Packet) -> (Vec<(Verdict, Place)>, bool) {
        let mut found: Vec<(Verdict, Place)> = Vec::new();
        let mut note = |more: Vec<(Verdict, Place)>| {
            for one in more {
                if found.iter().all(|(known, _)| *known != one.0) {
                    found.push(one);
                }
            }
        };
        let mut left = false;
        let clauses = self.chains.get(index).map_or(&[][..], |chain| &chain.clauses);
        for clause in clauses {
            let holds = judge(&clause.when, packet);
            if holds == Holds::No {
                continue;
            }
            let goes_on = match clause.then {
                Target::Continue => true,
                Target::Return => {
                    left = true;
                    false
                }
                Target::Decide(verdict) => {
                    note(vec![(verdict, clause.place)]);
                    false
                }
                Target::Goto(chain) => {
                    let (mut outcomes, undecided) = self.may(chain, packet);
                    outcomes.iter_mut().for_each(|one| one.1 = self.rule(chain, clause, one.1));
                    note(outcomes);
                    left |= undecided;
                    false
                }
                Target::Jump(chain) => {
                    let (mut outcomes, undecided) = self.may(chain, packet);
                    outcomes.iter_mut().for_each(|one| one.1 = self.rule(chain, clause, one.1));
                    note(outcomes);
                    undecided
                }
            };
            if !goes_on && holds == Holds::Yes {
                return (found, left);
            }
        }
        (found, true)
    }

    fn base(&self, base: &Base, packet: &Packet) -> (Verdict, Place) {
        match self.chain(base.chain, packet) {
            Outcome::Decided(verdict, place) => (verdict, place),
            Outcome::Undecided => (base.policy, base.place),
        }
    }

    fn chain(&self, index: usize, packet: &Packet) -> Outcome {
        let clauses = self.chains.get(index).map_or(&[][..], |chain| &chain.clauses);
        let matching = |clause: &&Clause| all(&clause.when, packet);
        for clause in clauses.iter().filter(matching) {
            match clause.then {
                Target::Continue => {}
                Target::Return => return Outcome::Undecided,
                Target::Decide(verdict) => return Outcome::Decided(verdict, clause.place),
                Target::Goto(chain) => {
                    return match self.chain(chain, packet) {
                        Outcome::Decided(verdict, place) => {
                            Outcome::Decided(verdict, self.rule(chain, clause, place))
                        }
                        undecided => undecided,
                    };
                }
                Target::Jump(chain) => {
                    if let Outcome::Decided(verdict, place) = self.chain(chain, packet) {
                        return Outcome::Decided(verdict, self.rule(chain, clause, place));
                    }
                }
            }
        }
        Outcome::Undecided
    }

    /// Returns the line to be shown of a decision behind a jump: where a chain does nothing but answer refused
    /// packets, the rule that sent the packet there.
    fn rule(&self, chain: usize, jump: &Clause, place: Place) -> Place {
        let answers = |clause: &Clause| {
            matches!(
                clause.then,
                Target::Continue | Target::Decide(Verdict::RejectReset | Verdict::RejectProhibited)
            )
        };
        let only = self.chains.get(chain).is_some_and(|chain| chain.clauses.iter().all(answers));
        if only { jump.place } else { place }
    }

    /// Checks the program's own shape: a chain may be missing, or jumps may form a cycle.
    ///
    /// # Errors
    /// The place of the jump, and why.
    pub fn check(&self) -> Result<(), (Place, String)> {
        let mut done = vec![false; self.chains.len()];
        for base in &self.bases {
            if base.chain >= self.chains.len() {
                return Err((base.place, "the chain is not there".to_owned()));
            }
        }
        for index in 0..self.chains.len() {
            self.visit(index, &mut done)?;
        }
        Ok(())
    }

    /// Visits every chain below one, without recursion: a hostile text may nest chains as deep as it likes.
    fn visit(&self, from: usize, done: &mut [bool]) -> Result<(), (Place, String)> {
        let mut open = vec![false; self.chains.len()];
        let mut path = vec![(from, 0)];
        while let Some((chain, at)) = path.pop() {
            if done[chain] {
                continue;
            }
            open[chain] = true;
            let Some(clause) = self.chains[chain].clauses.get(at) else {
                (open[chain], done[chain]) = (false, true);
                continue;
            };
            path.push((chain, at + 1));
            let (Target::Jump(next) | Target::Goto(next)) = clause.then else { continue };
            if next >= self.chains.len() {
                return Err((clause.place, "the chain is not there".to_owned()));
            }
            if open[next] {
                return Err((clause.place, "the chain is reached from itself".to_owned()));
            }
            if path.len() > DEEPEST {
                return Err((clause.place, format!("more than {DEEPEST} chains deep")));
            }
            path.push((next, 0));
        }
        Ok(())
    }
}

/// The most chains on one path, including the first: the kernel refuses more (`NFT_JUMP_STACK_SIZE`).
const DEEPEST: usize = 16;

/// Whether a conjunction holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    No,
    Perhaps,
    Yes,
}

fn judge(when: &[Match], packet: &Packet) -> Holds {
    let one = |one: &Match| match one {
        Match::Unknown => Holds::Perhaps,
        Match::AnyOf(list) => {
            list.iter().map(|when| judge(when, packet)).max().unwrap_or(Holds::No)
        }
        known if holds(known, packet) => Holds::Yes,
        _ => Holds::No,
    };
    when.iter().map(one).min().unwrap_or(Holds::Yes)
}

/// Tells whether a packet matches a conjunction.
pub(crate) fn all(when: &[Match], packet: &Packet) -> bool {
    when.iter().all(|one| holds(one, packet))
}

fn holds(one: &Match, packet: &Packet) -> bool {
    match (one, packet.source, packet.destination) {
        (Match::Family(family), ..) => *family == packet.family(),
        (Match::Source4(ranges), IpAddr::V4(address), _) => inside(ranges, address.to_bits()),
        (Match::Source6(ranges), IpAddr::V6(address), _) => inside(ranges, address.to_bits()),
        (Match::Destination4(ranges), _, IpAddr::V4(address)) => inside(ranges, address.to_bits()),
        (Match::Destination6(ranges), _, IpAddr::V6(address)) => inside(ranges, address.to_bits()),
        (Match::Field(field, ranges), ..) => inside(ranges, value(*field, packet)),
        (Match::AnyOf(alternatives), ..) => alternatives.iter().any(|when| all(when, packet)),
        // `Match::Unknown` too: only `outcomes` takes that into account.
        _ => false,
    }
}

fn inside<T: PartialOrd>(ranges: &[(T, T)], value: T) -> bool {
    ranges.iter().any(|(low, high)| (low..=high).contains(&&value))
}

fn value(field: Field, packet: &Packet) -> u32 {
    let index = |at: Option<usize>| u32::try_from(at.unwrap_or_default()).unwrap_or_default();
    match field {
        Field::Hook => index(Hook::ALL.iter().position(|hook| *hook == packet.hook)),
        Field::Incoming => packet.incoming.into(),
        Field::Outgoing => packet.outgoing.into(),
        Field::State => index(State::ALL.iter().position(|state| *state == packet.state)),
        Field::Protocol => packet.protocol.into(),
        Field::SourcePort => packet.source_port.into(),
        Field::DestinationPort => packet.destination_port.into(),
        Field::TcpFlags => packet.tcp_flags.into(),
        Field::HopLimit => packet.hop_limit.into(),
    }
}
