//! Rules.

use super::{ACTIONS, Context, choose, network, service};
use crate::diag::Diags;
use crate::ir::{Action, Direction, Log};
use crate::net::PortSet;
use crate::policy::ast::{Rule, Spanned};
use crate::policy::document::{Node, require, shape, wrong_type};
use crate::policy::raw;
use crate::policy::text::{check_date, check_name, checked, log_prefix, rate_limit};
use crate::source::Span;
use serde_yaml::Value;

/// What a rule has by default.
pub(in crate::policy) struct Fallback {
    /// The policy's ephemeral ports, for outbound flows.
    pub(in crate::policy) ephemeral: PortSet,
    /// Every port: one set for all rules that do not say source ports.
    pub(in crate::policy) all: PortSet,
}

impl Fallback {
    /// Nobody knows which systems remote clients run, so inbound flows come from 1024-65535.
    fn ephemeral(&self, direction: Direction) -> PortSet {
        match direction {
            Direction::Inbound => PortSet::range(1024, u16::MAX),
            Direction::Outbound => self.ephemeral.clone(),
        }
    }
}

/// Reads a rule; `id` returns the rule's id for the one that is written.
pub(in crate::policy) fn rule(
    node: Node<'_>,
    mut raw: raw::Rule,
    id: impl Fn(&str) -> String,
    fallback: &Fallback,
    context: &mut Context<'_>,
) -> Option<Rule> {
    let keys = ["id", "action", "direction", "from", "to", "service"];
    require(node, "a rule", &keys, context.diags);
    // Everything is read before anything missing ends it, so that all faults are reported.
    let from = node.get("from").and_then(|part| network(part, context));
    let to = node.get("to").and_then(|part| network(part, context));
    let service = node.get("service").and_then(|part| service(part, context));
    let diags = &mut *context.diags;
    let id = name(node, &raw, diags).map(|name| id(&name));
    let (action, direction) = words(node, &raw, diags);
    let source_ports = source_ports(node, fallback, diags);
    let ephemeral = ephemeral(node, &raw, direction, fallback, diags);
    let log = log(node, id.as_deref().unwrap_or_default(), diags);
    let expires = expires(raw.expires.take(), node, diags);
    let ignored = super::checks::ignored(node, diags);
    let mut text = |key: &str, text: Option<raw::Text>| {
        text.map(|text| checked(key, text.0, node.span_of(key), diags)).unwrap_or_default()
    };
    let comment = text("comment", raw.comment);
    let owner = text("owner", raw.owner);
    let ticket = text("ticket", raw.ticket);
    Some(Rule {
        id: Spanned { value: id?, span: node.span_of("id") },
        span: node.span(),
        used_at: None,
        action: action?,
        direction: direction?,
        from: from?,
        to: to?,
        service: service?,
        source_ports: source_ports?,
        ephemeral: ephemeral?,
        log,
        comment,
        owner,
        ticket,
        expires,
        ignored,
    })
}

fn name(node: Node<'_>, raw: &raw::Rule, diags: &mut Diags) -> Option<String> {
    let name = &raw.id.as_ref()?.0;
    check_name("rule", name, &[], node.span_of("id"), diags).then(|| name.clone())
}

fn words(
    node: Node<'_>,
    raw: &raw::Rule,
    diags: &mut Diags,
) -> (Option<Action>, Option<Direction>) {
    let action = raw.action.as_ref();
    let action =
        action.and_then(|word| choose("action", word, ACTIONS, node.span_of("action"), diags));
    let way = raw.direction.as_ref();
    let way = way
        .and_then(|word| choose("direction", word, DIRECTIONS, node.span_of("direction"), diags));
    (action, way)
}

fn ephemeral(
    node: Node<'_>,
    raw: &raw::Rule,
    direction: Option<Direction>,
    fallback: &Fallback,
    diags: &mut Diags,
) -> Option<PortSet> {
    match &raw.ephemeral {
        Some(text) => super::service::ephemeral(&text.0, node.span_of("ephemeral"), diags),
        None => direction.map(|direction| fallback.ephemeral(direction)),
    }
}

pub(super) const DIRECTIONS: &[(&str, Direction)] =
    &[("inbound", Direction::Inbound), ("outbound", Direction::Outbound)];

fn source_ports(
    node: Node<'_>,
    fallback: &Fallback,
    diags: &mut Diags,
) -> Option<Spanned<PortSet>> {
    match node.get("source-ports") {
        Some(ports) => {
            let value = super::service::source_ports(ports, diags)?;
            Some(Spanned { value, span: ports.span() })
        }
        None => Some(Spanned { value: fallback.all.clone(), span: node.span() }),
    }
}

fn log(node: Node<'_>, id: &str, diags: &mut Diags) -> Option<Log> {
    let node = node.get("log")?;
    // By default a line begins with the rule's id, as much of it as a prefix may have.
    let usual = || {
        let id: String = id.chars().take(62).collect();
        format!("{id}: ")
    };
    match node.value {
        Value::Bool(false) => None,
        Value::Bool(true) => Some(Log { prefix: usual(), limit: None }),
        Value::Mapping(_) => {
            let raw: raw::LogOptions = shape(node, "`log`", diags)?;
            let span = |key: &str| -> Span { node.span_of(key) };
            let prefix = raw.prefix.and_then(|text| log_prefix(text.0, span("prefix"), diags));
            let limit = raw.limit.and_then(|text| rate_limit(&text.0, span("limit"), diags));
            Some(Log { prefix: prefix.unwrap_or_else(usual), limit })
        }
        _ => {
            diags.push(wrong_type(node, "`log`", "`true`, `false` or a map"));
            None
        }
    }
}

fn expires(date: Option<raw::Date>, node: Node<'_>, diags: &mut Diags) -> Option<Spanned<String>> {
    let value = date?.0;
    let span = node.span_of("expires");
    check_date("expires", &value, span, diags).then_some(Spanned { value, span })
}
