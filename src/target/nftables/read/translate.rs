//! Syntax to a program.

use super::refuse;
use super::syntax::{Base, Chain, Field, Rule, Set, Statement, Table, Type, Values, Verdict, Word};
use super::values::{self, element, elements, listed};
use crate::ir::{self, Hook, Placement};
use crate::net::protocol;
use crate::proof::Program;
use crate::proof::program::{self, Clause, Match, Place, Ranges, Then};
use crate::target::ReadError;
use std::collections::HashMap;

type Result<T> = std::result::Result<T, ReadError>;

/// The kernel follows at most so many jumps (NFT_JUMP_STACK_SIZE).
const MOST_JUMPS: usize = 16;

/// Gives a table's meaning.
pub(super) fn program(placement: &Placement, table: &Table<'_>) -> Result<Program> {
    let reader = Reader::new(placement, table)?;
    let mut program = Program::default();
    for chain in &table.chains {
        let mut clauses = Vec::with_capacity(chain.rules.len());
        for rule in &chain.rules {
            reader.rule(rule, &mut clauses)?;
        }
        program.chains.push(program::Chain { name: chain.name.text.to_owned(), clauses });
    }
    program.bases = bases(table)?;
    for (index, chain) in table.chains.iter().enumerate() {
        if let Some(base) = &chain.base {
            let mut path = Path { table, program: &program, hook: hook(base)?.0, spent: 0 };
            path.walk(index, 0)?;
        }
    }
    Ok(program)
}

/// The names of a table.
struct Reader<'t, 'a> {
    placement: &'t Placement,
    sets: HashMap<&'a str, (&'t Set<'a>, Option<values::Set>)>,
    chains: HashMap<&'a str, (usize, bool)>,
}

impl<'t, 'a> Reader<'t, 'a> {
    fn new(placement: &'t Placement, table: &'t Table<'a>) -> Result<Self> {
        let twice = |name: Word<'_>| refuse(name.line, format!("`{}` is defined twice", name.text));
        let (mut sets, mut chains) = (HashMap::new(), HashMap::new());
        for set in &table.sets {
            // Sets of joined values are read where they are used.
            let one = match set.types.as_slice() {
                [kind] => Some(elements(*kind, &set.values, set.interval)?),
                _ => None,
            };
            if sets.insert(set.name.text, (set, one)).is_some() {
                return Err(twice(set.name));
            }
        }
        for (index, chain) in table.chains.iter().enumerate() {
            if chains.insert(chain.name.text, (index, chain.base.is_some())).is_some() {
                return Err(twice(chain.name));
            }
        }
        Ok(Reader { placement, sets, chains })
    }

    /// Reads a rule: one clause, or one for each entry of a verdict map.
    fn rule(&self, rule: &Rule<'_>, clauses: &mut Vec<Clause>) -> Result<()> {
        let place = Place { file: 0, line: rule.line };
        let mut when = Vec::new();
        let mut headers = Headers::default();
        let (mut limited, mut last) = (false, None);
        for statement in &rule.statements {
            if last.is_some() {
                return Err(refuse(rule.line, "a statement stands behind a verdict"));
            }
            match statement {
                Statement::Match { fields, negated, values } => {
                    when.extend(self.condition(rule, fields, *negated, values, &mut headers)?);
                }
                Statement::Limit => limited = true,
                Statement::Log | Statement::Counter => {}
                Statement::Map(..) | Statement::Untrack | Statement::Verdict(_) => {
                    last = Some(statement);
                }
            }
        }
        headers.check(rule.line, &when)?;
        if limited && last.is_some() {
            return Err(refuse(rule.line, "a verdict that depends on a limit is not understood"));
        }
        match last {
            None => clauses.push(Clause { when, then: Then::Continue, place }),
            Some(Statement::Untrack) => {
                clauses.push(Clause { when, then: Then::Decide(ir::Verdict::Untrack), place });
            }
            Some(Statement::Verdict(verdict)) => {
                when.extend(implied(*verdict));
                clauses.push(Clause { when, then: self.then(*verdict)?, place });
            }
            Some(Statement::Map(field, entries)) => {
                self.map(*field, entries, &when, place, clauses)?;
            }
            Some(_) => return Err(refuse(rule.line, "a rule is not understood")),
        }
        Ok(())
    }

