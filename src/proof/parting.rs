//! A first-match list split by the values of one field: between two cuts, the same is left of every item.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::store::{By, Cut, Item, Left, Parting, Rest, Set};
use super::terminal::UNDECIDED;
use super::value::{Value, index};

/// What is done with each part: the last value of the field, and what is left; tells whether to go on.
pub(super) type Visit<'a, V> =
    &'a mut dyn FnMut(&mut Diagrams<V>, V, &[Item]) -> Result<bool, OverBudget>;

impl<V: Value> Diagrams<V> {
    /// Visits every part of a list, in the order of the field's values; tells whether it went to the end and
    /// within the work that is left.
    pub(super) fn each_part(
        &mut self,
        level: u8,
        list: &[Item],
        visit: Visit<'_, V>,
    ) -> Result<bool, OverBudget> {
        let mut parting = self.lists.spare.pop().unwrap_or_default();
        parting.begin(self, level, list)?;
        let whole = parting.walk(self, level, list, visit)?;
        self.lists.spare.push(parting);
        Ok(whole)
    }
}

impl<V: Value> Parting<V> {
    fn begin(
        &mut self,
        diagrams: &mut Diagrams<V>,
        level: u8,
        list: &[Item],
    ) -> Result<(), OverBudget> {
        self.looking.clear();
        self.left.clear();
        self.current.clear();
        for (place, item) in (0u32..).zip(list) {
            let by = match diagrams.lists.rest(*item) {
                Rest::Inside { level: own, set, .. } if own == level => By::Set(set),
                Rest::Node(_) if diagrams.level(*item) == level => By::Node(*item),
                _ => {
                    self.left.push(Left::Item(*item));
                    self.current.push(place);
                    continue;
                }
            };
            self.left.push(Left::Nothing);
            self.looking.push((by, place));
        }
        self.looking.sort_unstable();
        self.cut(diagrams, level)
    }

    /// Finds the cuts of every group.
    fn cut(&mut self, diagrams: &mut Diagrams<V>, level: u8) -> Result<(), OverBudget> {
        self.ends.clear();
        self.cuts.clear();
        let mut from = 0;
        while let Some((by, _)) = self.looking.get(from).copied() {
            let group = u32::try_from(self.ends.len()).map_err(|_| OverBudget)?;
            match by {
                By::Set(set) => self.cut_by_set(diagrams, level, group, set),
                By::Node(item) => self.cut_by_node(diagrams, group, item)?,
            }
            from += self.looking[from..].iter().take_while(|(other, _)| *other == by).count();
            self.ends.push(u32::try_from(from).map_err(|_| OverBudget)?);
        }
        self.cuts.sort_unstable_by_key(|cut| cut.at);
        Ok(())
    }

    fn cut_by_set(&mut self, diagrams: &Diagrams<V>, level: u8, group: u32, set: Set) {
        let maximum = diagrams.maximum(level);
        for (low, high) in diagrams.sets.of(set) {
            if *low > maximum {
                break;
            }
            self.cuts.push(Cut { at: *low, group, now: Left::Below });
            if let Some(at) = high.next().filter(|after| *after <= maximum) {
                self.cuts.push(Cut { at, group, now: Left::Nothing });
            }
        }
    }

    fn cut_by_node(
        &mut self,
        diagrams: &mut Diagrams<V>,
        group: u32,
        item: Item,
    ) -> Result<(), OverBudget> {
        let Rest::Node(node) = diagrams.lists.rest(item) else { return Ok(()) };
        let edges = diagrams.edges(node).map(|(_, edges)| Vec::from_iter(edges));
        let mut at = V::ZERO;
        for (high, child) in edges.unwrap_or_default() {
            let now = match child {
                UNDECIDED => Left::Nothing,
                child => Left::Item(diagrams.item(child)?),
            };
            self.cuts.push(Cut { at, group, now });
            at = high.next().unwrap_or(high);
        }
        Ok(())
    }

    fn walk(
        &mut self,
        diagrams: &mut Diagrams<V>,
        level: u8,
        list: &[Item],
        visit: Visit<'_, V>,
    ) -> Result<bool, OverBudget> {
        let maximum = diagrams.maximum(level);
        let (mut at, mut low) = (0, V::ZERO);
        loop {
            let from = at;
            at += self.cuts[from..].iter().take_while(|cut| cut.at == low).count();
            self.change(from..at);
            self.rest(diagrams, list);
            if !diagrams.lists.works(self.part.len()) {
                return Ok(false);
            }
            let next = self.cuts.get(at).map(|cut| cut.at);
            let until = next.map_or(maximum, V::previous);
            if !visit(diagrams, until, &self.part)? {
                return Ok(false);
            }
            match next {
                Some(next) => low = next,
                None => return Ok(true),
            }
        }
    }

    /// Puts cuts into effect: place by place, or all anew where many change.
    fn change(&mut self, cuts: std::ops::Range<usize>) {
        let places = |cut: &Cut<V>| {
            let group = index(cut.group);
            let start = group.checked_sub(1).map_or(0, |before| index(self.ends[before]));
            start..index(self.ends[group])
        };
        let changes: usize = self.cuts[cuts.clone()].iter().map(|cut| places(cut).len()).sum();
        let anew = changes > self.left.len() / 16 + 4;
        for cut in &self.cuts[cuts] {
            for (_, place) in &self.looking[places(cut)] {
                self.left[index(*place)] = cut.now;
                if anew {
                    continue;
                }
                match (self.current.binary_search(place), cut.now) {
                    (Ok(at), Left::Nothing) => _ = self.current.remove(at),
                    (Err(at), Left::Below | Left::Item(_)) => self.current.insert(at, *place),
                    _ => {}
                }
            }
        }
        if anew {
            self.current.clear();
            let some = |left: &Left| !matches!(left, Left::Nothing);
            let places = (0u32..).zip(&self.left).filter(|(_, left)| some(left));
            self.current.extend(places.map(|(place, _)| place));
        }
    }

    /// Makes the list that is left.
    fn rest(&mut self, diagrams: &mut Diagrams<V>, list: &[Item]) {
        self.part.clear();
        diagrams.lists.next_turn();
        for place in &self.current {
            let item = match self.left[index(*place)] {
                Left::Nothing => continue,
                Left::Item(item) => item,
                Left::Below => match diagrams.lists.rest(list[index(*place)]) {
                    Rest::Inside { below, .. } => below,
                    Rest::Node(_) => continue,
                },
            };
            if !diagrams.lists.put(&mut self.part, item) {
                break;
            }
        }
    }
}
