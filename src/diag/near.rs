//! What is said about names that may have been meant, and lists and counts in sentences.

use crate::near::nearest;

/// The most names that a sentence lists before it only counts them.
pub const LISTED: usize = 24;

/// Returns a hint at what may have been meant: the nearest name, or else the names that there are.
pub fn suggestion<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let [name] = nearest(written, known.clone(), 1)[..] {
        return Some(format!("did you mean `{name}`?"));
    }
    let mut names: Vec<_> = known.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| format!("expected one of {}", enumerate(&names)))
}

/// Returns names in backticks with commas between them; of many only the first, and how many more there
/// are.
pub fn enumerate<T: AsRef<str>>(names: &[T]) -> String {
    listed(names.iter().map(|name| format!("`{}`", name.as_ref())), ", ")
}

/// Returns a number with its noun, in the plural where that is right: `1 rule`, `2 rules`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns words joined; of many only the first, and how many more there are.
pub fn listed(words: impl IntoIterator<Item = String>, between: &str) -> String {
    let mut words = words.into_iter();
    let mut shown: Vec<_> = words.by_ref().take(LISTED).collect();
    let more = words.count();
    if more == 0 {
        return shown.join(between);
    }
    let last = shown.split_off(LISTED - 4).len();
    format!("{} and {} more", shown.join(between), more + last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_names_are_listed_and_many_are_counted() {
        assert_eq!(suggestion("printer", ["b", "a"]).as_deref(), Some("expected one of `a`, `b`"));
        assert_eq!(suggestion("agnets", ["agents"]).as_deref(), Some("did you mean `agents`?"));
        let many = |count: usize| listed((1..=count).map(|n| n.to_string()), " ");
        assert!(many(LISTED).ends_with(" 23 24"), "{}", many(LISTED));
        assert!(many(1000).ends_with(" 19 20 and 980 more"), "{}", many(1000));
    }
}
