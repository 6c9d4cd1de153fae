//! A file that was read, a value in it, and the decoding of one item with all its faults.

use crate::diag::{Code, Diagnostic, Diags, suggestion};
use crate::source::Span;
use crate::source::yaml::{NodeId, Segment, SpanIndex};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment as Step;
use serde_yaml::{Mapping, Value};

/// A YAML file: its values and where they stand.
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) spans: SpanIndex,
}

/// A value of a document, or one that a library's expressions made of it.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    spans: &'a SpanIndex,
    at: NodeId,
}

impl Document {
    pub(super) fn root(&self) -> Node<'_> {
        Node { value: &self.value, spans: &self.spans, at: SpanIndex::ROOT }
    }
}

impl<'a> Node<'a> {
    /// Returns the same place with another value.
    pub(super) fn with_value<'b>(self, value: &'b Value) -> Node<'b>
    where
        'a: 'b,
    {
        Node { value, spans: self.spans, at: self.at }
    }

    /// Returns where the value stands.
    pub(super) fn span(self) -> Span {
        self.spans.value(self.at)
    }

    /// Returns where its key stands; in a list, the value.
    pub(super) fn key_span(self) -> Span {
        self.spans.key(self.at)
    }

    /// Returns where a member's key stands, or the whole map when it has none of that name.
    pub(super) fn key_of(self, key: &str) -> Span {
        self.spans.member(self.at, key).map_or(self.span(), |at| self.spans.key(at))
    }

    /// Tells whether a map has a key, also one whose value was refused.
    pub(super) fn has(self, key: &str) -> bool {
        self.member(key).is_some()
    }

    /// Returns a member of a map; none when its value was refused.
    pub(super) fn get(self, key: &str) -> Option<Node<'a>> {
        self.member(key).filter(|member| !member.value.is_null())
    }

    /// Finds a member. A rule's few keys are compared faster than hashed, and their number gives the
    /// place at once.
    fn member(self, key: &str) -> Option<Node<'a>> {
        const FEW: usize = 16;
        let map = self.value.as_mapping()?;
        if map.len() > FEW {
            let at = self.spans.member(self.at, key).unwrap_or(self.at);
            return map.get(key).map(|value| Node { value, spans: self.spans, at });
        }
        let mut members = map.iter().zip(self.places());
        let ((_, value), at) = members.find(|((k, _), _)| k.as_str() == Some(key))?;
        Some(Node { value, spans: self.spans, at: self.place(at, key) })
    }

    /// Returns the place of a map's member: the one of the same number, if it has the key. A value that an
    /// expression made can have fewer members than the text, or stand where the text has no map.
    fn place(self, same: Option<NodeId>, key: &str) -> NodeId {
        let same = same.filter(|at| self.spans.name(*at) == Some(key));
        same.or_else(|| self.spans.member(self.at, key)).unwrap_or(self.at)
    }

    /// Returns where a member's value stands, or the whole map when it has none of that name.
    pub(super) fn span_of(self, key: &str) -> Span {
        self.get(key).map_or(self.span(), Node::span)
    }

    /// Returns the items of a list, those left out whose value was refused.
    pub(super) fn items(self) -> impl Iterator<Item = Node<'a>> {
        let items = self.value.as_sequence().map_or(&[][..], Vec::as_slice);
        let placed = items.iter().zip(self.places());
        placed.filter(|(value, _)| !value.is_null()).map(move |(value, at)| Node {
            value,
            spans: self.spans,
            at: at.unwrap_or(self.at),
        })
    }

    /// Returns the members of a map in order, those left out whose value was refused.
    pub(super) fn members(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let members = self.value.as_mapping().into_iter().flatten().zip(self.places());
        members.filter_map(move |((key, value), at)| {
            let key = key.as_str().filter(|_| !value.is_null())?;
            Some((key, Node { value, spans: self.spans, at: self.place(at, key) }))
        })
    }

    /// Returns the places of what is inside, and none for what the text does not have.
    fn places(self) -> impl Iterator<Item = Option<NodeId>> {
        self.spans.children(self.at).map(Some).chain(std::iter::repeat(None))
    }
}

/// Reports which of some keys a map lacks; tells whether it has them all.
pub(super) fn require(node: Node<'_>, what: &str, keys: &[&str], diags: &mut Diags) -> bool {
    let missing: Vec<_> = keys.iter().filter(|key| !node.has(key)).collect();
    if !missing.is_empty() {
        let message = format!("{what} lacks {}", crate::diag::enumerate(&missing));
        let any =
            what == "a rule" && missing.iter().any(|key| ["from", "to", "service"].contains(key));
        let mut diagnostic =
            Diagnostic::new(Code::MissingKey, message).at(node.span(), "in this map");
        if any {
            diagnostic = diagnostic.help("nothing is implied: write `any` if you mean everything");
        }
        diags.push(diagnostic);
    }
    missing.is_empty()
}

/// Decodes one item.
pub(super) fn shape<T: DeserializeOwned>(
    node: Node<'_>,
    what: &str,
    diags: &mut Diags,
) -> Option<T> {
    shape_of(node, what, &[], diags)
}

