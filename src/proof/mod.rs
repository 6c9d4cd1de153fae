//! Decides whether an artifact means what its policy means, over all packets.
//!
//! This room may not use anything of `pass`, of the templates, or of the compiler's own set engine
//! (`net::RangeSet` operations): address sets are built with `iprange` from the prefixes as printed, so
//! that the compiler is not its own judge.

mod diagram;
mod evaluate;
mod field;
mod meaning;
pub mod program;
mod ranges;
pub mod sets;
mod translate;
mod witness;

pub use program::Program;

use crate::ir::flow::RuleSet;
use crate::ir::{Decision, Packet, Placement, StateMode, Verdict, decide};
use diagram::{Diagrams, Node, OverBudget};
use program::Place;

/// That an artifact means what its policy means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof {
    /// How many nodes the diagrams of the policy have so far, both families together.
    pub nodes: usize,
}

/// Why there is no proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// A packet that the two sides decide differently.
    Different {
        /// The packet.
        packet: Packet,
        /// What the policy says, and why.
        policy: Decision,
        /// What the artifact does, and where it says so.
        artifact: (Verdict, Option<Place>),
    },
    /// The diagrams became too large: nothing is known.
    Budget,
}

impl From<OverBudget> for Failure {
    fn from(_: OverBudget) -> Self {
        Failure::Budget
    }
}

/// How many nodes may be made before the proof gives up: some gigabytes.
const BUDGET: usize = 60_000_000;

/// A policy's meaning at one kind of firewall, by its nodes.
struct Known {
    placement: Placement,
    state: StateMode,
    v4: Node,
    v6: Node,
}

/// Proves the artifacts of one policy; what one proof worked out helps the next.
pub struct Prover<'a> {
    policy: &'a RuleSet,
    v4: Diagrams<u32>,
    v6: Diagrams<u128>,
    known: Vec<Known>,
}

impl<'a> Prover<'a> {
    /// Makes a prover for a policy.
    pub fn new(policy: &'a RuleSet) -> Self {
        Self::with_budget(policy, BUDGET)
    }

    /// Makes a prover that gives up after so many steps.
    pub fn with_budget(policy: &'a RuleSet, budget: usize) -> Self {
        let narrow = |value: u128| u32::try_from(value).unwrap_or(u32::MAX);
        Prover {
            policy,
            v4: Diagrams::new(field::maxima(crate::net::Family::V4).map(narrow), budget),
            v6: Diagrams::new(field::maxima(crate::net::Family::V6), budget),
            known: Vec::new(),
        }
    }

    /// Decides whether a program means what the policy means at that firewall.
    ///
    /// # Errors
    /// A packet that differs, or that the budget is spent.
    pub fn prove(
        &mut self,
        placement: &Placement,
        state: StateMode,
        program: &Program,
    ) -> Result<Proof, Failure> {
        let (v4, v6) = self.meaning(placement, state)?;
        let read4 = translate::program(program, placement, &mut self.v4)?;
        let found = witness::difference(&self.v4, placement, v4, read4);
        self.judge(placement, state, program, found)?;
        let read6 = translate::program(program, placement, &mut self.v6)?;
        let found = witness::difference(&self.v6, placement, v6, read6);
        self.judge(placement, state, program, found)?;
        Ok(Proof { nodes: self.v4.count() + self.v6.count() })
    }

    fn judge(
        &self,
        placement: &Placement,
        state: StateMode,
        program: &Program,
        found: Option<Packet>,
    ) -> Result<(), Failure> {
        let Some(packet) = found else { return Ok(()) };
        let policy = decide(self.policy, placement, state, &packet);
        let artifact = program.decide(&packet);
        Err(Failure::Different { packet, policy, artifact })
    }

    fn meaning(
        &mut self,
        placement: &Placement,
        state: StateMode,
    ) -> Result<(Node, Node), OverBudget> {
        let same = |known: &&Known| known.placement == *placement && known.state == state;
        if let Some(known) = self.known.iter().find(same) {
            return Ok((known.v4, known.v6));
        }
        let v4 = meaning::meaning(self.policy, placement, state, &mut self.v4)?;
        let v6 = meaning::meaning(self.policy, placement, state, &mut self.v6)?;
        self.known.push(Known { placement: placement.clone(), state, v4, v6 });
        Ok((v4, v6))
    }
}
