//! Reads what `iptables-save`, `ip6tables-save`, `iptables -S` and `ipset save` print, rules that somebody
//! else wrote, and the artifacts of this program.
//!
//! The reader is closed: a match, option or target that is not positively known is a condition that may
//! hold, or a target that may do anything, and is noted. What a packet meets, in this order (netfilter's
//! priorities): raw, mangle, nat, filter, security; mangle once more behind filter.

mod condition;
mod given;
mod names;
mod rewrite;
mod rule;
pub(super) mod script;
mod sets;
mod tables;
mod target;

use super::syntax::Item;
use crate::firewall::{File, Listing, ReadError};
use crate::ir::{Hook, Placement, Verdict};
use crate::net::Family;
use crate::program::Program;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Target};
use rule::Reader;
use std::collections::BTreeMap;
use tables::{Table, Tables};

/// Makes the error for a place.
pub(super) fn refuse(place: Place, reason: impl Into<String>) -> ReadError {
    ReadError { place, reason: reason.into() }
}

/// The hooks whose packets come by a built-in chain.
const HOOKS: [(&str, &[Hook]); 5] = [
    ("PREROUTING", &[Hook::Input, Hook::Forward]),
    ("INPUT", &[Hook::Input]),
    ("FORWARD", &[Hook::Forward]),
    ("OUTPUT", &[Hook::Output]),
    ("POSTROUTING", &[Hook::Output, Hook::Forward]),
];

/// Every stage at which a packet may be refused, in the order in which a packet meets them.
const STAGES: [(&str, &str); 17] = [
    ("raw", "PREROUTING"),
    ("raw", "OUTPUT"),
    ("mangle", "PREROUTING"),
    ("mangle", "OUTPUT"),
    ("nat", "PREROUTING"),
    ("nat", "OUTPUT"),
    ("mangle", "INPUT"),
    ("mangle", "FORWARD"),
    ("filter", "INPUT"),
    ("filter", "FORWARD"),
    ("filter", "OUTPUT"),
    ("security", "INPUT"),
    ("security", "FORWARD"),
    ("security", "OUTPUT"),
    ("nat", "INPUT"),
    ("mangle", "POSTROUTING"),
    ("nat", "POSTROUTING"),
];

/// The stages that say which packets are tracked.
const TRACKING: [(&str, Hook); 2] =
    [("PREROUTING", Hook::RawPrerouting), ("OUTPUT", Hook::RawOutput)];

/// Reads what was listed.
///
/// # Errors
/// The first place that is not the format, and a family that is not given.
pub(super) fn read(placement: &Placement, files: &[File]) -> Result<Listing, ReadError> {
    let mut listing = Listing { files: files.to_vec(), ..Listing::default() };
    let given = given::sort(files)?;
    let script = script::read(&given.script);
    let mut sets = sets::read(&given.sets)?;
    listing.unclear.append(&mut sets.unclear);
    for family in [Family::V4, Family::V6] {
        // A family that is not given is an error of its own below.
        for (_, item) in given.of(family).unwrap_or_default() {
            if let Item::Rule(line) = item {
                sets.changed_by(line);
            }
        }
    }
    let mut anything = [given.elsewhere.clone(), script.unclear].concat();
    for family in [Family::V4, Family::V6] {
        let mut reader = Reader::new(family, placement, &sets);
        let mut tables = tables::read(given.of(family)?, &mut reader)?;
        for hooked in &script.hooks {
            let table = tables.get_mut(hooked.table).filter(|_| is_hook(hooked));
            let table = table.ok_or_else(|| refuse(hooked.place, "this is no built-in chain"))?;
            table.hook(hooked.builtin, hooked.chain, hooked.place)?;
        }
        tables::doubt_policies(&mut tables, &mut reader);
        doubt_nat(&mut tables);
        reader.rewrites.apply(&mut tables, placement, &mut listing.unclear);
        anything.extend(reader.listed.map(|place| {
            let reason = "`iptables -S` lists one table: what the others drop is not known here; \
                          add the output of `iptables-save`";
            refuse(place, reason)
        }));
        enter(&mut listing.program, tables, family);
    }
    for unclear in anything {
        let hooks = [Hook::Input, Hook::Forward, Hook::Output];
        crate::firewall::may_refuse(&mut listing.program, &hooks, unclear.place);
        listing.unclear.push(unclear);
    }
    listing.program.check().map_err(|(place, reason)| refuse(place, reason))?;
    listing.order();
    Ok(listing)
}

/// Tells whether a script hooks a chain into one that is built in.
fn is_hook(hooked: &script::Hooked<'_>) -> bool {
    STAGES.contains(&(hooked.table, hooked.builtin))
}

/// nat is no place for what refuses packets, its policies too.
fn doubt_nat(tables: &mut Tables) {
    let Some(nat) = tables.get_mut("nat") else { return };
    for declared in nat.declared.values_mut().filter(|one| one.policy == Some(Verdict::Drop)) {
        declared.policy = Some(Verdict::Accept);
        let (when, place) = (vec![Match::Unknown], declared.place);
        if let Some(chain) = nat.chains.get_mut(declared.at) {
            chain.clauses.push(Clause { when, then: Target::Decide(Verdict::Drop), place });
        }
        nat.unclear.push(refuse(place, "nat is no place for what refuses packets"));
    }
}

