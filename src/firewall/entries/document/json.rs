//! JSON, as tools print it and as this program writes it, with lines.

use super::{Node, Value, refuse};
use crate::firewall::ReadError;
use rustc_hash::FxHashSet;
use serde::de::IgnoredAny;

/// The deepest nesting that is read: modules of Terraform nest, and so do the values of its resources.
pub(crate) const DEEPEST: usize = 100;

/// Reads a text and gives it back, spelled out where it was all on one line.
pub(in crate::firewall) fn read(text: &str) -> Result<(String, Node), ReadError> {
    let text = text.trim_start_matches('\u{feff}');
    let strict: Result<IgnoredAny, _> = serde_json::from_str(text);
    strict.map_err(|error| refuse(error.line(), error.to_string()))?;
    let node = Scan { text, line: 1 }.value(0)?;
    if text.trim().contains('\n') {
        return Ok((text.to_owned(), node));
    }
    let text = spelled_out(text);
    let node = Scan { text: &text, line: 1 }.value(0)?;
    Ok((text, node))
}

/// What is left of a text that is known to be JSON.
struct Scan<'a> {
    text: &'a str,
    line: usize,
}

impl Scan<'_> {
    /// Goes to the next sign and gives it.
    fn next(&mut self) -> Option<char> {
        let rest = self.text.trim_start();
        let (blank, _) = self.text.split_at(self.text.len() - rest.len());
        self.line += blank.matches('\n').count();
        self.text = rest;
        self.text.chars().next()
    }

    /// Goes behind a sign, if it is the next one.
    fn eat(&mut self, sign: char) -> bool {
        self.next();
        let rest = self.text.strip_prefix(sign);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    fn refuse<T>(&self, reason: &str) -> Result<T, ReadError> {
        Err(refuse(self.line, reason))
    }

    fn value(&mut self, depth: usize) -> Result<Node, ReadError> {
        if depth > DEEPEST {
            return self.refuse("this is nested too deep");
        }
        let sign = self.next();
        let line = self.line;
        let value = match sign {
            Some('{') => self.members(depth)?,
            Some('[') => self.items(depth)?,
            Some('"') => Value::Text(self.string()?),
            _ => self.word(),
        };
        Ok(Node { line, value })
    }

    fn members(&mut self, depth: usize) -> Result<Value, ReadError> {
        let (mut members, mut keys) = (Vec::new(), FxHashSet::default());
        self.eat('{');
        while !self.eat('}') {
            if !members.is_empty() && !self.eat(',') {
                return self.refuse("a `,` is expected here");
            }
            self.next();
            let key = self.string()?;
            if !self.eat(':') {
                return self.refuse("a `:` is expected here");
            }
            let node = self.value(depth + 1)?;
            if !keys.insert(key.clone()) {
                return Err(node.refuse(format!("`{key}` is there twice")));
            }
            members.push((key, node));
        }
        Ok(Value::Map(members))
    }

    fn items(&mut self, depth: usize) -> Result<Value, ReadError> {
        let mut items = Vec::new();
        self.eat('[');
        while !self.eat(']') {
            if !items.is_empty() && !self.eat(',') {
                return self.refuse("a `,` is expected here");
            }
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn string(&mut self) -> Result<String, ReadError> {
        let Some((this, rest)) =
            string_end(self.text).and_then(|at| self.text.split_at_checked(at))
        else {
            return self.refuse("text is expected here");
        };
        self.text = rest;
        serde_json::from_str(this).map_err(|error| refuse(self.line, error.to_string()))
    }

    /// A number or a word; a number that is not whole stays as it is written.
    fn word(&mut self) -> Value {
        let part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let rest = self.text.trim_start_matches(part);
        let (word, _) = self.text.split_at(self.text.len() - rest.len());
        self.text = rest;
        match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => word.parse().map_or_else(|_| Value::Text(word.to_owned()), Value::Number),
        }
    }
}

/// The length of the quoted text that something begins with.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    let ends = |(_, c): &(usize, char)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    };
    let at = text.strip_prefix('"')?.char_indices().find(ends);
    at.map(|(at, _)| at + 2)
}

/// Returns every member and item a line of its own.
fn spelled_out(mut text: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0usize);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    while let Some(c) = text.chars().next() {
        let this = string_end(text).unwrap_or(c.len_utf8());
        let (part, rest) = text.split_at_checked(this).unwrap_or((text, ""));
        text = rest;
        match c {
            '{' | '[' => {
                out.push(c);
                text = text.trim_start();
                if !text.starts_with(['}', ']']) {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                if !out.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    line(&mut out, depth);
                }
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ if c.is_ascii_whitespace() => {}
            _ => out.push_str(part),
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::{read, spelled_out};
    use crate::firewall::entries::document::{Node, Value};

    /// The lines of all texts and numbers, in order.
    fn leaves(node: &Node, found: &mut Vec<(usize, Value)>) {
        match &node.value {
            Value::Map(members) => members.iter().for_each(|(_, node)| leaves(node, found)),
            Value::List(items) => items.iter().for_each(|node| leaves(node, found)),
            value => found.push((node.line, value.clone())),
        }
    }

    #[test]
    fn lines_are_those_of_the_text() {
        let text = "{\n  \"a\": [ 1,\n\n \"x\\\"}\" ], \"b\": {},\n\"c\": null\n}";
        let (same, node) = read(text).expect("JSON");
        let mut found = Vec::new();
        leaves(&node, &mut found);
        let text_of = |t: &str| Value::Text(t.to_owned());
        assert_eq!(found, [(2, Value::Number(1)), (4, text_of("x\"}")), (5, Value::Null)]);
        assert_eq!(same, text);
    }

    #[test]
    fn one_line_is_spelled_out_and_says_the_same() {
        let text = r#"{"a":[1,{"b":"{[,:\"\\"}],"c":[],"d":{},"e":-1.5e3}"#;
        let pretty = spelled_out(text);
        assert_eq!(
            pretty,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"{[,:\\\"\\\\\"\n    }\n  ],\n  \"c\": [],\n  \"d\": {},\n  \"e\": -1.5e3\n}\n"
        );
        let (given, node) = read(text).expect("JSON");
        assert_eq!(given, pretty);
        assert_eq!(node.get("c").map(|node| node.line), Some(8));
        let same: (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(text).expect("JSON"), serde_json::from_str(&pretty).expect("it"));
        assert_eq!(same.0, same.1);
    }

    #[test]
    fn what_is_no_json_or_too_deep_or_twice_is_refused() {
        for text in ["", "{", "{'a': 1}", "{\"a\":1,}", "[1] 2", "\"\\ud800\"", "{\"a\":1,\"a\":2}"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert!(read(&deep).is_err_and(|error| error.reason.contains("deep")));
    }
}
