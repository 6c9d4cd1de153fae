//! A long list of short texts in one buffer: what plans spell and templates join.

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// The texts one after the other, and where each ends.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<usize>,
}

/// A list of texts; to a template it is a list like any other.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Lines(Arc<Texts>);

impl Lines {
    /// Adds a text, which `write` puts at the end of what it is given.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut String)) {
        let texts = Arc::make_mut(&mut self.0);
        write(&mut texts.all);
        texts.ends.push(texts.all.len());
    }
}

impl Texts {
    /// Returns how many texts there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Returns the bytes of all texts together.
    pub(super) fn length(&self) -> usize {
        self.all.len()
    }

    /// Returns the texts in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).filter_map(|at| self.get(at))
    }

    fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before));
        self.all.get(start.copied().unwrap_or_default()..end)
    }
}

impl Object for Texts {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_usize()?).map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.ends.len())
    }
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::from_dyn_object(Arc::clone(&self.0)).serialize(serializer)
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_a_list_of_texts() {
        let mut lines = Lines::default();
        for text in ["a", "", "é,"] {
            lines.push(|line| line.push_str(text));
        }
        let values = std::collections::BTreeMap::from([("lines", &lines)]);
        let render = |template: &str| {
            minijinja::Environment::new()
                .render_str(template, minijinja::value::Serde(&values))
                .expect(template)
        };
        assert_eq!(render("{% for line in lines %}<{{ line }}>{% endfor %}"), "<a><><é,>");
        assert_eq!(render("{{ lines | length }}{{ lines[2] }}{{ lines | first }}"), "3é,a");
        assert_eq!(format!("{lines:?}"), r#"["a", "", "é,"]"#);
        assert_eq!(serde_json::to_string(&lines).expect("JSON"), r#"["a","","é,"]"#);
    }
}
