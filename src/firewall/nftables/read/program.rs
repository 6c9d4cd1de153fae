//! Tables to one program: every base chain in its order, and each chain once for every stage.

use super::condition::Context;
use super::head::Base;
use super::rule::{Act, read};
use super::stage::{Role, Stage, role};
use super::tables::Ruleset;
use super::writes::Writes;
use super::written::{Written, active, position, written};
use crate::firewall::ReadError;
use crate::ir::{self, Hook, Placement};
use crate::net::Family;
use crate::net::protocol::TCP;
use crate::program::{self, Clause, Match, Place, Program, Target};
use std::collections::{HashMap, HashSet};

/// A chain of a table at a stage.
type Key = (usize, usize, Stage);

/// Returns what all tables do, and what of them was not understood.
pub(super) fn program(
    placement: &Placement,
    ruleset: &Ruleset<'_, '_>,
) -> Result<(Program, Vec<ReadError>), ReadError> {
    let written = written(ruleset);
    let mut translator = Translator {
        placement,
        ruleset,
        known: HashMap::new(),
        waiting: Vec::new(),
        program: Program::default(),
        unclear: ruleset.unclear.clone(),
        written: &written,
        rewritten: Vec::new(),
        bases: Vec::new(),
    };
    for (at, table) in active(ruleset) {
        for (chain, base) in table.chains.iter().enumerate() {
            if let Some(head) = &base.base {
                translator.base((at, chain), head);
            }
        }
    }
    translator.rewritten();
    let Translator { mut bases, mut program, mut unclear, .. } = translator;
    // Of two that stand at one place the later one comes first (nf_hook_entries_grow). That does not change
    // what passes, for both must accept, but which of them refuses.
    bases.reverse();
    bases.sort_by_key(|entry| entry.at);
    program.bases = bases.into_iter().map(|entry| entry.base).collect();
    program.check().map_err(|(place, reason)| ReadError { place, reason })?;
    unclear.sort_by_key(|error| error.place);
    unclear.dedup_by_key(|error| error.place);
    Ok((program, unclear))
}

/// A base of the program.
struct Entry {
    table: usize,
    at: (u8, i32),
    stage: Stage,
    base: program::Base,
}

/// Packets that are others behind a rule: of which table it is, at which hooks they are, which they are.
struct Rewritten {
    table: usize,
    hooks: &'static [Hook],
    when: Vec<Match>,
    place: Place,
}

/// Rules of which each is told which packets it rewrites; of more together it may be any packet.
const APART: usize = 32;

struct Translator<'r, 't, 'a> {
    placement: &'r Placement,
    ruleset: &'r Ruleset<'t, 'a>,
    known: HashMap<Key, usize>,
    waiting: Vec<(Key, usize)>,
    program: Program,
    unclear: Vec<ReadError>,
    written: &'r [Written],
    rewritten: Vec<Rewritten>,
    bases: Vec<Entry>,
}

