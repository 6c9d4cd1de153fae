//! A policy with everything that commands work out from it, so that nothing is resolved, proven or read twice.

use crate::analysis::{Asked, Names};
use crate::diag::Diags;
use crate::feed::Feeds;
use crate::pass::resolve::{self, Resolved};
use crate::policy::ast::Policy;
use crate::proof::Prover;
use crate::timing::phase;
use std::cell::OnceCell;

/// A policy that commands are run on.
pub struct Session<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The vendors' feeds that it is resolved with.
    pub feeds: &'a Feeds,
    /// Its rules.
    pub resolved: &'a Resolved,
    /// What proves its artifacts.
    pub(super) prover: Prover<'a>,
    /// What answers questions about its rules.
    pub(super) asked: Asked<'a>,
    names: OnceCell<Names>,
}

/// Resolves every name of a policy; `None` when anything is wrong with it, which is reported.
pub fn resolved(policy: &Policy, feeds: &Feeds, diags: &mut Diags) -> Option<Resolved> {
    phase("resolve", || resolve::resolve(policy, feeds, diags))
}

impl<'a> Session<'a> {
    /// Returns a session for a policy that is [`resolved`].
    pub fn new(policy: &'a Policy, feeds: &'a Feeds, resolved: &'a Resolved) -> Self {
        let (prover, asked) = (Prover::new(&resolved.rules), Asked::new(&resolved.rules));
        Session { policy, feeds, resolved, prover, asked, names: OnceCell::new() }
    }

    /// Returns the policy's names for its sets.
    pub fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let sets = resolve::names(self.policy, self.feeds);
            Names::new(sets.networks, sets.services)
        })
    }
}
