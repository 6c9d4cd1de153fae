//! Reads what running firewalls list of themselves, or rules that somebody else wrote: the output of
//! `iptables-save`, `ip6tables-save` and `ipset save`.
//!
//! What a packet meets, in this order (netfilter's priorities): raw, mangle, filter, security; mangle
//! once more behind filter. The addresses are those that filter sees: what nat does happens between.

mod conditions;
mod files;
mod names;
mod options;
mod rules;
mod sets;
mod translation;

use super::read::{refuse, table};
use crate::firewall::{File, Listing, ReadError};
use crate::ir::{Hook, Placement, Verdict};
use crate::net::Family;
use crate::program::Program;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Then};
use table::Tables;

fn may_refuse_anything(program: &mut Program, place: Place) {
    crate::firewall::may_refuse(program, &[Hook::Input, Hook::Forward, Hook::Output], place);
}

/// Where packets enter the tables: table, chain, the hooks whose packets come that way.
type Stage = (&'static str, &'static str, &'static [Hook]);

/// Every stage at which a packet may be refused, in the order in which a packet meets them.
const STAGES: [Stage; 13] = [
    ("raw", "PREROUTING", &[Hook::Input, Hook::Forward]),
    ("raw", "OUTPUT", &[Hook::Output]),
    ("mangle", "PREROUTING", &[Hook::Input, Hook::Forward]),
    ("mangle", "INPUT", &[Hook::Input]),
    ("mangle", "FORWARD", &[Hook::Forward]),
    ("mangle", "OUTPUT", &[Hook::Output]),
    ("filter", "INPUT", &[Hook::Input]),
    ("filter", "FORWARD", &[Hook::Forward]),
    ("filter", "OUTPUT", &[Hook::Output]),
    ("security", "INPUT", &[Hook::Input]),
    ("security", "FORWARD", &[Hook::Forward]),
    ("security", "OUTPUT", &[Hook::Output]),
    ("mangle", "POSTROUTING", &[Hook::Output, Hook::Forward]),
];

/// The stages that say which packets are tracked.
const TRACKING: [Stage; 2] =
    [("raw", "PREROUTING", &[Hook::RawPrerouting]), ("raw", "OUTPUT", &[Hook::RawOutput])];

/// The stages of nat, which refuses nothing.
const NAT: [(&str, &str); 4] =
    [("nat", "PREROUTING"), ("nat", "INPUT"), ("nat", "OUTPUT"), ("nat", "POSTROUTING")];

/// Reads what was listed.
///
/// # Errors
/// The first place that is not the format, and a family that is not given.
pub(in crate::firewall) fn read(
    placement: &Placement,
    files: &[File],
) -> Result<Listing, ReadError> {
    let mut listing = Listing { files: files.to_vec(), ..Listing::default() };
    let given = files::sort(files, &mut listing.unclear)?;
    let mut sets = sets::read(&given.sets, &mut listing.unclear)?;
    for family in [Family::V4, Family::V6] {
        // A family that is not given is an error of its own below.
        let lines = given.of(family).unwrap_or_default();
        lines.iter().for_each(|(_, line)| sets.changed_by(line));
    }
    for family in [Family::V4, Family::V6] {
        let lines = given.of(family)?;
        let mut reader = rules::Reader::new(family, placement, &sets, lines);
        let tables = table::read(lines, &mut reader, listing.program.chains.len())?;
        listing.unclear.append(&mut reader.unclear);
        enter(&mut listing.program, tables, family);
    }
    for place in &given.elsewhere {
        may_refuse_anything(&mut listing.program, *place);
    }
    listing.program.check().map_err(|(place, reason)| refuse(place, reason))?;
    listing.order();
    Ok(listing)
}

/// Adds the tables of one family and the ways into them.
fn enter(program: &mut Program, tables: Tables, family: Family) {
    let first = program.chains.len();
    program.chains.extend(tables.chains.iter().cloned());
    let unrouted = unrouted(&mut program.chains, &tables);
    for stage in STAGES {
        let by = if stage.1 == "PREROUTING" { unrouted } else { 0 };
        if may_refuse(&tables, stage.0, first) {
            program.bases.extend(base(&tables, &stage, family, by));
        }
    }
    // Tracking goes on behind a rule that says so, and a packet that is dropped is not tracked.
    let behind = |then: &mut Then| {
        if *then == Then::Decide(Verdict::Untrack) {
            *then = Then::Continue;
        }
    };
    change(&mut program.chains[first..], behind);
    let untracks = |clause: &Clause| clause.then == Then::Decide(Verdict::Untrack);
    if !tables.chains.iter().flat_map(|chain| &chain.clauses).any(untracks) {
        return;
    }
    let by = program.chains.len() - first;
    let mut copies = tables.chains.clone();
    change(&mut copies, |then| match then {
        Then::Jump(chain) | Then::Goto(chain) => *chain += by,
        Then::Decide(Verdict::Accept | Verdict::Untrack) | Then::Return | Then::Continue => {}
        Then::Decide(_) => *then = Then::Continue,
    });
    program.chains.append(&mut copies);
    for stage in TRACKING {
        let tracking = |base| Base { policy: Verdict::Accept, ..base };
        program.bases.extend(base(&tables, &stage, family, by).map(tracking));
    }
}

/// Adds the chains once more as packets meet them that are not routed yet, where that is another thing; gives
/// by how much their numbers are higher.
fn unrouted(chains: &mut Vec<Chain>, tables: &Tables) -> usize {
    let clauses = tables.chains.iter().flat_map(|chain| &chain.clauses);
    if !clauses.flat_map(|clause| &clause.when).any(asks_outgoing) {
        return 0;
    }
    let by = tables.chains.len();
    let mut copies = tables.chains.clone();
    change(&mut copies, |then| {
        if let Then::Jump(chain) | Then::Goto(chain) = then {
            *chain += by;
        }
    });
    let clauses = copies.iter_mut().flat_map(|chain| &mut chain.clauses);
    clauses.flat_map(|clause| &mut clause.when).for_each(without_outgoing);
    chains.append(&mut copies);
    by
}

/// Tells whether a match is one of the outgoing interface: it says apart what holds where there is none.
fn asks_outgoing(one: &Match) -> bool {
    match one {
        Match::Field(Field::Outgoing, _) => true,
        Match::AnyOf(any) => any.iter().flatten().any(asks_outgoing),
        _ => false,
    }
}

/// Leaves of a match of the outgoing interface what holds where there is none.
fn without_outgoing(one: &mut Match) {
    let asks = asks_outgoing(one);
    let Match::AnyOf(any) = one else { return };
    if asks {
        any.retain(|when| !when.iter().any(asks_outgoing));
        any.iter_mut().for_each(Vec::clear);
    }
}

fn change(chains: &mut [Chain], mut each: impl FnMut(&mut Then)) {
    for clause in chains.iter_mut().flat_map(|chain| &mut chain.clauses) {
        each(&mut clause.then);
    }
}

/// The entry of a stage, if its chain is declared.
fn base(tables: &Tables, stage: &Stage, family: Family, by: usize) -> Option<Base> {
    let (table, chain, hooks) = stage;
    let (index, policy, place) = *tables.declared.get(*table)?.get(*chain)?;
    let when = vec![Match::Family(family), at_hooks(hooks)];
    Some(Base { when, chain: index + by, policy: policy?, place })
}

/// The packets at any of some hooks.
fn at_hooks(hooks: &[Hook]) -> Match {
    let at = |hook: &Hook| Hook::ALL.iter().position(|known| known == hook).unwrap_or_default();
    let ranges = hooks.iter().map(|hook| u32::try_from(at(hook)).unwrap_or_default());
    Match::Field(Field::Hook, ranges.map(|at| (at, at)).collect())
}

/// Tells whether anything in a table may refuse a packet: filter always counts.
fn may_refuse(tables: &Tables, table: &str, first: usize) -> bool {
    let Some(declared) = tables.declared.get(table) else { return false };
    let refuses = |clause: &Clause| match clause.then {
        Then::Decide(verdict) => !matches!(verdict, Verdict::Accept | Verdict::Untrack),
        _ => false,
    };
    let chain = |index: usize| tables.chains.get(index.checked_sub(first)?);
    table == "filter"
        || declared.values().any(|(index, policy, _)| {
            *policy == Some(Verdict::Drop)
                || chain(*index).is_some_and(|chain| chain.clauses.iter().any(refuses))
        })
}
