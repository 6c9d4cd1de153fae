//! Compares first-match lists run by run.
//!
//! Two lists decide alike when they can be cut into stretches that decide alike, one after the other. A run is a
//! stretch of items that all do the same; most artifacts keep the runs of their policy, so runs are compared
//! first, and the rest only for the packets on which some runs differ. That stays small where diagrams of whole
//! lists do not: rules that alternate between allowing and refusing, between large groups of hosts, have diagrams
//! as large as the product of the groups.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::product::Product;
use super::store::Item;
use super::terminal::{ACCEPT, LEFT, Node, TERMINALS, UNDECIDED, terminal};
use super::value::Value;
use crate::ir::Verdict;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// A stretch of a list whose items all do the same.
struct Run {
    outcomes: Node,
    items: Range<usize>,
}

/// Both ways to refuse with an answer: which one is a matter of the protocol.
const REJECTS: [Verdict; 2] = [Verdict::RejectReset, Verdict::RejectProhibited];

impl<V: Value> Diagrams<V> {
    /// Tells whether two lists decide alike.
    pub(super) fn alike(&mut self, one: &[Item], other: &[Item]) -> Result<bool, OverBudget> {
        let region = self.unlike(one, other)?;
        Ok(region == UNDECIDED || self.within(region, one)? == self.within(region, other)?)
    }

    /// Returns packets outside of which two lists decide alike: all on which runs differ that should be the same.
    pub(super) fn unlike(&mut self, one: &[Item], other: &[Item]) -> Result<Node, OverBudget> {
        if one == other {
            return Ok(UNDECIDED);
        }
        let (runs, others) = (self.runs(one), self.runs(other));
        let (mut a, mut b) = (runs.as_slice(), others.as_slice());
        while let ([x, rest @ ..], [y, other_rest @ ..]) = (a, b)
            && self.same(x, y, (one, other))?
        {
            (a, b) = (rest, other_rest);
        }
        while let ([rest @ .., x], [other_rest @ .., y]) = (a, b)
            && self.same(x, y, (one, other))?
        {
            (a, b) = (rest, other_rest);
        }
        let in_pairs = a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.outcomes == y.outcomes);
        if !in_pairs {
            return self.differing(&one[stretch(a)], &other[stretch(b)]);
        }
        let mut region = UNDECIDED;
        for (x, y) in a.iter().zip(b) {
            if !self.same(x, y, (one, other))? {
                let (x, y) = (&one[x.items.clone()], &other[y.items.clone()]);
                let differing = self.differing(x, y)?;
                region = self.over(region, differing)?;
            }
        }
        Ok(region)
    }

    /// Returns the packets on which two lists differ.
    fn differing(&mut self, one: &[Item], other: &[Item]) -> Result<Node, OverBudget> {
        let (one, other) = (self.of_list(one)?, self.of_list(other)?);
        let differ = self.differ(one, other)?;
        let some = |node| if node == UNDECIDED { UNDECIDED } else { ACCEPT };
        self.replace(differ, some, &mut FxHashMap::default())
    }

    /// Makes the diagram of a list for the packets of a region; all others have left.
    pub(super) fn within(&mut self, region: Node, list: &[Item]) -> Result<Node, OverBudget> {
        let outside = |node| if node == UNDECIDED { LEFT } else { UNDECIDED };
        let outside = self.replace(region, outside, &mut FxHashMap::default())?;
        let mut limited = vec![self.item(outside)?];
        limited.extend(list);
        self.of_list(&limited)
    }

    fn runs(&self, list: &[Item]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let rejects = REJECTS.map(terminal).into_iter().fold(0, |all, one| all | one);
        for (at, item) in list.iter().enumerate() {
            let mut outcomes = self.outcomes(self.end(*item)) & !UNDECIDED;
            if outcomes & !rejects == 0 {
                outcomes = rejects;
            }
            match runs.last_mut() {
                Some(run) if run.outcomes == outcomes => run.items.end = at + 1,
                _ => runs.push(Run { outcomes, items: at..at + 1 }),
            }
        }
        runs
    }

    /// Tells whether two runs decide alike.
    fn same(
        &mut self,
        a: &Run,
        b: &Run,
        (one, other): (&[Item], &[Item]),
    ) -> Result<bool, OverBudget> {
        if a.outcomes != b.outcomes {
            return Ok(false);
        }
        let (one, other) = (&one[a.items.clone()], &other[b.items.clone()]);
        if a.outcomes.count_ones() == 1
            && let Some(products) = self.products(one)?
            && let Some(others) = self.products(other)?
        {
            // They do the same, in whatever order.
            return self.same_union(a.outcomes, (&products, &others));
        }
        Ok(self.of_list(one)? == self.of_list(other)?)
    }

    /// Tells whether two unions of products are the same.
    fn same_union(
        &mut self,
        end: Node,
        (one, other): (&[Product], &[Product]),
    ) -> Result<bool, OverBudget> {
        let (own, others) = (apart(one, other), apart(other, one));
        if own.len() + others.len() < (one.len() + other.len()) / 4
            && self.of_union(&own, end)? == self.of_union(&others, end)?
        {
            return Ok(true);
        }
        Ok(self.of_union(one, end)? == self.of_union(other, end)?)
    }

    fn of_union(&mut self, products: &[Product], end: Node) -> Result<Node, OverBudget> {
        let end = self.item(end)?;
        let mut list = Vec::with_capacity(products.len());
        for product in products {
            list.push(self.inside(product, end)?);
        }
        self.of_list(&list)
    }

    /// Returns the products of a list, joined; `None` where an item is more than a product, or in doubt.
    fn products(&mut self, list: &[Item]) -> Result<Option<Vec<Product>>, OverBudget> {
        let mut products = Vec::with_capacity(list.len());
        for item in list {
            let (product, end) = self.product_of(*item);
            if end >= TERMINALS || end & UNDECIDED != 0 {
                return Ok(None);
            }
            products.push(product);
        }
        self.joined(products).map(Some)
    }
}

/// The products of a list that another one does not have.
fn apart(list: &[Product], other: &[Product]) -> Vec<Product> {
    let known: FxHashSet<_> = other.iter().collect();
    list.iter().filter(|product| !known.contains(product)).copied().collect()
}

/// The items of some runs that stand one after the other.
fn stretch(runs: &[Run]) -> Range<usize> {
    match (runs.first(), runs.last()) {
        (Some(first), Some(last)) => first.items.start..last.items.end,
        _ => 0..0,
    }
}
