//! One rule: its priority, its direction, and what it does with which packets.

use super::ends::{self, DESTINATION, SOURCE, Teller};
use crate::firewall::ReadError;
use crate::firewall::entries::listing::{At, Doubts};
use crate::ir::Verdict;
use crate::net::protocol::{ICMP, TCP, UDP};
use crate::program::{Clause, Field, Match, Ranges, Target};

/// A rule: one clause, or several that together say what it says.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    /// None where it is not told: then the rule may stand anywhere.
    pub(super) priority: Option<i64>,
    pub(super) at: At<'a>,
    pub(super) clauses: Vec<Clause>,
    /// What is not understood of it.
    pub(super) notes: Vec<ReadError>,
}

impl Entry<'_> {
    /// Tells whether two say the same, wherever they stand.
    pub(super) fn same(&self, other: &Self) -> bool {
        let what = |clause: &Clause| (clause.when.clone(), clause.then);
        self.priority == other.priority
            && self.clauses.iter().map(what).eq(other.clauses.iter().map(what))
    }

    /// Tells whether all that it says is known.
    pub(super) fn sure(&self) -> bool {
        self.clauses.iter().all(|clause| !clause.when.contains(&Match::Unknown))
    }

    /// Makes all of it something that may hold.
    pub(super) fn doubt(&mut self, at: At<'_>, reason: impl Into<String>) {
        self.notes.push(at.refuse(reason));
        self.clauses.iter_mut().for_each(|clause| clause.when.push(Match::Unknown));
    }
}

/// The rules of both directions, inbound first.
pub(super) type Ways<'a> = [Vec<Entry<'a>>; 2];

/// What may stand around a rule's `properties`; the last three only in templates.
const AROUND: &[&str] =
    &["name", "id", "etag", "type", "properties", "apiVersion", "dependsOn", "comments"];

/// What a rule may say beside; none of it changes what passes.
const BESIDE: &[&str] = &[
    "name",
    "id",
    "etag",
    "type",
    "resourceGroup",
    "description",
    "provisioningState",
    "resource_group_name",
    "network_security_group_name",
    "timeouts",
];

/// What decides.
const DECIDING: &[&str] = &["priority", "direction", "access", "protocol"];

/// Every word that decides.
pub(super) const KEYS: [&[&str]; 2] = [DECIDING, ends::KEYS];

/// Adds a rule to its direction; to both, as one that may hold, where the direction is not told.
pub(super) fn add<'a>(
    rule: At<'a>,
    teller: Teller<'a>,
    ways: &mut Ways<'a>,
) -> Result<(), ReadError> {
    let mut doubts = Doubts::default();
    let inner = rule.get("properties");
    let said = inner.unwrap_or(rule);
    let mut strange = doubts.strange(said, &[BESIDE, DECIDING, ends::KEYS])?;
    if inner.is_some() {
        strange.extend(doubts.strange(rule, &[AROUND])?);
    }
    let mut more = unfinished(said, &mut doubts);
    let mut when = match strange.is_empty() {
        true => conditions(said, teller, &mut doubts),
        false => vec![vec![Match::Unknown]],
    };
    let priority = said.get("priority").and_then(At::number);
    if priority.is_none() {
        more.push(doubts.unknown(said, "the rule's priority is not known"));
    }
    let outbound = word(said, "direction", &["inbound", "outbound"]).map(|at| at == 1);
    if outbound.is_none() {
        more.push(doubts.unknown(said, "whether the rule is inbound or outbound is not known"));
    }
    when.iter_mut().for_each(|all| all.extend(more.iter().cloned()));
    let at = rule.get("name").or(said.get("name")).unwrap_or(rule);
    let clauses = clauses(said, at, when, &mut doubts);
    let notes = doubts.sorted();
    for (way, is_outbound) in ways.iter_mut().zip([false, true]) {
        if outbound.is_none_or(|outbound| outbound == is_outbound) {
            let (clauses, notes) = (clauses.clone(), notes.clone());
            way.push(Entry { priority, at, clauses, notes });
        }
    }
    Ok(())
}

/// Returns which of some words a member is; case says nothing (the portal stores `TCP`).
fn word(at: At<'_>, key: &str, words: &[&str]) -> Option<usize> {
    let said = at.text_of(key)?;
    words.iter().position(|word| said.eq_ignore_ascii_case(word))
}

/// Doubts a rule that Azure has not finished.
fn unfinished(at: At<'_>, doubts: &mut Doubts) -> Vec<Match> {
    let state = at.get("provisioningState").filter(|state| state.says());
    let state = state.filter(|_| word(at, "provisioningState", &["succeeded"]).is_none());
    state
        .map(|state| doubts.unknown(state, "Azure has not finished this rule"))
        .into_iter()
        .collect()
}

