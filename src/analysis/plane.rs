//! The rules of one direction in one address family, and what is asked of their packets.

use super::boxes::{Point, Product, Value, opening};
use super::index::Index;
use super::sweep;
use super::work::{TooMuch, Work};
use crate::ir::Packet;
use crate::ir::flow::Rule;
use std::borrow::Cow;
use std::ops::ControlFlow;

/// The rule that decides some packets, by its number, or none.
pub(super) type Decider = Option<usize>;

/// Questions about the packets of a family; rules are named by their numbers in the direction.
///
/// A run is one rule, or some that differ in one field only: these are asked together, as their union.
pub(super) trait Plane {
    /// Tells whether a rule matches packets of the family.
    fn has(&self, rule: usize) -> bool;

    /// Draws a packet of a rule, and gives the first other rule that matches it.
    fn drawn(&self, rule: usize, seed: u64, work: &mut Work) -> Result<Decider, TooMuch>;

    /// Tells in which fields two rules differ.
    fn difference(&self, one: usize, other: usize) -> Difference;

    /// Returns the rules beside a run that have a packet in common with it, ascending.
    fn near(&self, run: &[usize], work: &mut Work) -> Result<Vec<usize>, TooMuch>;

    /// Returns those of some rules that match all packets of a run; all of them where it has none.
    fn covering(&self, run: &[usize], near: &[usize]) -> Vec<usize>;

    /// Tells whether the rules of a run have no packet in common, and each of those near it is alike to all of
    /// them, because it has the whole of the field in which they differ.
    fn are_one(&self, run: &[usize], near: &[usize]) -> bool;

    /// Goes over the packets of a run and says who of those near it decides them.
    fn deciders(
        &self,
        run: &[usize],
        near: &[usize],
        work: &mut Work,
        visit: &mut dyn FnMut(Decider) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TooMuch>;

    /// Finds a packet that two rules match and none of some others does.
    fn left(
        &self,
        rules: (usize, usize),
        others: &[usize],
        work: &mut Work,
    ) -> Result<Option<Packet>, TooMuch>;
}

/// In which fields two rules differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Difference {
    /// Neither has packets of the family.
    Absent,
    /// In one, by its number.
    In(usize),
    /// In none, or in several.
    Other,
}

/// The planes of some rules: one for each family that they have.
pub(super) fn planes<'a>(rules: &[&'a Rule]) -> Vec<Box<dyn Plane + 'a>> {
    let v4: Option<Box<dyn Plane + 'a>> = plane::<u32>(rules);
    v4.into_iter().chain(plane::<u128>(rules)).collect()
}

fn plane<'a, T: Value>(rules: &[&'a Rule]) -> Option<Box<dyn Plane + 'a>> {
    let products: Vec<_> = rules.iter().map(|rule| Product::<T>::of(rule)).collect();
    products.iter().any(Option::is_some).then(|| -> Box<dyn Plane + 'a> {
        Box::new(Products { index: Index::new(&products), products })
    })
}

struct Products<'a, T: Value> {
    /// By the rules' numbers; none for those without addresses of the family.
    products: Vec<Option<Product<'a, T>>>,
    index: Index<T>,
}

impl<'a, T: Value> Products<'a, T> {
    fn of(&self, rule: usize) -> Option<&Product<'a, T>> {
        self.products.get(rule)?.as_ref()
    }

    /// The packets of a run.
    fn whole(&self, run: &[usize]) -> Option<Cow<'_, Product<'a, T>>> {
        let (first, second) = (self.of(*run.first()?)?, run.get(1));
        let Some(second) = second.and_then(|second| self.of(*second)) else {
            return Some(Cow::Borrowed(first));
        };
        let field = first.differing(second).next()?;
        let all: Vec<_> = run.iter().filter_map(|rule| self.of(*rule)).collect();
        Product::together(&all, field).map(Cow::Owned)
    }

    fn some<'s>(
        &'s self,
        rules: &'s [usize],
    ) -> impl Iterator<Item = (usize, &'s Product<'a, T>)> + 's {
        rules.iter().filter_map(|rule| Some((*rule, self.of(*rule)?)))
    }
}

