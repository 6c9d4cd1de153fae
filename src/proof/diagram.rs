//! Sets of packets as interval decision diagrams (reduced firewall decision diagrams; Gouda and Liu,
//! "Structured firewall design", 2007).
//!
//! A node is one field of a packet; its edges divide the field's range in order; equal nodes are one node.
//! So two diagrams decide every packet alike exactly when their roots are the same number.

use super::budget::{Budget, OverBudget};
use super::store::{Lists, Sets};
use super::terminal::{ACCEPT, Node, TERMINALS, UNDECIDED, differ, exchanged};
use super::value::{LEVELS, Value, half, hash_of, whole};
use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHashSet};

#[derive(Clone, Copy)]
struct Header {
    level: u8,
    start: u32,
    len: u32,
}

/// An operation on two diagrams, with its result where one of them is a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    /// The first where it decides, otherwise the second.
    Over,
    /// The second where the first accepts, else undecided.
    Guard,
    /// The first, but where it accepts the second, if that decides.
    Then,
    /// How the second differs from the first; undecided where it does not.
    Differ,
}

impl Operation {
    /// Returns the result where that needs no look at every field.
    fn shortcut(self, a: Node, b: Node) -> Option<Node> {
        let known = a < TERMINALS;
        match self {
            Operation::Over if a == UNDECIDED => Some(b),
            Operation::Over if known && a & UNDECIDED == 0 => Some(a),
            Operation::Over if b == UNDECIDED || a == b => Some(a),
            Operation::Guard if a == UNDECIDED || b == UNDECIDED => Some(UNDECIDED),
            Operation::Guard if a == ACCEPT => Some(b),
            Operation::Then if b == UNDECIDED || b == ACCEPT => Some(a),
            Operation::Then if known && a & ACCEPT == 0 => Some(a),
            Operation::Differ if a == b => Some(UNDECIDED),
            _ if known && b < TERMINALS => Some(self.combine(a, b)),
            _ => None,
        }
    }

    /// Returns the result for two sets of outcomes: any of one with any of the other.
    fn combine(self, a: Node, b: Node) -> Node {
        let if_accepted = |other: Node| if a & ACCEPT == 0 { 0 } else { other };
        match self {
            Operation::Over if a & UNDECIDED == 0 => a,
            Operation::Over => a & !UNDECIDED | b,
            Operation::Guard => if_accepted(b) | if a & !ACCEPT == 0 { 0 } else { UNDECIDED },
            Operation::Then => a & !ACCEPT | if_accepted(exchanged(b, UNDECIDED, ACCEPT)),
            Operation::Differ => differ(a, b),
        }
    }
}

/// Every node of one address family, each once.
pub(super) struct Diagrams<V> {
    nodes: Vec<Header>,
    /// Upper ends of the edges; the last one of a node is the level's maximum.
    highs: Vec<V>,
    children: Vec<Node>,
    /// With half of the hash, so that growing does not look at the edges.
    unique: HashTable<(u32, Node)>,
    memo: [FxHashMap<(Node, Node), Node>; 4],
    /// Edges of the nodes that are being made, outermost first.
    stack: Vec<(V, Node)>,
    maxima: [V; LEVELS],
    /// What is left of the budget.
    budget: Budget,
    pub(super) sets: Sets<V>,
    pub(super) lists: Lists<V>,
}

impl<V: Value> Diagrams<V> {
    pub(super) fn new(maxima: [V; LEVELS], budget: Budget) -> Self {
        Diagrams {
            nodes: Vec::new(),
            highs: Vec::new(),
            children: Vec::new(),
            unique: HashTable::new(),
            memo: Default::default(),
            stack: Vec::new(),
            maxima,
            budget,
            sets: Sets::default(),
            lists: Lists::default(),
        }
    }

