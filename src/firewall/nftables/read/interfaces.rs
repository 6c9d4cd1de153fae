//! Conditions on interfaces.

use super::condition::{Condition, Context, WRITTEN};
use super::field::Field;
use super::stage::Has;
use super::writes::Writes;
use crate::firewall::nftables::syntax::Word;
use crate::program::{self, Match, Ranges};

impl Context<'_, '_, '_> {
    /// Interfaces by name: those that the policy names are told apart; any other one may be meant.
    pub(super) fn of_interfaces(
        &self,
        field: Field,
        names: &[Word<'_>],
        negated: bool,
    ) -> Condition {
        let (has, field, written) = match field {
            Field::Incoming => (self.stage.incoming, program::Field::Incoming, Writes::INCOMING),
            _ => (self.stage.outgoing, program::Field::Outgoing, Writes::OUTGOING),
        };
        if self.stage.written.has(written) {
            return Condition::unclear(Vec::new(), WRITTEN);
        }
        match has {
            Has::Yes => {}
            Has::No if !negated => return Condition::exact(vec![Match::AnyOf(Vec::new())]),
            Has::No | Has::Perhaps => {
                return Condition::unclear(Vec::new(), "whether packets have the interface here");
            }
        }
        let index = |name: &Word<'_>| name.text.bytes().all(|b| b.is_ascii_digit());
        if names.iter().any(index) {
            let why = "which interface has the index is not known here";
            return Condition::unclear(Vec::new(), why);
        }
        let other = u32::from(self.placement.other_interface());
        let known = self.placement.interfaces();
        let fits = |known: &str| names.iter().any(|name| is_named(known, name.text));
        let chosen = (0u32..).zip(&known).filter(|(_, known)| fits(known) != negated);
        let mut sure: Ranges<u32> = chosen.map(|(at, _)| (at, at)).collect();
        let everything = names.iter().any(|name| name.text == "*");
        let foreign = names.iter().find(|name| !known.contains(&name.text));
        let Some(foreign) = foreign.filter(|_| !everything) else {
            sure.extend((everything != negated).then_some((other, other)));
            return Condition::exact(vec![Match::Field(field, sure)]);
        };
        let why = format!("the policy does not name the interface `{}`", foreign.text);
        let perhaps = vec![Match::Field(field, vec![(other, other)]), Match::Unknown];
        let either = Match::AnyOf(vec![vec![Match::Field(field, sure)], perhaps]);
        Condition { when: vec![either], unclear: Some(why) }
    }
}

/// Tells whether an interface of that name is meant; a `*` at the end stands for anything.
fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}
