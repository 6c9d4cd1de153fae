//! Which pieces become one rule over a concatenated set.
//!
//! Measured with nft 1.0.6 on Linux 6.18, a packet that no rule matches: a plain rule costs 25 ns, so
//! 10,000 of them 238,000 ns; a concatenated interval set 450 ns with 16 elements and 650 ns with 10,000.
//! So sixteen rules pay for a set. Loading is cheap either way: 0.36 s for 10,000 plain rules, 0.14 s for
//! 10,000 elements.

use super::concatenation::{Cell, layers};
use super::format;
use super::order::Order;
use super::pieces::{Piece, Verdict};
use super::prefixes::Prefix;
use crate::ir::packet::{HopLimit, TcpFlags};
use crate::ir::{L4, L4Kind, OriginKind};
use crate::net::{Family, IpSet};
use rustc_hash::FxHashMap;

/// A group of fewer pieces, or a set of fewer elements, does not pay.
const LEAST: usize = 16;
/// At most so many sets for one group; what overlaps more often is written as rules.
const MOST_LAYERS: usize = 8;
/// A side of more prefixes is not multiplied out: the pieces of a group share it.
const MOST_PREFIXES: usize = 16;
/// A piece of more elements stays a rule with sets.
const MOST_CELLS: usize = 64;
/// How often groups that turned out too small are given up and the rest placed anew.
const ROUNDS: usize = 3;

/// What the pieces of a group have in common.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    /// The family.
    pub(super) family: Family,
    /// What happens.
    pub(super) verdict: Verdict,
    /// Which dimensions vary above the addresses.
    pub(super) class: Class,
    /// The source addresses, where they are many and shared.
    pub(super) source: Option<IpSet>,
    /// The destination addresses, where they are many and shared.
    pub(super) destination: Option<IpSet>,
    /// TCP flags.
    pub(super) flags: TcpFlags,
    /// Hop limit.
    pub(super) hop_limit: HopLimit,
}

/// Which dimensions of a group vary above the addresses.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Class {
    /// The protocol.
    Protocols,
    /// The protocol (TCP, UDP, SCTP), and the ports on the sides where they are restricted.
    Ports {
        /// Whether source ports are.
        source: bool,
        /// Whether destination ports are.
        destination: bool,
    },
    /// None: all pieces share this.
    Fixed(L4),
}

/// What the rules of a chain are written from, in order.
pub(super) enum Item {
    /// The piece with that index, as a rule of its own.
    Piece(usize),
    /// Disjoint cells of pieces that share a key.
    Cells(Key, Vec<Cell>),
}

