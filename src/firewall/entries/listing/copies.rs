//! Rules that a group or a list has inside, beside rules that are resources of their own.
//!
//! Terraform keeps what a group had when it was last looked at, so its own list repeats the rules beside it,
//! and repeats them still when they are changed or gone. A configuration tells whether the list is what the
//! group is to have. Without it, a list with rules beside it is taken for a copy; one without any is what
//! was last seen to be there: if all rules beside it are gone, then nothing passes any more.

use rustc_hash::FxHashSet;

/// What is known of a list of rules inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::firewall) enum Inside {
    /// Its rules hold, and so do those beside it.
    Added,
    /// The configuration says it: what it does not have is taken away.
    Written,
    /// It tells what was there when somebody looked.
    Copy,
}

/// What cannot be known of a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::firewall) enum Stale {
    /// It is inside, and nothing beside says the same.
    Inside,
    /// It is beside a list that is written out and does not have it.
    Beside,
}

impl Stale {
    /// Returns the reason for the note.
    pub(in crate::firewall) fn reason(self) -> &'static str {
        match self {
            Stale::Inside => {
                "no rule beside this list says the same: this is out of date, or was made by other hands"
            }
            Stale::Beside => {
                "the list that is written inside does not have this rule: one removes the other"
            }
        }
    }
}

/// Takes out of a list what only repeats rules beside it, and doubts what may be out of date: `same` makes
/// a text that two rules have in common when they say the same.
pub(in crate::firewall) fn settle<T>(
    (inside, kind): (&mut Vec<T>, Inside),
    (beside, gone): (&mut [T], &[T]),
    same: fn(&T) -> String,
    mut doubt: impl FnMut(&mut T, Stale),
) {
    match kind {
        Inside::Added => {}
        Inside::Written => {
            let known: FxHashSet<String> = inside.iter().map(same).collect();
            beside
                .iter_mut()
                .filter(|rule| !known.contains(&same(rule)))
                .for_each(|rule| doubt(rule, Stale::Beside));
            let known: FxHashSet<String> = beside.iter().map(same).collect();
            inside.retain(|rule| !known.contains(&same(rule)));
        }
        Inside::Copy => {
            let known: FxHashSet<String> = beside.iter().chain(gone).map(same).collect();
            inside.retain(|rule| !known.contains(&same(rule)));
            inside.iter_mut().for_each(|rule| doubt(rule, Stale::Inside));
        }
    }
}
