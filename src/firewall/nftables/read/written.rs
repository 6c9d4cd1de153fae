//! What the base chains of all tables write, and where on a packet's way.

use super::head::Base;
use super::stage::{hooks, is_early};
use super::tables::{Chain, Ruleset, Table};
use super::writes::{Writes, of_rule};
use crate::firewall::nftables::syntax::{Cursor, Elements, Expression, Verdict, What, verdict};
use crate::ir::Hook;
use std::collections::HashSet;

/// Returns the tables that are not switched off.
pub(super) fn active<'r, 't, 'a>(
    ruleset: &'r Ruleset<'t, 'a>,
) -> impl Iterator<Item = (usize, &'r Table<'t, 'a>)> {
    ruleset.tables.iter().enumerate().filter(|(_, table)| !table.dormant)
}

/// What a base chain writes: of which packets, and where on their way.
pub(super) struct Written {
    /// At which hooks they are.
    pub(super) hooks: &'static [Hook],
    /// Where the chain stands.
    pub(super) at: (u8, i32),
    /// What it writes.
    pub(super) writes: Writes,
}

/// Returns where a base chain stands on a packet's way; `unknown` where it sees frames.
pub(super) fn position(family: &str, head: &Base<'_>, unknown: (u8, i32)) -> (u8, i32) {
    let order = match head.hook {
        "prerouting" => 1,
        "input" | "forward" | "output" => 2,
        "postrouting" => 3,
        _ => return unknown,
    };
    if matches!(family, "ip" | "ip6" | "inet") { (order, head.priority) } else { unknown }
}

/// Returns what is written of packets anywhere.
pub(super) fn written(ruleset: &Ruleset<'_, '_>) -> Vec<Written> {
    let mut all = Vec::new();
    for (_, table) in active(ruleset).filter(|(_, table)| table.name.family != "arp") {
        let own: Vec<_> = table.chains.iter().map(of_chain).collect();
        for (at, chain) in table.chains.iter().enumerate() {
            let Some(head) = &chain.base else { continue };
            let mut writes = reached(table, &own, at);
            if head.kind == "route" && writes != Writes::NOTHING {
                // A packet that is changed there is routed anew.
                writes = writes | Writes::OUTGOING;
            }
            if head.kind == "nat" && writes.has(Writes::SOURCE) {
                writes = writes | Writes::TRANSLATION;
            }
            if is_early(head) {
                writes = writes.without(Writes::LATE);
            }
            let at = position(table.name.family, head, (0, i32::MIN));
            all.push(Written { hooks: hooks(head), at, writes });
        }
    }
    all
}

/// Returns what the rules of a chain write, and the chains that they name.
fn of_chain<'a>(chain: &Chain<'_, 'a>) -> (Writes, HashSet<&'a str>, HashSet<&'a str>) {
    let (mut jumps, mut maps) = (HashSet::new(), HashSet::new());
    let mut writes = Writes::NOTHING;
    for rule in &chain.rules {
        writes = writes | of_rule(rule);
        for statement in &rule.statements {
            match &statement.what {
                What::Verdict(Verdict::Jump(name) | Verdict::Goto(name)) => {
                    jumps.insert(*name);
                }
                What::VerdictMap(_, Expression::Set(elements)) => named(elements, &mut jumps),
                What::VerdictMap(_, map) => map.names(&mut maps),
                _ => {}
            }
        }
    }
    (writes, jumps, maps)
}

/// Adds the chains that the verdicts of a map name.
fn named<'a>(elements: &Elements<'_, 'a>, jumps: &mut HashSet<&'a str>) {
    elements.each(&mut |element| {
        if let Some(Verdict::Jump(name) | Verdict::Goto(name)) =
            verdict(&mut Cursor::new(element.data))
        {
            jumps.insert(name);
        }
        true
    });
}

/// Returns what is written in a chain and in all that are reached from it.
fn reached<'a>(
    table: &Table<'_, 'a>,
    own: &[(Writes, HashSet<&'a str>, HashSet<&'a str>)],
    from: usize,
) -> Writes {
    let (mut seen, mut path, mut writes) = (HashSet::from([from]), vec![from], Writes::NOTHING);
    while let Some((here, jumps, maps)) = path.pop().and_then(|at| own.get(at)) {
        writes = writes | *here;
        let mut next = jumps.clone();
        let lists =
            maps.iter().filter_map(|name| table.sets.get(name)).flat_map(|set| &set.elements);
        lists.for_each(|list| named(list, &mut next));
        let found = next.iter().filter_map(|name| table.names.get(name));
        path.extend(found.copied().filter(|at| seen.insert(*at)));
    }
    writes
}
