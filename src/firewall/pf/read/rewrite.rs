//! What rules make of packets, and which conditions of other rules are in doubt for it.

use super::program::Rule;
use super::rule::{Draft, Rewrites};
use crate::firewall::doubt;
use crate::ir::Placement;
use crate::program::{Field, Match};

/// A rule that makes something else of packets.
pub(super) struct Rewrite {
    what: Rewrites,
    /// The packets that it may be for, or more.
    when: Vec<Match>,
    incoming: Option<bool>,
    /// Rules behind this line see it.
    line: usize,
}

impl Rewrite {
    /// Takes note of what a rule does.
    pub(super) fn of(draft: &Draft, what: Rewrites, line: usize) -> Self {
        let mut when = doubt::simple(&draft.when);
        if let (Some(on), Some(incoming)) = (&draft.on, draft.incoming) {
            let field = if incoming { Field::Incoming } else { Field::Outgoing };
            let all = on.sure.iter().chain(&on.perhaps).map(|at| (u32::from(*at), u32::from(*at)));
            when.push(Match::Field(field, all.collect()));
        }
        Rewrite { what, when, incoming: draft.incoming, line }
    }

    /// Tells whether packets may meet a rule behind it; what comes in may go out.
    fn precedes(&self, rule: &Rule) -> bool {
        match (self.incoming, rule.incoming) {
            (Some(false), Some(true)) => false,
            (Some(true), Some(false)) => true,
            _ => rule.line > self.line,
        }
    }

    fn touches(&self, one: &Match) -> bool {
        match (self.what, one) {
            (_, Match::AnyOf(any)) => any.iter().flatten().any(|one| self.touches(one)),
            (_, Match::Unknown) => false,
            (_, Match::Field(field, _)) => match field {
                Field::SourcePort | Field::DestinationPort => true,
                Field::Hook | Field::Incoming | Field::Outgoing => false,
                _ => self.what == Rewrites::Everything,
            },
            (Rewrites::Ends, Match::Family(_)) => false,
            _ => true,
        }
    }
}

/// Puts the conditions of all rules in doubt that ask for what was rewritten.
pub(super) fn apply(rewrites: &[Rewrite], rules: &mut [Rule], placement: &Placement) {
    for rule in rules {
        let before: Vec<_> = rewrites.iter().filter(|one| one.precedes(rule)).collect();
        for one in &mut rule.when {
            let touching = before.iter().filter(|rewrite| rewrite.touches(one));
            let touching: Vec<_> = touching.map(|rewrite| rewrite.when.as_slice()).collect();
            if !touching.is_empty() {
                *one = doubt::doubted(one.clone(), &touching, placement);
            }
        }
    }
}
