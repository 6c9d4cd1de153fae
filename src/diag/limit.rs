//! A limit of the program, as data.

use super::Code;

/// A size, a depth or a cost that must not be exceeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Of what.
    pub of: &'static str,
    /// How much.
    pub most: String,
    /// What is printed when it is reached, or a part of that.
    pub says: String,
    /// The code of the message; none where a file from the command line is refused, or where only the output is
    /// shortened.
    pub code: Option<Code>,
    /// The option that changes it.
    pub option: Option<&'static str>,
    /// Why it is there.
    pub why: &'static str,
}

impl Limit {
    /// Returns a limit that is reported with a code, and that no option changes.
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
