//! Decides whether an artifact means what its policy means, for all packets.
//!
//! This room may not use anything of `pass`, of the templates, or of the compiler's own set engine
//! (`net::RangeSet` operations): address sets are ranges of its own, made from the prefixes as printed, so
//! that the compiler does not judge itself.

mod boxes;
mod budget;
mod compare;
mod diagram;
mod field;
mod filter;
mod flows;
mod list;
mod meaning;
mod meetings;
mod parting;
mod product;
mod runs;
mod store;
mod terminal;
#[cfg(test)]
mod tests;
mod translate;
mod value;
mod witness;

pub use budget::{Budget, OverBudget, limit_memory};
pub use compare::{Difference, Differs, between};
pub use filter::of_filter;
pub use flows::{Packets, Space};
pub use witness::Meeting;

use crate::ir::flow::RuleSet;
use crate::ir::packet::Filter;
use crate::ir::{Decision, Packet, Placement, StateMode, Verdict, decide};
use crate::net::Family;
use crate::program::{self, Match, Place, Program};
use crate::timing::phase;
use diagram::Diagrams;
use meaning::Governed;
use meetings::Found;
use terminal::Node;
use value::Value;

/// That an artifact means what its policy means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof {
    /// How many nodes the policy's diagrams have so far, in both families together.
    pub nodes: usize,
    /// Where something else was declared: a packet that gets in beyond the policy, if any does.
    pub beyond: Option<Packet>,
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
        /// What the artifact does, and the place that decides it.
        artifact: (Verdict, Option<Place>),
    },
    /// A packet that the artifact does not decide as declared, where a target cannot express everything that the
    /// policy says.
    NotAsDeclared {
        /// The packet.
        packet: Packet,
        /// What was declared.
        declared: Verdict,
        /// What the artifact does, and the place that decides it.
        artifact: (Verdict, Option<Place>),
    },
    /// The diagrams became too large: nothing is known.
    Budget,
}

/// What is claimed of an artifact.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Where the firewall stands.
    pub placement: &'a Placement,
    /// Whether it tracks connections.
    pub state: StateMode,
    /// Packets that never come to this kind of firewall, as conjunctions: nothing is claimed about them.
    pub unseen: &'a [Vec<Match>],
    /// What the artifact does instead of what the policy means, where it cannot express all of that: it must do
    /// exactly this, and let through everything that the policy lets through.
    pub declared: Option<&'a Filter>,
}

impl From<OverBudget> for Failure {
    fn from(_: OverBudget) -> Self {
        Failure::Budget
    }
}

/// Makes the place for the diagrams of a family.
fn diagrams<V: Value>(family: Family, budget: Budget) -> Diagrams<V> {
    Diagrams::new(field::maxima(family).map(V::from_wide), budget)
}

/// A policy's meaning at one kind of firewall.
struct Known {
    placement: Placement,
    state: StateMode,
    v4: Governed,
    v6: Governed,
    /// Its diagrams, once they are needed.
    nodes: Option<(Node, Node)>,
}

impl Claim<'_> {
    /// Tells whether anything is claimed about a packet.
    pub fn covers(&self, packet: &Packet) -> bool {
        !self.unseen.iter().any(|when| program::all(when, packet))
    }

    /// Returns what is claimed to happen to a packet that it covers.
    pub fn verdict(&self, policy: &RuleSet, packet: &Packet) -> Verdict {
        match self.declared {
            Some(filter) => filter.verdict(packet),
            None => decide(policy, self.placement, self.state, packet).verdict(),
        }
    }
}

/// Proves the artifacts of one policy; each proof reuses what earlier ones worked out.
pub struct Prover<'a> {
    policy: &'a RuleSet,
    v4: Diagrams<u32>,
    v6: Diagrams<u128>,
    known: Vec<Known>,
}

impl<'a> Prover<'a> {
    /// Makes a prover for a policy.
    pub fn new(policy: &'a RuleSet) -> Self {
        Self::with_budget(policy, Budget::default())
    }

