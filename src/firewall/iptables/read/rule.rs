//! One rule.

use super::condition::Conditions;
use super::refuses;
use super::rewrite::{Rewrites, Written};
use super::sets::Sets;
use super::target::{Does, does};
use crate::firewall::iptables::syntax::{Flag, Owner, flags, split};
use crate::ir::{Placement, Verdict};
use crate::net::Family;
use crate::program::{Clause, Match, Place, Target};

/// Reads the rules of one family.
pub(super) struct Reader<'a> {
    family: Family,
    placement: &'a Placement,
    sets: &'a Sets,
    /// What rules write that other rules ask for.
    pub(super) rewrites: Rewrites,
    /// Where the output of `iptables -S` begins: one table.
    pub(super) listed: Option<Place>,
    /// Table and name of built-in chains that have rules and no policy.
    pub(super) undeclared: Vec<(String, String, Place)>,
}

/// A rule's chain, what it does, and what of it is not understood.
type Read = (String, Vec<Clause>, Option<String>);

/// A rule while it is read.
#[derive(Default)]
struct Draft<'a> {
    chain: Option<&'a str>,
    when: Vec<Match>,
    target: Option<(bool, &'a str)>,
    /// What is not understood, or in part.
    notes: Vec<String>,
    /// The same of conditions as they should be: nothing hangs on them where the rule decides nothing.
    idle: Vec<String>,
}

impl Draft<'_> {
    /// Adds a condition that may hold.
    fn may(&mut self, reason: String) {
        self.when.push(Match::Unknown);
        self.notes.push(reason);
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(family: Family, placement: &'a Placement, sets: &'a Sets) -> Self {
        Reader {
            family,
            placement,
            sets,
            rewrites: Rewrites::default(),
            listed: None,
            undeclared: Vec::new(),
        }
    }

    /// Takes note that chains are listed without a table; returns the table that `iptables -S` lists.
    pub(super) fn listed_at(&mut self, place: Place) -> &'static str {
        self.listed.get_or_insert(place);
        "filter"
    }

    /// Reads a rule.
    ///
    /// # Errors
    /// Why it is none of a listing.
    pub(super) fn rule(
        &mut self,
        table: &str,
        text: &str,
        place: Place,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Read, String> {
        let words = split(text).ok_or("a quote is not closed")?;
        let flags = flags(&words);
        let mut draft = self.draft(table, &flags)?;
        let chain = draft.chain.ok_or("no chain")?.to_owned();
        let clauses = self.clauses((table, &chain), &flags, &mut draft, place, find)?;
        let mut notes = draft.notes;
        if !clauses.is_empty() {
            notes.append(&mut draft.idle);
        }
        Ok((chain, clauses, (!notes.is_empty()).then(|| notes.join("; "))))
    }

    /// What the flags say, and what of them is not understood.
    fn draft<'w>(&self, table: &str, flags: &[Flag<'w>]) -> Result<Draft<'w>, String>
    where
        'a: 'w,
    {
        let mut draft = Draft::default();
        let mut conditions =
            Conditions::new(self.family, self.placement, self.sets, table == "raw");
        let (mut read, mut loose) = (Vec::new(), Vec::new());
        for (at, flag) in flags.iter().enumerate() {
            let value = flag.values.first().map_or("", |value| &**value);
            let generic = flag.of == Owner::Rule && !matches!(flag.name, "-m" | "-c");
            if generic && flags.iter().take(at).any(|before| before.name == flag.name) {
                draft.may(format!("`{}` stands here twice", flag.name));
            }
            match (flag.name, flag.of) {
                (name, _) if !name.starts_with('-') => {
                    return Err(format!("`{name}` is out of place"));
                }
                ("-A", Owner::Rule) if !flag.negated && at == 0 => draft.chain = Some(value),
                ("-j" | "-g", _) if !flag.negated => {
                    draft.target = Some((flag.name == "-g", value));
                }
                ("-m", _) if !flag.negated => {
                    if let Err(reason) = conditions.load(value) {
                        draft.when.push(Match::Unknown);
                        draft.idle.push(reason);
                    }
                }
                // Counters.
                ("-c", _) if !flag.negated && flag.values.len() == 2 => {}
                ("-I" | "-D" | "-R" | "-F" | "-X" | "-N" | "-P", Owner::Rule) => {
                    return Err(format!("`{}` is nothing that is listed", flag.name));
                }
                // The target looks at them.
                (_, Owner::Target) if !flag.negated => {}
                _ => match conditions.read(flag) {
                    Ok(when) => {
                        self.note(flag.name, value, &mut draft);
                        read.push((flag.of, when));
                    }
                    // The match as a whole is not understood.
                    Err(_) if conditions.is_foreign(flag) => {}
                    Err(reason) => {
                        loose.push(flag.of);
                        draft.may(format!("`{} {value}`: {reason}", flag.name));
                    }
                },
            }
        }
        // An option that is not understood may turn round what others of its match say.
        let firm = |of: &Owner<'_>| *of == Owner::Rule || !loose.contains(of);
        draft.when.extend(read.into_iter().filter(|(of, _)| firm(of)).flat_map(|(_, when)| when));
        Ok(draft)
    }

    /// Notes a condition that is understood in part only.
    fn note(&self, name: &str, value: &str, draft: &mut Draft<'_>) {
        let known = value == "+" || self.placement.interface(value).is_some();
        if matches!(name, "-i" | "-o") && !known {
            draft.idle.push(format!("the interface `{value}` is not the policy's"));
        }
        if name == "--ctstate" && value.to_ascii_uppercase().contains("NAT") {
            draft.idle.push("whether a flow's addresses are translated is not known".to_owned());
        }
    }

    /// What is done with the packets that match; nothing where they only go on.
    fn clauses(
        &mut self,
        (table, chain): (&str, &str),
        flags: &[Flag<'_>],
        draft: &mut Draft<'_>,
        place: Place,
        find: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Vec<Clause>, String> {
        let Some((goto, target)) = draft.target else { return Ok(Vec::new()) };
        let options: Vec<_> = flags.iter().filter(|flag| flag.of == Owner::Target).collect();
        let to = find(target).filter(|_| options.is_empty());
        let extension = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if to.is_none() && (goto || !target.bytes().all(extension)) {
            return Err(format!("there is no chain `{target}`"));
        }
        let does = match to {
            Some(to) => Does::One(if goto { Target::Goto(to) } else { Target::Jump(to) }),
            None => {
                let of = (self.family, table);
                does(of, target, &options, &draft.when, &mut draft.notes)
            }
        };
        let at = (table, chain, place);
        if table == "nat" {
            self.rewrites.translates(self.family, (target, &options), at);
        }
        let clause = |then| Clause { when: draft.when.clone(), then, place };
        Ok(match does {
            Does::One(Target::Continue) => Vec::new(),
            Does::One(then) if table == "nat" && refuses(then) => {
                draft.may("nat is no place for what refuses packets".to_owned());
                vec![Clause { when: draft.when.clone(), then, place }]
            }
            Does::One(then) => vec![clause(then)],
            Does::Writes(written) => {
                self.rewrites.write(written, &draft.when, at);
                Vec::new()
            }
            Does::Any(reason) => {
                draft.may(reason);
                self.rewrites.write(Written::Everything, &draft.when, at);
                let any = [Verdict::Accept, Verdict::Drop].map(Target::Decide);
                let when = &draft.when;
                any.map(|then| Clause { when: when.clone(), then, place }).into()
            }
        })
    }
}
