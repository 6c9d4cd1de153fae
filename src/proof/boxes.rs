//! Sets of packets as products of sets, for people.

use super::diagram::Diagrams;
use super::field;
use super::terminal::{Node, UNDECIDED};
use super::translate::Side;
use crate::program::{Match, Ranges};

/// A product of sets: ascending levels, each with sorted, disjoint, inclusive ranges.
pub(super) type Conjunction<V> = Vec<(u8, Ranges<V>)>;

/// Returns a set as disjoint products, at most a given number, and whether these are all.
///
/// Edges that lead to the same node are one set, so that the products are few and large.
pub(super) fn boxes<V: Side>(
    diagrams: &Diagrams<V>,
    node: Node,
    most: usize,
) -> (Vec<Conjunction<V>>, bool) {
    let mut walk = Walk { diagrams, most, open: Vec::new(), found: Vec::new(), all: true };
    walk.down(node);
    (walk.found, walk.all)
}

struct Walk<'a, V> {
    diagrams: &'a Diagrams<V>,
    most: usize,
    open: Conjunction<V>,
    found: Vec<Conjunction<V>>,
    all: bool,
}

impl<V: Side> Walk<'_, V> {
    fn down(&mut self, node: Node) {
        if node == UNDECIDED || !self.all {
            return;
        }
        let Some((level, edges)) = self.diagrams.edges(node) else {
            if self.found.len() == self.most {
                self.all = false;
            } else {
                self.found.push(self.open.clone());
            }
            return;
        };
        let mut children: Vec<(Node, Ranges<V>)> = Vec::new();
        let mut low = V::ZERO;
        for (high, child) in edges {
            match children.iter_mut().find(|(known, _)| *known == child) {
                Some((_, ranges)) => ranges.push((low, high)),
                None => children.push((child, vec![(low, high)])),
            }
            low = high.next().unwrap_or(high);
        }
        for (child, ranges) in children {
            self.open.push((level, ranges));
            self.down(child);
            self.open.pop();
        }
    }
}

/// Returns a product as a conjunction: the addresses always, other fields where they are looked at.
pub(super) fn conjunction<V: Side>(sets: &Conjunction<V>) -> Vec<Match> {
    let at = |wanted: u8| sets.iter().find(|(level, _)| *level == wanted).map(|(_, r)| r.clone());
    let addresses = |level| at(level).unwrap_or_else(|| vec![(V::ZERO, V::MAX)]);
    let mut list = Vec::from(V::ends(addresses(field::SOURCE), addresses(field::DESTINATION)));
    for name in field::FIELDS {
        let narrow = |(low, high): (V, V)| {
            let word = |value: V| u32::try_from(value.wide()).unwrap_or(u32::MAX);
            (word(low), word(high))
        };
        let ranges = at(field::level(name));
        list.extend(ranges.map(|r| Match::Field(name, r.into_iter().map(narrow).collect())));
    }
    list
}
