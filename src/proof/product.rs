//! Products of sets of values, one set a field; and unions of products with fewer of them.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::field;
use super::store::{ANY, Set};
use super::value::{LEVELS, Value, half, hash_of, whole};
use crate::program::{common, sorted};
use hashbrown::HashTable;

/// Packets whose fields are in these sets, by level.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Product([Set; LEVELS]);

impl Product {
    /// Every packet.
    pub(super) const ALL: Product = Product([ANY; LEVELS]);

    /// Returns the levels that are looked at, in order, with their sets.
    pub(super) fn sets(&self) -> impl DoubleEndedIterator<Item = (u8, Set)> + '_ {
        field::ALL.into_iter().zip(self.0).filter(|(_, set)| *set != ANY)
    }

    /// Replaces the set of a field.
    pub(super) fn put(&mut self, level: u8, set: Set) {
        self.0[usize::from(level)] = set;
    }

    /// Returns the same with every value of a field.
    fn without(mut self, level: u8) -> Self {
        self.put(level, ANY);
        self
    }
}

impl<V: Value> Diagrams<V> {
    /// Returns the set of some ranges.
    pub(super) fn set(&mut self, ranges: &[(V, V)]) -> Result<Set, OverBudget> {
        if !is_sorted(ranges) {
            return self.set(&sorted(ranges));
        }
        let hash = half(hash_of(&ranges));
        let same = |known: &(u32, Set)| known.0 == hash && self.sets.of(known.1) == ranges;
        if let Some(known) = self.sets.at.find(whole(hash), same) {
            return Ok(known.1);
        }
        self.hold(size_of_val(ranges) + 16)?;
        let number = |len: usize| u32::try_from(len).map_err(|_| OverBudget);
        let sets = &mut self.sets;
        let new = Set(number(sets.ends.len())?);
        sets.ranges.extend_from_slice(ranges);
        sets.ends.push(number(sets.ranges.len())?);
        sets.at.insert_unique(whole(hash), (hash, new), |known| whole(known.0));
        Ok(new)
    }

    /// Narrows a product to a set of one field; false when nothing is left.
    pub(super) fn narrow(
        &mut self,
        product: &mut Product,
        level: u8,
        set: Set,
    ) -> Result<bool, OverBudget> {
        if *self.sets.of(set) == [(V::ZERO, self.maximum(level))] {
            return Ok(true);
        }
        let own = product.0[usize::from(level)];
        let left = if own == ANY || own == set {
            set
        } else {
            let both = common(self.sets.of(own), self.sets.of(set));
            self.set(&both)?
        };
        product.put(level, left);
        Ok(!self.sets.of(left).is_empty())
    }

    /// Tells whether no packet is in both of two products.
    pub(super) fn apart(&mut self, one: &Product, other: &Product) -> Result<bool, OverBudget> {
        let mut both = *one;
        for (level, set) in other.sets() {
            if !self.narrow(&mut both, level, set)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Joins products that differ in one field only, field by field from the last one: the union stays the
    /// same. Where one is every packet, nothing else is left.
    pub(super) fn joined(
        &mut self,
        mut products: Vec<Product>,
    ) -> Result<Vec<Product>, OverBudget> {
        if products.contains(&Product::ALL) {
            return Ok(vec![Product::ALL]);
        }
        for level in field::ALL.into_iter().rev() {
            let of = |product: &Product| product.0[usize::from(level)];
            let first = products.first().map(of);
            if products.iter().any(|product| Some(of(product)) != first) {
                products = self.joined_at(level, &products)?;
            }
        }
        Ok(products)
    }

    fn joined_at(&mut self, level: u8, products: &[Product]) -> Result<Vec<Product>, OverBudget> {
        // Groups of products that are alike elsewhere, in the order of the first of each.
        let mut groups: Vec<Product> = Vec::new();
        let mut by_rest: HashTable<(u32, usize)> = HashTable::with_capacity(products.len());
        let mut members: Vec<(usize, Set)> = Vec::with_capacity(products.len());
        for product in products {
            let rest = product.without(level);
            let hash = half(hash_of(&rest));
            let known = by_rest.find(whole(hash), |(own, at)| *own == hash && groups[*at] == rest);
            let group = known.map_or(groups.len(), |(_, at)| *at);
            if group == groups.len() {
                groups.push(rest);
                by_rest.insert_unique(whole(hash), (hash, group), |(hash, _)| whole(*hash));
            }
            members.push((group, product.0[usize::from(level)]));
        }
        // Products that are the same, too, are one.
        members.sort_unstable();
        members.dedup();
        let mut ranges = Vec::new();
        for sets in members.chunk_by(|a, b| a.0 == b.0) {
            let set = match sets {
                [(_, only)] => *only,
                sets if sets.iter().any(|(_, set)| *set == ANY) => ANY,
                sets => {
                    ranges.clear();
                    sets.iter().for_each(|(_, set)| ranges.extend_from_slice(self.sets.of(*set)));
                    self.set(&ranges)?
                }
            };
            groups[sets[0].0].put(level, set);
        }
        Ok(groups)
    }
}

/// Tells whether ranges are sorted, disjoint and do not touch.
fn is_sorted<V: Value>(ranges: &[(V, V)]) -> bool {
    ranges.iter().all(|(low, high)| low <= high)
        && ranges.windows(2).all(|pair| pair[0].1.next().is_some_and(|next| next < pair[1].0))
}
