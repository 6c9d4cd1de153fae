//! Which rules may meet a box, found by their rarest field instead of by asking every rule.

use super::boxes::{FIELDS, Point, Product, Value};

/// Ranges of one field, and whose they are.
struct Tree<T> {
    /// Low, high, rule; by low.
    list: Vec<(T, T, u32)>,
    /// The furthest end of each run of ranges; then of every two of these, of every four, … (a heap).
    furthest: Vec<T>,
    /// How many runs the heap has room for.
    runs: usize,
}

/// How many ranges are looked at one by one.
const RUN: usize = 8;

impl<T: Value> Tree<T> {
    fn new(mut list: Vec<(T, T, u32)>) -> Self {
        list.sort_unstable();
        let runs = list.len().div_ceil(RUN).next_power_of_two();
        let mut furthest = vec![T::MIN; runs * 2];
        for (end, run) in furthest[runs..].iter_mut().zip(list.chunks(RUN)) {
            *end = run.iter().map(|range| range.1).max().unwrap_or(T::MIN);
        }
        for at in (1..runs).rev() {
            furthest[at] = furthest[at * 2].max(furthest[at * 2 + 1]);
        }
        Tree { list, furthest, runs }
    }

    /// Visits the rules of all ranges that meet one, by where the ranges begin.
    fn meet(&self, range: (T, T), visit: &mut impl FnMut(usize)) {
        let begun = self.list.partition_point(|(low, ..)| *low <= range.1);
        self.walk(1, (0, self.runs), &self.list[..begun], range.0, visit);
    }

    fn walk(
        &self,
        node: usize,
        (from, to): (usize, usize),
        begun: &[(T, T, u32)],
        low: T,
        visit: &mut impl FnMut(usize),
    ) {
        if from * RUN >= begun.len() || self.furthest[node] < low {
            return;
        }
        if to - from == 1 {
            let run = begun[from * RUN..].iter().take(RUN).filter(|(_, high, _)| low <= *high);
            return run.for_each(|(.., rule)| visit(as_index(*rule)));
        }
        let middle = usize::midpoint(from, to);
        self.walk(node * 2, (from, middle), begun, low, visit);
        self.walk(node * 2 + 1, (middle, to), begun, low, visit);
    }
}

fn as_index(rule: u32) -> usize {
    usize::try_from(rule).unwrap_or(usize::MAX)
}

/// The rules of a list, each filed under the field that it shares with the fewest others.
pub(super) struct Index<T> {
    fields: [Tree<T>; FIELDS],
}

impl<T: Value> Index<T> {
    pub(super) fn new(products: &[Option<Product<'_, T>>]) -> Self {
        let shared = [0, 1, 2, 3, 4].map(|field| Shared::new(products, field));
        let mut lists: [Vec<(T, T, u32)>; FIELDS] = Default::default();
        for (rule, product) in (0u32..).zip(products) {
            let Some(product) = product else { continue };
            let by = |field: &usize| shared[*field].by(product.field(*field));
            let rarest = (0..FIELDS).min_by_key(by).unwrap_or_default();
            let ranges = product.field(rarest).iter();
            lists[rarest].extend(ranges.map(|(low, high)| (*low, *high, rule)));
        }
        Index { fields: lists.map(Tree::new) }
    }

    /// Visits the rules that share with a box the field that they are filed under: all that meet it, and
    /// others; once for each pair of ranges.
    pub(super) fn near(&self, product: &Product<'_, T>, visit: &mut impl FnMut(usize)) {
        for (field, tree) in self.fields.iter().enumerate() {
            product.field(field).iter().for_each(|range| tree.meet(*range, visit));
        }
    }

    /// Visits the rules that share with a packet the field that they are filed under, once.
    pub(super) fn at(&self, point: &Point<T>, visit: &mut impl FnMut(usize)) {
        for (tree, value) in self.fields.iter().zip(point) {
            tree.meet((*value, *value), visit);
        }
    }
}

/// Where the ranges of a field begin and end.
struct Shared<T> {
    lows: Vec<T>,
    highs: Vec<T>,
}

impl<T: Value> Shared<T> {
    fn new(products: &[Option<Product<'_, T>>], field: usize) -> Self {
        let ranges = || products.iter().flatten().flat_map(|product| product.field(field));
        let (mut lows, mut highs): (Vec<_>, Vec<_>) = ranges().copied().unzip();
        lows.sort_unstable();
        highs.sort_unstable();
        Shared { lows, highs }
    }

    /// Counts the ranges that meet some, each pair of ranges by itself.
    fn by(&self, ranges: &[(T, T)]) -> usize {
        let count = |(low, high): &(T, T)| {
            let begun = self.lows.partition_point(|start| start <= high);
            begun - self.highs.partition_point(|end| end < low)
        };
        ranges.iter().map(count).sum()
    }
}
