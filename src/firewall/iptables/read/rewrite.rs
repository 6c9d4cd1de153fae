//! What rules write into packets or into the connection's entry, and which conditions of other rules are in
//! doubt for it.
//!
//! The addresses are those that filter sees. A packet there was translated only if its destination is one
//! that nat gives, or if it is a reply whose destination is given back: of any other, the tables before nat
//! saw what filter sees. All else is as the packet came, so that conditions behind a rule that writes are
//! those in doubt.

use super::condition::range;
use super::tables::{BUILT_IN, Tables};
use super::{HOOKS, at_hooks, is_silent, refuse};
use crate::firewall::iptables::syntax::Flag;
use crate::firewall::{ReadError, doubt};
use crate::ir::Placement;
use crate::net::Family;
use crate::program::sets::others;
use crate::program::{Field, Match, Place};

/// What a target writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    HopLimit,
    /// Which flow a packet belongs to, or none.
    States,
    /// New flows may be related ones.
    Expected,
    Everything,
}

/// A rule that writes.
struct Write {
    written: Written,
    /// The packets that it may be for, or more.
    when: Vec<Match>,
    table: String,
    chain: String,
    place: Place,
}

/// Everything that rules of one family write.
#[derive(Default)]
pub(super) struct Rewrites {
    writes: Vec<Write>,
    /// The destinations that nat gives, as matches.
    given: Vec<Match>,
    /// Whether it may give any.
    any: bool,
    /// Whether sources are translated, so that replies get their destinations back.
    replies: bool,
    /// The first rule that gives another destination.
    moves: Option<Place>,
}

/// Table, chain and place of a rule.
type At<'a> = (&'a str, &'a str, Place);

/// Returns the first and the last turn at which packets meet a chain: the order in which tables have them.
fn turns(table: &str, chain: &str) -> (usize, usize) {
    let all = match table {
        "raw" => (0, 0),
        "mangle" => (1, 7),
        "nat" => (2, 8),
        "filter" => (4, 4),
        _ => (5, 5),
    };
    match (table, chain) {
        ("mangle", "PREROUTING" | "OUTPUT") => (1, 1),
        ("nat", "PREROUTING" | "OUTPUT") => (2, 2),
        ("mangle", "INPUT" | "FORWARD") => (3, 3),
        ("nat", "INPUT") => (6, 6),
        ("mangle", "POSTROUTING") => (7, 7),
        ("nat", "POSTROUTING") => (8, 8),
        _ => all,
    }
}

impl Rewrites {
    /// Takes note of a rule that writes.
    pub(super) fn write(
        &mut self,
        written: Written,
        when: &[Match],
        (table, chain, place): At<'_>,
    ) {
        let mut when = doubt::simple(when);
        when.retain(|one| !matches!(one, Match::Field(Field::Outgoing, _)));
        match written {
            Written::States => when.clear(),
            Written::Expected => when = vec![Match::Field(Field::State, vec![(0, 0)])],
            // Tracking is a stage of its own.
            _ if table == "raw" => {}
            _ => {
                let hooks = HOOKS.iter().find(|(known, _)| *known == chain);
                when.extend(hooks.map(|(_, hooks)| at_hooks(hooks)));
            }
        }
        let (table, chain) = (table.to_owned(), chain.to_owned());
        self.writes.push(Write { written, when, table, chain, place });
    }

