//! Tables to one program: every base chain in its order, and each chain once for every stage.

use super::condition::Context;
use super::head::Base;
use super::rule::read;
use super::ruleset::{Rule, Ruleset, Table};
use super::stage::{Role, Stage, Way, role};
use super::verdict::Act;
use crate::firewall::ReadError;
use crate::firewall::nftables::read::lex::{Kind, Token};
use crate::ir::{Hook, Placement, Verdict};
use crate::net::Family;
use crate::program::Program;
use crate::program::{self, Clause, Match, Place, Then};
use std::collections::{HashMap, HashSet};

/// A chain of a table at a stage.
type Key = (usize, usize, Stage);

/// Returns what all tables do, and what of them was not understood.
pub(super) fn program(
    placement: &Placement,
    ruleset: &Ruleset<'_, '_>,
) -> Result<(Program, Vec<ReadError>), ReadError> {
    let changing: Vec<_> = ruleset.tables.iter().map(updated).collect();
    let mut translator = Translator {
        placement,
        ruleset,
        changing: &changing,
        known: HashMap::new(),
        waiting: Vec::new(),
        program: Program::default(),
        unclear: ruleset.unclear.clone(),
    };
    let way = Way {
        translates: ruleset.tables.iter().any(translates),
        changes: ruleset.tables.iter().flat_map(rules).any(super::rule::changes),
    };
    let mut bases = Vec::new();
    for (at, table) in ruleset.tables.iter().enumerate().filter(|(_, table)| !table.dormant) {
        for (chain, base) in table.chains.iter().enumerate() {
            if let Some(head) = &base.base {
                translator.base((at, chain), head, way, &mut bases);
            }
        }
    }
    // Of two that stand at one place the later one comes first (nf_hook_entries_grow). That does not change
    // what passes, for both must accept, but which of them refuses.
    bases.reverse();
    bases.sort_by_key(|(order, _)| *order);
    let mut program = translator.program;
    program.bases = bases.into_iter().map(|(_, base)| base).collect();
    program.check().map_err(|(place, reason)| ReadError { place, reason })?;
    let mut unclear = translator.unclear;
    unclear.sort_by_key(|error| error.place);
    unclear.dedup_by_key(|error| error.place);
    Ok((program, unclear))
}

fn rules<'r, 't, 'a>(table: &'r Table<'t, 'a>) -> impl Iterator<Item = &'r Rule<'t, 'a>> {
    table.chains.iter().flat_map(|chain| &chain.rules)
}

/// Tells whether a table may translate addresses.
fn translates(table: &Table<'_, '_>) -> bool {
    let nat = |base: &Base<'_>| base.kind == "nat";
    let says = |token: &Token<'_>| match token.kind {
        Kind::Word("dnat" | "snat" | "masquerade" | "redirect" | "unreadable") => true,
        // Targets of iptables.
        Kind::Quoted("DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" | "NETMAP") => true,
        _ => false,
    };
    // `ct status dnat` only asks.
    let asks = |rule: &Rule<'_, '_>, at: usize| {
        let before = at.checked_sub(1).and_then(|at| rule.tokens.get(at));
        before.is_some_and(|token| token.kind == Kind::Word("status"))
    };
    let translating = |rule: &Rule<'_, '_>| {
        rule.tokens.iter().enumerate().any(|(at, token)| says(token) && !asks(rule, at))
    };
    table.chains.iter().any(|chain| chain.base.as_ref().is_some_and(nat))
        && table.chains.iter().flat_map(|chain| &chain.rules).any(translating)
}

/// Returns the sets of a table that rules add to or delete from.
fn updated<'a>(table: &Table<'_, 'a>) -> HashSet<&'a str> {
    let rules = table.chains.iter().flat_map(|chain| &chain.rules);
    let pairs = rules.flat_map(|rule| rule.tokens.iter().zip(rule.tokens.iter().skip(1)));
    let name = |(first, second): (&Token<'a>, &Token<'a>)| match (first.kind, second.kind) {
        (Kind::Word("add" | "update" | "delete"), Kind::Word(name)) => name.strip_prefix('@'),
        _ => None,
    };
    pairs.filter_map(name).collect()
}

struct Translator<'r, 't, 'a> {
    placement: &'r Placement,
    ruleset: &'r Ruleset<'t, 'a>,
    changing: &'r [HashSet<&'a str>],
    known: HashMap<Key, usize>,
    waiting: Vec<(Key, usize)>,
    program: Program,
    unclear: Vec<ReadError>,
}

/// The hooks whose packets come by a chain of a family that does not see them as IP packets.
fn beside(hook: &str) -> &'static [Hook] {
    match hook {
        "input" => &[Hook::Input],
        "output" => &[Hook::Output],
        "forward" => &[Hook::Forward],
        "egress" | "postrouting" => &[Hook::Output, Hook::Forward],
        _ => &[Hook::Input, Hook::Forward],
    }
}

type Ordered = ((u8, i32), program::Base);

