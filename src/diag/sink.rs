//! Where diagnostics are collected.

use super::{Code, Diagnostic, Severity, suggestion};
use std::collections::BTreeMap;

/// The most diagnostics of one code that are shown; the rest are counted.
pub const MOST: usize = 200;
/// The most diagnostics of one code that suggest similar names.
pub const ASKED: usize = 20;
/// The most places that one diagnostic points at.
pub const MOST_PLACES: usize = 16;
/// The most characters of a sentence.
pub const MOST_TEXT: usize = 2_000;

/// Where diagnostics are collected: all faults of a run, in the order in which they were found. Only the first
/// of each code are kept and the rest are counted, so that no input can fill the memory with messages about
/// it.
#[derive(Clone, Debug)]
pub struct Diags {
    list: Vec<Diagnostic>,
    /// How many of each code are in the list.
    kept: BTreeMap<Code, usize>,
    /// How many were counted only.
    counted: BTreeMap<(Code, Severity), usize>,
    /// How many of one code are kept.
    most: usize,
    errors: usize,
}

impl Default for Diags {
    fn default() -> Self {
        Diags {
            list: Vec::new(),
            kept: BTreeMap::new(),
            counted: BTreeMap::new(),
            most: MOST,
            errors: 0,
        }
    }
}

impl From<Vec<Diagnostic>> for Diags {
    fn from(list: Vec<Diagnostic>) -> Self {
        let mut diags = Diags::default();
        list.into_iter().for_each(|diagnostic| diags.push(diagnostic));
        diags
    }
}

impl Diags {
    /// Returns a sink that keeps everything: for findings of which some are removed again before they are
    /// reported.
    pub fn keeping_all() -> Self {
        Diags { most: usize::MAX, ..Diags::default() }
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.is_full(diagnostic.code) {
            return self.count(diagnostic.code, diagnostic.severity, 1);
        }
        *self.kept.entry(diagnostic.code).or_default() += 1;
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        self.list.push(cut(diagnostic));
    }

    /// Tells whether more of a code are only counted.
    pub fn is_full(&self, code: Code) -> bool {
        self.kept.get(&code).is_some_and(|kept| *kept >= self.most)
    }

    /// Counts some that are not shown.
    pub fn count(&mut self, code: Code, severity: Severity, number: usize) {
        *self.counted.entry((code, severity)).or_default() += number;
        self.errors += if severity == Severity::Error { number } else { 0 };
    }

    /// Returns how many there are of each code.
    pub fn counts(&self) -> BTreeMap<Code, usize> {
        let mut counts = self.kept.clone();
        for ((code, _), number) in &self.counted {
            *counts.entry(*code).or_default() += number;
        }
        counts.retain(|_, number| *number > 0);
        counts
    }

    /// Returns one diagnostic for each code of which more were counted, saying how many.
    pub fn counted(&self) -> Vec<Diagnostic> {
        let say = |((code, severity), number): (&(Code, Severity), &usize)| {
            let verb = if *number == 1 { "is" } else { "are" };
            let mut more =
                Diagnostic::new(*code, format!("{number} more of this kind {verb} not shown"));
            more.severity = *severity;
            more
        };
        self.counted.iter().filter(|(_, number)| **number > 0).map(say).collect()
    }

    /// Returns which name may have been meant; only for the first few of a code, as it looks at all names.
    pub fn suggestion<'a>(
        &self,
        code: Code,
        written: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Option<String> {
        if self.asks(code) { suggestion(written, known) } else { None }
    }

    /// Tells whether another one of a code should look for names that may have been meant.
    pub fn asks(&self, code: Code) -> bool {
        self.kept.get(&code).is_none_or(|kept| *kept < ASKED)
    }

    /// Tells whether any error was reported.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Returns how many errors were reported.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Returns those that were added since the list had `length` of them, so that each can be completed.
    pub fn since(&mut self, length: usize) -> &mut [Diagnostic] {
        self.list.get_mut(length..).unwrap_or_default()
    }

    /// Returns those that are shown.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Sets the severity of all diagnostics of a code; without one they are dropped.
    pub fn set_level(&mut self, code: Code, severity: Option<Severity>) {
        let counted = Severity::ALL.into_iter().filter_map(|old| self.counted.remove(&(code, old)));
        let number = counted.sum();
        match severity {
            Some(severity) => {
                let found = self.list.iter_mut().filter(|d| d.code == code);
                found.for_each(|d| d.severity = severity);
                self.counted.insert((code, severity), number);
            }
            None => self.list.retain(|d| d.code != code),
        }
        self.recount();
    }

