//! From packet rules to pf rules. Every rule is `quick`, so that the first that matches decides.
//!
//! A gateway's packet is filtered where it leaves. Where it comes in it gets a tag, which says from which
//! side it came; replies match the state of their flow when they come in, have no tag and pass by pf's own
//! default. So the gateway's own packets, which have no tag, are not spoken of.

use super::format::{Around, Tables, around};
use super::options::{Dialect, Options};
use super::safe;
use crate::firewall::text::{self, fault};
use crate::firewall::{Fault, Header};
use crate::ir::packet::{Filter, Rule};
use crate::ir::{Action, Direction, L4, Origin, OriginKind, Placement, StateMode};
use crate::net::{Family, IpSet};
use serde::Serialize;

/// What the template lays out.
#[derive(Serialize)]
pub(super) struct Plan {
    source: String,
    policy: String,
    notes: Vec<String>,
    tables: Vec<Table>,
    /// Rules that come before the two directions.
    first: Vec<Line>,
    directions: Vec<Way>,
}

#[derive(Serialize)]
struct Table {
    name: String,
    prefixes: Vec<String>,
}

#[derive(Serialize)]
struct Way {
    title: String,
    rules: Vec<Line>,
}

/// One rule, and what is said of it.
#[derive(Serialize)]
struct Line {
    comment: String,
    text: String,
}

struct Planner<'a> {
    filter: &'a Filter,
    options: Options,
    tables: Tables,
    faults: Vec<Fault>,
}

/// Plans the file.
pub(super) fn plan(filter: &Filter, options: Options, header: &Header) -> Result<Plan, Vec<Fault>> {
    let mut planner = Planner { filter, options, tables: Tables::default(), faults: Vec::new() };
    let first = planner.first();
    let directions = [Direction::Inbound, Direction::Outbound].map(|way| planner.direction(way));
    planner.check_tables();
    if !planner.faults.is_empty() {
        return Err(planner.faults);
    }
    let table = |(name, prefixes): (String, Vec<String>)| Table { name, prefixes };
    Ok(Plan {
        source: plain(&header.source),
        policy: plain(&header.policy),
        notes: planner.notes(),
        tables: planner.tables.list.into_iter().map(table).collect(),
        first,
        directions: directions.into_iter().collect(),
    })
}

