//! What the diagrams of an address family are made from, each once: sets of values, items and lists of them.

use super::budget::OverBudget;
use super::terminal::{Node, TERMINALS, UNDECIDED};
use super::value::{Value, index, whole};
use hashbrown::HashTable;
use rustc_hash::FxHashMap;

/// A set of values of one field, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Set(pub(super) u32);

/// Every value.
pub(super) const ANY: Set = Set(u32::MAX);

/// The sets of one address family, each once.
pub(super) struct Sets<V> {
    pub(super) ranges: Vec<(V, V)>,
    /// Where the ranges of each set end; they begin where those of the one before end.
    pub(super) ends: Vec<u32>,
    pub(super) at: HashTable<(u32, Set)>,
}

impl<V> Default for Sets<V> {
    fn default() -> Self {
        Sets { ranges: Vec::new(), ends: Vec::new(), at: HashTable::new() }
    }
}

impl<V: Value> Sets<V> {
    /// Returns where the ranges of a set stand.
    pub(super) fn stretch(&self, set: Set) -> std::ops::Range<usize> {
        let at = index(set.0);
        let start = at.checked_sub(1).map_or(0, |before| index(self.ends[before]));
        start..index(self.ends[at])
    }

    /// Returns the ranges of a set.
    pub(super) fn of(&self, set: Set) -> &[(V, V)] {
        &self.ranges[self.stretch(set)]
    }

    /// Returns a range by its place.
    pub(super) fn range(&self, at: usize) -> (V, V) {
        self.ranges[at]
    }
}

/// One entry of a first-match list: a product of sets above a diagram.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Item(pub(super) u32);

/// What an item is from some field on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Rest {
    /// A diagram, or a terminal.
    Node(Node),
    /// Something inside of a set of one field; undecided elsewhere.
    Inside { level: u8, set: Set, below: Item },
}

/// A list that was worked out: its stretch of [`Lists::keys`].
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) start: usize,
    pub(super) len: u32,
    pub(super) hash: u32,
    pub(super) node: Node,
}

/// The sets, items and lists of one address family.
pub(super) struct Lists<V> {
    pub(super) rests: Vec<Rest>,
    /// The diagram of each item, where it was made.
    pub(super) nodes: Vec<Option<Node>>,
    pub(super) item_at: FxHashMap<Rest, Item>,
    pub(super) known: HashTable<Known>,
    pub(super) keys: Vec<Item>,
    /// When each item was last put into the list that was being made.
    pub(super) seen: Vec<u32>,
    pub(super) turn: u32,
    /// How much more work the list at hand may make.
    pub(super) work: usize,
    /// Memory that partings of lists may use again.
    pub(super) spare: Vec<Parting<V>>,
}

impl<V> Default for Lists<V> {
    fn default() -> Self {
        Lists {
            rests: Vec::new(),
            nodes: Vec::new(),
            item_at: FxHashMap::default(),
            known: HashTable::new(),
            keys: Vec::new(),
            seen: Vec::new(),
            turn: 0,
            work: 0,
            spare: Vec::new(),
        }
    }
}

impl<V: Value> Lists<V> {
    pub(super) fn rest(&self, item: Item) -> Rest {
        self.rests[index(item.0)]
    }

    /// Begins a list.
    pub(super) fn next_turn(&mut self) {
        if self.turn == u32::MAX {
            self.seen.fill(0);
            self.turn = 0;
        }
        self.turn += 1;
    }

    /// Adds an item to a list unless it is there; tells whether anything may come after it.
    pub(super) fn put(&mut self, list: &mut Vec<Item>, item: Item) -> bool {
        let seen = &mut self.seen[index(item.0)];
        if *seen != self.turn {
            *seen = self.turn;
            list.push(item);
        }
        !matches!(self.rest(item), Rest::Node(node) if node < TERMINALS && node & UNDECIDED == 0)
    }

    /// Counts the work on a list of so many items; tells whether it is not too much.
    pub(super) fn works(&mut self, len: usize) -> bool {
        let left = self.work.checked_sub(1 + len);
        self.work = left.unwrap_or_default();
        left.is_some()
    }

    pub(super) fn known(&self, list: &[Item], hash: u32) -> Option<Node> {
        let same = |known: &Known| {
            known.hash == hash && self.keys[known.start..][..index(known.len)] == *list
        };
        self.known.find(whole(hash), same).map(|known| known.node)
    }

    pub(super) fn learn(&mut self, list: &[Item], hash: u32, node: Node) -> Result<(), OverBudget> {
        let known = Known { start: self.keys.len(), len: count(list.len())?, hash, node };
        self.keys.extend_from_slice(list);
        self.known.insert_unique(whole(hash), known, |known| whole(known.hash));
        Ok(())
    }
}

/// Where what is left of the items of a group changes, and to what.
#[derive(Clone, Copy)]
pub(super) struct Cut<V> {
    pub(super) at: V,
    pub(super) group: u32,
    pub(super) now: Left,
}

/// What is left of an item between two cuts.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// Nothing: undecided.
    Nothing,
    /// What stands below its set.
    Below,
    /// This.
    Item(Item),
}

/// What items change together, in the order of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Set(Set),
    Node(Item),
}

/// A list on its way along the values of a field. The memory is used again.
pub(super) struct Parting<V> {
    /// The items that look at the field: what they change by, and their places in the list.
    pub(super) looking: Vec<(By, u32)>,
    /// Where in `looking` each group ends.
    pub(super) ends: Vec<u32>,
    pub(super) cuts: Vec<Cut<V>>,
    /// What is left of each item at the moment.
    pub(super) left: Vec<Left>,
    /// The places of which something is left, in order.
    pub(super) current: Vec<u32>,
    /// The list that is left.
    pub(super) part: Vec<Item>,
}

impl<V> Default for Parting<V> {
    fn default() -> Self {
        Parting {
            looking: Vec::new(),
            ends: Vec::new(),
            cuts: Vec::new(),
            left: Vec::new(),
            current: Vec::new(),
            part: Vec::new(),
        }
    }
}

pub(super) fn count(len: usize) -> Result<u32, OverBudget> {
    u32::try_from(len).map_err(|_| OverBudget)
}