/// In what a chain differs for the packets that come to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum View {
    /// Whether they are tracked is all that is asked.
    Tracking,
    /// They are not routed yet, and have no interface to go out by.
    Unrouted,
    Routed,
}

/// Adds the tables of one family and the ways into them.
fn enter(program: &mut Program, tables: Tables, family: Family) {
    let mut entries: BTreeMap<(String, View), usize> = BTreeMap::new();
    let mut declared = BTreeMap::new();
    for (name, mut table) in tables {
        let mut views = views(&name, &table);
        while let Some(view) = views.pop() {
            let behind = program.chains.len();
            entries.insert((name.clone(), view), behind);
            // Large tables have one view, for which nothing is copied.
            let chains = match views.is_empty() {
                true => std::mem::take(&mut table.chains),
                false => table.chains.clone(),
            };
            program.chains.extend(seen(chains, view, behind));
        }
        declared.insert(name, table.declared);
    }
    let mut base = |table: &str, chain: &str, view: View, hooks: &[Hook]| {
        let first = entries.get(&(table.to_owned(), view));
        let found = declared.get(table).and_then(|chains| chains.get(chain));
        let Some((first, found)) = first.zip(found) else { return };
        let policy = if view == View::Tracking { Some(Verdict::Accept) } else { found.policy };
        let when = vec![Match::Family(family), at_hooks(hooks)];
        program.bases.extend(policy.map(|policy| Base {
            when,
            chain: found.at + first,
            policy,
            place: found.place,
        }));
    };
    for (table, chain) in STAGES {
        let view = if chain == "PREROUTING" { View::Unrouted } else { View::Routed };
        let hooks = HOOKS.iter().find(|(known, _)| *known == chain);
        base(table, chain, view, hooks.map_or(&[], |(_, hooks)| hooks));
    }
    for (chain, hook) in TRACKING {
        base("raw", chain, View::Tracking, &[hook]);
    }
}

fn refuses(then: Target) -> bool {
    match then {
        Target::Decide(verdict) => !matches!(verdict, Verdict::Accept | Verdict::Untrack),
        _ => false,
    }
}

/// Tells whether nothing becomes of any packet in a table; filter always counts.
fn is_silent(name: &str, table: &Table) -> bool {
    views(name, table).is_empty()
}

/// The views of a table that say something.
fn views(name: &str, table: &Table) -> Vec<View> {
    let mut then = table.chains.iter().flat_map(|chain| &chain.clauses).map(|clause| clause.then);
    let untracks = then.clone().any(|then| then == Target::Decide(Verdict::Untrack));
    let policies = table.declared.values().any(|one| one.policy == Some(Verdict::Drop));
    let mut views = Vec::new();
    if name == "filter" || policies || then.any(refuses) {
        views.push(View::Routed);
        if table.declared.contains_key("PREROUTING") {
            views.push(View::Unrouted);
        }
    }
    views.extend(untracks.then_some(View::Tracking));
    views
}

/// The chains of a table as one view has them, behind so many others.
fn seen(mut chains: Vec<Chain>, view: View, behind: usize) -> Vec<Chain> {
    for chain in &mut chains {
        if view == View::Unrouted {
            chain.clauses.retain(|clause| !clause.when.iter().any(is_outgoing));
        }
        for clause in &mut chain.clauses {
            if view == View::Unrouted {
                clause.when.iter_mut().for_each(without_outgoing);
            }
            clause.then = match (view, clause.then) {
                (_, Target::Jump(chain)) => Target::Jump(chain + behind),
                (_, Target::Goto(chain)) => Target::Goto(chain + behind),
                // A packet that is dropped is not tracked.
                (View::Tracking, Target::Decide(Verdict::Accept | Verdict::Untrack)) => clause.then,
                (View::Tracking, Target::Decide(_)) => Target::Continue,
                // Tracking goes on behind a rule that says so.
                (_, Target::Decide(Verdict::Untrack)) => Target::Continue,
                (_, then) => then,
            };
        }
    }
    chains
}

fn is_outgoing(one: &Match) -> bool {
    matches!(one, Match::Field(Field::Outgoing, _))
}

/// Leaves of a match of the outgoing interface what holds where there is none.
fn without_outgoing(one: &mut Match) {
    let Match::AnyOf(any) = one else { return };
    if any.iter().flatten().any(is_outgoing) {
        any.retain(|when| !when.iter().any(is_outgoing));
        any.iter_mut().for_each(Vec::clear);
    }
}

/// The packets at any of some hooks.
fn at_hooks(hooks: &[Hook]) -> Match {
    let at = |hook: &Hook| Hook::ALL.iter().position(|known| known == hook).unwrap_or_default();
    let ranges = hooks.iter().map(|hook| u32::try_from(at(hook)).unwrap_or_default());
    Match::Field(Field::Hook, ranges.map(|at| (at, at)).collect())
}
