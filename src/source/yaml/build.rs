//! From the parser's events to values, places and faults.

use super::index::{NodeId, SpanIndex};
use super::{Fault, FaultKind, MAX_DEPTH, scalar};
use crate::source::Span;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use serde_yaml::{Mapping, Value};
use std::borrow::Cow;
use std::ops::Range;

/// The key that waits for its value.
enum Pending {
    Nothing,
    Key(String, Range<usize>),
    /// A fault has been said about the key: its value is read over.
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
    /// Whether it is no map at all but an address that was not quoted.
    misread: bool,
}

/// What stands before a value in the text.
struct Properties<'t> {
    anchor: usize,
    tag: Option<Cow<'t, Tag>>,
}

pub(super) struct Builder {
    spans: SpanIndex,
    faults: Vec<Fault>,
    frames: Vec<Frame>,
    root: Option<Value>,
    /// How deep inside a value that is read over.
    skipped: usize,
}

impl Builder {
    pub(super) fn new(spans: SpanIndex) -> Self {
        Builder { spans, faults: Vec::new(), frames: Vec::new(), root: None, skipped: 0 }
    }

    pub(super) fn run(mut self, text: &str) -> (Option<Value>, SpanIndex, Vec<Fault>) {
        let offsets = Offsets::new(text);
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        let complete = loop {
            let (event, place) = match parser.next_event() {
                None => break true,
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    self.syntax(text, &offsets, &error);
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
                let range = self.properties(text, range, &Properties { anchor, tag });
                self.scalar(text, &value, style, range);
            }
            Event::Alias(_) => {
                self.fault(FaultKind::Anchor, range.clone());
                self.scalar(text, "", ScalarStyle::SingleQuoted, range);
            }
            Event::SequenceStart(anchor, tag) => {
                self.properties(text, range.clone(), &Properties { anchor, tag });
                return self.open(Kind::List(Vec::new()), range);
            }
            Event::MappingStart(anchor, tag) => {
                self.properties(text, range.clone(), &Properties { anchor, tag });
                return self.open(Kind::Map(Mapping::new(), Pending::Nothing), range);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range),
            _ => {}
        }
        true
    }

    /// Refuses tags and anchors; gives the range of the value without them.
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
            before.rfind(char::is_whitespace).map_or(0, |at| at + 1)..before.len()
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

    fn scalar(&mut self, text: &str, value: &str, style: ScalarStyle, range: Range<usize>) {
        if self.skipped > 0 {
            return;
        }
        let plain = style == ScalarStyle::Plain;
        let range = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => {
                range.start..range.start + text.get(range.clone()).map_or(0, |t| t.trim_end().len())
            }
            _ => range,
        };
        if self.awaits_key() {
            return self.key(value, plain, range);
        }
        if plain && value.starts_with(':') && self.in_flow() {
            self.fault(FaultKind::Quote(value.to_owned()), range.clone());
        }
        let alias = !plain && text.get(range.clone()).is_some_and(|t| t.starts_with('*'));
        let resolved = match (alias, plain) {
            (true, _) => Value::Null,
            (false, true) => scalar::resolve(value),
            (false, false) => Value::String(value.to_owned()),
        };
        let null = resolved.is_null() && !alias && !self.frames.is_empty();
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

    fn key(&mut self, name: &str, plain: bool, range: Range<usize>) {
        let Some(Frame { node, kind: Kind::Map(entries, _), .. }) = self.frames.last() else {
            return;
        };
        let refused = if plain && name == "<<" {
            Some((FaultKind::Merge, None))
        } else if name.is_empty() {
            Some((FaultKind::Key, None))
        } else if entries.contains_key(name) {
            let first = self.spans.member(*node, name).map(|first| self.spans.key(first));
            Some((FaultKind::Repeated(name.to_owned()), first))
        } else {
            None
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

    /// Makes the place of a value; `None` when the value is to be read over.
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

    /// Says that a value is missing, or that it is an address in disguise.
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
            // The key itself is read over; `close` finds out that its value comes next.
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

    fn syntax(&mut self, text: &str, offsets: &Offsets<'_>, error: &ScanError) {
        let mut at = offsets.byte(error.marker().index()).min(text.len());
        if error.info().contains("tab") {
            // The parser stops after the tab.
            at = text.get(..at).and_then(|before| before.rfind('\t')).unwrap_or(at);
        }
        let here = text.get(at..).and_then(|t| t.chars().next());
        let word = address_at(text, at);
        let (kind, range) = match here {
            _ if text.get(word.clone()).is_some_and(|w| w.contains("::")) => {
                (FaultKind::Quote(text.get(word.clone()).unwrap_or_default().to_owned()), word)
            }
            Some('*') => (FaultKind::Anchor, word_from(text, at)),
            _ => {
                let (reason, help) = reason(error.info(), here);
                let width = here.filter(|c| *c != '\n').map_or(0, char::len_utf8);
                (FaultKind::Syntax(reason, help.map(str::to_owned)), at..at + width)
            }
        };
        self.fault(kind, range);
    }
}

/// Says in our words why the parser stopped.
fn reason(info: &str, here: Option<char>) -> (String, Option<&'static str>) {
    let quote = Some("quote the value");
    let known = [
        ("tab", "a tab cannot indent", Some("indent with spaces")),
        ("found unexpected end of stream", "the quote is not closed", Some("close the quote")),
        ("quoted scalar", "the quoted text is not well formed", Some("see which escapes YAML has")),
        (
            "mapping values are not allowed",
            "a `:` is not expected here",
            Some("quote the value if the colon is part of it, else check the indentation"),
        ),
        ("expected ','", "a `,` or the closing bracket is missing", None),
        ("illegal placement of ':'", "the closing bracket before this is missing", None),
        ("expected node content", "a value is missing here", None),
        ("recursion limit", "lists and maps are nested too deep", None),
    ];
    if let (true, Some(c)) = (info.contains("unexpected character"), here) {
        return (format!("`{c}` cannot begin a value"), quote);
    }
    match known.into_iter().find(|(part, ..)| info.contains(part)) {
        Some((_, text, help)) => (text.to_owned(), help),
        None => (format!("this is not YAML: {info}"), None),
    }
}

fn word_from(text: &str, start: usize) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(rest.len());
    start..start + end
}

/// Gives the run of characters of an IPv6 prefix around a byte.
fn address_at(text: &str, at: usize) -> Range<usize> {
    let part = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '/';
    let before = text.get(..at).unwrap_or_default();
    let after = text.get(at..).unwrap_or_default();
    let start = before.trim_end_matches(part).len();
    let end = at + (after.len() - after.trim_start_matches(part).len());
    start..end
}

/// Turns the parser's character counts into bytes.
struct Offsets<'t> {
    text: &'t str,
    /// The byte of every [`STEP`](Self::STEP)th character; empty for ASCII.
    marks: Vec<usize>,
}

impl<'t> Offsets<'t> {
    const STEP: usize = 128;

    fn new(text: &'t str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(Self::STEP).map(|(byte, _)| byte).collect()
        };
        Offsets { text, marks }
    }

    fn byte(&self, character: usize) -> usize {
        if self.marks.is_empty() {
            return character.min(self.text.len());
        }
        let Some(mark) = self.marks.get(character / Self::STEP) else { return self.text.len() };
        let rest = self.text.get(*mark..).unwrap_or_default();
        match rest.char_indices().nth(character % Self::STEP) {
            Some((byte, _)) => mark + byte,
            None => self.text.len(),
        }
    }
}