    /// Counts memory that is kept from now on.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.budget.bytes = self.budget.bytes.checked_sub(bytes).ok_or(OverBudget)?;
        Ok(())
    }

    /// Returns where the edges of the next node begin on the stack.
    pub(super) fn base(&self) -> usize {
        self.stack.len()
    }

    /// Adds an edge to the node that is being made.
    pub(super) fn edge(&mut self, high: V, child: Node) {
        self.stack.push((high, child));
    }

    /// Gives up the nodes that were being made.
    pub(super) fn forget(&mut self, base: usize) {
        self.stack.truncate(base);
    }

    /// Returns how many nodes there are.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the largest value of a level.
    pub(super) fn maximum(&self, level: u8) -> V {
        self.maxima[usize::from(level)]
    }

    fn header(&self, node: Node) -> Option<Header> {
        self.nodes.get(usize::try_from(node.checked_sub(TERMINALS)?).ok()?).copied()
    }

    /// Returns a node's level and its edges: upper end and child.
    pub(super) fn edges(&self, node: Node) -> Option<(u8, impl Iterator<Item = (V, Node)> + '_)> {
        let header = self.header(node)?;
        let range = span(header);
        let highs = self.highs[range.clone()].iter().copied();
        Some((header.level, highs.zip(self.children[range].iter().copied())))
    }

    /// Makes the node of a level from the edges above `base` on the stack: equal neighbours become one
    /// edge, a node with one child is that child, and a node that exists is taken.
    pub(super) fn close(&mut self, level: u8, base: usize) -> Result<Node, OverBudget> {
        self.budget.nodes = self.budget.nodes.checked_sub(1).ok_or(OverBudget)?;
        let mut kept = base;
        for at in base + 1..self.stack.len() {
            if self.stack[at].1 != self.stack[kept].1 {
                kept += 1;
            }
            self.stack[kept] = self.stack[at];
        }
        self.stack.truncate(kept + 1);
        if kept == base {
            let only = self.stack[base].1;
            self.stack.truncate(base);
            return Ok(only);
        }
        let node = self.shared(level, base)?;
        self.stack.truncate(base);
        Ok(node)
    }

    fn shared(&mut self, level: u8, base: usize) -> Result<Node, OverBudget> {
        let edges = &self.stack[base..];
        let hash = half(hash_of(&(level, edges)));
        let same = |(own, node): &(u32, Node)| {
            *own == hash
                && self.header(*node).is_some_and(|header| {
                    let range = span(header);
                    header.level == level
                        && range.len() == edges.len()
                        && self.children[range.clone()].iter().zip(edges).all(|(c, e)| *c == e.1)
                        && self.highs[range].iter().zip(edges).all(|(h, e)| *h == e.0)
                })
        };
        if let Some((_, node)) = self.unique.find(whole(hash), same) {
            return Ok(*node);
        }
        let node = Node::try_from(self.nodes.len()).map_err(|_| OverBudget)? + TERMINALS;
        let start = u32::try_from(self.highs.len()).map_err(|_| OverBudget)?;
        let len = u32::try_from(edges.len()).map_err(|_| OverBudget)?;
        // The header, its place in the table, and the edges.
        let bytes = size_of::<Header>() + 14 + edges.len() * (size_of::<V>() + size_of::<Node>());
        self.highs.extend(edges.iter().map(|edge| edge.0));
        self.children.extend(edges.iter().map(|edge| edge.1));
        self.nodes.push(Header { level, start, len });
        self.unique.insert_unique(whole(hash), (hash, node), |known| whole(known.0));
        self.hold(bytes)?;
        Ok(node)
    }

    /// Makes a node from edges in order; the last must reach the level's maximum.
    pub(super) fn node(
        &mut self,
        level: u8,
        edges: impl IntoIterator<Item = (V, Node)>,
    ) -> Result<Node, OverBudget> {
        let base = self.stack.len();
        self.stack.extend(edges);
        self.close(level, base)
    }

    /// The first diagram where it decides, else the second.
    pub(super) fn over(&mut self, a: Node, b: Node) -> Result<Node, OverBudget> {
        self.apply(Operation::Over, a, b)
    }

    /// The second diagram where the first accepts; undecided elsewhere.
    pub(super) fn guard(&mut self, condition: Node, then: Node) -> Result<Node, OverBudget> {
        self.apply(Operation::Guard, condition, then)
    }

    /// The first diagram, and where it accepts, the second where that decides.
    pub(super) fn then(&mut self, a: Node, b: Node) -> Result<Node, OverBudget> {
        self.apply(Operation::Then, a, b)
    }

    fn apply(&mut self, operation: Operation, a: Node, b: Node) -> Result<Node, OverBudget> {
        if let Some(node) = operation.shortcut(a, b) {
            return Ok(node);
        }
        if let Some(node) = self.memo[operation as usize].get(&(a, b)) {
            return Ok(*node);
        }
        let (left, right) = (self.header(a), self.header(b));
        let level = match (left, right) {
            (Some(left), Some(right)) => left.level.min(right.level),
            (Some(one), None) | (None, Some(one)) => one.level,
            (None, None) => return Ok(operation.combine(a, b)),
        };
        let mut left = Walk::new(left.filter(|h| h.level == level), a);
        let mut right = Walk::new(right.filter(|h| h.level == level), b);
        let base = self.stack.len();
        let maximum = self.maximum(level);
        loop {
            let (high_a, child_a) = left.edge(self, maximum);
            let (high_b, child_b) = right.edge(self, maximum);
            let child = self.apply(operation, child_a, child_b)?;
            let high = high_a.min(high_b);
            self.stack.push((high, child));
            if high >= maximum {
                break;
            }
            left.pass(high_a == high);
            right.pass(high_b == high);
        }
        let node = self.close(level, base)?;
        self.hold(2 * size_of::<(Node, Node, Node)>() + 2)?;
        self.memo[operation as usize].insert((a, b), node);
        Ok(node)
    }

    /// How the second diagram differs from the first; undecided where it does not.
    pub(super) fn differ(&mut self, a: Node, b: Node) -> Result<Node, OverBudget> {
        self.apply(Operation::Differ, a, b)
    }

    /// Returns all outcomes that a diagram has.
    pub(super) fn outcomes(&self, node: Node) -> Node {
        let (mut all, mut open, mut seen) = (0, vec![node], FxHashSet::default());
        while let Some(node) = open.pop() {
            match self.header(node) {
                None => all |= node,
                Some(header) if seen.insert(node) => open.extend(&self.children[span(header)]),
                Some(_) => {}
            }
        }
        all
    }

    /// Puts other terminals in the place of terminals.
    pub(super) fn replace(
        &mut self,
        node: Node,
        with: fn(Node) -> Node,
        memo: &mut FxHashMap<Node, Node>,
    ) -> Result<Node, OverBudget> {
        let Some(header) = self.header(node) else { return Ok(with(node)) };
        if let Some(known) = memo.get(&node) {
            return Ok(*known);
        }
        let base = self.stack.len();
        for at in span(header) {
            let child = self.replace(self.children[at], with, memo)?;
            self.stack.push((self.highs[at], child));
        }
        let replaced = self.close(header.level, base)?;
        memo.insert(node, replaced);
        Ok(replaced)
    }
}

fn span(header: Header) -> std::ops::Range<usize> {
    let start = usize::try_from(header.start).unwrap_or(usize::MAX);
    start..start + usize::try_from(header.len).unwrap_or(usize::MAX)
}

/// A walk over a node's edges, or over a diagram that does not look at the level.
struct Walk {
    edges: Option<std::ops::Range<usize>>,
    whole: Node,
}

impl Walk {
    fn new(header: Option<Header>, whole: Node) -> Self {
        Walk { edges: header.map(span), whole }
    }

    fn edge<V: Value>(&self, diagrams: &Diagrams<V>, maximum: V) -> (V, Node) {
        match &self.edges {
            Some(edges) => (diagrams.highs[edges.start], diagrams.children[edges.start]),
            None => (maximum, self.whole),
        }
    }

    fn pass(&mut self, done: bool) {
        if let Some(edges) = self.edges.as_mut().filter(|_| done) {
            edges.start += 1;
        }
    }
}
