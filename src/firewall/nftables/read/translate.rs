//! Syntax to a program.

use super::syntax::{Field, Rule, Set, Statement, Table, Type, Values, Verdict, Word};
use super::values::{self, element, elements, listed};
use super::{hooks, refuse};
use crate::firewall::ReadError;
use crate::ir::{self, Placement};
use crate::net::protocol;
use crate::program::Program;
use crate::program::{self, Clause, Match, Place, Ranges, Then};
use std::collections::{HashMap, HashSet};

type Result<T> = std::result::Result<T, ReadError>;

/// Returns a table's meaning.
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
    unused(table)?;
    program.bases = hooks::bases(table)?;
    hooks::check(table, &program)?;
    Ok(program)
}

/// Holds the elements of joined sets that no rule uses against the syntax: nothing goes unread.
fn unused(table: &Table<'_>) -> Result<()> {
    let statements = table.chains.iter().flat_map(|chain| &chain.rules);
    let used = statements.flat_map(|rule| &rule.statements).filter_map(|one| match one {
        Statement::Match { values: Values::Named(name), .. } => Some(name.text),
        _ => None,
    });
    let used: HashSet<_> = used.collect();
    let joined = table.sets.iter().filter(|set| set.types.len() > 1);
    joined.filter(|set| !used.contains(set.name.text)).try_for_each(|set| {
        set.elements.map_or(Ok(()), |list| list.each(set.types.len(), |_| Ok(())))
    })
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
                [kind] => Some(elements(*kind, set.elements.as_ref(), set.interval)?),
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
        let mut all: Vec<Vec<Match>> = Vec::new();
        let Some(list) = &set.elements else { return Ok(all) };
        let mut before: Vec<&str> = Vec::new();
        list.each(fields.len(), |words| {
            let value = |at: usize| -> Result<Vec<Match>> {
                let value = element(kinds[at], words[at], set.interval)?;
                Ok(value.matching(bare(fields[at])).unwrap_or_default())
            };
            let last = words.len() - 1;
            let first = words.iter().take(last).map(|word| word.text);
            // Elements that differ in their last value alone are one product.
            if let Some(known) = all.last_mut().and_then(|when| when.last_mut())
                && first.clone().eq(before.iter().copied())
                && let [more] = value(last)?.as_slice()
                && widen(known, more)
            {
                return Ok(());
            }
            before.clear();
            before.extend(first);
            let mut when = Vec::with_capacity(fields.len());
            for at in 0..=last {
                when.extend(value(at)?);
            }
            all.push(when);
            Ok(())
        })?;
        headers.elements |=
            fields.iter().any(any_header) && !all.iter().all(|when| with_ports(when));
        Ok(all)
    }
}

/// Adds the values of a match to another one on the same field; false when it is of another.
fn widen(one: &mut Match, more: &Match) -> bool {
    match (one, more) {
        (Match::Source4(one), Match::Source4(more)) => one.extend(more),
        (Match::Source6(one), Match::Source6(more)) => one.extend(more),
        (Match::Destination4(one), Match::Destination4(more)) => one.extend(more),
        (Match::Destination6(one), Match::Destination6(more)) => one.extend(more),
        (Match::Field(of, one), Match::Field(other, more)) if of == other => one.extend(more),
        _ => return false,
    }
    true
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

/// Tells whether a field is a port of no protocol in particular.
pub(in crate::firewall::nftables) fn any_header(field: &Field) -> bool {
    matches!(field, Field::SourcePort(None) | Field::DestinationPort(None))
}

/// Returns the type of set whose values a field can have, where there is one.
pub(in crate::firewall::nftables) fn kind(field: Field) -> Option<Type> {
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

/// Tells whether a conjunction holds only for protocols with ports.
pub(in crate::firewall::nftables) fn with_ports(when: &[Match]) -> bool {
    when.iter().any(|condition| match condition {
        Match::Field(program::Field::Protocol, ranges) => ranges.iter().all(|(low, high)| {
            (*low..=*high).all(|p| u8::try_from(p).is_ok_and(protocol::has_ports))
        }),
        _ => false,
    })
}
