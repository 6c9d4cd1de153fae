//! A limit of the program, as data.

use super::Code;

/// A size, a depth or a cost that is not exceeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Of what.
    pub of: &'static str,
    /// How much.
    pub most: String,
    /// What is printed where it is reached, or a part of it.
    pub says: String,
    /// The code of the message; none where a file is refused by its name alone, or something is only left out of
    /// what is printed.
    pub code: Option<Code>,
    /// The option that changes it.
    pub option: Option<&'static str>,
    /// Why it is there.
    pub why: &'static str,
}

impl Limit {
    /// A limit that a message with a code is about, and that no option changes.
    pub(crate) fn new(
        of: &'static str,
        most: String,
        says: String,
        code: Code,
        why: &'static str,
    ) -> Self {
        Limit { of, most, says, code: Some(code), option: None, why }
    }
}
