//! First-match lists as diagrams, field by field: the values of a field are cut where some item begins or
//! ends, and between two cuts the same items are left for the fields below.
//!
//! Items and what is left of them are numbers, the same number for the same thing, so equal lists are worked
//! out once, on whichever side of a proof they are. Where items overlap too much for that to pay, a list is
//! processed in halves, which are joined.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::product::Product;
use super::store::{Item, Known, Rest, Set, count};
use super::terminal::{Node, UNDECIDED};
use super::value::{Value, half, hash_of, index};

/// The level of what looks at no further field.
const END: u8 = u8::MAX;
/// How much work a list may make, for each of its ranges, before it is halved.
const WORK: usize = 24;
/// The work that a whole list may make in any case: a fraction of a second.
const LEAST_WORK: usize = 40_000_000;

impl<V: Value> Diagrams<V> {
    /// Returns the item that is a diagram everywhere.
    pub(super) fn item(&mut self, node: Node) -> Result<Item, OverBudget> {
        self.numbered(Rest::Node(node))
    }

    /// Returns the item that is another one inside of a product, and undecided elsewhere. The product's fields
    /// come before those that the other one looks at.
    pub(super) fn inside(&mut self, product: &Product, item: Item) -> Result<Item, OverBudget> {
        let mut below = item;
        for (level, set) in product.sets().rev() {
            debug_assert!(level < self.level(below));
            below = self.numbered(Rest::Inside { level, set, below })?;
        }
        Ok(below)
    }

    fn numbered(&mut self, rest: Rest) -> Result<Item, OverBudget> {
        if let Some(known) = self.lists.item_at.get(&rest) {
            return Ok(*known);
        }
        self.hold(2 * size_of::<Rest>() + 20)?;
        let lists = &mut self.lists;
        let item = Item(count(lists.rests.len())?);
        lists.rests.push(rest);
        lists.nodes.push(None);
        lists.seen.push(0);
        lists.item_at.insert(rest, item);
        Ok(item)
    }

    /// Returns the first level that an item looks at.
    pub(super) fn level(&self, item: Item) -> u8 {
        match self.lists.rest(item) {
            Rest::Node(node) => self.edges(node).map_or(END, |(level, _)| level),
            Rest::Inside { level, .. } => level,
        }
    }

    /// Returns the product of an item, and the diagram below it.
    pub(super) fn product_of(&self, item: Item) -> (Product, Node) {
        let mut product = Product::ALL;
        let mut rest = self.lists.rest(item);
        loop {
            match rest {
                Rest::Node(node) => return (product, node),
                Rest::Inside { level, set, below } => {
                    product.put(level, set);
                    rest = self.lists.rest(below);
                }
            }
        }
    }

    /// Returns the diagram below the product of an item.
    pub(super) fn end(&self, item: Item) -> Node {
        let mut rest = self.lists.rest(item);
        loop {
            match rest {
                Rest::Node(node) => return node,
                Rest::Inside { below, .. } => rest = self.lists.rest(below),
            }
        }
    }

    /// Makes the diagram of an item.
    fn of_item(&mut self, item: Item) -> Result<Node, OverBudget> {
        if let Some(node) = self.lists.nodes[index(item.0)] {
            return Ok(node);
        }
        let node = match self.lists.rest(item) {
            Rest::Node(node) => node,
            Rest::Inside { level, set, below } => {
                let inside = self.of_item(below)?;
                self.inside_or_not(level, set, [UNDECIDED, inside])?
            }
        };
        self.lists.nodes[index(item.0)] = Some(node);
        Ok(node)
    }

    /// Makes the node that is one child outside of a set and another one inside.
    fn inside_or_not(
        &mut self,
        level: u8,
        set: Set,
        [outside, inside]: [Node; 2],
    ) -> Result<Node, OverBudget> {
        let base = self.base();
        let maximum = self.maximum(level);
        let mut next = Some(V::ZERO);
        for at in self.sets.stretch(set) {
            let (low, high) = self.sets.range(at);
            let Some(from) = next.filter(|_| low <= maximum) else { break };
            if from < low {
                self.edge(low.previous(), outside);
            }
            let high = high.min(maximum);
            self.edge(high, inside);
            next = if high < maximum { high.next() } else { None };
        }
        if next.is_some() {
            self.edge(maximum, outside);
        }
        self.close(level, base)
    }

    /// Makes the diagram of a first-match list.
    pub(super) fn of_list(&mut self, list: &[Item]) -> Result<Node, OverBudget> {
        self.halved(list, LEAST_WORK)
    }

