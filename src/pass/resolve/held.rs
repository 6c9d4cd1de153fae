//! How much the sets of a policy's names may hold together.

use crate::diag::{Code, Diagnostic, Diags};
use crate::source::Span;

/// The most bytes of all sets that names and lists make: each name may be made of another and a little more.
pub(crate) const MOST_BYTES: usize = 256 << 20;

/// What the sets hold.
#[derive(Default)]
pub(super) struct Held(usize);

impl Held {
    /// Adds a set; `None`, and reported once, when it is one too many.
    pub(super) fn keep<T>(
        &mut self,
        set: T,
        bytes: usize,
        span: Span,
        diags: &mut Diags,
    ) -> Option<T> {
        let before = self.0;
        self.0 = before.saturating_add(bytes);
        if self.0 <= MOST_BYTES {
            return Some(set);
        }
        if before <= MOST_BYTES {
            let most = MOST_BYTES >> 20;
            let message = format!("the sets of this policy need more than {most} MiB");
            let help = "names that are made of each other, each with most of the other's addresses or \
                        ports, add up: build them from smaller sets";
            diags.push(Diagnostic::new(Code::Limit, message).at(span, "with this set").help(help));
        }
        None
    }
}
