//! What this program writes of a language, as a table: an artifact has nothing else.

use super::{Node, Value};
use crate::firewall::ReadError;

/// A row for a map of a document: `path: keys that it has | keys that it may have`.
///
/// In a path `*` is any name, and lists do not count. `$key` is one whose value is a reference, and `key=a,b`
/// one whose value is one of these texts.
pub(in crate::firewall) type Row = &'static str;

/// Refuses a document that has anything which no row knows, or that lacks what a row asks for, and text that
/// a consumer would evaluate.
pub(in crate::firewall) fn profile(root: &Node, rows: &[Row]) -> Result<(), ReadError> {
    walk(root, &mut Vec::new(), rows)
}

fn walk<'a>(node: &'a Node, path: &mut Vec<&'a str>, rows: &[Row]) -> Result<(), ReadError> {
    match &node.value {
        Value::List(items) => items.iter().try_for_each(|item| walk(item, path, rows)),
        Value::Text(text) if ["${", "%{", "{{"].iter().any(|sign| text.contains(sign)) => {
            Err(node.refuse("a text that would be evaluated"))
        }
        Value::Map(members) => {
            let row = rows.iter().find_map(|row| fitting(row, path));
            let row = row.ok_or_else(|| node.refuse("this is not a part of such an artifact"))?;
            keys(node, members, row)?;
            for (key, member) in members {
                path.push(key);
                walk(member, path, rows)?;
                path.pop();
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Returns the keys of a row, if it is for this path.
fn fitting<'a>(row: &'a str, path: &[&str]) -> Option<(&'a str, &'a str)> {
    let (known, keys) = row.split_once(": ")?;
    let mut known = known.split('.').filter(|part| !part.is_empty());
    let same = |part: &&str| known.next().is_some_and(|known| known == "*" || known == *part);
    (path.iter().all(same) && known.next().is_none()).then(|| keys.split_once('|'))?
}

/// Holds the keys of a map against its row.
fn keys(
    node: &Node,
    members: &[(String, Node)],
    (must, may): (&str, &str),
) -> Result<(), ReadError> {
    let all = || must.split_whitespace().chain(may.split_whitespace());
    for (key, member) in members {
        let spec = all().find(|spec| *spec == "*" || name(spec) == key);
        if !spec.is_some_and(|spec| holds(spec, member)) {
            return Err(member.refuse(format!("`{key}` is not written so in such an artifact")));
        }
    }
    let there = |spec: &str| members.iter().any(|(key, _)| name(spec) == key);
    match must.split_whitespace().find(|spec| !there(spec)) {
        Some(spec) => Err(node.refuse(format!("`{}` is missing", name(spec)))),
        None => Ok(()),
    }
}

/// Returns the key of `$key` and of `key=a,b`.
fn name(spec: &str) -> &str {
    let spec = spec.trim_start_matches('$');
    spec.split_once('=').map_or(spec, |(name, _)| name)
}

/// Tells whether a value is as it must be.
fn holds(spec: &str, value: &Node) -> bool {
    match (spec.split_once('='), &value.value) {
        (Some((_, texts)), Value::Text(text)) => texts.split(',').any(|one| one == text),
        (Some(_), _) => false,
        (None, value) => !spec.starts_with('$') || matches!(value, Value::Reference(_)),
    }
}
