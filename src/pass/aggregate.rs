//! Merging: rules that differ in only one dimension become one.

use crate::ir::L4;
use crate::ir::packet::Rule;
use crate::net::{IpSet, PortSet, ProtocolSet};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};

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

/// Protocols unite only among those with ports or among whole ones: a port is not an ICMP type.
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
    union: impl Fn(&[&Rule]) -> T,
    set: impl Fn(&mut Rule, T),
) -> Vec<Rule> {
    let hash = |r: &Rule| FxBuildHasher.hash_one((key(r), r.tcp_flags, r.hop_limit, &r.log));
    let twins = twins(&run.iter().map(hash).collect::<Vec<_>>());
    // Most turns unite nothing.
    if !twins.contains(&true) {
        return run;
    }
    let mut firsts: Vec<Rule> = Vec::with_capacity(run.len());
    let mut further: BTreeMap<usize, Vec<Rule>> = BTreeMap::new();
    let mut known = FxHashMap::default();
    for (rule, twin) in run.into_iter().zip(twins) {
        let next = firsts.len();
        let beside = |r: &Rule| (key(r), r.tcp_flags, r.hop_limit, r.log.clone());
        let at = if twin { *known.entry(beside(&rule)).or_insert(next) } else { next };
        if at == next { firsts.push(rule) } else { further.entry(at).or_default().push(rule) }
    }
    for (at, others) in further {
        if let Some(first) = firsts.get_mut(at) {
            one(first, others, &union, &set);
        }
    }
    firsts
}

/// Tells of each hash whether it occurs again: only then can a key be equal to another.
fn twins(hashes: &[u64]) -> Vec<bool> {
    let mut sorted = hashes.to_vec();
    sorted.sort_unstable();
    let repeated = sorted.windows(2).filter(|pair| pair.first() == pair.last());
    let repeated: FxHashSet<_> = repeated.filter_map(|pair| pair.first().copied()).collect();
    hashes.iter().map(|hash| repeated.contains(hash)).collect()
}

fn one<T>(
    first: &mut Rule,
    mut others: Vec<Rule>,
    union: impl Fn(&[&Rule]) -> T,
    set: impl Fn(&mut Rule, T),
) {
    let all: Vec<_> = std::iter::once(&*first).chain(&others).collect();
    let united = union(&all);
    first.origins.extend(others.iter_mut().flat_map(|r| std::mem::take(&mut r.origins)));
    first.origins.sort_by(|a, b| (a.index, a).cmp(&(b.index, b)));
    first.origins.dedup();
    set(first, united);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::packet::{HopLimit, TcpFlags};
    use crate::ir::{Action, Log, Origin, OriginKind};
    use crate::net::{Ipv4Set, Ipv6Set};
    use proptest::prelude::*;

    /// The same by comparing every two keys: what `group` must do.
    fn by_pairs(run: Vec<Rule>) -> Vec<Rule> {
        let same = |a: &Rule, b: &Rule| {
            a.source == b.source
                && a.l4 == b.l4
                && a.tcp_flags == b.tcp_flags
                && a.hop_limit == b.hop_limit
                && a.log == b.log
        };
        let mut firsts: Vec<Rule> = Vec::new();
        for rule in run {
            match firsts.iter_mut().find(|first| same(first, &rule)) {
                None => firsts.push(rule),
                Some(first) => {
                    first.destination = first.destination.union(&rule.destination);
                    first.origins.extend(rule.origins);
                    first.origins.sort_by(|a, b| (a.index, a).cmp(&(b.index, b)));
                    first.origins.dedup();
                }
            }
        }
        firsts
    }

    fn rule() -> impl Strategy<Value = Rule> {
        (0u32..3, 0u32..4, 0u8..2, any::<bool>(), any::<bool>(), 0usize..6).prop_map(
            |(source, destination, protocol, flags, log, origin)| {
                let one = |low| IpSet { v4: Ipv4Set::range(low, low), v6: Ipv6Set::empty() };
                let kind = OriginKind::Policy;
                let origin =
                    Origin { index: Some(origin), ..Origin::new(kind, origin.to_string()) };
                Rule {
                    tcp_flags: if flags { TcpFlags::AckOrRst } else { TcpFlags::Any },
                    hop_limit: HopLimit::Any,
                    log: log.then(|| Log { prefix: "x".to_owned(), limit: None }),
                    action: Action::Allow,
                    ..Rule::allow(
                        one(source),
                        one(destination * 2),
                        L4::protocols(ProtocolSet::one(protocol)),
                        origin,
                    )
                }
            },
        )
    }

    proptest! {
        #[test]
        fn equal_keys_unite_as_by_comparing_every_two(run in proptest::collection::vec(rule(), 0..40)) {
            prop_assert_eq!(by_destination(run.clone()), by_pairs(run));
        }
    }
}
