//! Rules that change nothing: those that earlier ones hide, and those whose packets would be decided the same
//! way without them.
//!
//! Some packets of each rule are tried first: most rules have one that no other rule decides alike, and it is
//! found at once. Only for the remaining rules are all packets examined.

use super::plane::{Decider, Plane, planes};
use super::run::{Near, near, runs};
use super::work::{TooMuch, Work};
use crate::ir::flow::{Rule, RuleSet};
use crate::ir::{Action, Direction, Log};
use crate::net::PortSet;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A rule that changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Useless {
    /// Index of the rule.
    pub rule: usize,
    /// Why it changes nothing.
    pub why: Why,
    /// Indices of the rules that decide its packets, ascending.
    pub by: Arc<[usize]>,
    /// Whether the direction's default decides some of them too.
    pub default: bool,
}

/// Why a rule changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Earlier rules decide all its packets: it never matches.
    Shadowed,
    /// Without it, later rules or the default would do the same.
    Redundant,
}

/// What was found, and what would have been too much work.
#[derive(Clone, Default, Debug)]
pub struct Found<T> {
    /// By index of the rule.
    pub list: Vec<T>,
    /// Indices of rules of which nothing is known, ascending.
    pub undecided: Vec<usize>,
}

/// Returns the rules that change nothing. Each may be removed alone, and all of them together.
pub fn useless(policy: &RuleSet, work: &mut Work) -> Found<Useless> {
    let mut found = Found { list: Vec::new(), undecided: Vec::new() };
    for way in Direction::BOTH {
        let list = List::new(policy, way);
        let mut states = list.drawn(work);
        list.shadowed(&mut states, work);
        list.redundant(&mut states, work);
        for (state, index) in states.into_iter().zip(&list.indices) {
            match state {
                State::Useless(useless) => found.list.push(useless),
                State::Undecided => found.undecided.push(*index),
                _ => {}
            }
        }
    }
    found.list.sort_by_key(|useless| useless.rule);
    found.undecided.sort_unstable();
    found
}

/// What is known of a rule.
#[derive(Clone)]
enum State {
    /// Nothing yet.
    Open,
    /// It decides some packets.
    Matches,
    /// It decides some that would be decided differently without it.
    Matters,
    /// It changes nothing.
    Useless(Useless),
    /// Nothing, and to know more would be too much work.
    Undecided,
}

/// Which rules decide a rule's packets in its place, by their indices in the policy, and whether the default does.
struct By {
    rules: Arc<[usize]>,
    default: bool,
}

/// What a rule does with its packets, beyond the verdict: two rules that differ here are not alike.
#[derive(PartialEq)]
struct Effect<'a> {
    action: Action,
    log: Option<&'a Log>,
    /// Where replies come back to, on a stateless firewall.
    ephemeral: Option<&'a PortSet>,
}

/// The rules of one direction, by their numbers in it.
struct List<'a> {
    /// Indices in the policy.
    indices: Vec<usize>,
    rules: Vec<&'a Rule>,
    planes: Vec<Box<dyn Plane + 'a>>,
    default: Action,
    ephemeral: PortSet,
}

/// How many packets of a rule are asked before all are gone over, and how many where that takes many steps.
const SAMPLES: u64 = 24;
const FEW: u64 = 4;
const MANY: u64 = 1_000;

impl<'a> List<'a> {
    fn new(policy: &'a RuleSet, way: Direction) -> Self {
        let (indices, rules): (Vec<_>, Vec<_>) =
            policy.rules.iter().enumerate().filter(|(_, rule)| rule.direction == way).unzip();
        List {
            planes: planes(&rules),
            indices,
            rules,
            default: policy.defaults.of(way),
            ephemeral: policy.ephemeral(way),
        }
    }

    /// Asks a few packets of each rule.
    fn drawn(&self, work: &mut Work) -> Vec<State> {
        let state = |rule| self.samples(rule, work).unwrap_or(State::Open);
        (0..self.rules.len()).map(state).collect()
    }

    fn samples(&self, rule: usize, work: &mut Work) -> Result<State, TooMuch> {
        let planes: Vec<_> = self.planes.iter().filter(|plane| plane.has(rule)).collect();
        let (mut state, before) = (State::Open, work.left());
        for (seed, plane) in (0..SAMPLES).zip(planes.iter().cycle()) {
            if seed >= FEW && before - work.left() > MANY {
                break;
            }
            let decider = plane.drawn(rule, seed, work)?;
            if decider.is_none_or(|other| other > rule) {
                if !self.alike(rule, decider) {
                    return Ok(State::Matters);
                }
                state = State::Matches;
            }
        }
        Ok(state)
    }

