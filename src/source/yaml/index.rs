//! Where each value of a file is, by path.

use crate::source::{FileId, Span};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A value of a [`SpanIndex`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeId(u32);

/// A step of a path to a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment {
    /// Into a map.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// A key or a value without a place, and no child or sibling.
const NONE: u32 = u32::MAX;

/// A value with its place and its neighbours: most values are small, with few children, so separate lists of
/// children would cost more than everything else.
#[derive(Clone, Debug)]
struct Node {
    /// Begins at [`NONE`] where there is no key.
    key: Range<u32>,
    value: Range<u32>,
    first: u32,
    last: u32,
    next: u32,
}

impl Node {
    const EMPTY: Node = Node { key: NONE..NONE, value: 0..0, first: NONE, last: NONE, next: NONE };

    fn key(&self) -> Option<Range<usize>> {
        (self.key.start != NONE).then(|| wide(&self.key))
    }
}

/// The place of each key and value of a file, in bytes.
#[derive(Clone, Debug)]
pub struct SpanIndex {
    file: FileId,
    text: Arc<str>,
    nodes: Vec<Node>,
    /// The keys that are not spelled as they are: quoted ones.
    quoted: BTreeMap<NodeId, String>,
}

fn index(node: NodeId) -> usize {
    usize::try_from(node.0).unwrap_or(usize::MAX)
}

fn small(range: Range<usize>) -> Range<u32> {
    let clamp = |at| u32::try_from(at).unwrap_or(u32::MAX);
    clamp(range.start)..clamp(range.end)
}

fn link(node: u32) -> Option<NodeId> {
    (node != NONE).then_some(NodeId(node))
}

fn wide(range: &Range<u32>) -> Range<usize> {
    let widen = |at| usize::try_from(at).unwrap_or(usize::MAX);
    widen(range.start)..widen(range.end)
}

impl SpanIndex {
    /// The outermost value.
    pub const ROOT: NodeId = NodeId(0);

    pub(super) fn new(file: FileId, text: Arc<str>) -> Self {
        SpanIndex { file, text, nodes: vec![Node::EMPTY], quoted: BTreeMap::new() }
    }

    /// Adds a value with nothing in it under `parent`.
    pub(super) fn add(&mut self, parent: NodeId, key: Option<(Range<usize>, &str)>) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let mut node = Node::EMPTY;
        if let Some((range, name)) = key {
            if self.text.get(range.clone()) != Some(name) {
                self.quoted.insert(id, name.to_owned());
            }
            node.key = small(range);
        }
        self.nodes.push(node);
        let before = std::mem::replace(&mut self.nodes[index(parent)].last, id.0);
        match link(before) {
            Some(before) => self.nodes[index(before)].next = id.0,
            None => self.nodes[index(parent)].first = id.0,
        }
        id
    }

    pub(super) fn set_value(&mut self, node: NodeId, range: Range<usize>) {
        self.nodes[index(node)].value = small(range);
    }

    pub(super) fn value_range(&self, node: NodeId) -> Range<usize> {
        wide(&self.nodes[index(node)].value)
    }

    /// Returns the byte after a node's last value, for containers that have no closing mark.
    pub(super) fn end_of_children(&self, node: NodeId) -> Option<usize> {
        link(self.nodes[index(node)].last).map(|last| self.whole(last).end)
    }

    fn whole(&self, node: NodeId) -> Range<usize> {
        let node = &self.nodes[index(node)];
        let value = wide(&node.value);
        match node.key() {
            Some(key) => key.start..value.end.max(key.end),
            None => value,
        }
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span { file: self.file, start: range.start, end: range.end }
    }

    /// Returns the file.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// Returns where a value is; quotes and brackets are part of it.
    pub fn value(&self, node: NodeId) -> Span {
        self.span(self.value_range(node))
    }

    /// Returns where the key of a value is; the value itself in a list.
    pub fn key(&self, node: NodeId) -> Span {
        match self.nodes[index(node)].key() {
            Some(key) => self.span(key),
            None => self.value(node),
        }
    }

    /// Returns a member of a map or an item of a list, where there is one.
    pub fn child(&self, node: NodeId, segment: &Segment) -> Option<NodeId> {
        match segment {
            Segment::Key(key) => self.member(node, key),
            Segment::Index(at) => self.item(node, *at),
        }
    }

    /// Returns the value of a key in a map, where there is one.
    pub fn member(&self, node: NodeId, key: &str) -> Option<NodeId> {
        self.children(node).find(|child| self.name(*child) == Some(key))
    }

    /// Returns the items of a list or the members of a map, in order.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let first = link(self.nodes[index(node)].first);
        std::iter::successors(first, |child| link(self.nodes[index(*child)].next))
    }

    /// Returns an item of a list or a member of a map by its number from 0, where there is one.
    pub fn item(&self, node: NodeId, at: usize) -> Option<NodeId> {
        self.children(node).nth(at)
    }

    /// Returns the key of a value in a map.
    pub fn name(&self, node: NodeId) -> Option<&str> {
        let key = self.nodes[index(node)].key()?;
        match self.quoted.get(&node) {
            Some(name) => Some(name),
            None => self.text.get(key),
        }
    }

    /// Follows a path as far as it goes: the value, or the deepest one on the way to it.
    pub fn find(&self, from: NodeId, path: &[Segment]) -> NodeId {
        let mut node = from;
        for segment in path {
            match self.child(node, segment) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }
}
