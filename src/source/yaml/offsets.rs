//! From the characters that the parser counts to bytes.

/// Turns the parser's character counts into bytes.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// The byte of every [`STEP`](Self::STEP)th character; empty for ASCII.
    marks: Vec<usize>,
}

impl<'t> Offsets<'t> {
    const STEP: usize = 128;

    pub(super) fn new(text: &'t str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(Self::STEP).map(|(byte, _)| byte).collect()
        };
        Offsets { text, marks }
    }

    pub(super) fn byte(&self, character: usize) -> usize {
        if self.marks.is_empty() {
            return character.min(self.text.len());
        }
        let Some(mark) = self.marks.get(character / Self::STEP) else { return self.text.len() };
        let rest = self.text.get(*mark..).unwrap_or_default();
        match rest.char_indices().nth(character % Self::STEP) {
            Some((byte, _)) => mark + byte,
            None => self.text.len(),
        }
    }
}
