//! The groups that the texts tell of, and which of them are meant.

use super::builtin;
use super::ends::Teller;
use super::order::deciding;
use super::rule::{self, Entry, Ways};
use crate::firewall::ReadError;
use crate::firewall::entries::document::{self, Value};
use crate::firewall::entries::listing::{At, Doubts};
use crate::ir::Verdict;
use crate::program::{Clause, Match, Place, Target};

/// A group, with what it says inbound first.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) at: At<'a>,
    pub(super) ways: Ways<'a>,
    /// What is not understood of the group itself.
    pub(super) doubts: Doubts,
    /// Whether it stands before an interface, with others that must allow a packet too.
    pub(super) stacked: bool,
}

/// The rules of a group that is meant.
pub(super) struct Rules<'a> {
    pub(super) ways: Ways<'a>,
    pub(super) place: Place,
}

impl<'a> Group<'a> {
    /// Makes a group without rules.
    pub(super) fn new(name: &'a str, at: At<'a>) -> Self {
        let ways = [Vec::new(), Vec::new()];
        Group { name, at, ways, doubts: Doubts::default(), stacked: false }
    }

    /// Notes that anything may happen in the group.
    pub(super) fn perhaps(&mut self, at: At<'a>, reason: impl Into<String>) {
        self.doubts.note(at, reason);
        self.anything(at);
    }

    /// Lets anything happen in the group, for a reason that is noted.
    pub(super) fn anything(&mut self, at: At<'a>) {
        self.ways.iter_mut().for_each(|way| way.push(anything(at)));
    }

    /// Notes what else is told of the group; it may change anything.
    pub(super) fn beyond(&mut self, at: At<'a>, known: &[&[&str]]) -> Result<(), ReadError> {
        for node in self.doubts.strange(at, known)? {
            self.anything(node);
        }
        Ok(())
    }

    /// Takes a list of rules; what is no list may be any.
    pub(super) fn rules(&mut self, list: At<'a>, teller: Teller<'a>) -> Result<(), ReadError> {
        let Value::List(_) = list.value() else {
            self.perhaps(list, "the rules are not told here");
            return Ok(());
        };
        list.items()?.try_for_each(|rule| rule::add(rule, teller, &mut self.ways))
    }

    /// Tells whether two groups surely say the same.
    fn alike(&self, other: &Self) -> bool {
        self.ways.iter().zip(&other.ways).all(|(a, b)| {
            let (a, b) = (deciding(a.clone()), deciding(b.clone()));
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.same(b) && a.sure())
        })
    }
}

/// A rule that may decide anything.
fn anything(at: At<'_>) -> Entry<'_> {
    let clause = |verdict| Clause {
        when: vec![Match::Unknown],
        then: Target::Decide(verdict),
        place: at.place(),
    };
    let clauses = vec![clause(Verdict::Accept), clause(Verdict::Drop)];
    Entry { priority: None, at, clauses, notes: Vec::new() }
}

/// Every group of the texts.
#[derive(Default)]
pub(super) struct Groups<'a> {
    pub(super) list: Vec<Group<'a>>,
    /// What is not understood beside them.
    pub(super) doubts: Doubts,
}

impl<'a> Groups<'a> {
    /// Returns the rules that are meant, with what is not understood beside them: those of the group with a
    /// name; of all groups before an interface; or of the only group.
    pub(super) fn chosen(
        mut self,
        name: Option<&str>,
    ) -> Result<(Vec<Rules<'a>>, Vec<ReadError>), ReadError> {
        for group in &mut self.list {
            builtin::add(group.at, &mut group.ways);
        }
        let named =
            |group: &Group<'_>| name.is_some_and(|name| group.name.eq_ignore_ascii_case(name));
        if self.list.iter().any(named) {
            self.list.retain(named);
        }
        let mut unclear = self.doubts.sorted();
        let mut meant: Vec<Group<'a>> = Vec::new();
        let names: Vec<_> = self.list.iter().map(|group| format!("`{}`", group.name)).collect();
        for group in self.list {
            let Some(first) = meant.first() else {
                meant.push(group);
                continue;
            };
            if meant.iter().any(|known| known.alike(&group)) {
                continue;
            }
            if !(first.stacked && group.stacked) {
                return Err(group.at.refuse(format!(
                    "there are several network security groups and one is meant: give one of {}, or say which (`name:`)",
                    names.join(", ")
                )));
            }
            meant.push(group);
        }
        if meant.is_empty() {
            return Err(document::refuse(1, "no network security group is listed"));
        }
        let mut stack = Vec::new();
        for group in meant {
            unclear.extend(group.doubts.sorted());
            stack.push(Rules { ways: group.ways, place: group.at.place() });
        }
        Ok((stack, unclear))
    }
}
