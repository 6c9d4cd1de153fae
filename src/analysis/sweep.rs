//! Who decides the packets of a box: field by field, cut where some rule begins or ends; equal lists of
//! rules are asked once.

use super::boxes::{FIELDS, Point, Product, SOURCE_PORT, Value, common};
use super::work::{TooMuch, Work};
use rustc_hash::FxHashSet;
use std::ops::ControlFlow;

/// A rule inside the box.
struct Inside {
    rule: usize,
    /// For each field, where its ranges are in `Sweep::ranges`; empty where it has all of the box's.
    cuts: [std::ops::Range<usize>; FIELDS],
    /// From this step on it has all of the box's.
    whole_from: usize,
}

/// How many steps it counts to remember a list, so that memory is bounded as well.
const REMEMBER: usize = 8;

/// A walk over the packets of a box.
struct Sweep<'s, 'a, T: Value> {
    whole: &'s Product<'a, T>,
    /// By their numbers, which is the order in which they decide.
    rules: Vec<Inside>,
    ranges: Vec<(T, T)>,
    /// The fields in the order in which they are cut.
    order: [usize; FIELDS],
    /// Lists of rules that were asked, by the step at which they were.
    asked: FxHashSet<(usize, Box<[u32]>)>,
    /// A packet of the cell that is asked about.
    point: Point<T>,
    work: &'s mut Work,
}

/// Is told who decides the packets of a cell, or that none does, and one of them; may stop the walk.
pub(super) type Visit<'v, T> = dyn FnMut(Option<usize>, &Point<T>) -> ControlFlow<()> + 'v;

/// Walks over all packets of a box and tells who of some rules, by ascending numbers, decides them; cells
/// with the same rules may be told once.
pub(super) fn deciders<'p, 'a: 'p, T: Value>(
    whole: &Product<'a, T>,
    rules: impl Iterator<Item = (usize, &'p Product<'a, T>)>,
    work: &mut Work,
    visit: &mut Visit<'_, T>,
) -> Result<ControlFlow<()>, TooMuch> {
    let (mut inside, mut ranges, mut cuts) = (Vec::new(), Vec::new(), [0; FIELDS]);
    for (rule, product) in rules {
        let part = |field: usize| {
            let start = ranges.len();
            if !product.covers_field(whole, field) {
                ranges.extend(common(product.field(field), whole.field(field)));
                cuts[field] += ranges.len() - start;
            }
            start..ranges.len()
        };
        inside.push(Inside { rule, cuts: [0, 1, 2, 3, 4].map(part), whole_from: 0 });
    }
    work.spend(inside.len() + ranges.len())?;
    // What cuts least comes first: all that follows is done once for each of its cells.
    let mut order = [0, 1, 2, 3, 4];
    order.sort_by_key(|field| cuts[*field]);
    for rule in &mut inside {
        let last = order.iter().rposition(|field| !rule.cuts[*field].is_empty());
        rule.whole_from = last.map_or(0, |step| step + 1);
    }
    let list: Vec<u32> = (0u32..).zip(&inside).map(|(at, _)| at).collect();
    let (asked, point) = (FxHashSet::default(), whole.first());
    let mut sweep = Sweep { whole, rules: inside, ranges, order, asked, point, work };
    sweep.list(0, &list, visit)
}

impl<T: Value> Sweep<'_, '_, T> {
    fn rule(&self, at: u32) -> &Inside {
        &self.rules[usize::try_from(at).unwrap_or(usize::MAX)]
    }

    fn cuts(&self, at: u32, field: usize) -> &[(T, T)] {
        &self.ranges[self.rule(at).cuts[field].clone()]
    }

    /// Goes over the packets of the cell that all fields before a step have led to.
    fn list(
        &mut self,
        step: usize,
        list: &[u32],
        visit: &mut Visit<'_, T>,
    ) -> Result<ControlFlow<()>, TooMuch> {
        let Some(first) = list.first().map(|at| self.rule(*at)) else {
            return Ok(visit(None, &self.point));
        };
        if first.whole_from <= step {
            return Ok(visit(Some(first.rule), &self.point));
        }
        let cut =
            |step: &usize| list.iter().any(|at| !self.cuts(*at, self.order[*step]).is_empty());
        let step = (step..FIELDS).find(cut).unwrap_or(FIELDS - 1);
        self.work.spend(REMEMBER + list.len())?;
        if !self.asked.insert((step, list.into())) {
            return Ok(ControlFlow::Continue(()));
        }
        let field = self.order[step];
        let before = self.point[field];
        let result = self.cells(step, list, visit);
        self.point[field] = before;
        result
    }

    /// Parts a cell where the rules of a list begin and end in the field of a step.
    fn cells(
        &mut self,
        step: usize,
        list: &[u32],
        visit: &mut Visit<'_, T>,
    ) -> Result<ControlFlow<()>, TooMuch> {
        let (field, whole) = (self.order[step], self.whole);
        let (mut current, edges) = self.edges(list, field);
        self.work.spend(edges.len())?;
        let mut edges = edges.into_iter().peekable();
        // What can be told at once is told first: it may end the walk.
        let mut open = Vec::new();
        for (low, high) in whole.field(field) {
            let mut from = *low;
            loop {
                while let Some((_, rule, opens)) = edges.next_if(|edge| edge.0 <= from) {
                    match (current.binary_search(&rule), opens) {
                        (Err(place), true) => current.insert(place, rule),
                        (Ok(place), false) => _ = current.remove(place),
                        _ => {}
                    }
                }
                let after = edges.peek().map(|edge| edge.0).filter(|value| value <= high);
                let last = after.and_then(T::previous).unwrap_or(*high);
                self.point[field] = if field == SOURCE_PORT { last } else { from };
                let decides = current.iter().position(|at| self.rule(*at).whole_from <= step + 1);
                let next = &current[..decides.map_or(current.len(), |first| first + 1)];
                self.work.spend(1 + next.len())?;
                if decides == Some(0) || next.is_empty() {
                    if self.list(step + 1, next, visit)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                } else {
                    self.work.spend(REMEMBER)?;
                    open.push((next.to_vec(), self.point[field]));
                }
                match after {
                    Some(value) => from = value,
                    None => break,
                }
            }
        }
        open.sort_by_key(|(list, _)| list.len());
        for (list, value) in open {
            self.point[field] = value;
            if self.list(step + 1, &list, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the rules of a list that have all of a field, and where the others begin and end.
    fn edges(&self, list: &[u32], field: usize) -> (Vec<u32>, Vec<(T, u32, bool)>) {
        let (mut all, mut edges) = (Vec::new(), Vec::new());
        for at in list {
            let cuts = self.cuts(*at, field);
            if cuts.is_empty() {
                all.push(*at);
            }
            for (low, high) in cuts {
                edges.push((*low, *at, true));
                edges.extend(high.next().map(|after| (after, *at, false)));
            }
        }
        edges.sort_unstable();
        (all, edges)
    }
}