impl<'t, 'a> Translator<'_, 't, 'a> {
    fn base(&mut self, (table, chain): (usize, usize), head: &Base<'a>) {
        let Some(owner) = self.ruleset.tables.get(table) else { return };
        let Some(place) = owner.chains.get(chain).map(|chain| chain.place) else { return };
        let family = owner.name.family;
        let at = position(family, head, (u8::MAX, i32::MAX));
        let translates = self.written.iter().any(|one| one.writes.has(Writes::TRANSLATION));
        let stages = match role(family, head, translates) {
            Role::Nothing => return,
            Role::Beside(stage) => {
                return self.beside((table, chain, self.seen(stage, at)), head, place, family);
            }
            Role::Decides(stages) => stages,
        };
        let of_family = match family {
            "ip" => Some(Family::V4),
            "ip6" => Some(Family::V6),
            _ => None,
        };
        for (order, stage) in stages {
            let key = (table, chain, self.seen(stage, at));
            if let Some(mut base) = self.decides(key, head, place) {
                base.when.extend(of_family.map(Match::Family));
                if owner.unclear {
                    base.when.push(Match::Unknown);
                }
                self.bases.push(Entry { table, at: (order, head.priority), stage: key.2, base });
            }
        }
    }

    /// Returns a stage with what is written of its packets before, or of their connections anywhere.
    fn seen(&self, stage: Stage, at: (u8, i32)) -> Stage {
        let of = stage.hooks.iter().flat_map(|hook| match hook {
            Hook::RawPrerouting => &[Hook::Input, Hook::Forward][..],
            Hook::RawOutput => &[Hook::Output],
            other => std::slice::from_ref(other),
        });
        let of: Vec<_> = of.collect();
        let mut written = Writes::NOTHING;
        for one in self.written.iter().filter(|one| one.hooks.iter().any(|hook| of.contains(&hook)))
        {
            let later = if one.at > at { Writes::PACKET } else { Writes::NOTHING };
            written = written | one.writes.without(later);
        }
        Stage { written, ..stage }
    }

    /// Packets may come by a chain that sees frames, or one interface's packets only.
    fn beside(&mut self, key: Key, head: &Base<'a>, place: Place, family: &str) {
        let before = self.unclear.len();
        let refuses = self.refuses(key, head);
        self.unclear.truncate(before);
        if refuses {
            let hook = head.hook;
            let reason =
                format!("a chain of family `{family}` at `{hook}` may drop packets that come by");
            self.unclear.push(ReadError { place, reason });
            let when = vec![key.2.when(), Match::Unknown];
            let base = program::Base { when, chain: self.chain(key), policy: policy(head), place };
            let at = (0, head.priority);
            self.bases.push(Entry { table: key.0, at, stage: key.2, base });
        }
    }

    /// Makes the base of a chain that packets of the policy meet.
    fn decides(&mut self, key: Key, head: &Base<'a>, place: Place) -> Option<program::Base> {
        let mut when = vec![key.2.when()];
        let before = self.unclear.len();
        let refuses = self.refuses(key, head);
        // It is asked about first packets only, and before their addresses are changed.
        if head.kind == "nat" && head.unclear.is_none() {
            self.unclear.truncate(before);
            if !refuses || key.2.tracking {
                return None;
            }
            let reason = "which packets a chain of type `nat` drops is not known here".to_owned();
            self.unclear.push(ReadError { place, reason });
            when.push(Match::Unknown);
        }
        if let Some(why) = &head.unclear {
            self.unclear.push(ReadError { place, reason: why.clone() });
            when.push(Match::Unknown);
        }
        Some(program::Base { when, chain: self.chain(key), policy: policy(head), place })
    }

    /// Translates what a base chain reaches, and tells whether that refuses any packet.
    fn refuses(&mut self, key: Key, head: &Base<'a>) -> bool {
        let first = self.chain(key);
        self.translate();
        self.pass_by(first, key.2, head);
        let mut seen = HashSet::from([first]);
        let mut path = vec![first];
        let mut refuses = head.drops;
        while let Some(at) = path.pop() {
            let clauses = self.program.chains.get(at).map_or(&[][..], |chain| &chain.clauses);
            for clause in clauses {
                match clause.then {
                    Target::Decide(verdict) => refuses |= verdict != ir::Verdict::Accept,
                    Target::Jump(next) | Target::Goto(next) if seen.insert(next) => path.push(next),
                    _ => {}
                }
            }
        }
        refuses
    }

    /// What becomes of packets in later chains, once they are others, is not known.
    fn rewritten(&mut self) {
        let mut rewritten = std::mem::take(&mut self.rewritten);
        if rewritten.len() > APART {
            rewritten.iter_mut().for_each(|one| one.when.clear());
            rewritten.dedup_by(|next, one| (next.table, next.hooks) == (one.table, one.hooks));
        }
        for one in rewritten {
            let meets = |entry: &&Entry| same(entry.stage.hooks, one.hooks);
            let own = self.bases.iter().filter(meets).filter(|entry| entry.table == one.table);
            let Some(first) = own.map(|entry| entry.at).min() else { continue };
            for entry in self.bases.iter().filter(meets).filter(|entry| entry.at >= first) {
                let Some(chain) = self.program.chains.get_mut(entry.base.chain) else { continue };
                let mut before = Vec::new();
                // In its own table nothing stands before the rule itself.
                if entry.table != one.table || entry.at > first {
                    anything(entry.stage, &one.when, one.place, &mut before);
                }
                chain.clauses.splice(0..0, before);
            }
        }
    }

    /// Packets of offloaded connections do not come by the rules: they pass.
    fn pass_by(&mut self, chain: usize, stage: Stage, head: &Base<'a>) {
        let offloads = stage.written.has(Writes::OFFLOAD) && stage.hooks.contains(&Hook::Forward);
        let Some(chain) = self.program.chains.get_mut(chain).filter(|_| offloads) else { return };
        let place = chain.clauses.first().map(|clause| clause.place);
        let Some(place) = place.filter(|_| !stage.tracking && head.kind != "nat") else { return };
        let forward = crate::firewall::at_hook(Hook::Forward);
        let established = Match::Field(program::Field::State, vec![(1, 1)]);
        let when = vec![forward, established, Match::Unknown];
        let then = Target::Decide(ir::Verdict::Accept);
        if chain.clauses.first().is_none_or(|first| first.when != when) {
            chain.clauses.insert(0, Clause { when, then, place });
        }
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
        let context = Context { placement: self.placement, table, stage };
        let mut clauses = Vec::with_capacity(chain.rules.len());
        for rule in &chain.rules {
            let reading = read(&context, rule);
            if let Some(reason) = reading.unclear {
                self.unclear.push(ReadError { place: rule.place, reason });
            }
            for (when, act) in reading.acts {
                self.act((at, stage), when, act, rule.place, &mut clauses);
            }
        }
        clauses
    }

    fn act(
        &mut self,
        (table, stage): (usize, Stage),
        when: Vec<Match>,
        act: Act<'a>,
        place: Place,
        clauses: &mut Vec<Clause>,
    ) {
        let then = match act {
            Act::Decide(verdict) => Some(Target::Decide(verdict)),
            Act::Return => Some(Target::Return),
            // Packets go on with the next rule.
            Act::Continue => return,
            Act::Anything => None,
            Act::Rewritten => {
                let hooks = stage.hooks;
                self.rewritten.push(Rewritten { table, hooks, when: when.clone(), place });
                None
            }
            Act::Jump(name) => self.named(table, stage, name, place).map(Target::Jump),
            Act::Goto(name) => self.named(table, stage, name, place).map(Target::Goto),
        };
        match then {
            Some(then) => clauses.push(Clause { when, then, place }),
            None => anything(stage, &when, place, clauses),
        }
    }

    /// Returns the index of a chain that a rule names.
    fn named(&mut self, table: usize, stage: Stage, name: &str, place: Place) -> Option<usize> {
        let owner = self.ruleset.tables.get(table)?;
        let at = owner.names.get(name).copied();
        let found = at.and_then(|at| owner.chains.get(at)).map(|chain| chain.base.is_some());
        let reason = match found {
            None => format!("there is no chain `{name}`"),
            Some(true) => format!("`{name}` is a base chain, which no rule can jump to"),
            Some(false) => return Some(self.chain((table, at?, stage))),
        };
        self.unclear.push(ReadError { place, reason });
        None
    }
}

/// Tells whether packets can be at hooks of both kinds.
fn same(one: &[Hook], other: &[Hook]) -> bool {
    one.iter().any(|hook| other.contains(hook))
}

fn policy(head: &Base<'_>) -> ir::Verdict {
    if head.drops { ir::Verdict::Drop } else { ir::Verdict::Accept }
}

/// Adds every verdict that there is, each of which may come of a packet, or none.
fn anything(stage: Stage, when: &[Match], place: Place, clauses: &mut Vec<Clause>) {
    use ir::Verdict::{Accept, Drop, RejectProhibited, RejectReset, Untrack};
    let tcp = super::field::protocols(&[TCP]);
    let mut add = |then, further: Option<&Match>| {
        let mut when = when.to_vec();
        when.extend(further.cloned());
        when.push(Match::Unknown);
        clauses.push(Clause { when, then, place });
    };
    for verdict in [Accept, Drop, RejectProhibited] {
        add(Target::Decide(verdict), None);
    }
    add(Target::Decide(RejectReset), Some(&tcp));
    if stage.tracking {
        add(Target::Decide(Untrack), None);
    }
    add(Target::Return, None);
}
