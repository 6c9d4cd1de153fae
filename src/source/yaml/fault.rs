//! What can be wrong with the YAML of a text, in words.

use crate::source::Span;
use std::mem::discriminant;

/// The most faults of one kind that are kept of a file; the rest are counted.
pub const MOST_FAULTS: usize = 200;

/// The faults of a file.
#[derive(Clone, Default, Debug)]
pub struct Faults {
    list: Vec<Fault>,
    /// How many there are of each kind, under the first of them.
    counts: Vec<(FaultKind, usize)>,
}

impl Faults {
    /// Adds one, or counts it.
    pub(super) fn push(&mut self, fault: Fault) {
        let kind = discriminant(&fault.kind);
        let count = self.counts.iter_mut().find(|(known, _)| discriminant(known) == kind);
        let number = match count {
            Some((_, number)) => {
                *number += 1;
                *number
            }
            None => {
                self.counts.push((fault.kind.clone(), 1));
                1
            }
        };
        if number <= MOST_FAULTS {
            self.list.push(fault);
        }
    }

    /// Tells whether no more faults of a kind are kept: the place of another one need not be looked for.
    pub(super) fn is_full(&self, kind: &FaultKind) -> bool {
        let same = |known: &FaultKind| discriminant(known) == discriminant(kind);
        self.counts.iter().any(|(known, number)| same(known) && *number >= MOST_FAULTS)
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns those that are kept, in the order of the text.
    pub fn sorted(mut self) -> Vec<Fault> {
        self.list.sort_by_key(|fault| fault.span.start);
        self.list
    }

    /// Returns one fault of each kind of which more are counted, and how many.
    pub fn counted(&self) -> impl Iterator<Item = (&FaultKind, usize)> {
        let more = |number: &usize| number.checked_sub(MOST_FAULTS).filter(|more| *more > 0);
        self.counts.iter().filter_map(move |(kind, number)| Some((kind, more(number)?)))
    }
}

/// Something in a text that is not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Where.
    pub span: Span,
    /// The other place that it is about, such as the first of two equal keys.
    pub other: Option<Span>,
}

/// What of YAML is not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// Not YAML: the parser's reason and, where that is known, what to write.
    Syntax(String, Option<String>),
    /// A line break that only some versions of YAML know.
    LineBreak(char),
    /// A character that changes the order in which a text is shown.
    Bidirectional(char),
    /// A control character.
    Character(char),
    /// No value at all.
    Empty,
    /// A second document.
    Documents,
    /// Lists and maps nested deeper than is read.
    Nesting,
    /// `!tag`.
    Tag(String),
    /// `&anchor` or `*alias`.
    Anchor,
    /// `<<`.
    Merge,
    /// A key without a value, by name, or an empty list item.
    Null(Option<String>),
    /// An address that ends in `::`, or begins with it, and was read as a map.
    Quote(String),
    /// A key that is not a text.
    Key,
    /// A key that the map has already.
    Repeated(String),
}

impl FaultKind {
    /// Returns what is wrong.
    pub fn message(&self) -> String {
        match self {
            Self::Syntax(reason, _) => reason.clone(),
            Self::LineBreak(c) => {
                format!("only some readers treat the character {} as a line break", code(*c))
            }
            Self::Bidirectional(c) => {
                format!("the character {} changes the order in which text is displayed", code(*c))
            }
            Self::Character(c) => format!("the control character {} is not allowed", code(*c)),
            Self::Empty => "the file is empty".to_owned(),
            Self::Documents => "a second document begins here".to_owned(),
            Self::Nesting => format!("lists and maps are nested deeper than {}", super::MAX_DEPTH),
            Self::Tag(tag) => format!("the tag `{tag}` is not allowed"),
            Self::Anchor => "anchors and aliases are not allowed".to_owned(),
            Self::Merge => "the merge key `<<` is not allowed".to_owned(),
            Self::Null(Some(key)) => format!("`{key}` has no value"),
            Self::Null(None) => "a list item has no value".to_owned(),
            Self::Quote(text) => format!("`{text}` must be quoted"),
            Self::Key => "a key must be plain text".to_owned(),
            Self::Repeated(key) => format!("the key `{key}` is repeated"),
        }
    }

    /// Returns what to write instead.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::Syntax(_, help) => return help.clone(),
            Self::Quote(text) => return Some(format!("quote it: `\"{text}\"`")),
            Self::LineBreak(_) | Self::Bidirectional(_) | Self::Character(_) => "remove it",
            Self::Empty => "begin with `policy: NAME`",
            Self::Documents => "keep one document in a file",
            Self::Nesting => "give inner lists a name",
            Self::Tag(_) => "remove the tag, or quote the text if it begins with `!`",
            Self::Anchor => "declare a named network or service and use its name",
            Self::Merge => "write the keys out",
            Self::Null(_) => "write `any` if you mean everything, or remove it",
            Self::Key => "quote the key, or write a list",
            Self::Repeated(_) => "keep one of the two",
        };
        Some(text.to_owned())
    }

    /// Returns a few words for the place itself.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Null(_) => "an empty value could be read as anything",
            Self::Quote(_) => "YAML reads the colons as a map",
            Self::Repeated(_) => "declared again here",
            Self::Tag(_) => "other readers would drop it silently",
            _ => "",
        }
    }

    /// Returns a few words for the other place.
    pub fn other_label(&self) -> &'static str {
        match self {
            Self::Repeated(_) => "declared first here",
            Self::Syntax(..) => "opened here",
            _ => "",
        }
    }
}

fn code(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}
