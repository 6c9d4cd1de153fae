//! The rules that every group has, where a text leaves them out.

use super::rule::{Entry, Ways};
use crate::firewall::entries::listing::At;
use crate::ir::Verdict;
use crate::program::{Clause, Match, Target};

/// A built-in rule: its priority, its name, the service tag that it names, and whether it allows.
type Builtin = (i64, &'static str, Option<&'static str>, bool);

/// The rules of each direction, inbound first (network-security-groups-overview.md).
const BUILTIN: [[Builtin; 3]; 2] = [
    [
        (65000, "AllowVnetInBound", Some("VirtualNetwork"), true),
        (65001, "AllowAzureLoadBalancerInBound", Some("AzureLoadBalancer"), true),
        (65500, "DenyAllInBound", None, false),
    ],
    [
        (65000, "AllowVnetOutBound", Some("VirtualNetwork"), true),
        (65001, "AllowInternetOutBound", Some("Internet"), true),
        (65500, "DenyAllOutBound", None, false),
    ],
];

/// Adds the built-in rules that are not told. What a tag stands for is no constant: such a rule may hold for
/// every packet.
pub(super) fn add<'a>(at: At<'a>, ways: &mut Ways<'a>) {
    for (way, builtin) in ways.iter_mut().zip(BUILTIN) {
        for (priority, name, tag, allow) in builtin {
            if way.iter().any(|entry| entry.priority == Some(priority)) {
                continue;
            }
            let verdict = if allow { Verdict::Accept } else { Verdict::Drop };
            let when = tag.map(|_| Match::Unknown).into_iter().collect();
            let clause = Clause { when, then: Target::Decide(verdict), place: at.place() };
            let note = |tag| {
                format!(
                    "the built-in rule {name} is reached, and `{tag}` is a service tag, whose addresses change"
                )
            };
            let notes = tag.map(|tag| at.refuse(note(tag))).into_iter().collect();
            way.push(Entry { priority: Some(priority), at, clauses: vec![clause], notes });
        }
    }
}