    /// Finds the rules that never match.
    fn shadowed(&self, states: &mut [State], work: &mut Work) {
        let open: Vec<_> =
            (0..states.len()).filter(|r| matches!(states[*r], State::Open)).collect();
        for run in runs(&self.planes, &open) {
            self.settle(run, Why::Shadowed, states, work);
        }
    }

    /// Asks the rules in order: each without those that were found before, so that all may go, and with
    /// them, so that it may go alone.
    fn redundant(&self, states: &mut [State], work: &mut Work) {
        let open = |rule: &usize| matches!(states[*rule], State::Matches);
        let open: Vec<_> = (0..states.len()).filter(open).collect();
        for run in runs(&self.planes, &open) {
            self.settle(run, Why::Redundant, states, work);
        }
    }

    /// Asks a run, and each of its rules where that leads to nothing.
    fn settle(&self, run: &[usize], why: Why, states: &mut [State], work: &mut Work) {
        let answer = work.question(|work| match why {
            Why::Shadowed => self.hidden(run, work),
            Why::Redundant => self.replaced(run, states, work),
        });
        let otherwise = match (answer, why) {
            (Ok(Some(by)), _) => {
                return run.iter().for_each(|rule| states[*rule] = self.found(*rule, why, &by));
            }
            _ if run.len() > 1 => {
                return run.iter().for_each(|rule| self.settle(&[*rule], why, states, work));
            }
            (Ok(None), Why::Shadowed) => State::Matches,
            (Ok(None), Why::Redundant) => State::Matters,
            (Err(TooMuch), _) => State::Undecided,
        };
        states[run[0]] = otherwise;
    }

    fn hidden(&self, run: &[usize], work: &mut Work) -> Result<Option<By>, TooMuch> {
        match near(&self.planes, run, |other| other < run[0], work)? {
            Some(near) => self.question(run, &near, Why::Shadowed, work),
            None => Ok(None),
        }
    }

    fn replaced(
        &self,
        run: &[usize],
        states: &[State],
        work: &mut Work,
    ) -> Result<Option<By>, TooMuch> {
        let Some(all) = near(&self.planes, run, |_| true, work)? else { return Ok(None) };
        let stays = |other: &usize| !matches!(states[*other], State::Useless(_));
        let rest = |near: &Vec<usize>| near.iter().copied().filter(stays).collect();
        let rest: Near = all.iter().map(rest).collect();
        let by = self.question(run, &rest, Why::Redundant, work)?;
        let alone = rest == all
            || by.is_none()
            || self.question(run, &all, Why::Redundant, work)?.is_some();
        Ok(by.filter(|_| alone))
    }

    /// Asks whether all packets of a run are decided without it, and alike; gives by whom.
    fn question(
        &self,
        run: &[usize],
        near: &Near,
        why: Why,
        work: &mut Work,
    ) -> Result<Option<By>, TooMuch> {
        if let Some(other) = self.cover(run, near) {
            return Ok(Some(By { rules: [self.indices[other]].into(), default: false }));
        }
        let (rule, mut rules, mut default) = (run[0], BTreeSet::new(), false);
        let mut visit = |decider: Decider| {
            match decider {
                Some(other) => _ = rules.insert(self.indices[other]),
                None => default = true,
            }
            let without = match decider {
                Some(other) if other < rule => true,
                None if why == Why::Shadowed => false,
                decider => self.alike(rule, decider),
            };
            if without { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        for (plane, near) in self.planes.iter().zip(near) {
            if plane.deciders(run, near, work, &mut visit)?.is_break() {
                return Ok(None);
            }
        }
        Ok(Some(By { rules: rules.into_iter().collect(), default }))
    }

    fn found(&self, rule: usize, why: Why, by: &By) -> State {
        let (rule, by, default) = (self.indices[rule], by.rules.clone(), by.default);
        State::Useless(Useless { rule, why, by, default })
    }

    /// The first earlier rule that matches all packets of a run.
    fn cover(&self, run: &[usize], near: &Near) -> Option<usize> {
        let mut earlier: Vec<_> = near.iter().flatten().copied().filter(|o| *o < run[0]).collect();
        earlier.sort_unstable();
        for plane in &self.planes {
            earlier = plane.covering(run, &earlier);
        }
        earlier.first().copied()
    }

    /// Tells whether a rule and another, or the default, do the same with a packet.
    fn alike(&self, rule: usize, other: Decider) -> bool {
        let replies = |action: Action, ports| (action == Action::Allow).then_some(ports);
        let effect = |rule: &'a Rule| Effect {
            action: rule.action,
            log: rule.log.as_ref(),
            ephemeral: replies(rule.action, &rule.ephemeral),
        };
        let default = Effect {
            action: self.default,
            log: None,
            ephemeral: replies(self.default, &self.ephemeral),
        };
        effect(self.rules[rule]) == other.map_or(default, |other| effect(self.rules[other]))
    }
}
