//! A policy as written, checked and expanded: names are still names, and every node knows its place.
//!
//! Rule libraries are already expanded: a library's networks and services are in the policy's tables,
//! under names with a prefix that no policy can write (`amazon-connect@2/clients`), and its rules take the place
//! of `use:`, with ids such as `amazon-connect/media`.

use crate::diag::{Code, Severity};
use crate::feed::Selector;
use crate::firewall::Spec;
use crate::ir::flow::Defaults;
use crate::ir::{Action, Baseline, Direction, Log};
use crate::net::{IpSet, PortSet};
use crate::source::Span;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// A value and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it is.
    pub span: Span,
}

/// A whole policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name: `[a-z][a-z0-9-]*`, at most 64 characters.
    pub name: Spanned<String>,
    /// What it is for; one line of checked text, may be empty.
    pub description: String,
    /// Who answers for it; checked text, may be empty.
    pub owner: String,
    /// What happens to flows that no rule matches.
    pub defaults: Defaults,
    /// The ports that this side's clients open flows from.
    pub ephemeral: PortSet,
    /// What the network itself needs.
    pub baseline: Baseline,
    /// Named address sets, those of libraries included.
    pub networks: BTreeMap<String, Network>,
    /// Named services, those of libraries included.
    pub services: BTreeMap<String, NamedService>,
    /// In order.
    pub rules: Vec<Rule>,
    /// Packets and what is expected of them.
    pub tests: Vec<PacketTest>,
    /// What must hold for every packet.
    pub invariants: Vec<Invariant>,
    /// The level of each finding; `None` is not reported.
    pub checks: BTreeMap<Code, Option<Severity>>,
    /// The artifacts that are asked for, in the order of the file.
    pub targets: Vec<Target>,
}

/// A named address set.
#[derive(Clone, Debug)]
pub struct Network {
    /// Where the name is.
    pub name: Span,
    /// What it is.
    pub is: NetworkExpr,
}

/// A set of addresses, as written.
#[derive(Clone, Debug)]
pub enum NetworkExpr {
    /// `any`: every address of both families.
    Any(Span),
    /// A key of [`Policy::networks`]; may be missing there.
    Name(Spanned<String>),
    /// One prefix or address.
    Prefix(Spanned<IpNet>),
    /// The union of several.
    List(Vec<NetworkExpr>, Span),
    /// `include` without `except`.
    Except {
        /// What is in.
        include: Box<NetworkExpr>,
        /// What is left out of that.
        except: Box<NetworkExpr>,
        /// The whole map.
        span: Span,
    },
    /// Prefixes from a file, already read.
    File {
        /// The addresses: there can be a million prefixes, and the faults of each were reported already.
        set: IpSet,
        /// Where the policy names the file.
        span: Span,
    },
    /// Prefixes that a vendor publishes.
    Feed {
        /// Which.
        selector: Spanned<Selector>,
    },
    /// Domain names, which no pass resolves.
    Domains {
        /// The names: `example.com`, `*.example.com`, or with a wildcard inside a label.
        names: Vec<Spanned<String>>,
        /// The addresses used instead by a target that cannot enforce names.
        fallback: Option<Box<NetworkExpr>>,
        /// The whole map.
        span: Span,
    },
}

impl NetworkExpr {
    /// Returns where the expression is.
    pub fn span(&self) -> Span {
        match self {
            NetworkExpr::Any(span)
            | NetworkExpr::List(_, span)
            | NetworkExpr::Except { span, .. }
            | NetworkExpr::File { span, .. }
            | NetworkExpr::Domains { span, .. } => *span,
            NetworkExpr::Name(name) => name.span,
            NetworkExpr::Prefix(prefix) => prefix.span,
            NetworkExpr::Feed { selector } => selector.span,
        }
    }

    /// Returns the names in it, as they are written.
    pub fn names(&self) -> Vec<&Spanned<String>> {
        match self {
            NetworkExpr::Name(name) => vec![name],
            NetworkExpr::List(list, _) => list.iter().flat_map(NetworkExpr::names).collect(),
            NetworkExpr::Except { include, except, .. } => {
                [include, except].into_iter().flat_map(|part| part.names()).collect()
            }
            NetworkExpr::Domains { fallback: Some(fallback), .. } => fallback.names(),
            _ => Vec::new(),
        }
    }
}

/// A named service.
#[derive(Clone, Debug)]
pub struct NamedService {
    /// Where the name is.
    pub name: Span,
    /// What it is.
    pub is: ServiceExpr,
}