    /// Takes note of what a rule of nat translates.
    pub(super) fn translates(
        &mut self,
        family: Family,
        (target, options): (&str, &[&Flag<'_>]),
        (_, _, place): At<'_>,
    ) {
        match target {
            "SNAT" | "MASQUERADE" => self.replies = true,
            "DNAT" => {
                let to = options.iter().filter(|flag| flag.name == "--to-destination");
                let to: Vec<_> = to.map(|flag| given(family, flag.value(0))).collect();
                self.any |= to.is_empty() || to.iter().any(Option::is_none);
                self.given.extend(to.into_iter().flatten());
            }
            "REDIRECT" | "NETMAP" => self.any = true,
            _ => return,
        }
        if matches!(target, "DNAT" | "REDIRECT" | "NETMAP") {
            self.moves.get_or_insert(place);
        }
    }

    /// Puts the conditions of all rules in doubt that ask for what was written, and says so.
    pub(super) fn apply(
        &self,
        tables: &mut Tables,
        placement: &Placement,
        unclear: &mut Vec<ReadError>,
    ) {
        if let Some(place) = self.moves {
            let reason = "nat gives packets other destinations: the rules see these, and what was \
                          sent to this machine may be forwarded past the rules of `INPUT`";
            unclear.push(refuse(place, reason));
        }
        for (name, table) in tables.iter_mut().filter(|(name, table)| !is_silent(name, table)) {
            unclear.append(&mut table.unclear);
            for chain in &mut table.chains {
                for clause in &mut chain.clauses {
                    let at = (name.as_str(), chain.name.as_str(), clause.place);
                    let reasons = self.blur(&mut clause.when, at, placement);
                    unclear.extend(reasons.into_iter().map(|why| refuse(clause.place, why)));
                }
            }
        }
    }

    fn blur(&self, when: &mut Vec<Match>, at: At<'_>, placement: &Placement) -> Vec<String> {
        let (table, chain, _) = at;
        let mut reasons = Vec::new();
        let before = matches!(table, "raw" | "mangle" | "nat")
            && !matches!(chain, "INPUT" | "FORWARD" | "POSTROUTING");
        if before && self.translated(when, placement) {
            reasons.push("nat may change the destination behind this table".to_owned());
        }
        if before && chain != "OUTPUT" && when.iter().any(of_hops) {
            when.retain(|one| !of_hops(one));
            when.push(Match::Unknown);
            reasons.push("packets that are forwarded lose a hop behind this table".to_owned());
        }
        let writes: Vec<_> = self.writes.iter().filter(|write| write.precedes(at)).collect();
        for one in when.iter_mut() {
            let asked = |write: &&&Write| touches(write.written, one);
            let writes: Vec<&Write> = writes.iter().filter(asked).copied().collect();
            let Some(first) = writes.first() else { continue };
            let line = first.place.line;
            reasons.push(format!("what this asks for may be rewritten before, in line {line}"));
            let rewritten: Vec<_> = writes.iter().map(|write| write.when.as_slice()).collect();
            *one = doubt::doubted(one.clone(), &rewritten, placement);
        }
        reasons
    }

    /// Rewrites a rule before nat so that it speaks of what filter sees; tells whether it is unclear now.
    fn translated(&self, when: &mut Vec<Match>, placement: &Placement) -> bool {
        let none = self.given.is_empty() && !self.any && !self.replies;
        if none || !when.iter().any(of_destination) {
            return false;
        }
        let (seen, rest): (Vec<_>, Vec<_>) = when.drain(..).partition(of_destination);
        *when = rest;
        if self.any {
            when.push(Match::Unknown);
            return true;
        }
        let mut untouched = seen;
        // The other family is none of this table's.
        untouched.extend(
            self.given.iter().filter_map(|to| doubt::outside(to, placement).into_iter().next()),
        );
        let mut ways: Vec<Vec<Match>> =
            self.given.iter().map(|to| vec![to.clone(), Match::Unknown]).collect();
        if self.replies {
            let known_flows = vec![(1, 2)];
            untouched.push(Match::Field(Field::State, others(&known_flows, 4)));
            ways.push(vec![Match::Field(Field::State, known_flows), Match::Unknown]);
        }
        ways.push(untouched);
        when.push(Match::AnyOf(ways));
        true
    }
}

impl Write {
    /// Tells whether a packet may meet the rule before another one.
    fn precedes(&self, (table, chain, place): At<'_>) -> bool {
        let hooks = |chain: &str| HOOKS.iter().find(|(known, _)| *known == chain);
        if let (Some((_, ours)), Some((_, theirs))) = (hooks(&self.chain), hooks(chain))
            && !ours.iter().any(|hook| theirs.contains(hook))
        {
            return false;
        }
        let (first, last) = turns(&self.table, &self.chain);
        if (self.table.as_str(), self.chain.as_str()) == (table, chain) {
            let built_in = BUILT_IN.iter().any(|(_, chains)| chains.contains(&chain));
            return self.place < place || (first < last && !built_in);
        }
        first <= turns(table, chain).1
    }
}

/// Tells whether a condition asks for what is written.
fn touches(written: Written, one: &Match) -> bool {
    match (written, one) {
        (_, Match::AnyOf(any)) => any.iter().flatten().any(|one| touches(written, one)),
        (_, Match::Unknown | Match::Family(_)) => false,
        (Written::HopLimit, one) => of_hops(one),
        (Written::States, Match::Field(Field::State, _)) => true,
        (Written::Expected, Match::Field(Field::State, ranges)) => {
            let has = |state: u32| ranges.iter().any(|(low, high)| (low..=high).contains(&&state));
            has(0) != has(2)
        }
        (Written::States | Written::Expected, _) => false,
        (Written::Everything, Match::Field(field, _)) => {
            !matches!(field, Field::Hook | Field::Incoming | Field::Outgoing)
        }
        (Written::Everything, _) => true,
    }
}

/// Returns the destinations of `10.0.0.1`, `10.0.0.1-10.0.0.9:80`, `[2001:db8::1]:80`.
fn given(family: Family, text: &str) -> Option<Match> {
    let address = match family {
        Family::V4 => text.split(':').next()?.to_owned(),
        Family::V6 => match text.rsplit_once("]:") {
            Some((address, _)) => address.replace(['[', ']'], ""),
            None => text.replace(['[', ']'], ""),
        },
    };
    range(family, false, &address, false).ok()
}

fn of_hops(one: &Match) -> bool {
    match one {
        Match::Field(Field::HopLimit, _) => true,
        Match::AnyOf(any) => any.iter().flatten().any(of_hops),
        _ => false,
    }
}

fn of_destination(one: &Match) -> bool {
    match one {
        Match::Destination4(_)
        | Match::Destination6(_)
        | Match::Field(Field::DestinationPort, _) => true,
        Match::AnyOf(any) => any.iter().flatten().any(of_destination),
        _ => false,
    }
}