/// Puts pieces in order: alone where they stand, or in groups, where that pays.
///
/// A piece moves ahead to its group only past pieces of the same verdict, or of packets that it does not
/// match; logging pieces count as a verdict of their own.
pub(super) fn arrange(pieces: &[Piece<'_>]) -> Vec<Item> {
    let keyed = keyed(pieces);
    let mut eligible: Vec<bool> = keyed.iter().map(Option::is_some).collect();
    if !eligible.contains(&true) {
        return (0..pieces.len()).map(Item::Piece).collect();
    }
    let order = Order::new(pieces, &eligible);
    let mut groups = Vec::new();
    for _ in 0..ROUNDS {
        groups = place(&order, &keyed, &eligible);
        let small: Vec<_> = groups.iter().filter(|g| g.members.len() < LEAST).collect();
        if small.is_empty() {
            break;
        }
        for member in small.iter().flat_map(|group| &group.members) {
            if let Some(eligible) = eligible.get_mut(*member) {
                *eligible = false;
            }
        }
    }
    emit(pieces.len(), groups, &keyed)
}

struct Keyed {
    key: Key,
    cells: Vec<Cell>,
}

/// Finds the key and the cells of every piece that may join a group that is large enough.
fn keyed(pieces: &[Piece<'_>]) -> Vec<Option<Keyed>> {
    if pieces.len() < LEAST {
        return pieces.iter().map(|_| None).collect();
    }
    let mut keyed: Vec<_> = pieces.iter().enumerate().map(|(i, piece)| key(i, piece)).collect();
    let mut counts: FxHashMap<&Key, usize> = FxHashMap::default();
    for found in keyed.iter().flatten() {
        *counts.entry(&found.key).or_default() += 1;
    }
    let enough: Vec<bool> = keyed
        .iter()
        .map(|found| found.as_ref().is_some_and(|found| counts[&found.key] >= LEAST))
        .collect();
    for (found, enough) in keyed.iter_mut().zip(enough) {
        if !enough {
            *found = None;
        }
    }
    keyed
}

fn key(index: usize, piece: &Piece<'_>) -> Option<Keyed> {
    let ours = piece.rule.origins.iter().any(|origin| origin.kind == OriginKind::Baseline);
    let family = piece.family.filter(|_| piece.rule.log.is_none() && !ours)?;
    let (source, shared_source) = side(family, piece.source());
    let (destination, shared_destination) = side(family, piece.destination());
    let (class, l4) = levels(&piece.l4);
    let many_texts = matches!(&class, Class::Fixed(l4) if format::l4(l4, TcpFlags::Any).len() != 1);
    if many_texts || source.len() * destination.len() * l4.len() > MOST_CELLS {
        return None;
    }
    let mut cells = Vec::new();
    for source in &source {
        for destination in &destination {
            cells.extend(l4.iter().map(|(protocol, source_port, destination_port)| Cell {
                destination: *destination,
                source: *source,
                protocol: *protocol,
                source_port: *source_port,
                destination_port: *destination_port,
                piece: index,
            }));
        }
    }
    let key = Key {
        family,
        verdict: piece.verdict,
        class,
        source: shared_source,
        destination: shared_destination,
        flags: piece.rule.tcp_flags,
        hop_limit: piece.rule.hop_limit,
    };
    Some(Keyed { key, cells })
}

/// Returns the prefixes of a side, or the whole universe and the set to match apart when they are many.
pub(super) fn side(family: Family, set: &IpSet) -> (Vec<Prefix>, Option<IpSet>) {
    let set = set.only(family);
    let ranges = set.v4.ranges().len() + set.v6.ranges().len();
    let prefixes: Vec<_> = match family {
        _ if ranges > MOST_PREFIXES => Vec::new(),
        Family::V4 => set
            .v4_prefixes()
            .take(MOST_PREFIXES + 1)
            .map(|p| Prefix { low: p.network().to_bits().into(), length: p.prefix_len() })
            .collect(),
        Family::V6 => set
            .v6_prefixes()
            .take(MOST_PREFIXES + 1)
            .map(|p| Prefix { low: p.network().to_bits(), length: p.prefix_len() })
            .collect(),
    };
    if prefixes.is_empty() || prefixes.len() > MOST_PREFIXES {
        return (vec![Prefix { low: 0, length: 0 }], Some(set));
    }
    (prefixes, None)
}

type Box4 = ((u8, u8), (u16, u16), (u16, u16));
const ANY_PORT: (u16, u16) = (0, u16::MAX);

/// Returns the boxes above the addresses.
fn levels(l4: &L4) -> (Class, Vec<Box4>) {
    let fixed = || (Class::Fixed(l4.clone()), vec![((0, u8::MAX), ANY_PORT, ANY_PORT)]);
    match l4.kind() {
        L4Kind::Protocols(protocols) if protocols.ranges().len() <= 4 => {
            let boxes = protocols.ranges().iter().map(|range| (*range, ANY_PORT, ANY_PORT));
            (Class::Protocols, boxes.collect())
        }
        L4Kind::Ports { protocols, source, destination }
            if source.ranges().len() * destination.ranges().len() <= MOST_CELLS =>
        {
            let mut boxes = Vec::new();
            for protocol in crate::net::protocol::WITH_PORTS {
                if protocols.contains(protocol) {
                    let ports = source.ranges().iter().flat_map(|from| {
                        destination.ranges().iter().map(|to| ((protocol, protocol), *from, *to))
                    });
                    boxes.extend(ports);
                }
            }
            let (source, destination) = (!source.is_all(), !destination.is_all());
            (Class::Ports { source, destination }, boxes)
        }
        _ => fixed(),
    }
}

struct Group {
    key: usize,
    position: usize,
    members: Vec<usize>,
}

/// Returns each eligible piece a group: an earlier one of its key if nothing stands between.
fn place(order: &Order, keyed: &[Option<Keyed>], eligible: &[bool]) -> Vec<Group> {
    let mut positions = order.start();
    let mut groups: Vec<Group> = Vec::new();
    let mut by_key: FxHashMap<&Key, Vec<usize>> = FxHashMap::default();
    for (index, found) in keyed.iter().enumerate() {
        let (Some(Keyed { key, .. }), Some(true)) = (found, eligible.get(index)) else {
            positions.put(index);
            continue;
        };
        let behind = positions.behind();
        let open = by_key.entry(key).or_default();
        let fits = |group: &Group| behind.is_none_or(|behind| group.position > behind);
        let found = open.iter().copied().find(|at| groups.get(*at).is_some_and(fits));
        let at = found.unwrap_or_else(|| {
            open.push(groups.len());
            groups.push(Group { key: index, position: index, members: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.members.push(index);
            positions.put(group.position);
        }
    }
    groups
}

/// Lists the items in order: each group where its first member stood.
fn emit(count: usize, groups: Vec<Group>, keyed: &[Option<Keyed>]) -> Vec<Item> {
    let mut grouped = vec![false; count];
    let mut at: FxHashMap<usize, Group> = FxHashMap::default();
    for group in groups {
        for member in &group.members {
            if let Some(grouped) = grouped.get_mut(*member) {
                *grouped = true;
            }
        }
        at.insert(group.position, group);
    }
    let mut items = Vec::new();
    for (index, grouped) in grouped.into_iter().enumerate() {
        if let Some(group) = at.remove(&index) {
            group_items(&group, keyed, &mut items);
        } else if !grouped {
            items.push(Item::Piece(index));
        }
    }
    items
}

fn group_items(group: &Group, keyed: &[Option<Keyed>], items: &mut Vec<Item>) {
    let Some(Some(Keyed { key, .. })) = keyed.get(group.key) else { return };
    if group.members.len() < LEAST {
        items.extend(group.members.iter().map(|member| Item::Piece(*member)));
        return;
    }
    let of = |member: &usize| keyed.get(*member).and_then(Option::as_ref);
    let cells: Vec<_> =
        group.members.iter().filter_map(of).flat_map(|k| k.cells.iter().copied()).collect();
    let split = layers(key.family, cells, MOST_LAYERS, LEAST);
    let mut in_layers: Vec<_> = split.layers.iter().flatten().map(|cell| cell.piece).collect();
    in_layers.sort_unstable();
    let mut rest = split.rest;
    rest.sort_unstable_by(|a, b| a.piece.cmp(&b.piece).then_with(|| a.cmp(b)));
    items.extend(split.layers.into_iter().map(|cells| Item::Cells(key.clone(), cells)));
    let mut last = None;
    for cell in rest {
        if in_layers.binary_search(&cell.piece).is_ok() {
            items.push(Item::Cells(key.clone(), vec![cell]));
        } else if last.replace(cell.piece) != Some(cell.piece) {
            items.push(Item::Piece(cell.piece));
        }
    }
}
