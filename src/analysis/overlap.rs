//! Rules that lose some packets to earlier ones with the opposite action.

use super::plane::{Decider, Plane, planes};
use super::run::{Near, near, runs};
use super::useless::Found;
use super::work::{TooMuch, Work};
use crate::ir::flow::RuleSet;
use crate::ir::{Action, Direction, Packet};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// A rule and the first earlier one with the opposite action that decides some of its packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// Index of the rule.
    pub rule: usize,
    /// Index of the earlier rule.
    pub earlier: usize,
    /// How many more earlier rules with the opposite action match some of its packets.
    pub more: usize,
    /// A packet that both match and the earlier rule decides, as one that opens a flow.
    pub packet: Packet,
}

/// Finds the rules that lose packets to earlier rules with the opposite action; drop and reject are alike.
/// Those that are known to lose all of them are not asked.
pub fn overlaps(policy: &RuleSet, hidden: &BTreeSet<usize>, work: &mut Work) -> Found<Overlap> {
    let mut found = Found { list: Vec::new(), undecided: Vec::new() };
    for way in Direction::BOTH {
        let rules = policy.rules.iter().enumerate().filter(|(_, rule)| rule.direction == way);
        let (indices, rules): (Vec<_>, Vec<_>) = rules.unzip();
        let allows: Vec<_> = rules.iter().map(|rule| rule.action == Action::Allow).collect();
        if allows.iter().all(|allow| *allow) || !allows.contains(&true) {
            continue;
        }
        let list = List { allows, planes: planes(&rules) };
        for own in [true, false] {
            let asked =
                |rule: &usize| list.allows[*rule] == own && !hidden.contains(&indices[*rule]);
            let asked: Vec<_> = (0..rules.len()).filter(asked).collect();
            for run in runs(&list.planes, &asked) {
                list.settle(run, work, &mut |rule, answer| match answer {
                    Ok(lost) => found.list.extend(lost.map(|(earlier, more, packet)| Overlap {
                        rule: indices[rule],
                        earlier: indices[earlier],
                        more,
                        packet,
                    })),
                    Err(TooMuch) => found.undecided.push(indices[rule]),
                });
            }
        }
    }
    found.list.sort_by_key(|overlap| overlap.rule);
    found.undecided.sort_unstable();
    found
}

/// The rules of one direction.
struct List<'a> {
    allows: Vec<bool>,
    planes: Vec<Box<dyn Plane + 'a>>,
}

/// The first opposite rule that takes packets of a rule, how many more meet it, and one of the packets.
type Lost = Option<(usize, usize, Packet)>;

impl List<'_> {
    /// Tells what each rule of a run loses.
    fn settle(
        &self,
        run: &[usize],
        work: &mut Work,
        told: &mut dyn FnMut(usize, Result<Lost, TooMuch>),
    ) {
        match work.question(|work| self.lost(run, work)) {
            Ok(Some(lost)) => run.iter().zip(lost).for_each(|(rule, lost)| told(*rule, Ok(lost))),
            _ if run.len() > 1 => run.iter().for_each(|rule| self.settle(&[*rule], work, told)),
            _ => told(run[0], Err(TooMuch)),
        }
    }

    /// Finds what the rules of a run lose to opposite ones before them; what alike ones decide before those
    /// is not lost. None where each has to be asked for itself.
    fn lost(&self, run: &[usize], work: &mut Work) -> Result<Option<Vec<Lost>>, TooMuch> {
        let (first, last) = (run[0], run[run.len() - 1]);
        let Some(near) = near(&self.planes, run, |other| other < last, work)? else {
            return Ok(None);
        };
        let mut all = near.concat();
        all.sort_unstable();
        all.dedup();
        let (alike, opposite): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|other| self.allows[*other] == self.allows[first]);
        let lost = |earlier: usize, work: &mut Work| {
            let before = &alike[..alike.partition_point(|other| *other < earlier)];
            let lost = |rule: &usize| {
                let packet = self.left((*rule, earlier), before, work)?;
                Ok(packet.map(|packet| (earlier, opposite.len() - 1, packet)))
            };
            run.iter().map(lost).collect::<Result<Vec<Lost>, TooMuch>>()
        };
        let nothing = vec![None; run.len()];
        let Some(earlier) = opposite.first() else { return Ok(Some(nothing)) };
        // Mostly it is the first of them; else all that decide are looked for at once.
        let by_first = lost(*earlier, work)?;
        if by_first[0].is_some() {
            return Ok(Some(by_first));
        }
        let is_opposite = |other| opposite.binary_search(&other).is_ok();
        match self.decider(run, &near, is_opposite, work)? {
            Some(earlier) => lost(earlier, work).map(Some),
            None => Ok(Some(nothing)),
        }
    }

    /// Finds the first of some rules that decides packets of a run.
    fn decider(
        &self,
        run: &[usize],
        near: &Near,
        wanted: impl Fn(usize) -> bool,
        work: &mut Work,
    ) -> Result<Option<usize>, TooMuch> {
        let mut first = None;
        let mut visit = |decider: Decider| {
            let decider = decider.filter(|other| wanted(*other));
            first = decider.into_iter().chain(first).min();
            ControlFlow::Continue(())
        };
        for (plane, near) in self.planes.iter().zip(near) {
            let _ = plane.deciders(run, near, work, &mut visit)?;
        }
        Ok(first)
    }

    fn left(
        &self,
        rules: (usize, usize),
        before: &[usize],
        work: &mut Work,
    ) -> Result<Option<Packet>, TooMuch> {
        for plane in &self.planes {
            if let Some(packet) = plane.left(rules, before, work)? {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    }
}
