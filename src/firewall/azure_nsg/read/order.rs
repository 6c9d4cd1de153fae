//! The rules of a direction in their order, as far as they can decide anything.

use super::rule::Entry;
use crate::net::Family;
use crate::program::{Clause, Match};

/// Puts rules in the order of their priorities, up to those behind which no packet is left; one without a
/// priority, which may stand anywhere, comes first.
///
/// A rule may be told twice: a template and Terraform's state have it inside its group and by itself. Where
/// two of one priority differ, either may hold.
pub(super) fn deciding(mut entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    entries.sort_by_key(|entry| entry.priority);
    let mut kept: Vec<Entry<'_>> = Vec::new();
    for mut entry in entries {
        if let Some(before) = kept.last_mut().filter(|before| before.priority == entry.priority)
            && let Some(priority) = entry.priority
        {
            if before.same(&entry) {
                continue;
            }
            let reason = format!("priority {priority} is there twice");
            before.doubt(before.at, reason.clone());
            entry.doubt(entry.at, reason);
        }
        kept.push(entry);
    }
    let mut done = [false; 2];
    let last = kept.iter().position(|entry| {
        for clause in &entry.clauses {
            for (done, family) in done.iter_mut().zip(Family::BOTH) {
                *done |= decides_all(clause, family);
            }
        }
        done == [true; 2]
    });
    kept.truncate(last.map_or(kept.len(), |last| last + 1));
    kept
}

/// Tells whether a clause surely decides every packet of a family.
fn decides_all(clause: &Clause, family: Family) -> bool {
    let all = |condition: &Match| match condition {
        Match::Family(own) => *own == family,
        Match::Source4(ranges) | Match::Destination4(ranges) => {
            family == Family::V4 && *ranges == [(0, u32::MAX)]
        }
        Match::Source6(ranges) | Match::Destination6(ranges) => {
            family == Family::V6 && *ranges == [(0, u128::MAX)]
        }
        _ => false,
    };
    clause.when.iter().all(all)
}
