//! Text, and where things are in it.
//!
//! Only this room counts bytes, lines and columns. It may not know what the text means.

mod map;
mod shown;
pub mod yaml;

pub use map::{FileId, Position, SourceMap, Span};
pub use shown::{shown, shown_json, shown_lines};
