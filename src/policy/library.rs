//! Rule libraries: imports, parameters, expressions, and their expansion where a policy says `use:`.

mod expand;
mod imports;
mod parameter;
mod template;

pub(super) use expand::Expansion;
pub(super) use imports::{Imports, imports};
