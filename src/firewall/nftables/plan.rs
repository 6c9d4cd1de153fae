//! The plan of an nftables file: every decision is here; the template only lays it out.

use super::concatenation::Cell;
use super::format::{hop_limit, l4, words};
use super::group::{Item, arrange};
use super::labels::{comment, cut, interface, log, safe_text, table as table_name};
use super::options::Options;
use super::pieces::{Piece, Verdict, pieces, verdicts};
use super::sets::{Pool, Set, Side};
use super::table::{self, family_match};
use crate::firewall::text::fault;
use crate::firewall::{Fault, Header};
use crate::ir::packet::{Filter, TcpFlags};
use crate::ir::{Action, Direction, L4, Log, Origin, Placement, StateMode};
use std::collections::BTreeSet;

/// A whole file.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub(super) struct Plan {
    /// The policy file.
    source: String,
    /// The policy, and the table's name.
    table: String,
    /// What a reader of the file should know, a line each.
    notes: Vec<String>,
    /// Named sets.
    sets: Vec<Set>,
    /// In the order in which packets meet them.
    chains: Vec<Chain>,
}

/// A chain.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
struct Chain {
    name: String,
    /// Where packets enter it, for a base chain.
    base: Option<Base>,
    rules: Vec<Line>,
}

/// The head of a base chain.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
struct Base {
    hook: &'static str,
    priority: &'static str,
    policy: &'static str,
}

/// A rule as nft has it.
#[derive(Clone, Default, PartialEq, Eq, Debug, serde::Serialize)]
struct Line {
    /// Which interfaces it matches; the template puts the quotes.
    interfaces: Vec<Interfaces>,
    /// What else it matches; may be empty.
    matches: String,
    /// `10/minute burst 5 packets`; empty for no limit.
    limit: String,
    /// Whether matches are counted.
    counter: bool,
    /// Whether matches are logged.
    log: bool,
    /// What log lines begin with; may be empty.
    prefix: String,
    /// What happens; empty for a rule that only logs.
    verdict: String,
    /// Where it comes from.
    comment: String,
}

/// A match on an interface's name.
#[derive(Clone, Default, PartialEq, Eq, Debug, serde::Serialize)]
struct Interfaces {
    /// `iifname` or `oifname`.
    field: &'static str,
    /// Whether any other name matches.
    other: bool,
    names: Vec<String>,
}

impl Interfaces {
    fn of(field: &'static str, names: &[String]) -> Self {
        Interfaces { field, other: false, names: names.to_vec() }
    }

    fn loopback(field: &'static str, other: bool) -> Self {
        Interfaces { field, other, names: vec!["lo".to_owned()] }
    }
}

/// Decides everything about the file.
///
/// # Errors
/// Every fault that nftables cannot say.
pub(super) fn plan(
    filter: &Filter,
    options: &Options,
    header: &Header,
) -> Result<Plan, Vec<Fault>> {
    let mut faults: Vec<_> = table_name(&filter.name).into_iter().collect();
    faults.extend(interfaces(&filter.placement));
    let mut builder = Builder { filter, counters: options.counters, pool: Pool::default() };
    let mut bodies = Vec::new();
    for way in Direction::BOTH {
        match builder.body(way) {
            Ok(rules) => bodies.push(rules),
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Plan {
        source: safe_text(&header.source),
        table: filter.name.clone(),
        notes: notes(filter),
        chains: builder.chains(bodies),
        sets: builder.pool.into_sets(),
    })
}

/// Checks a gateway's interfaces: the sides must be told apart by name.
fn interfaces(placement: &Placement) -> Vec<Fault> {
    let Placement::Gateway { inside, outside } = placement else { return Vec::new() };
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for name in inside.iter().chain(outside) {
        faults.extend(interface(name));
        if !seen.insert(name) {
            let message = format!("the interface `{}` is named twice", safe_text(name));
            faults.push(fault(message, None, "an interface is inside or outside, once"));
        }
    }
    if inside.is_empty() || outside.is_empty() {
        let message = "a gateway has no interface on one side".to_owned();
        faults.push(fault(message, None, "name at least one inside and one outside interface"));
    }
    faults
}

fn notes(filter: &Filter) -> Vec<String> {
    let mut notes = vec![match &filter.placement {
        Placement::Host => "Stands on the host: inbound is to it, outbound is from it.".to_owned(),
        Placement::Gateway { inside, outside } => format!(
            "Stands between inside ({}) and outside ({}): all other traffic passes.",
            safe_text(&inside.join(", ")),
            safe_text(&outside.join(", "))
        ),
    }];
    if filter.state == StateMode::Stateless {
        notes.push("Keeps no state: replies have rules of their own.".to_owned());
        notes.push("Later fragments carry no ports: they match no rule with ports.".to_owned());
    }
    notes
}

/// The statement of an action where one statement says it.
fn policy(action: Action) -> &'static str {
    if action == Action::Allow { "accept" } else { "drop" }
}