    /// Makes a prover that gives up beyond a budget, which each family has for itself.
    pub fn with_budget(policy: &'a RuleSet, budget: Budget) -> Self {
        Prover {
            policy,
            v4: diagrams(Family::V4, budget),
            v6: diagrams(Family::V6, budget),
            known: Vec::new(),
        }
    }

    /// Decides whether a program means what the policy means at that firewall.
    ///
    /// # Errors
    /// A packet that differs, or that the budget is used up.
    pub fn prove(
        &mut self,
        placement: &Placement,
        state: StateMode,
        program: &Program,
    ) -> Result<Proof, Failure> {
        self.prove_claim(&Claim { placement, state, unseen: &[], declared: None }, program)
    }

    /// Decides whether what is claimed of a program holds.
    ///
    /// # Errors
    /// A packet that differs, or that the budget is used up.
    pub fn prove_claim(&mut self, claim: &Claim<'_>, program: &Program) -> Result<Proof, Failure> {
        let declared = claim.declared.map(of_filter);
        let at = phase("  meaning", || self.known(claim.placement, claim.state))?;
        let found = phase("  program, IPv4", || {
            let policy = (self.policy, &self.known[at].v4);
            meetings::compare(claim, policy, program, declared.as_ref(), &mut self.v4)
        })?;
        let beyond4 = self.judge(claim, program, found)?;
        let found = phase("  program, IPv6", || {
            let policy = (self.policy, &self.known[at].v6);
            meetings::compare(claim, policy, program, declared.as_ref(), &mut self.v6)
        })?;
        let beyond6 = self.judge(claim, program, found)?;
        Ok(Proof { nodes: self.v4.count() + self.v6.count(), beyond: beyond4.or(beyond6) })
    }

    fn judge(
        &self,
        claim: &Claim<'_>,
        program: &Program,
        found: Found,
    ) -> Result<Option<Packet>, Failure> {
        let (packet, declared) = match found {
            Found::Nothing(beyond) => return Ok(beyond),
            Found::Policy(packet) => (packet, None),
            Found::Declared(packet) => {
                (packet, claim.declared.map(|filter| filter.verdict(&packet)))
            }
        };
        let artifact = program.decide(&packet);
        Err(match declared {
            Some(declared) => Failure::NotAsDeclared { packet, declared, artifact },
            None => {
                let policy = decide(self.policy, claim.placement, claim.state, &packet);
                Failure::Different { packet, policy, artifact }
            }
        })
    }

    /// Works out what the policy means at a kind of firewall, ahead of the proofs that need it.
    pub fn prepare(&mut self, placement: &Placement, state: StateMode) {
        // When the budget does not suffice, the proof finds that out again.
        let _ = phase("  meaning", || self.known(placement, state));
    }

    /// Returns the index of what the policy means at a kind of firewall.
    fn known(&mut self, placement: &Placement, state: StateMode) -> Result<usize, OverBudget> {
        let same = |known: &Known| known.placement == *placement && known.state == state;
        if let Some(at) = self.known.iter().position(same) {
            return Ok(at);
        }
        let v4 = meaning::governed(self.policy, placement, state, &mut self.v4)?;
        let v6 = meaning::governed(self.policy, placement, state, &mut self.v6)?;
        self.known.push(Known { placement: placement.clone(), state, v4, v6, nodes: None });
        Ok(self.known.len() - 1)
    }

    fn meaning(
        &mut self,
        placement: &Placement,
        state: StateMode,
    ) -> Result<(Node, Node), OverBudget> {
        let at = self.known(placement, state)?;
        let known = &mut self.known[at];
        if let Some(nodes) = known.nodes {
            return Ok(nodes);
        }
        let v4 = meaning::meaning(self.policy, placement, state, &known.v4, &mut self.v4)?;
        let v6 = meaning::meaning(self.policy, placement, state, &known.v6, &mut self.v6)?;
        known.nodes = Some((v4, v6));
        Ok((v4, v6))
    }
}