impl<T: Value> Plane for Products<'_, T> {
    fn has(&self, rule: usize) -> bool {
        self.of(rule).is_some()
    }

    fn drawn(&self, rule: usize, seed: u64, work: &mut Work) -> Result<Decider, TooMuch> {
        let Some(product) = self.of(rule) else { return Ok(None) };
        let (point, mut first, mut steps) = (draw(product, seed), None, 1);
        self.index.at(&point, &mut |other| {
            steps += 1;
            let sooner = other != rule && first.is_none_or(|first| other < first);
            if sooner && self.of(other).is_some_and(|product| product.has(&point)) {
                first = Some(other);
            }
        });
        work.spend(steps)?;
        Ok(first)
    }

    fn difference(&self, one: usize, other: usize) -> Difference {
        match (self.of(one), self.of(other)) {
            (None, None) => Difference::Absent,
            (Some(one), Some(other)) => {
                let mut fields = one.differing(other);
                match (fields.next(), fields.next()) {
                    (Some(field), None) => Difference::In(field),
                    _ => Difference::Other,
                }
            }
            _ => Difference::Other,
        }
    }

    fn near(&self, run: &[usize], work: &mut Work) -> Result<Vec<usize>, TooMuch> {
        let Some(whole) = self.whole(run) else { return Ok(Vec::new()) };
        let (mut found, mut steps) = (Vec::new(), 1);
        self.index.near(&whole, &mut |other| {
            steps += 1;
            if self.of(other).is_some_and(|other| other.meets(&whole)) {
                found.push(other);
            }
        });
        work.spend(steps)?;
        found.sort_unstable();
        found.dedup();
        found.retain(|other| run.binary_search(other).is_err());
        Ok(found)
    }

    fn covering(&self, run: &[usize], near: &[usize]) -> Vec<usize> {
        let whole = self.whole(run);
        let covers = |rule: &usize| match (self.of(*rule), &whole) {
            (Some(rule), Some(whole)) => rule.covers(whole),
            (_, whole) => whole.is_none(),
        };
        near.iter().copied().filter(covers).collect()
    }

    fn are_one(&self, run: &[usize], near: &[usize]) -> bool {
        let Some(whole) = self.whole(run) else { return true };
        let mut rules = self.some(run).map(|(_, rule)| rule);
        let two = rules.next().zip(rules.next());
        two.and_then(|(one, other)| one.differing(other).next()).is_some_and(|field| {
            Product::apart(self.some(run).map(|(_, rule)| rule), field)
                && self.some(near).all(|(_, rule)| rule.covers_field(&whole, field))
        })
    }

    fn deciders(
        &self,
        run: &[usize],
        near: &[usize],
        work: &mut Work,
        visit: &mut dyn FnMut(Decider) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TooMuch> {
        match self.whole(run) {
            Some(whole) => {
                sweep::deciders(&whole, self.some(near), work, &mut |decider, _| visit(decider))
            }
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn left(
        &self,
        (one, other): (usize, usize),
        others: &[usize],
        work: &mut Work,
    ) -> Result<Option<Packet>, TooMuch> {
        let both = self.of(one).zip(self.of(other)).filter(|(one, other)| one.meets(other));
        let Some(both) = both.and_then(|(one, other)| one.common(other)) else { return Ok(None) };
        work.spend(others.len())?;
        let others = self.some(others).filter(|(_, other)| other.meets(&both));
        let mut found = None;
        let mut visit = |decider: Decider, point: &Point<T>| match decider {
            Some(_) => ControlFlow::Continue(()),
            None => {
                found = Some(opening(point));
                ControlFlow::Break(())
            }
        };
        let _ = sweep::deciders(&both, others, work, &mut visit)?;
        Ok(found)
    }
}

/// Draws a packet of a product; half of each field's values are ends of ranges, where rules meet.
fn draw<T: Value>(product: &Product<'_, T>, seed: u64) -> Point<T> {
    let mut random = Random(seed);
    let mut value = |field: usize| {
        let ranges = product.field(field);
        let (low, high) = ranges[random.below(ranges.len())];
        match random.below(4) {
            0 => low,
            1 => high,
            _ => T::pick(low, high, u128::from(random.next()) << 64 | u128::from(random.next())),
        }
    };
    let point: Point<T> = [0, 1, 2, 3, 4].map(&mut value);
    point
}

/// A deterministic source of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % count).unwrap_or_default()
    }
}