    /// Keys of a map are disjoint, so their clauses may stand in any order, and a packet that returns
    /// from a jump meets no other key.
    fn map(
        &self,
        field: Field,
        entries: &[(Word<'_>, Verdict<'_>)],
        when: &[Match],
        place: Place,
        clauses: &mut Vec<Clause>,
    ) -> Result<()> {
        let mut seen: Ranges<u32> = Vec::new();
        for (key, verdict) in entries {
            let known = matches!(field, Field::State | Field::Protocol);
            let values::Set::Numbers(ranges) = self.listed(field, &[*key])? else {
                return Err(refuse(key.line, "a map of addresses is not understood"));
            };
            let again = ranges.iter().any(|(a, b)| seen.iter().any(|(c, d)| a <= d && c <= b));
            if again || !known {
                return Err(refuse(key.line, format!("`{}` cannot be a key here", key.text)));
            }
            seen.extend(&ranges);
            let mut when = when.to_vec();
            when.extend(values::Set::Numbers(ranges).matching(field).unwrap_or_default());
            when.extend(implied(*verdict));
            clauses.push(Clause { when, then: self.then(*verdict)?, place });
        }
        Ok(())
    }

    fn then(&self, verdict: Verdict<'_>) -> Result<Then> {
        Ok(match verdict {
            Verdict::Accept => Then::Decide(ir::Verdict::Accept),
            Verdict::Drop => Then::Decide(ir::Verdict::Drop),
            Verdict::Reset => Then::Decide(ir::Verdict::RejectReset),
            Verdict::Prohibit => Then::Decide(ir::Verdict::RejectProhibited),
            Verdict::Return => Then::Return,
            Verdict::Continue => Then::Continue,
            Verdict::Jump(name) => Then::Jump(self.chain(name)?),
            Verdict::Goto(name) => Then::Goto(self.chain(name)?),
        })
    }

    fn chain(&self, name: Word<'_>) -> Result<usize> {
        match self.chains.get(name.text) {
            Some((index, false)) => Ok(*index),
            Some((_, true)) => {
                Err(refuse(name.line, format!("`{}` is a base chain, no target", name.text)))
            }
            None => Err(refuse(name.line, format!("there is no chain `{}`", name.text))),
        }
    }

    fn condition(
        &self,
        rule: &Rule<'_>,
        fields: &[Field],
        negated: bool,
        values: &Values<'_>,
        headers: &mut Headers,
    ) -> Result<Vec<Match>> {
        headers.rule |= fields.len() == 1 && fields.iter().any(any_header);
        let (field, set) = match (fields, values) {
            ([field], Values::Listed(words)) => (*field, self.listed(*field, words)?),
            ([field], Values::Named(name)) => (*field, self.named(*field, *name)?),
            (fields, Values::Named(name)) if !negated => {
                let any = Match::AnyOf(self.joined(fields, *name, headers)?);
                return Ok(fields.iter().filter_map(carried).chain([any]).collect());
            }
            _ => {
                return Err(refuse(
                    rule.line,
                    "the other values of joined fields are not understood",
                ));
            }
        };
        let several = matches!(values, Values::Listed(words) if words.len() > 1);
        if negated && field == Field::State && several {
            return Err(refuse(rule.line, "the other values of several states are not understood"));
        }
        let interfaces = self.placement.other_interface().into();
        let set = if negated { set.negated(field, interfaces) } else { set };
        set.matching(field).ok_or_else(|| refuse(rule.line, "a set has values of another kind"))
    }