impl Planner<'_> {
    fn notes(&self) -> Vec<String> {
        let state = match self.filter.state {
            StateMode::Stateful => "Stateful",
            StateMode::Stateless => "Stateless",
        };
        let place = match &self.filter.placement {
            Placement::Host => "on a host that forwards nothing".to_owned(),
            Placement::Gateway { inside, outside } => {
                format!(
                    "between inside ({}) and outside ({})",
                    inside.join(", "),
                    outside.join(", ")
                )
            }
        };
        vec![format!("{state}, {place}: all other traffic passes.")]
    }

    /// Loopback on a host; tags on a gateway.
    fn first(&mut self) -> Vec<Line> {
        let line = |comment: &str, text: String| Line { comment: comment.to_owned(), text };
        match &self.filter.placement {
            Placement::Host if self.filter.loopback => {
                vec![line("baseline loopback", "pass quick on lo0 all no state".to_owned())]
            }
            Placement::Host => Vec::new(),
            Placement::Gateway { inside, outside } => {
                let tag = |side: &str, names: &[String]| {
                    let (on, tag) = (interfaces(names), self.tag(side));
                    let text = match self.options.dialect {
                        Dialect::OpenBsd => format!("match in on {on} all tag {tag}"),
                        _ => format!("pass in quick on {on} all no state tag {tag}"),
                    };
                    line(&format!("what comes from the {side}"), text)
                };
                vec![tag("inside", inside), tag("outside", outside)]
            }
        }
    }

    /// A tag's name is a string of at most 63 bytes (`PF_TAG_NAME_SIZE`).
    fn tag(&self, side: &str) -> String {
        let head: String = self.filter.name.chars().take(50).collect();
        format!("{head}-{side}")
    }

    fn direction(&mut self, way: Direction) -> Way {
        let mut rules = Vec::new();
        for rule in self.filter.rules(way) {
            rules.extend(self.rule(rule, way));
        }
        let rest = rest(self.filter, way);
        rules.extend(self.rule(&rest, way));
        if rest.action != Action::Drop && self.filter.state == StateMode::Stateful {
            // TCP that is no first SYN and fits no state; pf's own default would let it pass.
            let origin = Origin::new(OriginKind::Default, format!("{way}: what fits no flow"));
            let invalid = Rule { action: Action::Drop, origins: vec![origin], ..rest };
            rules.extend(self.rule(&invalid, way));
        }
        Way { title: way.to_string(), rules }
    }

    /// Where a direction's packets are filtered: `in`, or `out on lan0 … tagged …`.
    fn place(&self, way: Direction) -> (String, String) {
        match (&self.filter.placement, way) {
            (Placement::Host, Direction::Inbound) => ("in".to_owned(), String::new()),
            (Placement::Host, Direction::Outbound) => ("out".to_owned(), String::new()),
            (Placement::Gateway { inside, .. }, Direction::Inbound) => (
                format!("out on {}", interfaces(inside)),
                format!(" tagged {}", self.tag("outside")),
            ),
            (Placement::Gateway { outside, .. }, Direction::Outbound) => (
                format!("out on {}", interfaces(outside)),
                format!(" tagged {}", self.tag("inside")),
            ),
        }
    }

    fn rule(&mut self, rule: &Rule, way: Direction) -> Vec<Line> {
        let comment = comment(rule);
        let label = match self.label(rule) {
            Ok(label) => label,
            Err(fault) => {
                self.faults.push(*fault);
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for family in Family::BOTH {
            if !(rule.source.has(family) && rule.destination.has(family)) {
                continue;
            }
            match around(&rule.l4, rule.tcp_flags, family) {
                Ok(list) => {
                    for around in list {
                        texts.extend(self.texts(rule, way, family, &around, &label));
                    }
                }
                Err(reason) => {
                    let help = "name other protocols or types, or leave it to another target";
                    self.faults.push(fault(&reason, rule.origins.first(), help));
                    return Vec::new();
                }
            }
        }
        let line = |(at, text): (usize, String)| Line {
            comment: if at == 0 { comment.clone() } else { String::new() },
            text,
        };
        texts.into_iter().enumerate().map(line).collect()
    }

    /// `action dir log quick on IF af proto from/to options`, the only order that both parsers take.
    fn texts(
        &mut self,
        rule: &Rule,
        way: Direction,
        family: Family,
        around: &Around,
        label: &str,
    ) -> Vec<String> {
        let (place, tagged) = self.place(way);
        let (direction, on) = match place.split_once(' ') {
            Some((direction, on)) => (direction.to_owned(), format!(" {on}")),
            None => (place, String::new()),
        };
        let log = if rule.log.is_some() { " log" } else { "" };
        let af = if family == Family::V4 { "inet" } else { "inet6" };
        let name = rule.origins.first().map_or("rule", |origin| origin.rule.as_str());
        let from = self.tables.side(&rule.source, family, &format!("{name}_src"));
        let to = self.tables.side(&rule.destination, family, &format!("{name}_dst"));
        let text = |action: &str, protocol: &str, options: &str| {
            format!(
                "{action} {direction}{log} quick{on} {af}{protocol} from {from}{} to {to}{}{}{options}{tagged}{label}",
                around.source, around.destination, around.icmp
            )
        };
        let flags = around.flags.map(|flags| format!(" flags {flags}")).unwrap_or_default();
        match (rule.action, self.filter.state) {
            (Action::Allow, StateMode::Stateful) => {
                let mut list = Vec::new();
                if around.tcp {
                    list.push(text("pass", " proto tcp", " flags S/SA keep state"));
                }
                // A rule that names no protocol has the same flags by itself for TCP.
                let others =
                    if around.tcp { &around.but_tcp } else { &Some(around.protocol.clone()) };
                list.extend(others.iter().map(|protocol| text("pass", protocol, " keep state")));
                list
            }
            (Action::Allow, StateMode::Stateless) => {
                let flags = match around.flags {
                    None if around.tcp && around.but_tcp.is_none() => " flags any".to_owned(),
                    _ => flags,
                };
                vec![text("pass", &around.protocol, &format!("{flags} no state"))]
            }
            (Action::Drop, _) => vec![text("block drop", &around.protocol, "")],
            (Action::Reject, state) => {
                let mut list = Vec::new();
                let stateful = state == StateMode::Stateful;
                if around.tcp {
                    let first = if stateful { " flags S/SA" } else { "" };
                    list.push(text("block return-rst", " proto tcp", first));
                }
                if around.tcp && around.but_tcp.is_some() && stateful {
                    // TCP that fits no flow is dropped, not rejected.
                    list.push(text("block drop", " proto tcp", ""));
                }
                if !around.tcp || around.but_tcp.is_some() {
                    list.push(text("block return-icmp(13, 1)", &around.protocol, ""));
                }
                list
            }
        }
    }

    /// A log prefix becomes the rule's label: pflog names rules by number, `pfctl -vsl` by label.
    fn label(&self, rule: &Rule) -> Result<String, Box<Fault>> {
        let Some(log) = &rule.log else { return Ok(String::new()) };
        let refused =
            |message: &str, help: &str| Err(Box::new(fault(message, rule.origins.first(), help)));
        if log.limit.is_some() {
            return refused("pf cannot limit how often it logs", "remove `limit`");
        }
        if log.prefix.len() > 63 || !log.prefix.chars().all(safe) {
            return refused(
                "the log prefix is no label of pf",
                "write at most 63 plain characters",
            );
        }
        let label = log.prefix.trim();
        Ok(if label.is_empty() { String::new() } else { format!(" label {}", quoted(label)) })
    }

    /// FreeBSD takes 65,535 entries in one request unless it was raised (`net.pf.request_maxcount`).
    fn check_tables(&mut self) {
        let most = if self.options.dialect == Dialect::OpenBsd { 200_000 } else { 65_535 };
        for (name, prefixes) in &self.tables.list {
            if prefixes.len() > most {
                let message = format!(
                    "the table `{name}` needs {} entries, and pf takes {most}",
                    prefixes.len()
                );
                let help = "use larger prefixes, or raise the limit and write `dialect: openbsd`";
                self.faults.push(fault(&message, None, help));
            }
        }
    }
}

/// Labels stand between these; the template may not print quotes that a policy wrote.
fn quoted(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.:/".contains(c) { c } else { '_' };
    label.chars().map(plain).collect()
}

/// The direction's default, as the last rule.
fn rest(filter: &Filter, way: Direction) -> Rule {
    let origin = Origin::new(OriginKind::Default, way.word());
    Rule {
        action: filter.defaults.of(way),
        ..Rule::allow(IpSet::all(), IpSet::all(), L4::any(), origin)
    }
}

fn interfaces(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        many => format!("{{ {} }}", many.join(" ")),
    }
}

/// A comment's most bytes.
const COMMENT: usize = 200;

fn comment(rule: &Rule) -> String {
    plain(&text::comment(&rule.origins, COMMENT))
}

/// Text for a comment: a backslash at its end would swallow the next line.
fn plain(text: &str) -> String {
    let text = text.chars().map(|c| if safe(c) { c } else { '.' }).collect();
    text::cut(text, COMMENT)
}