    /// The same, in halves where the work on a list is more than a measure of its size and `least`.
    pub(super) fn halved(&mut self, list: &[Item], least: usize) -> Result<Node, OverBudget> {
        match list {
            [] => return Ok(UNDECIDED),
            [only] => return self.of_item(*only),
            _ => {}
        }
        let base = self.base();
        let size: usize = list.iter().map(|item| self.size(*item)).sum();
        self.lists.work = (WORK * (size + list.len()) + 1000).max(least);
        let all = self.chained(list, &[]);
        if let Some(node) = self.swept(&all)? {
            return Ok(node);
        }
        self.forget(base);
        let (early, late) = all.split_at(all.len().next_power_of_two() / 2);
        let early = self.halved(early, 0)?;
        let late = self.halved(late, 0)?;
        self.over(early, late)
    }

    /// Lets the next partings of lists make any work.
    pub(super) fn without_limit(&mut self) {
        self.lists.work = usize::MAX;
    }

    /// Returns one list behind another, without repetitions and up to what decides every packet.
    pub(super) fn chained(&mut self, early: &[Item], late: &[Item]) -> Vec<Item> {
        let mut list = Vec::with_capacity(early.len() + late.len());
        self.lists.next_turn();
        let _ = early.iter().chain(late).all(|item| self.lists.put(&mut list, *item));
        list
    }

    /// Returns how many ranges an item has.
    pub(super) fn size(&self, item: Item) -> usize {
        let mut size = 0;
        let mut rest = self.lists.rest(item);
        loop {
            match rest {
                Rest::Node(node) => {
                    return size + self.edges(node).map_or(0, |(_, edges)| edges.count());
                }
                Rest::Inside { set, below, .. } => {
                    size += self.sets.of(set).len();
                    rest = self.lists.rest(below);
                }
            }
        }
    }

    /// Makes the diagram of a list without repetitions; `None` when that is too much work.
    fn swept(&mut self, list: &[Item]) -> Result<Option<Node>, OverBudget> {
        match list {
            [] => return Ok(Some(UNDECIDED)),
            [only] => return self.of_item(*only).map(Some),
            _ => {}
        }
        let level = self.first_level(list);
        if level == END {
            return Ok(Some(list.iter().rev().fold(UNDECIDED, |below, item| {
                match self.lists.rest(*item) {
                    Rest::Node(own) if own & UNDECIDED == 0 => own,
                    Rest::Node(own) => own & !UNDECIDED | below,
                    Rest::Inside { .. } => below,
                }
            })));
        }
        let hash = half(hash_of(&list));
        if let Some(known) = self.lists.known(list, hash) {
            return Ok(Some(known));
        }
        let node = match self.only_set(level, list) {
            Some(set) => self.swept_by(level, set, list)?,
            None => {
                let base = self.base();
                let whole = self.each_part(level, list, &mut |diagrams, until, part| {
                    let Some(child) = diagrams.swept(part)? else { return Ok(false) };
                    diagrams.edge(until, child);
                    Ok(true)
                })?;
                if whole { Some(self.close(level, base)?) } else { None }
            }
        };
        if let Some(node) = node {
            self.hold(size_of_val(list) + size_of::<Known>() + 1)?;
            self.lists.learn(list, hash, node)?;
        }
        Ok(node)
    }

    /// Returns the first level that an item of a list looks at.
    pub(super) fn first_level(&self, list: &[Item]) -> u8 {
        list.iter().map(|item| self.level(*item)).min().unwrap_or(END)
    }

    /// Returns the set of all items that look at a field, when it is one and the same.
    fn only_set(&self, level: u8, list: &[Item]) -> Option<Set> {
        let mut only = None;
        for item in list {
            match self.lists.rest(*item) {
                Rest::Inside { level: own, set, .. } if own == level => {
                    if only.is_some_and(|only| only != set) {
                        return None;
                    }
                    only = Some(set);
                }
                Rest::Node(_) if self.level(*item) == level => return None,
                _ => {}
            }
        }
        only
    }

    /// The same where all items that look at the field have the same set: two lists are left.
    fn swept_by(
        &mut self,
        level: u8,
        only: Set,
        list: &[Item],
    ) -> Result<Option<Node>, OverBudget> {
        let mut nodes = [UNDECIDED; 2];
        for (within, node) in [false, true].into_iter().zip(&mut nodes) {
            let mut part = Vec::with_capacity(list.len());
            self.lists.next_turn();
            for item in list {
                let left = match self.lists.rest(*item) {
                    Rest::Inside { level: own, .. } if own == level && !within => continue,
                    Rest::Inside { level: own, below, .. } if own == level => below,
                    _ => *item,
                };
                if !self.lists.put(&mut part, left) {
                    break;
                }
            }
            if !self.lists.works(part.len()) {
                return Ok(None);
            }
            let Some(below) = self.swept(&part)? else { return Ok(None) };
            *node = below;
        }
        self.inside_or_not(level, only, nodes).map(Some)
    }
}
