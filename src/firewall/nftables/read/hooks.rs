//! Where packets enter, and what the chains from there may do.

use super::refuse;
use super::syntax::{Base, Chain, Table};
use crate::firewall::ReadError;
use crate::ir::{self, Hook};
use crate::program::Program;
use crate::program::{self, Clause, Match, Place, Then};

type Result<T> = std::result::Result<T, ReadError>;

/// The kernel follows at most so many jumps (NFT_JUMP_STACK_SIZE).
const MOST_JUMPS: usize = 16;

/// Returns the hook of a base chain and its priority.
fn hook(base: &Base<'_>) -> Result<(Hook, i32)> {
    let unknown = || {
        let (hook, priority) = (base.hook.text, base.priority.text);
        refuse(
            base.hook.line,
            format!("a chain at `{hook}` priority `{priority}` is not understood"),
        )
    };
    let priority = match base.priority.text {
        "raw" => -300,
        "mangle" => -150,
        "filter" => 0,
        "security" => 50,
        number => number.parse().map_err(|_| unknown())?,
    };
    // Connection tracking stands at -200, defragmentation at -400.
    let hook = match (base.hook.text, priority) {
        ("prerouting", -300) => Hook::RawPrerouting,
        ("output", -300) => Hook::RawOutput,
        ("input", -199..) => Hook::Input,
        ("output", -199..) => Hook::Output,
        ("forward", -199..) => Hook::Forward,
        _ => return Err(unknown()),
    };
    Ok((hook, priority))
}

/// Returns the base chains in the order in which packets meet them.
pub(super) fn bases(table: &Table<'_>) -> Result<Vec<program::Base>> {
    let mut found: Vec<(i32, Hook, program::Base)> = Vec::new();
    for (index, Chain { name, base, .. }) in table.chains.iter().enumerate() {
        let Some(base) = base else { continue };
        let (hook, priority) = hook(base)?;
        if found.iter().any(|(p, h, _)| (*p, *h) == (priority, hook)) {
            let reason = "two chains have one hook and priority: their order is not defined";
            return Err(refuse(name.line, reason));
        }
        let number = Hook::ALL.iter().position(|known| *known == hook).unwrap_or_default();
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        found.push((
            priority,
            hook,
            program::Base {
                when: vec![Match::Field(program::Field::Hook, vec![(number, number)])],
                chain: index,
                policy: if base.accepts { ir::Verdict::Accept } else { ir::Verdict::Drop },
                place: Place { file: 0, line: name.line },
            },
        ));
    }
    found.sort_by_key(|(priority, _, _)| *priority);
    Ok(found.into_iter().map(|(_, _, base)| base).collect())
}

/// Checks what each base chain reaches.
pub(super) fn check(table: &Table<'_>, program: &Program) -> Result<()> {
    for (index, chain) in table.chains.iter().enumerate() {
        if let Some(base) = &chain.base {
            let mut path = Path { table, program, hook: hook(base)?.0, spent: 0 };
            path.walk(index, 0)?;
        }
    }
    Ok(())
}

/// A walk over the chains that one base chain reaches.
struct Path<'t, 'a> {
    table: &'t Table<'a>,
    program: &'t Program,
    hook: Hook,
    spent: usize,
}

impl Path<'_, '_> {
    /// Refuses loops, jumps that are too deep, and matches that mean nothing at the hook.
    fn walk(&mut self, index: usize, depth: usize) -> Result<()> {
        let (Some(chain), Some(read)) =
            (self.table.chains.get(index), self.program.chains.get(index))
        else {
            return Ok(());
        };
        self.spent += 1;
        if depth > MOST_JUMPS || self.spent > 10_000 {
            let reason = "jumps go in a circle, too deep, or too many ways";
            return Err(refuse(chain.name.line, reason));
        }
        for clause in &read.clauses {
            self.fits(clause)?;
            if let Then::Jump(next) | Then::Goto(next) = clause.then {
                self.walk(next, depth + 1)?;
            }
        }
        let raw = matches!(self.hook, Hook::RawPrerouting | Hook::RawOutput);
        let accepts = chain.base.as_ref().is_none_or(|base| base.accepts);
        if raw && !(accepts && depth == 0) {
            return Err(refuse(
                chain.name.line,
                "before connection tracking only `notrack` is understood",
            ));
        }
        Ok(())
    }

    fn fits(&self, clause: &Clause) -> Result<()> {
        let raw = matches!(self.hook, Hook::RawPrerouting | Hook::RawOutput);
        let line = clause.place.line;
        // A packet goes on after `notrack`, so nothing but `notrack` may follow it.
        let untracks = clause.then == Then::Decide(ir::Verdict::Untrack);
        if raw && !(untracks || clause.then == Then::Continue) {
            return Err(refuse(line, "before connection tracking only `notrack` is understood"));
        }
        if !raw && untracks {
            return Err(refuse(line, "`notrack` comes too late here"));
        }
        for condition in &clause.when {
            let absent = match condition {
                Match::Field(program::Field::Incoming, _) => !self.hook.has_incoming(),
                Match::Field(program::Field::Outgoing, _) => !self.hook.has_outgoing(),
                Match::Field(program::Field::State, _) => raw,
                _ => false,
            };
            if absent {
                return Err(refuse(line, "a match looks at what packets do not have at this hook"));
            }
        }
        Ok(())
    }
}