    /// Removes all that fit a condition; tells whether there was any.
    pub fn remove(&mut self, wanted: impl Fn(&Diagnostic) -> bool) -> bool {
        let before = self.list.len();
        self.list.retain(|diagnostic| !wanted(diagnostic));
        let any = self.list.len() < before;
        if any {
            self.recount();
        }
        any
    }

    fn recount(&mut self) {
        self.kept.clear();
        self.list.iter().for_each(|d| *self.kept.entry(d.code).or_default() += 1);
        let listed = self.list.iter().filter(|d| d.severity == Severity::Error).count();
        let counted = self.counted.iter().filter(|((_, severity), _)| *severity == Severity::Error);
        self.errors = listed + counted.map(|(_, number)| number).sum::<usize>();
    }

    /// Moves all that another sink holds to the end of this one.
    pub fn append(&mut self, other: Diags) {
        other.list.into_iter().for_each(|diagnostic| self.push(diagnostic));
        for ((code, severity), number) in other.counted {
            self.count(code, severity, number);
        }
    }
}

/// Bounds what one diagnostic holds.
fn cut(mut diagnostic: Diagnostic) -> Diagnostic {
    let more = diagnostic.labels.len().saturating_sub(MOST_PLACES);
    if more > 0 {
        diagnostic.labels.truncate(MOST_PLACES);
        diagnostic.notes.push(format!("and {more} more places"));
    }
    let labels = diagnostic.labels.iter_mut().map(|label| &mut label.text);
    let texts = diagnostic.help.iter_mut().chain(&mut diagnostic.notes).chain(labels);
    for text in texts.chain([&mut diagnostic.message]) {
        if let Some((end, _)) =
            text.char_indices().nth(MOST_TEXT).filter(|_| text.len() > MOST_TEXT)
        {
            text.truncate(end);
            text.push('…');
        }
    }
    diagnostic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(code: Code, number: usize) -> Diags {
        (0..number).map(|i| Diagnostic::new(code, format!("m{i}"))).collect::<Vec<_>>().into()
    }

    #[test]
    fn the_first_of_a_code_are_kept_and_the_rest_counted() {
        let mut diags = many(Code::UnknownName, MOST + 3);
        diags.push(Diagnostic::new(Code::LibraryWarning, "another kind"));
        assert_eq!(diags.list().len(), MOST + 1);
        assert_eq!(diags.errors(), MOST + 3);
        assert_eq!(diags.counts()[&Code::UnknownName], MOST + 3);
        let mut all = many(Code::UnknownName, 2);
        all.append(diags);
        assert_eq!(all.counts()[&Code::UnknownName], MOST + 5);
        assert_eq!(all.counted()[0].message, "5 more of this kind are not shown");
    }

    #[test]
    fn levels_and_excuses_hold_for_what_was_counted() {
        let mut diags = many(Code::OverBroad, MOST + 3);
        assert!(!diags.has_errors());
        diags.set_level(Code::OverBroad, Some(Severity::Error));
        assert_eq!(diags.errors(), MOST + 3);
        diags.set_level(Code::OverBroad, None);
        assert!(diags.list().is_empty() && diags.counted().is_empty() && !diags.has_errors());
        let mut all = Diags::keeping_all();
        (0..MOST + 3).for_each(|i| all.push(Diagnostic::new(Code::Expiring, format!("m{i}"))));
        let last = format!("m{}", MOST + 2);
        assert!(all.remove(|d| d.message == last) && !all.remove(|d| d.message == last));
        assert_eq!(all.counts()[&Code::Expiring], MOST + 2);
    }

    #[test]
    fn one_diagnostic_does_not_grow_without_end() {
        let mut sources = crate::source::SourceMap::default();
        let file = sources.add("f", "text");
        let span = crate::source::Span { file, start: 0, end: 1 };
        let one = Diagnostic::new(Code::EmptySet, "é".repeat(MOST_TEXT + 1));
        let one = (0..100).fold(one, |one, _| one.at(span, ""));
        let diags = Diags::from(vec![one]);
        let kept = &diags.list()[0];
        assert_eq!(kept.message.chars().count(), MOST_TEXT + 1);
        assert_eq!(kept.labels.len(), MOST_PLACES);
        assert_eq!(kept.notes, ["and 84 more places"]);
    }
}
