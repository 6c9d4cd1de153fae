//! Azure's limits, counted before anything is written.

use super::options::Options;
use super::plan::{End, Rule, fault};
use crate::diag::Code;
use crate::firewall::Fault;
use std::collections::BTreeMap;

/// The most rules of a group (includes/azure-virtual-network-limits.md).
const RULES: usize = 1000;
/// The most addresses of one end, and ranges of ports, that the rules of a group may have together.
const ENTRIES: usize = 4000;

/// What is summed over the rules of a group, and its name.
type Sum = (&'static str, fn(&Rule) -> usize);

const SUMS: [Sum; 4] = [
    ("source addresses", |rule| entries(&rule.source, |end| &end.prefixes)),
    ("destination addresses", |rule| entries(&rule.destination, |end| &end.prefixes)),
    ("source ports", |rule| entries(&rule.source, |end| &end.ports)),
    ("destination ports", |rule| entries(&rule.destination, |end| &end.ports)),
];

/// Counts what an end lists; any counts as one.
fn entries(end: &End, list: fn(&End) -> &Vec<String>) -> usize {
    list(end).len().max(1)
}

/// Holds rules against the limits.
///
/// # Errors
/// By how much they are too many, and which are the largest.
pub(super) fn hold(rules: &[Rule], options: &Options) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    if rules.len() > RULES {
        faults.push(too_many(rules, ("rules", |_| 1), RULES, options));
    }
    for sum in SUMS {
        if rules.iter().map(sum.1).sum::<usize>() > ENTRIES {
            faults.push(too_many(rules, sum, ENTRIES, options));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn too_many(rules: &[Rule], (what, count): Sum, most: usize, options: &Options) -> Fault {
    let needed: usize = rules.iter().map(count).sum();
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in rules {
        *by.entry(&rule.comment).or_default() += count(rule);
    }
    let mut by: Vec<_> = by.into_iter().collect();
    by.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let list: Vec<_> = by.iter().take(5).map(|(name, n)| format!("{n} for `{name}`")).collect();
    let message = format!(
        "the policy needs {needed} {what}, and a network security group may have {most}: {}",
        list.join(", ")
    );
    let grow = "let address sets grow to fewer prefixes (`max-entries: 100` and `widen: true`), which prints every address more; or ";
    let grow = if !options.grows && what.ends_with("addresses") { grow } else { "" };
    let help = format!("{grow}allow less");
    Fault { code: Code::Quota, ..fault(&message, None, &help) }
}
