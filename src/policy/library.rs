//! Rule libraries: imports, parameters, expressions, and their expansion where a policy says `use:`.

mod expand;
mod imports;
mod parameter;
mod template;

pub(super) use expand::Expansion;
pub(crate) use expand::MOST_VALUES;
pub(crate) use imports::MAX_CHAIN;
pub(super) use imports::{Imports, imports};
pub(crate) use template::{FUEL, FUEL_OF_ONE, LONGEST, MOST_MADE};
