//! What a policy means at one target: what the target is planned from, and what is claimed of it.

use crate::firewall::Spec;
use crate::ir::flow::RuleSet;
use crate::ir::packet::Filter;
use crate::net::IpSet;
use crate::pass;
use crate::pass::fit::{Grown, fit};
use crate::pass::widen::{Unsayable, Widening};
use crate::program::Match;
use crate::proof::Claim;

/// What a policy means at one target.
#[derive(Clone, Debug)]
pub struct Intent<'a> {
    spec: &'a Spec,
    /// What the target is planned from.
    pub filter: Filter,
    /// Which conditions rules lose because that kind of firewall cannot match them.
    pub lost: Vec<Widening>,
    /// What it cannot do at all: when this is not empty, nothing may be made of the filter.
    pub unsayable: Vec<Unsayable>,
    /// What address sets grew by so that they fit, where the policy asks for it.
    pub grown: Vec<Grown>,
    unseen: Vec<Vec<Match>>,
}

impl<'a> Intent<'a> {
    /// Works it out; `members` are the addresses behind the firewall, where the policy says them.
    pub fn of(policy: &RuleSet, spec: &'a Spec, members: Option<&IpSet>) -> Self {
        let fitted = spec.kind.max_entries().map(|most| fit(policy, most));
        let (rules, grown) = fitted.as_ref().map_or((policy, &[][..]), |(r, g)| (r, g));
        let sight = spec.kind.match_caps(members);
        let widened = pass::filter_for(rules, &spec.placement, spec.state, &sight);
        Intent {
            spec,
            filter: widened.filter,
            lost: widened.report,
            unsayable: widened.unsayable,
            grown: grown.to_vec(),
            unseen: spec.exempt(members),
        }
    }

    /// Tells whether the artifact lets through more than the policy.
    pub fn is_wider(&self) -> bool {
        !self.lost.is_empty() || !self.grown.is_empty()
    }

    /// Returns what is claimed of the artifact: that it means what the policy means, or where it cannot say
    /// all of that, what was declared instead.
    pub fn claim(&self) -> Claim<'_> {
        Claim {
            placement: &self.spec.placement,
            state: self.spec.state,
            unseen: &self.unseen,
            declared: self.is_wider().then_some(&self.filter),
        }
    }
}
