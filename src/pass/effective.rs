//! Effective openers: what the first match really allows, with earlier denies subtracted.

use crate::ir::flow::{Rule, RuleSet};
use crate::ir::{Action, Direction, L4, Origin, OriginKind};
use crate::net::IpSet;

/// Returns the allow rules of a direction, each without what earlier rules refuse; the default comes last
/// when it allows. Their union is exactly what may be opened, and no rule of the list refuses.
///
/// What an earlier rule allows with *other* ephemeral ports is subtracted too: the first match says which
/// ports the replies come back to.
pub fn openers(policy: &RuleSet, way: Direction) -> Vec<Rule> {
    let last = (policy.defaults.of(way) == Action::Allow).then(|| the_rest(policy, way));
    let mut earlier: Vec<&Rule> = Vec::new();
    let mut allowed = Vec::new();
    for rule in policy.rules.iter().filter(|rule| rule.direction == way).chain(&last) {
        if rule.action == Action::Allow {
            allowed.extend(without(rule, &earlier));
        }
        earlier.push(rule);
    }
    allowed
}

/// The default as a rule.
fn the_rest(policy: &RuleSet, way: Direction) -> Rule {
    Rule {
        action: policy.defaults.of(way),
        direction: way,
        source: IpSet::all(),
        destination: IpSet::all(),
        l4: L4::any(),
        ephemeral: policy.ephemeral(way),
        log: None,
        origins: vec![Origin::new(OriginKind::Default, way.word())],
    }
}

fn without(rule: &Rule, earlier: &[&Rule]) -> Vec<Rule> {
    let decides_apart =
        |other: &&&Rule| other.action != Action::Allow || other.ephemeral != rule.ephemeral;
    let mut pieces = vec![rule.clone()];
    for other in earlier.iter().filter(decides_apart).filter(|other| rule.overlaps(other)) {
        pieces = pieces.into_iter().flat_map(|piece| piece.without(other)).collect();
    }
    pieces
}