/// Decodes one item without the keys that are read elsewhere.
///
/// Each fault is reported at its own place; what is at fault is then left out and the rest decoded, so that
/// several faults of an item are found. `None` only when nothing is left.
pub(super) fn shape_of<T: DeserializeOwned>(
    node: Node<'_>,
    what: &str,
    others: &[&str],
    diags: &mut Diags,
) -> Option<T> {
    if !node.value.is_mapping() {
        if !node.value.is_null() {
            diags.push(wrong_type(node, what, "a map"));
        }
        return None;
    }
    if let Ok(item) = T::deserialize(node.value) {
        return Some(item);
    }
    let mut repaired = node.value.clone();
    if let Some(map) = repaired.as_mapping_mut() {
        map.retain(|key, _| !key.as_str().is_some_and(|key| others.contains(&key)));
    }
    // One turn for each fault, and there cannot be more faults than values.
    for _ in 0..1000 {
        match serde_path_to_error::deserialize::<_, T>(&repaired) {
            Ok(item) => return Some(item),
            Err(error) => {
                let path = segments(error.path());
                let reason = error.inner().to_string();
                diags.push(fault(node, &path, &reason, others));
                if !leave_out(&mut repaired, &path, &reason) {
                    return None;
                }
            }
        }
    }
    None
}

fn segments(path: &serde_path_to_error::Path) -> Vec<Segment> {
    path.iter()
        .filter_map(|step| match step {
            Step::Seq { index } => Some(Segment::Index(*index)),
            Step::Map { key } => Some(Segment::Key(key.clone())),
            Step::Enum { .. } | Step::Unknown => None,
        })
        .collect()
}

/// Returns the key that serde does not know, and those that it knows.
fn unknown_field(reason: &str) -> Option<(&str, Vec<&str>)> {
    let rest = reason.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once("`, ")?;
    // `when` is not a key of a policy's rules; whoever writes a library knows it.
    let known = rest.split('`').skip(1).step_by(2).filter(|known| *known != "when").collect();
    Some((key, known))
}

fn fault(node: Node<'_>, path: &[Segment], reason: &str, others: &[&str]) -> Diagnostic {
    let at = node.spans.find(node.at, path);
    if let Some((key, known)) = unknown_field(reason) {
        return unknown_key(node.spans.key(at), key, &[&known, others].concat());
    }
    let value = path.iter().try_fold(node.value, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    });
    let there = Node { value: value.unwrap_or(node.value), spans: node.spans, at };
    let expected = match reason.rsplit_once("expected ") {
        Some((_, "a string")) => "text",
        Some((_, "a boolean")) => "`true` or `false`",
        Some((_, "a sequence")) => "a list",
        Some((_, "a map")) => "a map",
        _ if reason.contains("untagged") => "text or a list of texts",
        _ if reason.contains("struct") => "text",
        _ => reason,
    };
    let named = path.iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(format!("`{key}`")),
        Segment::Index(_) => None,
    });
    wrong_type(there, named.as_deref().unwrap_or("this"), expected)
}

/// Reports that a key does not belong there.
pub(super) fn unknown_key(span: Span, key: &str, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::UnknownKey, format!("unknown key `{key}`")).at(span, "");
    match suggestion(key, known.iter().copied()) {
        Some(text) => diagnostic.help(text),
        None => diagnostic,
    }
}

/// Reports that a value has the wrong type.
pub(super) fn wrong_type(node: Node<'_>, what: &str, expected: &str) -> Diagnostic {
    let found = match node.value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) | Value::Tagged(_) => "a map",
    };
    let message = format!("{what} is {found} here, but {expected} is expected");
    let diagnostic = Diagnostic::new(Code::WrongType, message).at(node.span(), "");
    match node.value {
        Value::Number(number) if expected.contains("text") => {
            diagnostic.help(format!("quote it: `\"{number}\"`"))
        }
        Value::Bool(flag) if expected.contains("text") => {
            diagnostic.help(format!("quote it: `\"{flag}\"`"))
        }
        Value::String(text) if expected.starts_with("`true`") => {
            match text.to_lowercase().as_str() {
                "yes" | "on" | "y" => diagnostic.help("write `true`"),
                "no" | "off" | "n" => diagnostic.help("write `false`"),
                _ => diagnostic,
            }
        }
        _ => diagnostic,
    }
}

/// Removes what is at fault from an item; tells whether something was removed.
fn leave_out(value: &mut Value, path: &[Segment], reason: &str) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut parent = value;
    for segment in parents {
        let next = match segment {
            Segment::Key(key) => parent.get_mut(key),
            Segment::Index(index) => parent.get_mut(index),
        };
        match next {
            Some(next) => parent = next,
            None => return false,
        }
    }
    match (parent, last) {
        (Value::Mapping(map), Segment::Key(key)) if unknown_field(reason).is_some() => {
            map.shift_remove(key.as_str()).is_some()
        }
        (Value::Mapping(map), Segment::Key(key)) => refuse(map, key),
        (Value::Sequence(items), Segment::Index(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

fn refuse(map: &mut Mapping, key: &str) -> bool {
    match map.get_mut(key) {
        Some(value) if !value.is_null() => {
            *value = Value::Null;
            true
        }
        _ => false,
    }
}
