//! Documents as their consumers read them: HCL, JSON and YAML become one tree with lines.
//!
//! What a consumer would evaluate (templates, functions, tags, anchors) is refused, but for plain
//! references.

mod hcl;
mod json;
mod profile;
mod yaml;

pub(in crate::firewall) use hcl::read as hcl;
use json::DEEPEST as LISTED;
pub(in crate::firewall) use json::read as listed;
pub(in crate::firewall) use profile::{Row, profile};
pub(in crate::firewall) use yaml::yaml;

use crate::diag::{Code, Limit};
use crate::firewall::{File, ReadError};
use crate::program::sets;
use crate::program::{Match, Place};
use ipnet::IpNet;

/// A value and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::firewall) struct Node {
    pub(in crate::firewall) line: usize,
    pub(in crate::firewall) value: Value,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::firewall) enum Value {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    /// An expression that names another object: `aws_vpc.edge.id`.
    Reference(String),
    List(Vec<Node>),
    /// In the order of the text; no key twice.
    Map(Vec<(String, Node)>),
}

/// Reads a file in the language that its name ends in; JSON where it ends in none that is known. Returns the
/// text too, spelled out where it was all on one line.
pub(in crate::firewall) fn read(file: &File) -> Result<(String, Node), ReadError> {
    let ends = |end: &str| file.path.ends_with(end);
    if ends(".tf") {
        return Ok((file.text.clone(), hcl(&file.text)?));
    }
    if ends(".yaml") || ends(".yml") {
        return Ok((file.text.clone(), yaml(&file.text)?));
    }
    let (text, node) = listed(&file.text)?;
    Ok((text, if ends(".tf.json") { references(node)? } else { node }))
}

/// The deepest nesting that is read of HCL and YAML.
const DEEPEST: usize = 24;

/// Returns the limits of the documents' readers.
pub(in crate::firewall) fn limits() -> Vec<Limit> {
    let deep = |of, most: usize, code| {
        let says = "this is nested too deep".to_owned();
        Limit::new(of, most.to_string(), says, code, "what reads it calls itself")
    };
    vec![
        deep("nesting in an artifact of AWS", DEEPEST, Code::NotProven),
        deep("nesting in what AWS's tools list", LISTED, Code::ListingNotRead),
    ]
}

/// Makes the error for a line of the artifact's only file.
pub(in crate::firewall) fn refuse(line: usize, reason: impl Into<String>) -> ReadError {
    ReadError { place: Place { file: 0, line }, reason: reason.into() }
}

impl Node {
    /// Makes the error for this place.
    pub(in crate::firewall) fn refuse(&self, reason: impl Into<String>) -> ReadError {
        refuse(self.line, reason)
    }

    /// Returns the members of a map.
    pub(in crate::firewall) fn map(&self) -> Result<&[(String, Node)], ReadError> {
        match &self.value {
            Value::Map(members) => Ok(members),
            _ => Err(self.refuse("a map is expected here")),
        }
    }

    pub(in crate::firewall) fn text(&self) -> Result<&str, ReadError> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.refuse("text is expected here")),
        }
    }

    pub(in crate::firewall) fn bool(&self) -> Result<bool, ReadError> {
        match self.value {
            Value::Bool(value) => Ok(value),
            _ => Err(self.refuse("true or false is expected here")),
        }
    }

    /// Returns a member of a map, if it is there.
    pub(in crate::firewall) fn get(&self, key: &str) -> Option<&Node> {
        let members = self.map().ok()?;
        members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

/// Reads JSON whose text is kept as it is.
pub(in crate::firewall) fn json(text: &str) -> Result<Node, ReadError> {
    Ok(listed(text)?.1)
}

impl Node {
    /// Returns the items of a list.
    pub(in crate::firewall) fn list(&self) -> Result<&[Node], ReadError> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.refuse("a list is expected here")),
        }
    }

    pub(in crate::firewall) fn number(&self) -> Result<i64, ReadError> {
        match self.value {
            Value::Number(value) => Ok(value),
            _ => Err(self.refuse("a whole number is expected here")),
        }
    }

    pub(in crate::firewall) fn reference(&self) -> Result<&str, ReadError> {
        match &self.value {
            Value::Reference(name) => Ok(name),
            _ => Err(self.refuse("a reference is expected here")),
        }
    }

    /// Returns a member that must be there.
    pub(in crate::firewall) fn need(&self, key: &str) -> Result<&Node, ReadError> {
        self.get(key).ok_or_else(|| self.refuse(format!("`{key}` is missing")))
    }

    /// Refuses a map with other keys than these.
    pub(in crate::firewall) fn only(&self, keys: &[&str]) -> Result<(), ReadError> {
        let known = |(name, _): &&(String, Node)| !keys.contains(&name.as_str());
        match self.map()?.iter().find(known) {
            Some((name, node)) => Err(node.refuse(format!("`{name}` is not understood"))),
            None => Ok(()),
        }
    }
}

/// Adds a member to a map; no consumer agrees with another on which of two is meant.
fn member(members: &mut Vec<(String, Node)>, key: String, node: Node) -> Result<(), ReadError> {
    if members.iter().any(|(known, _)| *known == key) {
        return Err(node.refuse(format!("`{key}` is there twice")));
    }
    members.push((key, node));
    Ok(())
}

/// Makes references of the texts that Terraform's JSON takes for them, and refuses other expressions.
pub(in crate::firewall) fn references(node: Node) -> Result<Node, ReadError> {
    let line = node.line;
    let value = match node.value {
        Value::Text(text) => {
            let inner = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
            let plain =
                |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
            match inner.filter(plain) {
                Some(name) => Value::Reference(name.to_owned()),
                None if text.contains("${") || text.contains("%{") => {
                    return Err(refuse(line, "an expression that Terraform would evaluate"));
                }
                None => Value::Text(text),
            }
        }
        Value::List(items) => {
            Value::List(items.into_iter().map(references).collect::<Result<_, _>>()?)
        }
        Value::Map(members) => {
            let each = |(key, node)| Ok((key, references(node)?));
            Value::Map(members.into_iter().map(each).collect::<Result<_, ReadError>>()?)
        }
        other => other,
    };
    Ok(Node { line, value })
}

/// The other side's addresses of an entry.
pub(in crate::firewall) fn side(net: IpNet, egress: bool) -> Match {
    match (net, egress) {
        (IpNet::V4(net), false) => Match::Source4(sets::v4([net])),
        (IpNet::V4(net), true) => Match::Destination4(sets::v4([net])),
        (IpNet::V6(net), false) => Match::Source6(sets::v6([net])),
        (IpNet::V6(net), true) => Match::Destination6(sets::v6([net])),
    }
}