/// Returns what is done with the packets of a rule.
fn clauses(said: At<'_>, at: At<'_>, when: Vec<Vec<Match>>, doubts: &mut Doubts) -> Vec<Clause> {
    let place = at.place();
    let clause = |when, verdict| Clause { when, then: Target::Decide(verdict), place };
    match word(said, "access", &["allow", "deny"]) {
        Some(0) => when.into_iter().map(|when| clause(when, Verdict::Accept)).collect(),
        Some(_) => when.into_iter().map(|when| clause(when, Verdict::Drop)).collect(),
        None => {
            let at = said.get("access").unwrap_or(said);
            let unknown = doubts.unknown(at, "this is neither `Allow` nor `Deny`");
            let both = |when: Vec<Match>| {
                let perhaps = when.iter().cloned().chain([unknown.clone()]).collect();
                [clause(perhaps, Verdict::Accept), clause(when, Verdict::Drop)]
            };
            when.into_iter().flat_map(both).collect()
        }
    }
}

/// Returns what a rule asks of a packet: at least one of these conjunctions.
fn conditions(at: At<'_>, teller: Teller<'_>, doubts: &mut Doubts) -> Vec<Vec<Match>> {
    let source = ends::addresses(at, &SOURCE, teller, doubts);
    let destination = ends::addresses(at, &DESTINATION, teller, doubts);
    let services = services(at, teller, doubts);
    let mut more = Vec::new();
    if ends::mixed(&source, &destination) {
        let reason = "Azure refuses addresses of both families in one rule";
        more.push(doubts.unknown(at, reason));
    }
    let mut all = Vec::new();
    for source in source.alternatives() {
        for destination in destination.alternatives() {
            let with = |service: &Vec<Match>| [&source[..], &destination, service, &more].concat();
            all.extend(services.iter().map(with));
        }
    }
    all
}

/// A protocol as a rule names it.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    All,
    One(u8),
}

const CONFIGURED: &[(&str, Named)] = &[
    ("*", Named::All),
    ("tcp", Named::One(TCP)),
    ("udp", Named::One(UDP)),
    ("icmp", Named::One(ICMP)),
    ("esp", Named::One(50)),
    ("ah", Named::One(51)),
];

/// How the others are called before an interface nobody has seen.
const EFFECTIVE: &[(&str, Named)] =
    &[("all", Named::All), ("tcp", Named::One(TCP)), ("udp", Named::One(UDP))];

fn named(at: At<'_>, teller: Teller<'_>) -> Option<Named> {
    let said = at.text_of("protocol")?;
    let words = match teller {
        Teller::Configuration => CONFIGURED,
        Teller::Interface(_) => EFFECTIVE,
    };
    words.iter().find(|(word, _)| said.eq_ignore_ascii_case(word)).map(|(_, named)| *named)
}

/// Returns what a rule asks of protocol and ports: at least one of these conjunctions.
fn services(at: At<'_>, teller: Teller<'_>, doubts: &mut Doubts) -> Vec<Vec<Match>> {
    let source = ends::ports(at, &SOURCE, teller, doubts);
    let destination = ends::ports(at, &DESTINATION, teller, doubts);
    let open = source.is_any() && destination.is_any();
    let mut asked = source.conditions(Field::SourcePort);
    asked.extend(destination.conditions(Field::DestinationPort));
    let protocols = |ranges: Ranges<u32>| Match::Field(Field::Protocol, ranges);
    let number = |number: u8| protocols(vec![(number.into(), number.into())]);
    match named(at, teller) {
        None => {
            let at = at.get("protocol").unwrap_or(at);
            vec![vec![doubts.unknown(at, "the protocol is not known")]]
        }
        Some(Named::All) if open => vec![Vec::new()],
        Some(Named::One(one)) if open => vec![vec![number(one)]],
        Some(Named::One(one @ (TCP | UDP))) => {
            vec![[vec![number(one)], asked].concat()]
        }
        Some(Named::One(one)) => {
            let reason = "what ports mean for this protocol is not documented";
            vec![vec![number(one), doubts.unknown(at, reason)]]
        }
        Some(Named::All) => {
            let reason = "what ports mean for protocols other than TCP and UDP is not documented";
            let with_ports = vec![(TCP.into(), TCP.into()), (UDP.into(), UDP.into())];
            let others = vec![(0, 5), (7, 16), (18, 255)];
            let perhaps = vec![protocols(others), doubts.unknown(at, reason)];
            vec![[vec![protocols(with_ports)], asked].concat(), perhaps]
        }
    }
}
