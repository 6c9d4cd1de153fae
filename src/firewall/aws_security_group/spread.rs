//! Which group a rule stands in: rules stay where they are while others come and go.

use super::options::Options;
use super::plan::Rule;
use crate::net::Family;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Spreads the rules over as few groups as take them: each takes a quota of each direction and family,
/// and a rule with a prefix list counts as the list's entries. `None` when they do not fit.
pub(super) fn spread(rules: &[Rule], options: &Options) -> Option<Vec<Vec<Rule>>> {
    let places = (1..=usize::from(options.groups))
        .find_map(|groups| places(rules, groups, usize::from(options.quota)))?;
    let count = places.iter().max().map_or(1, |last| last + 1);
    let mut groups = vec![Vec::new(); count];
    for (rule, place) in rules.iter().zip(places) {
        groups[place].push(rule.clone());
    }
    Some(groups)
}

fn places(rules: &[Rule], groups: usize, room: usize) -> Option<Vec<usize>> {
    let mut filled: BTreeMap<(usize, bool, Family), usize> = BTreeMap::new();
    let mut order: Vec<_> = (0..rules.len()).collect();
    // What is heavy finds no place later.
    order.sort_by_key(|at| std::cmp::Reverse(rules[*at].weight));
    let mut places = vec![0; rules.len()];
    for at in order {
        let rule = &rules[at];
        let mut liked: Vec<_> = (0..groups).collect();
        if groups > 1 {
            liked.sort_by_cached_key(|group| liking(rule, *group));
        }
        let place = liked.into_iter().find(|group| {
            let key = (*group, rule.egress, rule.family);
            filled.get(&key).copied().unwrap_or_default() + rule.weight <= room
        })?;
        *filled.entry((place, rule.egress, rule.family)).or_default() += rule.weight;
        places[at] = place;
    }
    Some(places)
}

/// How much a rule likes a group (rendezvous hashing: Thaler and Ravishankar, 1998).
fn liking(rule: &Rule, group: usize) -> [u8; 32] {
    Sha256::digest(format!("{group} {}", rule.key)).into()
}
