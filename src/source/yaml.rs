//! YAML: where each value is, and which features of YAML are refused.
//!
//! One pass over the parser's events gives the values that serde decodes, the place of each, and every
//! fault. Whatever other readers of the same text would read differently, or what would vanish silently, is
//! refused: tags, anchors, merge keys, empty values, repeated keys, further documents, line breaks that only
//! some versions of YAML know.

mod build;
mod characters;
mod fault;
mod index;
mod offsets;
mod scalar;
mod syntax;

pub use fault::{Fault, FaultKind, Faults, MOST_FAULTS};
pub use index::{NodeId, Segment, SpanIndex};

use super::FileId;
use serde_yaml::Value;
use std::sync::Arc;

/// The deepest nesting of lists and maps that is read.
pub const MAX_DEPTH: usize = 64;

/// A file as far as it could be read.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The values; `None` when the text has no value or is not YAML at all.
    ///
    /// A value that was refused is a null, and a fault says why.
    pub value: Option<Value>,
    /// Where they stand.
    pub spans: SpanIndex,
    /// What is wrong.
    pub faults: Faults,
}

/// Reads a text: all faults that can be found in one run, and the values between them.
///
/// Never recurses: nesting is bounded by [`MAX_DEPTH`].
pub fn parse(file: FileId, text: &Arc<str>) -> Parsed {
    let faults = characters::check(file, text);
    let spans = SpanIndex::new(file, Arc::clone(text));
    if !faults.is_empty() {
        // Line breaks of other YAML versions move everything after them.
        return Parsed { value: None, spans, faults };
    }
    let (value, spans, faults) = build::Builder::new(spans, faults).run(text);
    Parsed { value, spans, faults }
}

#[cfg(test)]
mod tests;
