//! Merging: rules that differ in one dimension only become one.

use crate::ir::L4;
use crate::ir::packet::Rule;
use crate::net::{IpSet, PortSet, ProtocolSet};
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// Merges rules of a first-match list without changing what it decides.
///
/// Within a run of consecutive rules of one action the order decides nothing, so any two of a run that
/// differ in one dimension only are united there, until no two do. Rules that differ in two dimensions
/// never merge: {D1, port 443} and {D2, port 3478} are not {D1, D2} × {443, 3478}.
pub fn aggregate(rules: Vec<Rule>) -> Vec<Rule> {
    let mut merged = Vec::with_capacity(rules.len());
    let mut rest = rules.into_iter().peekable();
    while let Some(first) = rest.next() {
        let action = first.action;
        let mut run = vec![first];
        while let Some(next) = rest.next_if(|next| next.action == action) {
            run.push(next);
        }
        merged.extend(unite(run));
    }
    merged
}

fn unite(mut run: Vec<Rule>) -> Vec<Rule> {
    // Destinations first: feeds and services differ there most, and sources are shared.
    let dimensions = [by_destination, by_ports, by_source, by_protocol, by_source_port];
    loop {
        let before = run.len();
        for merge in dimensions {
            if run.len() > 1 {
                run = merge(run);
            }
        }
        if run.len() == before {
            return run;
        }
    }
}

fn by_source(run: Vec<Rule>) -> Vec<Rule> {
    group(
        run,
        |r| (r.destination.clone(), r.l4.clone()),
        |rules| IpSet::union_all(rules.iter().map(|r| &r.source)),
        |rule, source| rule.source = source,
    )
}

fn by_destination(run: Vec<Rule>) -> Vec<Rule> {
    group(
        run,
        |r| (r.source.clone(), r.l4.clone()),
        |rules| IpSet::union_all(rules.iter().map(|r| &r.destination)),
        |rule, destination| rule.destination = destination,
    )
}

fn by_ports(run: Vec<Rule>) -> Vec<Rule> {
    group(
        run,
        |r| {
            let l4 = (r.l4.protocol_set().clone(), r.l4.source().clone());
            (r.source.clone(), r.destination.clone(), l4)
        },
        |rules| PortSet::union_all(rules.iter().map(|r| r.l4.destination())),
        |rule, ports| {
            let l4 = &rule.l4;
            rule.l4 = L4::product(l4.protocol_set().clone(), l4.source().clone(), ports);
        },
    )
}

fn by_source_port(run: Vec<Rule>) -> Vec<Rule> {
    group(
        run,
        |r| {
            let l4 = (r.l4.protocol_set().clone(), r.l4.destination().clone());
            (r.source.clone(), r.destination.clone(), l4)
        },
        |rules| PortSet::union_all(rules.iter().map(|r| r.l4.source())),
        |rule, ports| {
            let l4 = &rule.l4;
            rule.l4 = L4::product(l4.protocol_set().clone(), ports, l4.destination().clone());
        },
    )
}

/// Protocols unite only among those with ports or among whole ones: a port is no ICMP type.
fn by_protocol(run: Vec<Rule>) -> Vec<Rule> {
    group(
        run,
        |r| {
            let l4 = (r.l4.source().clone(), r.l4.destination().clone(), r.l4.words());
            (r.source.clone(), r.destination.clone(), l4)
        },
        |rules| ProtocolSet::union_all(rules.iter().map(|r| r.l4.protocol_set())),
        |rule, protocols| {
            let l4 = &rule.l4;
            rule.l4 = L4::product(protocols, l4.source().clone(), l4.destination().clone());
        },
    )
}

/// Unites the rules with equal keys into the first of them, and keeps the order of the first ones.
fn group<K: Hash + Eq, T>(
    run: Vec<Rule>,
    key: impl Fn(&Rule) -> K,
    union: impl Fn(&[Rule]) -> T,
    set: impl Fn(&mut Rule, T),
) -> Vec<Rule> {
    let mut groups: Vec<Vec<Rule>> = Vec::with_capacity(run.len());
    let mut at = FxHashMap::default();
    for rule in run {
        let beside = (key(&rule), rule.tcp_flags, rule.hop_limit, rule.log.clone());
        let index = *at.entry(beside).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.push(rule),
            None => groups.push(vec![rule]),
        }
    }
    groups.into_iter().filter_map(|group| one(group, &union, &set)).collect()
}

fn one<T>(
    mut group: Vec<Rule>,
    union: impl Fn(&[Rule]) -> T,
    set: impl Fn(&mut Rule, T),
) -> Option<Rule> {
    if group.len() < 2 {
        return group.pop();
    }
    let united = union(&group);
    let mut origins: Vec<_> =
        group.iter_mut().flat_map(|r| std::mem::take(&mut r.origins)).collect();
    origins.sort_by(|a, b| (a.index, a).cmp(&(b.index, b)));
    origins.dedup();
    let mut rule = group.swap_remove(0);
    rule.origins = origins;
    set(&mut rule, united);
    Some(rule)
}
