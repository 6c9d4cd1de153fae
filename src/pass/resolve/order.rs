//! The order in which names are resolved: whatever a name is made of comes before the name itself.

use crate::policy::ast::Spanned;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;

/// A name as it is written where it is needed.
pub(super) type Needed<'a> = &'a Spanned<String>;

/// Names that need each other; mostly it is one alone.
pub(super) type Group<'a> = Vec<&'a str>;

/// A name on the way down.
struct Visit<'a> {
    name: &'a str,
    needs: std::vec::IntoIter<Needed<'a>>,
    /// Its number in the order of the visits.
    number: usize,
    /// The first of the open names that it leads back to.
    low: usize,
}

/// Returns the names that `start` is made of, and itself, each after those that it needs.
///
/// These are the strongly connected components (Tarjan 1972), found without recursion: a policy may make a
/// name of another any number of times. `needs` gives nothing for a name that is resolved already.
pub(super) fn groups<'a>(
    start: &'a str,
    needs: impl Fn(&str) -> Vec<Needed<'a>>,
) -> Vec<Group<'a>> {
    let mut numbers: FxHashMap<&str, usize> = FxHashMap::default();
    let mut closed: FxHashSet<&str> = FxHashSet::default();
    let (mut open, mut groups) = (Vec::new(), Vec::new());
    let visit =
        |name: &'a str, number| Visit { name, needs: needs(name).into_iter(), number, low: number };
    let mut way = vec![visit(start, 0)];
    numbers.insert(start, 0);
    open.push(start);
    while let Some(here) = way.last_mut() {
        if let Some(next) = here.needs.next() {
            let next = next.value.as_str();
            match numbers.get(next) {
                Some(_) if closed.contains(next) => {}
                Some(number) => here.low = here.low.min(*number),
                None => {
                    let number = numbers.len();
                    numbers.insert(next, number);
                    open.push(next);
                    way.push(visit(next, number));
                }
            }
            continue;
        }
        let Some(done) = way.pop() else { break };
        if let Some(above) = way.last_mut() {
            above.low = above.low.min(done.low);
        }
        if done.low == done.number {
            let from = open.iter().rposition(|name| *name == done.name).unwrap_or(0);
            let group = open.split_off(from);
            closed.extend(&group);
            groups.push(group);
        }
    }
    groups
}

/// Returns a shortest way from the first name of a group, in the order of the alphabet, back to itself: the
/// names as they are written on that way, it last. None when the group is not a cycle.
pub(super) fn circle<'a>(
    group: &[&'a str],
    needs: impl Fn(&str) -> Vec<Needed<'a>>,
) -> Option<Vec<Needed<'a>>> {
    let inside: FxHashSet<&str> = group.iter().copied().collect();
    let first = *group.iter().min()?;
    let mut came: FxHashMap<&str, (&str, Needed<'a>)> = FxHashMap::default();
    let mut queue = VecDeque::from([first]);
    while let Some(name) = queue.pop_front() {
        for next in needs(name).into_iter().filter(|next| inside.contains(next.value.as_str())) {
            if next.value == first {
                let mut way = vec![next];
                let mut at = name;
                while let Some((before, needed)) = came.get(at) {
                    way.push(*needed);
                    at = *before;
                }
                way.reverse();
                return Some(way);
            }
            came.entry(&next.value).or_insert_with(|| {
                queue.push_back(&next.value);
                (name, next)
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceMap, Span};

    /// Names of one letter, each with what it needs: `a:bc b:c`.
    fn graph(text: &str) -> Vec<(String, Vec<Spanned<String>>)> {
        let mut sources = SourceMap::default();
        let span = Span { file: sources.add("f", ""), start: 0, end: 0 };
        let one = |c: char| Spanned { value: c.to_string(), span };
        let entry = |word: &str| {
            let (name, needs) = word.split_once(':').expect("a colon");
            (name.to_owned(), needs.chars().map(one).collect())
        };
        text.split(' ').map(entry).collect()
    }

    #[test]
    fn what_is_needed_comes_first_and_circles_stay_together() {
        for (text, expected, way) in [
            ("a:bc b:c c:", vec!["c", "b", "a"], ""),
            ("a:b b:ac c:", vec!["c", "ab"], "ba"),
            ("a:a", vec!["a"], "a"),
            ("a:b b:cd c:a d:b", vec!["abcd"], "bca"),
            ("a:xb x: b:xc c:bd d:", vec!["x", "d", "bc", "a"], ""),
        ] {
            let graph = graph(text);
            let needs = |name: &str| -> Vec<_> {
                graph.iter().filter(|(n, _)| n == name).flat_map(|(_, needs)| needs).collect()
            };
            let sorted = |group: &Group<'_>| {
                let mut group = group.clone();
                group.sort_unstable();
                group.concat()
            };
            let found = groups("a", needs);
            assert_eq!(found.iter().map(sorted).collect::<Vec<_>>(), expected, "{text}");
            let way_of_a = found.last().and_then(|group| circle(group, needs)).unwrap_or_default();
            let names: String = way_of_a.iter().map(|name| name.value.as_str()).collect();
            assert_eq!(names, way, "{text}");
        }
    }
}
