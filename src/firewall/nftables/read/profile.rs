//! What an artifact of ours consists of: it replaces its own table as a whole, touches nothing else, and
//! leaves nothing in doubt.

use crate::firewall::nftables::syntax::{
    Chain, Command, Item, Object, Rule, Set, TableName, What, refuse, texts,
};
use crate::firewall::{Listing, ReadError};
use crate::program::{Match, Place, Program};
use std::collections::HashSet;

type Result<T> = std::result::Result<T, ReadError>;

/// Refuses characters that nft reads otherwise somewhere: a backslash joins lines, a dollar names a
/// definition.
pub(super) fn text(text: &str) -> Result<()> {
    for (line, at) in text.split('\n').zip(1..) {
        let odd = |c: char| matches!(c, '\\' | '$') || (c.is_control() && c != '\t');
        if let Some(found) = line.chars().find(|c| odd(*c)) {
            return Err(refuse(at, format!("the character {found:?} is not understood")));
        }
    }
    Ok(())
}

/// Refuses commands other than those that make a table exist, delete it and make it anew.
pub(super) fn commands(commands: &[Command<'_, '_>]) -> Result<()> {
    if let [empty, deleted, made] = commands
        && let (Object::Table(first, Some(none)), "add") = (&empty.object, empty.verb)
        && let (Object::Table(second, None), "delete") = (&deleted.object, deleted.verb)
        && let (Object::Table(third, Some(items)), "add") = (&made.object, made.verb)
        && none.is_empty()
        && first == second
        && second == third
    {
        return table(made.line, *third, items);
    }
    let line = commands.first().map_or(1, |command| command.line);
    Err(refuse(
        line,
        "the file must make its table exist, delete it and make it anew, and nothing else",
    ))
}

fn table(line: usize, name: TableName<'_>, items: &[Item<'_, '_>]) -> Result<()> {
    if name.family != "inet" {
        return Err(refuse(line, "the table is not of the family `inet`"));
    }
    let mut names = HashSet::new();
    let mut entries = HashSet::new();
    for item in items {
        let name = match item {
            Item::Chain(found) => {
                chain(found, &mut entries)?;
                ("chain", found.name)
            }
            Item::Set(found) => {
                set(found)?;
                ("set", found.name)
            }
            Item::Property(found) => return Err(unknown(found.key.line, found.key.text)),
            Item::Other(words) => {
                return Err(unknown(words.first().map_or(1, |t| t.line), "an object"));
            }
        };
        if !names.insert((name.0, name.1.text)) {
            return Err(refuse(name.1.line, format!("`{}` is defined twice", name.1.text)));
        }
    }
    Ok(())
}

fn unknown(line: usize, what: &str) -> ReadError {
    refuse(line, format!("`{what}` is nothing that we write"))
}

/// Refuses a property that stands twice, or is none of some.
fn once<'a>(keys: impl Iterator<Item = (&'a str, usize)>, known: &[&str]) -> Result<()> {
    let mut seen = HashSet::new();
    for (key, line) in keys {
        if !known.contains(&key) || !seen.insert(key) {
            return Err(unknown(line, key));
        }
    }
    Ok(())
}

fn set(set: &Set<'_, '_>) -> Result<()> {
    let keys = set.properties.iter().map(|property| (property.key.text, property.key.line));
    once(keys, &["type", "flags"])?;
    let line = set.name.line;
    let mut types = 0;
    for property in &set.properties {
        let words = texts(property.words);
        match property.key.text {
            "type" => types = words.iter().filter(|word| **word != ".").count(),
            _ if words == ["interval"] => {}
            _ => return Err(unknown(property.key.line, "flags")),
        }
    }
    let name = set.name.text;
    let [elements] = set.elements.as_slice() else {
        return Err(refuse(line, format!("the set `{name}` has no list of elements")));
    };
    // Elements of a set that no rule uses are read here alone.
    let mut some = false;
    let whole = elements.each(&mut |element| {
        some = true;
        let parts = super::condition::key(element).map_or(0, <[_]>::len);
        element.further.is_empty() && element.data.is_empty() && parts == types
    });
    if types == 0 || !some || !whole {
        return Err(refuse(line, format!("the elements of the set `{name}` are not understood")));
    }
    Ok(())
}

fn chain<'a>(chain: &Chain<'_, 'a>, entries: &mut HashSet<Vec<&'a str>>) -> Result<()> {
    let keys = chain.properties.iter().map(|property| (property.key.text, property.key.line));
    once(keys, &["type", "policy"])?;
    let mut raw = false;
    for property in &chain.properties {
        let words = texts(property.words);
        raw |= matches!(words.as_slice(), [.., "priority", "raw"]);
        let known = match words.as_slice() {
            ["filter", "hook", "prerouting" | "output", "priority", "raw"] => true,
            ["filter", "hook", "input" | "output" | "forward", "priority", "filter"] => true,
            [_] => property.key.text == "policy",
            _ => false,
        };
        if !known {
            return Err(unknown(property.key.line, &words.join(" ")));
        }
        if property.key.text == "type" && !entries.insert(words) {
            let reason = "two chains have one hook and priority: their order is not defined";
            return Err(refuse(property.key.line, reason));
        }
    }
    let drops = chain.properties.iter().any(|property| texts(property.words) == ["drop"]);
    if raw && drops {
        return Err(refuse(
            chain.name.line,
            "before connection tracking only `notrack` is understood",
        ));
    }
    chain.rules.iter().try_for_each(|one| rule(one, raw))
}

/// Refuses statements that we do not write, and before connection tracking everything but `notrack`.
fn rule(rule: &Rule<'_, '_>, raw: bool) -> Result<()> {
    let verdicts = rule.statements.iter().filter(|statement| {
        matches!(statement.what, What::Verdict(_) | What::VerdictMap(..) | What::Keyword("reject"))
    });
    let untracks =
        rule.statements.iter().any(|statement| matches!(statement.what, What::Keyword("notrack")));
    if (untracks && !raw) || (raw && verdicts.count() > 0) {
        let reason = "`notrack`, and nothing else, is understood before connection tracking";
        return Err(refuse(rule.place.line, reason));
    }
    for statement in &rule.statements {
        let known = match statement.what {
            What::Match(..) | What::VerdictMap(..) | What::Verdict(_) => true,
            What::Keyword(word) => {
                ["comment", "counter", "log", "limit", "notrack", "reject"].contains(&word)
            }
            What::Write(..) | What::Update(..) | What::Unknown => false,
        };
        if !known {
            let word = statement.words.first().map_or("", |token| token.kind.text());
            return Err(unknown(rule.place.line, word));
        }
    }
    Ok(())
}

/// Refuses what left a doubt.
pub(super) fn clear(listing: Listing) -> Result<Program> {
    if let Some(first) = listing.unclear.into_iter().next() {
        return Err(first);
    }
    match doubt(&listing.program) {
        Some(place) => {
            Err(ReadError { place, reason: "what is meant here is in doubt".to_owned() })
        }
        None => Ok(listing.program),
    }
}

fn doubt(program: &Program) -> Option<Place> {
    let clauses = program.chains.iter().flat_map(|chain| &chain.clauses);
    let clauses = clauses.map(|clause| (&clause.when, clause.place));
    let bases = program.bases.iter().map(|base| (&base.when, base.place));
    bases.chain(clauses).find(|(when, _)| unknown_in(when)).map(|(_, place)| place)
}

fn unknown_in(when: &[Match]) -> bool {
    when.iter().any(|one| match one {
        Match::Unknown => true,
        Match::AnyOf(list) => list.iter().any(|when| unknown_in(when)),
        _ => false,
    })
}