/// Builds the chains of one filter.
struct Builder<'a> {
    filter: &'a Filter,
    counters: bool,
    pool: Pool,
}

impl Builder<'_> {
    fn chains(&self, bodies: Vec<Vec<Line>>) -> Vec<Chain> {
        let mut chains = Vec::new();
        if self.filter.state == StateMode::Stateless {
            chains.extend(self.tracking());
        }
        if let Placement::Gateway { inside, outside } = &self.filter.placement {
            chains.push(self.forward(inside, outside));
        }
        let host = self.filter.placement == Placement::Host;
        for (way, body) in Direction::BOTH.into_iter().zip(bodies) {
            let (hook, side) = match way {
                Direction::Inbound => ("input", "iifname"),
                Direction::Outbound => ("output", "oifname"),
            };
            let action = self.filter.defaults.of(way);
            let base = Base { hook, priority: "filter", policy: policy(action) };
            let mut rules = Vec::new();
            if host && self.filter.loopback {
                rules.push(Line {
                    interfaces: vec![Interfaces::loopback(side, false)],
                    ..self.line("", "accept", "baseline loopback")
                });
            }
            if self.filter.state == StateMode::Stateful {
                let states =
                    "ct state vmap { established : accept, related : accept, invalid : drop }";
                rules.push(Line {
                    matches: states.to_owned(),
                    comment: "connection tracking".to_owned(),
                    ..Line::default()
                });
            }
            rules.extend(body);
            rules.extend(self.last(action, host));
            chains.push(Chain {
                name: if host { hook.to_owned() } else { way.word().to_owned() },
                base: host.then_some(base),
                rules,
            });
        }
        chains
    }

    /// Writes what happens to packets that no rule matched, where the chain's policy does not say it.
    fn last(&self, action: Action, host: bool) -> Vec<Line> {
        if host && action != Action::Reject {
            return Vec::new();
        }
        let comment = format!("default {action}");
        let parts = verdicts(action, &L4::any());
        let line = |(part, verdict): &(L4, Verdict)| {
            let matches = l4(part, TcpFlags::Any).concat();
            self.line(&matches, verdict.statement(), &comment)
        };
        parts.iter().map(line).collect()
    }

    fn line(&self, matches: &str, verdict: &str, comment: &str) -> Line {
        Line {
            matches: matches.to_owned(),
            counter: self.counters,
            verdict: verdict.to_owned(),
            comment: comment.to_owned(),
            ..Line::default()
        }
    }

    /// A gateway's dispatch: only traffic between the two sides is governed.
    fn forward(&self, inside: &[String], outside: &[String]) -> Chain {
        let dispatch = |from: &[String], to: &[String], way: Direction, comment: &str| Line {
            interfaces: vec![Interfaces::of("iifname", from), Interfaces::of("oifname", to)],
            verdict: format!("jump {way}"),
            comment: comment.to_owned(),
            ..Line::default()
        };
        Chain {
            name: "forward".to_owned(),
            base: Some(Base { hook: "forward", priority: "filter", policy: "accept" }),
            rules: vec![
                dispatch(outside, inside, Direction::Inbound, "outside to inside"),
                dispatch(inside, outside, Direction::Outbound, "inside to outside"),
            ],
        }
    }

    /// Takes governed packets out of connection tracking, which runs at priority -200.
    fn tracking(&self) -> Vec<Chain> {
        let chain = |hook: &'static str, interfaces: Interfaces| Chain {
            name: format!("untrack-{hook}"),
            base: Some(Base { hook, priority: "raw", policy: "accept" }),
            rules: vec![Line {
                interfaces: vec![interfaces],
                ..self.line("", "notrack", "stateless")
            }],
        };
        match &self.filter.placement {
            Placement::Host => vec![
                chain("prerouting", Interfaces::loopback("iifname", true)),
                chain("output", Interfaces::loopback("oifname", true)),
            ],
            Placement::Gateway { inside, outside } => {
                let all: Vec<_> = inside.iter().chain(outside).cloned().collect();
                vec![chain("prerouting", Interfaces::of("iifname", &all))]
            }
        }
    }

    /// Writes the rules of a direction.
    fn body(&mut self, way: Direction) -> Result<Vec<Line>, Vec<Fault>> {
        let rules = self.filter.rules(way);
        let logs = rules
            .iter()
            .filter_map(|rule| rule.log.as_ref().and_then(|said| log(said, rule.origins.first())));
        let mut faults: Vec<_> = logs.collect();
        let pieces = pieces(rules).unwrap_or_else(|found| {
            faults.extend(found);
            Vec::new()
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut lines = Vec::new();
        for item in arrange(&pieces) {
            match item {
                Item::Piece(at) => {
                    if let Some(piece) = pieces.get(at) {
                        self.piece(piece, &mut lines);
                    }
                }
                Item::Cells(key, mut cells) => {
                    let matches =
                        table::matches(&mut self.pool, way.word(), &key, &mut cells, &pieces);
                    let said = comment_of_cells(&cells, &pieces);
                    lines.push(self.line(&matches, key.verdict.statement(), &said));
                }
            }
        }
        Ok(lines)
    }

    fn piece(&mut self, piece: &Piece<'_>, lines: &mut Vec<Line>) {
        let rule = piece.rule;
        let mut parts = Vec::new();
        if let Some(family) = piece.family {
            let origins = &rule.origins;
            parts.push(self.pool.matches(family, Side::Source, piece.source(), origins));
            parts.push(self.pool.matches(family, Side::Destination, piece.destination(), origins));
        }
        let hop = hop_limit(piece.family, rule.hop_limit);
        let said = comment(&rule.origins);
        for levels in l4(&piece.l4, rule.tcp_flags) {
            let family = piece.family.filter(|_| piece.needs_family());
            let family = family.map_or("", |f| family_match(f, piece.verdict, &levels));
            let parts = parts.iter().map(String::as_str);
            let matches = words([family].into_iter().chain(parts).chain([levels.as_str(), &hop]));
            let line = self.line(&matches, piece.verdict.statement(), &said);
            lines.extend(logged(line, rule.log.as_ref()));
        }
    }
}

/// Adds logging to a line: a limit would make the verdict depend on it, so a limited log is a rule of
/// its own ahead of the verdict.
fn logged(line: Line, log: Option<&Log>) -> Vec<Line> {
    let Some(log) = log else { return vec![line] };
    let prefix = log.prefix.clone();
    let Some(limit) = log.limit else { return vec![Line { log: true, prefix, ..line }] };
    let first = Line {
        limit: format!("{}/{} burst 5 packets", limit.count, limit.unit.word()),
        log: true,
        prefix,
        verdict: String::new(),
        counter: false,
        ..line.clone()
    };
    vec![first, line]
}

/// Says which rules stand behind cells.
fn comment_of_cells(cells: &[Cell], pieces: &[Piece<'_>]) -> String {
    let mut indices: Vec<_> = cells.iter().map(|cell| cell.piece).collect();
    indices.sort_unstable();
    indices.dedup();
    let of = |at: &usize| pieces.get(*at).map(|piece| &piece.rule.origins);
    if let [one] = indices.as_slice() {
        return of(one).map(|origins| comment(origins)).unwrap_or_default();
    }
    let mut said: Vec<_> = Vec::new();
    for origin in indices.iter().filter_map(of).flatten().take(50) {
        let name = Origin::to_string(origin);
        if !said.contains(&name) {
            said.push(name);
        }
    }
    cut(&format!("{} rules: {}", indices.len(), said.join(", ")))
}
