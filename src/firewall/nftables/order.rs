//! Which pieces must stay behind which: those that share packets and differ in what they do.

use super::group::side;
use super::pieces::{Piece, Verdict};
use super::prefixes::{Prefix, PrefixIndex};
use crate::net::{Family, IpSet, RangeSet, Scalar};
use std::collections::BTreeMap;

/// Sets of more ranges are not compared; they count as meeting.
const MOST_COMPARED: usize = 64;
/// After so many comparisons of pieces, order is kept as written.
const BUDGET: usize = 5_000_000;

/// The verdict, and whether the piece logs. Pieces of one colour may change places unless they log.
type Colour = (Verdict, bool);

/// Prefixes of sources and of destinations, each with the piece that it is of.
type Sides = (Vec<(Prefix, usize)>, Vec<(Prefix, usize)>);

fn colour(piece: &Piece<'_>) -> Colour {
    (piece.verdict, piece.rule.log.is_some())
}

fn opposed(a: Colour, b: Colour) -> bool {
    a.0 != b.0 || a.1 || b.1
}

/// What keeps the pieces in order.
pub(super) struct Order {
    colours: Vec<Colour>,
    /// For each piece the earlier ones that it must stay behind; `None` where that is not known.
    behind: Vec<Option<Vec<usize>>>,
}

impl Order {
    /// Finds, for the pieces that are asked for, which earlier ones oppose them.
    pub(super) fn new(pieces: &[Piece<'_>], wanted: &[bool]) -> Self {
        let indices = Family::BOTH.map(|family| Indices::new(family, pieces));
        let mut spent = 0;
        let behind = pieces.iter().zip(wanted).enumerate().map(|(at, (piece, wanted))| {
            let family = piece.family.filter(|_| *wanted && spent < BUDGET)?;
            let index = indices.iter().find(|index| index.family == family)?;
            Some(index.behind(pieces, at, piece, &mut spent))
        });
        Order { behind: behind.collect(), colours: pieces.iter().map(colour).collect() }
    }

    /// Starts placing pieces in the order in which they stand.
    pub(super) fn start(&self) -> Positions<'_> {
        Positions { order: self, of: Vec::with_capacity(self.colours.len()), last: BTreeMap::new() }
    }
}

/// Where the pieces so far have been put.
pub(super) struct Positions<'a> {
    order: &'a Order,
    of: Vec<usize>,
    last: BTreeMap<Colour, usize>,
}

impl Positions<'_> {
    /// Returns the last position that the next piece must stay behind.
    pub(super) fn behind(&self) -> Option<usize> {
        match self.order.behind.get(self.of.len()) {
            Some(Some(behind)) => behind.iter().filter_map(|at| self.of.get(*at)).copied().max(),
            _ => {
                let own = self.order.colours.get(self.of.len());
                let others = self.last.iter();
                let others =
                    others.filter(|(colour, _)| own.is_none_or(|own| opposed(*own, **colour)));
                others.map(|(_, position)| *position).max()
            }
        }
    }

    /// Puts the next piece.
    pub(super) fn put(&mut self, position: usize) {
        if let Some(colour) = self.order.colours.get(self.of.len()) {
            let last = self.last.entry(*colour).or_insert(position);
            *last = position.max(*last);
        }
        self.of.push(position);
    }
}

/// The pieces of one family by address, for each colour.
struct Indices {
    family: Family,
    by_colour: Vec<(Colour, PrefixIndex, PrefixIndex)>,
}

impl Indices {
    fn new(family: Family, pieces: &[Piece<'_>]) -> Self {
        let mut lists: Vec<(Colour, Sides)> = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            if piece.family.is_some_and(|own| own != family) {
                continue;
            }
            let colour = colour(piece);
            let known = lists.iter().position(|(known, _)| *known == colour);
            let list = known.unwrap_or_else(|| {
                lists.push((colour, Sides::default()));
                lists.len() - 1
            });
            if let Some((_, (sources, destinations))) = lists.get_mut(list) {
                sources.extend(side(family, piece.source()).0.into_iter().map(|p| (p, at)));
                destinations
                    .extend(side(family, piece.destination()).0.into_iter().map(|p| (p, at)));
            }
        }
        let index = |list| PrefixIndex::new(family, list);
        let by_colour = lists.into_iter().map(|(c, (from, to))| (c, index(from), index(to)));
        Indices { family, by_colour: by_colour.collect() }
    }

    /// Returns the earlier pieces that oppose one and share packets with it.
    fn behind(
        &self,
        pieces: &[Piece<'_>],
        at: usize,
        piece: &Piece<'_>,
        spent: &mut usize,
    ) -> Vec<usize> {
        let (from, _) = side(self.family, piece.source());
        let (to, _) = side(self.family, piece.destination());
        let shortest = |list: &[Prefix]| list.iter().map(|p| p.length).min();
        let by_source = shortest(&from) > shortest(&to);
        let mut found = Vec::new();
        for (other, sources, destinations) in &self.by_colour {
            if !opposed(colour(piece), *other) {
                continue;
            }
            let (index, prefixes) = if by_source { (sources, &from) } else { (destinations, &to) };
            for candidate in prefixes.iter().flat_map(|prefix| index.meeting(*prefix)) {
                *spent += 1;
                let meets = |other: &Piece<'_>| overlap(self.family, piece, other);
                if candidate < at && pieces.get(candidate).is_none_or(meets) {
                    found.push(candidate);
                }
            }
        }
        found
    }
}

/// Tells whether some packet of a family may be matched by both; exact for sets of moderate size.
fn overlap(family: Family, a: &Piece<'_>, b: &Piece<'_>) -> bool {
    let meet = |a: &IpSet, b: &IpSet| match family {
        Family::V4 => may_meet(&a.v4, &b.v4),
        Family::V6 => may_meet(&a.v6, &b.v6),
    };
    meet(a.source(), b.source())
        && meet(a.destination(), b.destination())
        && !a.l4.destination().is_disjoint(b.l4.destination())
        && !a.l4.source().is_disjoint(b.l4.source())
        && !a.l4.protocol_set().is_disjoint(b.l4.protocol_set())
}

fn may_meet<T: Scalar>(a: &RangeSet<T>, b: &RangeSet<T>) -> bool {
    a.ranges().len().max(b.ranges().len()) > MOST_COMPARED || !a.is_disjoint(b)
}
