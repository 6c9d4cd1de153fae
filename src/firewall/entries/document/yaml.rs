//! YAML, as CloudFormation reads it.
//!
//! YAML's versions disagree about plain scalars (`no`, `022`, `22:22`): plain are only whole numbers, `true`
//! and `false`; all text is quoted.

use super::{DEEPEST, Node, Value, member, refuse};
use crate::firewall::ReadError;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// Reads YAML.
pub(in crate::firewall) fn yaml(text: &str) -> Result<Node, ReadError> {
    let mut builder = Builder { open: Vec::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| refuse(error.marker().line(), error.info().to_owned()))?;
        builder.event(event, span.start.line())?;
    }
    builder.root.ok_or_else(|| refuse(1, "nothing is written here"))
}

/// A list or map that is not closed yet.
struct Open {
    line: usize,
    map: bool,
    key: Option<String>,
    members: Vec<(String, Node)>,
}

struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), ReadError> {
        match event {
            Event::Scalar(text, style, 0, None) => self.scalar(&text, style, line),
            Event::SequenceStart(0, None) => self.start(line, false),
            Event::MappingStart(0, None) => self.start(line, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            _ => Err(refuse(line, "tags, anchors and aliases are not understood")),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, line: usize) -> Result<(), ReadError> {
        if let Some(Open { map: true, key: key @ None, .. }) = self.open.last_mut() {
            *key = Some(text.to_owned());
            return Ok(());
        }
        let value = match (style, text) {
            (ScalarStyle::Plain, "true") => Value::Bool(true),
            (ScalarStyle::Plain, "false") => Value::Bool(false),
            (ScalarStyle::Plain, "null") => Value::Null,
            (ScalarStyle::Plain, number) => Value::Number(whole(number, line)?),
            (ScalarStyle::DoubleQuoted, text) => Value::Text(text.to_owned()),
            _ => return Err(refuse(line, "text is in double quotes")),
        };
        self.put(Node { line, value })
    }

    fn start(&mut self, line: usize, map: bool) -> Result<(), ReadError> {
        if self.open.len() >= DEEPEST {
            return Err(refuse(line, "this is nested too deep"));
        }
        if matches!(self.open.last(), Some(Open { map: true, key: None, .. })) {
            return Err(refuse(line, "a key is text"));
        }
        self.open.push(Open { line, map, key: None, members: Vec::new() });
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), ReadError> {
        let open = self.open.pop().ok_or_else(|| refuse(line, "nothing is open here"))?;
        let value = match open.map {
            true => Value::Map(open.members),
            false => Value::List(open.members.into_iter().map(|(_, node)| node).collect()),
        };
        self.put(Node { line: open.line, value })
    }

    fn put(&mut self, node: Node) -> Result<(), ReadError> {
        match self.open.last_mut() {
            Some(Open { map: true, key, members, .. }) => {
                let key = key.take().ok_or_else(|| node.refuse("a value without a key"))?;
                member(members, key, node)
            }
            Some(Open { members, .. }) => {
                members.push((String::new(), node));
                Ok(())
            }
            None if self.root.is_none() => {
                self.root = Some(node);
                Ok(())
            }
            None => Err(node.refuse("a second document")),
        }
    }
}

/// A number that every version of YAML reads alike.
fn whole(text: &str, line: usize) -> Result<i64, ReadError> {
    let number: Result<i64, _> = text.parse();
    match number {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => {
            Err(refuse(line, format!("`{text}` is read differently by YAML's versions: quote it")))
        }
    }
}
