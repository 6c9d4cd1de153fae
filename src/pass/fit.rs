//! Fitting address sets into a number of prefixes, where the policy asks for it: they grow, and the growth is
//! reported.

use crate::ir::flow::RuleSet;
use crate::ir::{Action, Direction, Origin};
use crate::net::{self, Family, IpSet};

/// A rule that allows more than it says, so that its addresses fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grown {
    /// Where the rule comes from.
    pub origin: Option<Origin>,
    /// The family.
    pub family: Family,
    /// How many prefixes its addresses need.
    pub needs: usize,
    /// The addresses that it gets beyond its own.
    pub extra: IpSet,
}

/// Returns the policy with the other side of each rule that allows grown to at most `most` prefixes a family,
/// by as few addresses as can be, and what each grew by. Rules that refuse stay as they are, and what they
/// refuse first stays refused.
pub fn fit(policy: &RuleSet, most: usize) -> (RuleSet, Vec<Grown>) {
    let mut fitted = policy.clone();
    let mut grown = Vec::new();
    for rule in fitted.rules.iter_mut().filter(|rule| rule.action == Action::Allow) {
        let side = match rule.direction {
            Direction::Inbound => &mut rule.source,
            Direction::Outbound => &mut rule.destination,
        };
        for family in Family::BOTH {
            let needs = side.only(family).prefixes().count();
            if needs > most {
                let larger = net::fit(side, family, most);
                let extra = larger.difference(side);
                grown.push(Grown { origin: rule.origins.first().cloned(), family, needs, extra });
                *side = side.union(&larger);
            }
        }
    }
    (fitted, grown)
}
