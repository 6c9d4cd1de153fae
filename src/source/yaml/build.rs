//! From the parser's events to values, places and faults.

use super::index::{NodeId, SpanIndex};
use super::offsets::Offsets;
use super::syntax::{self, word_from};
use super::{Fault, FaultKind, Faults, MAX_DEPTH, scalar};
use crate::source::Span;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_yaml::{Mapping, Value};
use std::borrow::Cow;
use std::ops::Range;

/// The key that waits for its value.
enum Pending {
    Nothing,
    Key(String, Range<usize>),
    /// A fault was reported about the key: its value is skipped.
    Refused,
}

enum Kind {
    List(Vec<Value>),
    Map(Mapping, Pending),
}

/// A list or map that is not closed yet.
struct Frame {
    node: NodeId,
    kind: Kind,
    start: usize,
    flow: bool,
    /// Whether it is not a map at all but an address that was not quoted.
    misread: bool,
}

/// What comes before a value in the text.
struct Properties<'t> {
    anchor: usize,
    tag: Option<Cow<'t, Tag>>,
}

pub(super) struct Builder {
    spans: SpanIndex,
    faults: Faults,
    frames: Vec<Frame>,
    root: Option<Value>,
    /// How deep inside a value that is skipped.
    skipped: usize,
}

impl Builder {
    pub(super) fn new(spans: SpanIndex, faults: Faults) -> Self {
        Builder { spans, faults, frames: Vec::new(), root: None, skipped: 0 }
    }