impl<'t, 'a> Translator<'_, 't, 'a> {
    fn base(
        &mut self,
        (table, chain): (usize, usize),
        head: &Base<'a>,
        way: Way,
        bases: &mut Vec<Ordered>,
    ) {
        let Some(owner) = self.ruleset.tables.get(table) else { return };
        let Some(place) = owner.chains.get(chain).map(|chain| chain.place) else { return };
        match role(owner.family, head, way) {
            Role::Nothing => {}
            Role::Beside(stage) => {
                let key = (table, chain, Stage { hooks: beside(head.hook), ..stage });
                let before = self.unclear.len();
                let refuses = self.refuses(key, head);
                self.unclear.truncate(before);
                if refuses {
                    let reason = format!(
                        "a chain of family `{}` at `{}` may drop packets that come by",
                        owner.family, head.hook
                    );
                    self.unclear.push(ReadError { place, reason });
                    bases.push((
                        (0, head.priority),
                        self.beside((table, chain, stage), head, place),
                    ));
                }
            }
            Role::Decides(stages) => {
                let family = match owner.family {
                    "ip" => Some(Family::V4),
                    "ip6" => Some(Family::V6),
                    _ => None,
                };
                for (order, stage) in stages {
                    let base = self.decides((table, chain, stage), head, family, place);
                    bases.extend(base.map(|base| ((order, head.priority), base)));
                }
            }
        }
    }

    /// Makes the base of a chain that packets of the policy meet.
    /// Packets may come by a chain that sees frames, or one interface's packets only.
    fn beside(&mut self, key: Key, head: &Base<'a>, place: Place) -> program::Base {
        let (.., stage) = key;
        let policy = if head.drops { Verdict::Drop } else { Verdict::Accept };
        let when = vec![stage.when(), Match::Unknown];
        program::Base { when, chain: self.chain(key), policy, place }
    }

    fn decides(
        &mut self,
        key: Key,
        head: &Base<'a>,
        family: Option<Family>,
        place: Place,
    ) -> Option<program::Base> {
        let (.., stage) = key;
        let mut when: Vec<_> =
            [stage.when()].into_iter().chain(family.map(Match::Family)).collect();
        let nat = head.kind == "nat";
        let before = self.unclear.len();
        let refuses = self.refuses(key, head);
        // It is asked about first packets only, and before their addresses are changed.
        if nat {
            self.unclear.truncate(before);
            if !refuses || stage.tracking {
                return None;
            }
            let reason = "which packets a chain of type `nat` drops is not known here".to_owned();
            self.unclear.push(ReadError { place, reason });
            when.push(Match::Unknown);
        }
        let policy = if head.drops { Verdict::Drop } else { Verdict::Accept };
        Some(program::Base { when, chain: self.chain(key), policy, place })
    }

    /// Translates what a base chain reaches, and tells whether that refuses any packet.
    fn refuses(&mut self, key: Key, head: &Base<'a>) -> bool {
        let first = self.chain(key);
        self.translate();
        let mut seen = HashSet::from([first]);
        let mut path = vec![first];
        let mut refuses = head.drops;
        while let Some(at) = path.pop() {
            let clauses = self.program.chains.get(at).map_or(&[][..], |chain| &chain.clauses);
            for clause in clauses {
                match clause.then {
                    Then::Decide(verdict) => refuses |= verdict != Verdict::Accept,
                    Then::Jump(next) | Then::Goto(next) if seen.insert(next) => path.push(next),
                    _ => {}
                }
            }
        }
        refuses
    }

    /// Returns a chain's index; its clauses come later.
    fn chain(&mut self, key: Key) -> usize {
        if let Some(at) = self.known.get(&key) {
            return *at;
        }
        let at = self.program.chains.len();
        let (table, chain, _) = key;
        let owner = self.ruleset.tables.get(table);
        let name = owner.and_then(|table| table.chains.get(chain)).map_or("", |chain| chain.name);
        self.program.chains.push(program::Chain { name: name.to_owned(), clauses: Vec::new() });
        self.known.insert(key, at);
        self.waiting.push((key, at));
        at
    }

    fn translate(&mut self) {
        while let Some((key, at)) = self.waiting.pop() {
            let clauses = self.clauses(key);
            if let Some(chain) = self.program.chains.get_mut(at) {
                chain.clauses = clauses;
            }
        }
    }

    fn clauses(&mut self, (at, chain, stage): Key) -> Vec<Clause> {
        let ruleset = self.ruleset;
        let Some(table) = ruleset.tables.get(at) else { return Vec::new() };
        let Some(chain) = table.chains.get(chain) else { return Vec::new() };
        let Some(changing) = self.changing.get(at) else { return Vec::new() };
        let context = Context { placement: self.placement, table, changing, stage };
        let mut clauses = Vec::with_capacity(chain.rules.len());
        for rule in &chain.rules {
            let reading = read(&context, rule);
            if let Some(reason) = reading.unclear {
                self.unclear.push(ReadError { place: rule.place, reason });
            }
            for (when, act) in reading.acts {
                self.act(at, stage, when, act, rule.place, &mut clauses);
            }
        }
        clauses
    }

    fn act(
        &mut self,
        table: usize,
        stage: Stage,
        mut when: Vec<Match>,
        act: Act<'a>,
        place: Place,
        clauses: &mut Vec<Clause>,
    ) {
        let then = match act {
            Act::Decide(verdict, further) => {
                when.extend(further);
                Some(Then::Decide(verdict))
            }
            Act::Return => Some(Then::Return),
            Act::Continue => Some(Then::Continue),
            Act::Anything => None,
            Act::Jump(name) => self.named(table, stage, name, place).map(Then::Jump),
            Act::Goto(name) => self.named(table, stage, name, place).map(Then::Goto),
        };
        if let Some(then) = then {
            return clauses.push(Clause { when, then, place });
        }
        when.push(Match::Unknown);
        let untrack = stage.tracking.then_some(Verdict::Untrack);
        for verdict in [Verdict::Accept, Verdict::Drop].into_iter().chain(untrack) {
            clauses.push(Clause { when: when.clone(), then: Then::Decide(verdict), place });
        }
    }

    /// Returns the index of a chain that a rule names.
    fn named(&mut self, table: usize, stage: Stage, name: &str, place: Place) -> Option<usize> {
        let owner = self.ruleset.tables.get(table)?;
        let Some(at) = owner.names.get(name) else {
            let reason = format!("there is no chain `{name}`");
            self.unclear.push(ReadError { place, reason });
            return None;
        };
        Some(self.chain((table, *at, stage)))
    }
}
