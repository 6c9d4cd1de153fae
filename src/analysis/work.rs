//! How much work questions may take.

/// What is left of it.
#[derive(Clone, Debug)]
pub struct Work {
    left: u64,
    /// The most that one question may take, so that others get their turn.
    most: u64,
}

/// It was too much work: nothing is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooMuch;

impl Work {
    /// Allows a number of steps; a step is looking at one rule in one place.
    pub fn new(steps: u64) -> Self {
        Work { left: steps, most: steps / 16 }
    }

    /// Asks one question of many, which may not take all that is left for the others.
    pub(super) fn question<A>(
        &mut self,
        ask: impl FnOnce(&mut Work) -> Result<A, TooMuch>,
    ) -> Result<A, TooMuch> {
        let most = self.left.min(self.most);
        let mut own = Work { left: most, most };
        let answer = ask(&mut own);
        self.left -= most - own.left;
        answer
    }

    /// Returns how many steps are left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Takes some steps.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), TooMuch> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        match self.left.checked_sub(steps) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                return Err(TooMuch);
            }
        }
        Ok(())
    }
}