/// A set of protocols, ports and ICMP types, as written.
#[derive(Clone, Debug)]
pub enum ServiceExpr {
    /// `any`: every protocol.
    Any(Span),
    /// A key of [`Policy::services`]; may be missing there.
    Name(Spanned<String>),
    /// `tcp/443`, `udp/1000-2000`, `icmp/echo-request`, `protocol/gre`.
    Literal(Spanned<Service>),
    /// The union of several.
    List(Vec<ServiceExpr>, Span),
}

impl ServiceExpr {
    /// Returns where the expression is.
    pub fn span(&self) -> Span {
        match self {
            ServiceExpr::Any(span) | ServiceExpr::List(_, span) => *span,
            ServiceExpr::Name(name) => name.span,
            ServiceExpr::Literal(service) => service.span,
        }
    }

    /// Returns the names in it, as they are written.
    pub fn names(&self) -> Vec<&Spanned<String>> {
        match self {
            ServiceExpr::Name(name) => vec![name],
            ServiceExpr::List(list, _) => list.iter().flat_map(ServiceExpr::names).collect(),
            _ => Vec::new(),
        }
    }
}

/// One service, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Service {
    /// Destination ports of TCP, UDP or SCTP (by protocol number).
    Ports(u8, PortSet),
    /// ICMP words (type × 256 + code): IPv4 only.
    Icmp(PortSet),
    /// ICMPv6 words: IPv6 only.
    Icmpv6(PortSet),
    /// A whole protocol by number. 1 is IPv4 only and 58 is IPv6 only.
    Protocol(u8),
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id, unique: `resolvers`, or `amazon-connect/media` for a library's rule.
    pub id: Spanned<String>,
    /// The whole rule, in its file.
    pub span: Span,
    /// For a library's rule: where the policy says `use:`.
    pub used_at: Option<Span>,
    /// What it does.
    pub action: Action,
    /// Which way the flow is opened.
    pub direction: Direction,
    /// Who opens it.
    pub from: NetworkExpr,
    /// To whom.
    pub to: NetworkExpr,
    /// With what.
    pub service: ServiceExpr,
    /// From which ports; all by default. Only for services with ports.
    pub source_ports: Spanned<PortSet>,
    /// The initiator's ports that replies come back to; by default the policy's or the direction's.
    pub ephemeral: PortSet,
    /// Whether matches are logged.
    pub log: Option<Log>,
    /// Checked text: one line, printable, at most 200 characters, without `"` and `\`.
    pub comment: String,
    /// Who answers for it; checked text.
    pub owner: String,
    /// The ticket that asked for it; checked text.
    pub ticket: String,
    /// The last day on which the rule is valid (ISO 8601 date), checked.
    pub expires: Option<Spanned<String>>,
    /// Findings of `check` to suppress, each with its reason.
    pub ignored: Vec<Ignored>,
}

/// A finding to suppress.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignored {
    /// Which.
    pub code: Spanned<Code>,
    /// Why; checked text.
    pub reason: String,
}

/// What must hold for every packet.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// The whole item.
    pub span: Span,
    /// Of which kind.
    pub kind: InvariantKind,
    /// Which way the flows are opened.
    pub direction: Direction,
    /// By whom.
    pub from: NetworkExpr,
    /// To whom.
    pub to: NetworkExpr,
    /// With what.
    pub service: ServiceExpr,
    /// What it is for; checked text, may be empty.
    pub comment: String,
}

/// What an invariant says of its traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvariantKind {
    /// None of it is allowed.
    Never,
    /// All of it is allowed.
    Always,
    /// Nothing else is allowed: inbound to the same addresses, outbound from the same addresses.
    Only,
}

impl InvariantKind {
    /// Returns the word that policies use.
    pub fn word(self) -> &'static str {
        match self {
            InvariantKind::Never => "never",
            InvariantKind::Always => "always",
            InvariantKind::Only => "only",
        }
    }
}

/// A packet and what is expected of it.
#[derive(Clone, Debug)]
pub struct PacketTest {
    /// The action that the policy must take.
    pub expect: Spanned<Action>,
    /// The packet as written; [`crate::ir::syntax::parse`] reads it.
    pub packet: Spanned<String>,
}

/// An artifact that is asked for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where its name is.
    pub name: Span,
    /// Where its output is.
    pub output: Span,
    /// What is asked for.
    pub spec: Spec,
    /// The addresses behind it, for a kind of firewall that cannot match them.
    pub members: Option<NetworkExpr>,
}