    pub(super) fn run(mut self, text: &str) -> (Option<Value>, SpanIndex, Faults) {
        let offsets = Offsets::new(text);
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        let complete = loop {
            let (event, place) = match parser.next_event() {
                None => break true,
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    self.stopped(text, syntax::fault(text, &offsets, &error));
                    break false;
                }
            };
            let range = offsets.byte(place.start.index())..offsets.byte(place.end.index());
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    self.fault(FaultKind::Documents, range);
                    break true;
                }
            } else if !self.event(text, event, range) {
                break false;
            }
        };
        if complete && matches!(self.root, None | Some(Value::Null)) && self.faults.is_empty() {
            self.fault(FaultKind::Empty, 0..text.len().min(1));
        }
        let value = self.root.take().filter(|_| complete);
        (value, self.spans, self.faults)
    }

    fn fault(&mut self, kind: FaultKind, range: Range<usize>) {
        self.faults.push(Fault { kind, span: self.at(range), other: None });
    }

    fn at(&self, range: Range<usize>) -> Span {
        Span { file: self.spans.file(), start: range.start, end: range.end }
    }

    /// Takes one event; tells whether to go on.
    fn event(&mut self, text: &str, event: Event<'_>, range: Range<usize>) -> bool {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                // What has a tag and nothing else is refused for the tag.
                let refused = value.is_empty() && tag.is_some();
                let range = self.properties(text, range, &Properties { anchor, tag });
                self.scalar(text, &value, style, range, refused);
            }
            Event::Alias(_) => {
                self.fault(FaultKind::Anchor, range.clone());
                self.scalar(text, "", ScalarStyle::Plain, range, true);
            }
            Event::SequenceStart(anchor, tag) => {
                self.properties(text, range.clone(), &Properties { anchor, tag });
                return self.open(Kind::List(Vec::new()), range);
            }
            Event::MappingStart(anchor, tag) => {
                self.properties(text, range.clone(), &Properties { anchor, tag });
                // Most maps are rules, with seven keys or more.
                return self.open(Kind::Map(Mapping::with_capacity(8), Pending::Nothing), range);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range),
            _ => {}
        }
        true
    }

    /// Refuses tags and anchors; returns the range of the value without them.
    fn properties(
        &mut self,
        text: &str,
        range: Range<usize>,
        properties: &Properties<'_>,
    ) -> Range<usize> {
        let mut range = range;
        if properties.anchor == 0 && properties.tag.is_none() {
            return range;
        }
        // The parser counts properties as part of a scalar, and leaves them out of a container.
        let before = text.get(..range.start).unwrap_or_default().trim_end();
        let scalar = text.get(range.start..).is_some_and(|t| t.starts_with(['!', '&']));
        let word = if scalar {
            let word = word_from(text, range.start);
            let rest = text.get(word.end..range.end).unwrap_or_default();
            range.start = word.end + (rest.len() - rest.trim_start().len());
            word
        } else {
            let word = before.rsplit(char::is_whitespace).next().unwrap_or(before);
            before.len() - word.len()..before.len()
        };
        let kind = match &properties.tag {
            Some(_) => FaultKind::Tag(text.get(word.clone()).unwrap_or_default().to_owned()),
            None => FaultKind::Anchor,
        };
        self.fault(kind, word);
        range
    }

    fn in_flow(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.flow)
    }

    /// Takes a scalar; one that was refused becomes a null, and a fault is reported.
    fn scalar(
        &mut self,
        text: &str,
        value: &str,
        style: ScalarStyle,
        range: Range<usize>,
        refused: bool,
    ) {
        if self.skipped > 0 {
            return;
        }
        let plain = style == ScalarStyle::Plain;
        // The parser counts the space after a quote and the line break after a block as theirs.
        let range = match style {
            ScalarStyle::Plain => range,
            _ => range.start..range.start + text.get(range).map_or(0, |t| t.trim_end().len()),
        };
        if self.awaits_key() {
            return self.key(value, plain, range, refused);
        }
        if plain && value.starts_with(':') && self.in_flow() {
            self.fault(FaultKind::Quote(value.to_owned()), range.clone());
        }
        let resolved = match (refused, plain) {
            (true, _) => Value::Null,
            (false, true) => scalar::resolve(value),
            (false, false) => Value::String(value.to_owned()),
        };
        let null = resolved.is_null() && !refused && !self.frames.is_empty();
        if let Some(node) = self.place(range.clone()) {
            if null {
                self.null(text, node, range);
            }
            self.give(resolved);
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { kind: Kind::Map(_, Pending::Nothing), .. }))
    }

    fn key(&mut self, name: &str, plain: bool, range: Range<usize>, refused: bool) {
        let Some(Frame { node, kind: Kind::Map(entries, _), .. }) = self.frames.last() else {
            return;
        };
        let refused = if plain && name == "<<" {
            Some((FaultKind::Merge, None))
        } else if refused || name.is_empty() {
            Some((FaultKind::Key, None))
        } else {
            // The few keys of a rule are compared faster than hashed.
            let repeated = entries.len() <= 16 || entries.contains_key(name);
            let kind = || FaultKind::Repeated(name.to_owned());
            match repeated {
                // The first is looked for among all keys: only as long as it is shown.
                true if entries.len() > 16 && self.faults.is_full(&kind()) => Some((kind(), None)),
                true => self
                    .spans
                    .member(*node, name)
                    .map(|first| (kind(), Some(self.spans.key(first)))),
                false => None,
            }
        };
        let pending = match refused {
            None => Pending::Key(name.to_owned(), range),
            Some((kind, other)) => {
                self.faults.push(Fault { kind, span: self.at(range), other });
                Pending::Refused
            }
        };
        self.set_pending(pending);
    }

    fn set_pending(&mut self, next: Pending) {
        if let Some(Frame { kind: Kind::Map(_, pending), .. }) = self.frames.last_mut() {
            *pending = next;
        }
    }

    /// Returns the place of a value; `None` when the value is to be skipped.
    fn place(&mut self, range: Range<usize>) -> Option<NodeId> {
        let node = match self.frames.last() {
            None => SpanIndex::ROOT,
            Some(Frame { node, kind: Kind::List(_), .. }) => self.spans.add(*node, None),
            Some(Frame { node, kind: Kind::Map(_, Pending::Key(name, key)), .. }) => {
                self.spans.add(*node, Some((key.clone(), name)))
            }
            Some(_) => {
                self.set_pending(Pending::Nothing);
                return None;
            }
        };
        self.spans.set_value(node, range);
        Some(node)
    }

    /// Reports that a value is missing, or that it is an address in disguise.
    fn null(&mut self, text: &str, node: NodeId, range: Range<usize>) {
        let name = self.spans.name(node).map(str::to_owned);
        let key = self.spans.key(node);
        let disguised = name.as_deref().filter(|name| {
            name.ends_with(':') && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
        });
        if let Some(name) = disguised {
            let end =
                key.end + usize::from(text.get(key.end..).is_some_and(|t| t.starts_with(':')));
            self.fault(FaultKind::Quote(format!("{name}:")), key.start..end);
            if let Some(frame) = self.frames.last_mut() {
                frame.misread = true;
            }
            return;
        }
        let range = if name.is_some() {
            key.start..key.end
        } else if range.is_empty() {
            // An empty list item: point at its dash.
            let dash = text.get(..range.start).and_then(|t| t.rfind('-')).unwrap_or(range.start);
            dash..dash + usize::from(dash < range.start)
        } else {
            range
        };
        self.fault(FaultKind::Null(name), range);
    }

    /// Puts a finished value where it belongs.
    fn give(&mut self, value: Value) {
        match self.frames.last_mut().map(|frame| &mut frame.kind) {
            None => self.root = Some(value),
            Some(Kind::List(items)) => items.push(value),
            Some(Kind::Map(entries, pending)) => {
                if let Pending::Key(name, _) = std::mem::replace(pending, Pending::Nothing) {
                    entries.insert(Value::String(name), value);
                }
            }
        }
    }

    /// Opens a list or map; tells whether to go on.
    fn open(&mut self, kind: Kind, range: Range<usize>) -> bool {
        if self.frames.len() + self.skipped >= MAX_DEPTH {
            self.fault(FaultKind::Nesting, range);
            return false;
        }
        if self.skipped > 0 {
            self.skipped += 1;
            return true;
        }
        if self.awaits_key() {
            self.fault(FaultKind::Key, range);
            self.set_pending(Pending::Refused);
            // The key itself is skipped; `close` finds out that its value comes next.
            self.skipped = 1;
            return true;
        }
        let flow = !range.is_empty() || self.in_flow();
        match self.place(range.clone()) {
            Some(node) => {
                self.frames.push(Frame { node, kind, start: range.start, flow, misread: false });
            }
            None => self.skipped = 1,
        }
        true
    }

    fn close(&mut self, range: Range<usize>) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(frame) = self.frames.pop() else { return };
        let opened = self.spans.value_range(frame.node);
        let end = if opened.is_empty() {
            self.spans.end_of_children(frame.node).unwrap_or(opened.end)
        } else {
            range.end
        };
        self.spans.set_value(frame.node, frame.start..end);
        self.give(match frame.kind {
            _ if frame.misread => Value::Null,
            Kind::List(items) => Value::Sequence(items),
            Kind::Map(entries, _) => Value::Mapping(entries),
        });
    }

    /// Reports why the parser stopped, and which bracket was open then.
    fn stopped(&mut self, text: &str, (kind, range): (FaultKind, Range<usize>)) {
        let bracket = matches!(kind, FaultKind::Syntax(..)) && self.in_flow();
        let opens = |start: &usize| text.get(*start..).is_some_and(|t| t.starts_with(['[', '{']));
        let opened = self.frames.iter().rev().map(|frame| frame.start).find(opens);
        let other = opened.filter(|_| bracket).map(|start| self.at(start..start + 1));
        self.faults.push(Fault { kind, span: self.at(range), other });
    }
}