    fn listed(&self, field: Field, words: &[Word<'_>]) -> Result<values::Set> {
        listed(field, words, |name| self.placement.interface(name).map(u32::from))
    }

    fn set(&self, name: Word<'_>) -> Result<&(&'t Set<'a>, Option<values::Set>)> {
        let found = self.sets.get(name.text);
        found.ok_or_else(|| refuse(name.line, format!("there is no set `{}`", name.text)))
    }

    fn named(&self, field: Field, name: Word<'_>) -> Result<values::Set> {
        match self.set(name)? {
            (set, Some(values)) if set.types == kind(field).as_slice() => Ok(values.clone()),
            _ => Err(refuse(name.line, format!("the set `{}` is of another type", name.text))),
        }
    }

    /// Reads a set of joined values: a conjunction for each element.
    fn joined(
        &self,
        fields: &[Field],
        name: Word<'_>,
        headers: &mut Headers,
    ) -> Result<Vec<Vec<Match>>> {
        let (set, _) = self.set(name)?;
        let kinds: Vec<_> = fields.iter().copied().flat_map(kind).collect();
        if set.types != kinds || fields.len() != kinds.len() {
            let reason = format!("the set `{}` is of another type", name.text);
            return Err(refuse(name.line, reason));
        }
        let mut all = Vec::with_capacity(set.values.len() / fields.len().max(1));
        for words in set.values.chunks(fields.len().max(1)) {
            let mut when = Vec::with_capacity(fields.len());
            for ((field, kind), word) in fields.iter().zip(&kinds).zip(words) {
                let value = element(*kind, *word, set.interval)?;
                when.extend(value.matching(bare(*field)).unwrap_or_default());
            }
            headers.elements |= fields.iter().any(any_header) && !with_ports(&when);
            all.push(when);
        }
        Ok(all)
    }
}

/// The protocol that a field implies, which is the same for all elements of a set.
fn carried(field: &Field) -> Option<Match> {
    match field {
        Field::SourcePort(of) | Field::DestinationPort(of) => of.map(|number| {
            let number = u32::from(number);
            Match::Field(program::Field::Protocol, vec![(number, number)])
        }),
        _ => None,
    }
}

/// The field without the protocol that it implies.
fn bare(field: Field) -> Field {
    match field {
        Field::SourcePort(_) => Field::SourcePort(None),
        Field::DestinationPort(_) => Field::DestinationPort(None),
        other => other,
    }
}

fn any_header(field: &Field) -> bool {
    matches!(field, Field::SourcePort(None) | Field::DestinationPort(None))
}

/// Gives the type of set whose values a field can have, where there is one.
fn kind(field: Field) -> Option<Type> {
    match field {
        Field::Source(family) | Field::Destination(family) => Some(Type::Address(family)),
        Field::Protocol => Some(Type::Protocol),
        Field::SourcePort(_) | Field::DestinationPort(_) => Some(Type::Port),
        _ => None,
    }
}

/// nft refuses or completes `reject with tcp reset` for other protocols; TCP is what it means.
fn implied(verdict: Verdict<'_>) -> Option<Match> {
    let tcp = u32::from(protocol::TCP);
    (verdict == Verdict::Reset).then(|| Match::Field(program::Field::Protocol, vec![(tcp, tcp)]))
}

/// Where a rule reads ports from the header of any protocol: what stands there is a port only in TCP,
/// UDP and SCTP, so the rule must say that it is one of them.
#[derive(Default)]
struct Headers {
    /// In the rule itself.
    rule: bool,
    /// In elements that do not say their protocol.
    elements: bool,
}

impl Headers {
    fn check(&self, line: usize, when: &[Match]) -> Result<()> {
        if (self.rule || self.elements) && !with_ports(when) {
            return Err(refuse(line, "`th` ports need a match on TCP, UDP or SCTP beside them"));
        }
        Ok(())
    }
}

fn with_ports(when: &[Match]) -> bool {
    when.iter().any(|condition| match condition {
        Match::Field(program::Field::Protocol, ranges) => ranges.iter().all(|(low, high)| {
            (*low..=*high).all(|p| u8::try_from(p).is_ok_and(protocol::has_ports))
        }),
        _ => false,
    })
}

/// Gives the hook of a base chain and its priority.
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

/// Gives the base chains in the order in which packets meet them.
fn bases(table: &Table<'_>) -> Result<Vec<program::Base>> {
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
