//! Address sets: each name is resolved once, and its faults are reported once.

use super::held::Held;
use super::order::{circle, groups};
use super::{cycle, unknown};
use crate::diag::{Code, Diagnostic, Diags};
use crate::feed::{Feeds, Selector};
use crate::net::IpSet;
use crate::policy::ast::{NetworkExpr, Policy, Spanned};
use crate::source::Span;
use rustc_hash::FxHashMap;

/// Who is meant: addresses, and domain names that no pass resolves.
#[derive(Clone, Default, Debug)]
pub(super) struct Peers {
    /// The addresses, those of fallbacks included.
    pub(super) set: IpSet,
    /// The domain names.
    pub(super) domains: Vec<String>,
    /// Whether some names have no fallback.
    pub(super) without_fallback: bool,
}

impl From<IpSet> for Peers {
    fn from(set: IpSet) -> Self {
        Peers { set, ..Peers::default() }
    }
}

impl Peers {
    /// About how many bytes they take.
    fn bytes(&self) -> usize {
        let domains = self.domains.iter().map(|name| name.len() + size_of::<String>());
        size_of_val(self.set.v4.ranges())
            + size_of_val(self.set.v6.ranges())
            + domains.sum::<usize>()
    }
}

/// The networks of a policy, resolved on demand.
pub(super) struct Networks<'a> {
    policy: &'a Policy,
    feeds: &'a Feeds,
    /// What is resolved; `None` for what has a fault, which was reported.
    known: FxHashMap<&'a str, Option<Peers>>,
    held: Held,
}

impl<'a> Networks<'a> {
    pub(super) fn new(policy: &'a Policy, feeds: &'a Feeds) -> Self {
        Networks { policy, feeds, known: FxHashMap::default(), held: Held::default() }
    }

    /// Resolves every network of the policy's own file, so that faults of unused ones are found.
    /// A library's are resolved when a rule uses them: what its arguments leave out may be empty.
    pub(super) fn check_all(&mut self, diags: &mut Diags) {
        for (name, network) in self.policy.networks.iter().filter(|(name, _)| !name.contains('@')) {
            self.name(&Spanned { value: name.clone(), span: network.name }, diags);
        }
    }

    /// Resolves an expression that has to be addresses: who may open a flow, or who is behind a target.
    pub(super) fn addresses(&mut self, expr: &NetworkExpr, diags: &mut Diags) -> Option<IpSet> {
        let peers = self.peers(expr, diags)?;
        if peers.domains.is_empty() {
            return Some(peers.set);
        }
        let message = "domain names can be used only as a destination";
        diags.push(
            Diagnostic::new(Code::NotExpressible, message)
                .at(expr.span(), "has domain names")
                .help("name the addresses that the traffic comes from"),
        );
        None
    }

    /// Resolves an expression to a set that is not empty.
    pub(super) fn peers(&mut self, expr: &NetworkExpr, diags: &mut Diags) -> Option<Peers> {
        match expr {
            NetworkExpr::Any(_) => Some(IpSet::all().into()),
            NetworkExpr::Prefix(prefix) => Some(IpSet::from_prefixes([prefix.value]).into()),
            NetworkExpr::Name(name) => self.name(name, diags),
            NetworkExpr::List(items, span) => {
                let peers = self.union(items, diags)?;
                let peers = not_empty(peers, *span, "the list is empty", diags)?;
                self.keep(peers, *span, diags)
            }
            NetworkExpr::Except { include, except, span } => {
                let include = self.peers(include, diags);
                let except = self.peers(except, diags);
                let (include, except) = (include?, except?);
                if !except.domains.is_empty() {
                    let message = "domain names cannot be excluded from a set of addresses";
                    let diagnostic = Diagnostic::new(Code::NotExpressible, message);
                    diags.push(diagnostic.at(*span, "`except` has domain names"));
                    return None;
                }
                let set = include.set.difference(&except.set);
                let why = "`except` removes everything that `include` gives";
                let peers = not_empty(Peers { set, ..include }, *span, why, diags)?;
                self.keep(peers, *span, diags)
            }
            NetworkExpr::File { set, span } => {
                not_empty(set.clone().into(), *span, "the file has no prefixes", diags)
            }
            NetworkExpr::Feed { selector } => self.feed(selector, diags),
            NetworkExpr::Domains { names, fallback, .. } => {
                let fallback = match fallback {
                    Some(fallback) => Some(self.peers(fallback, diags)?),
                    None => None,
                };
                let mut peers = fallback.clone().unwrap_or_default();
                peers.without_fallback |= fallback.is_none();
                peers.domains.extend(names.iter().map(|name| name.value.clone()));
                Some(peers)
            }
        }
    }

    fn union(&mut self, items: &[NetworkExpr], diags: &mut Diags) -> Option<Peers> {
        let parts: Vec<_> = items.iter().map(|item| self.peers(item, diags)).collect();
        let mut parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
        if parts.len() == 1 {
            return parts.pop();
        }
        Some(Peers {
            set: IpSet::union_all(parts.iter().map(|part| &part.set)),
            domains: parts.iter().flat_map(|part| part.domains.iter().cloned()).collect(),
            without_fallback: parts.iter().any(|part| part.without_fallback),
        })
    }

    fn name(&mut self, name: &Spanned<String>, diags: &mut Diags) -> Option<Peers> {
        let Some((key, _)) = self.policy.networks.get_key_value(&name.value) else {
            unknown("network", name, self.policy.networks.keys(), diags);
            return None;
        };
        if !self.known.contains_key(key.as_str()) {
            self.resolve(key, diags);
        }
        self.known.get(key.as_str()).cloned().flatten()
    }

    /// Resolves a name and all that it is made of, these first.
    fn resolve(&mut self, name: &'a str, diags: &mut Diags) {
        let networks = &self.policy.networks;
        let needs = |name: &str| match networks.get(name) {
            Some(network) if !self.known.contains_key(name) => network.is.names(),
            _ => Vec::new(),
        };
        let groups = groups(name, needs);
        let circles: Vec<_> = groups.iter().map(|group| circle(group, needs)).collect();
        for (group, circle) in groups.into_iter().zip(circles) {
            if let Some(way) = &circle {
                cycle("network", way, |name| Some(networks.get(name)?.name), diags);
            }
            if circle.is_some() {
                // What else is wrong with its names is reported as well.
                self.known.extend(group.iter().map(|name| (*name, None)));
            }
            for name in group {
                let Some(network) = networks.get(name) else { continue };
                let peers = self.peers(&network.is, diags);
                self.known.entry(name).or_insert(peers);
            }
        }
    }

    fn keep(&mut self, peers: Peers, span: Span, diags: &mut Diags) -> Option<Peers> {
        let bytes = peers.bytes();
        self.held.keep(peers, bytes, span, diags)
    }

    fn feed(&self, selector: &Spanned<Selector>, diags: &mut Diags) -> Option<Peers> {
        match self.feeds.select(&selector.value) {
            Ok(set) => Some(set.into()),
            Err(error) => {
                let diagnostic = Diagnostic::new(Code::FeedSelector, error.to_string())
                    .at(selector.span, "selects nothing");
                diags.push(match error.help() {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
                None
            }
        }
    }
}

fn not_empty(peers: Peers, span: Span, why: &str, diags: &mut Diags) -> Option<Peers> {
    if peers.set.is_empty() && peers.domains.is_empty() {
        let diagnostic =
            Diagnostic::new(Code::EmptySet, "this set of addresses is empty").at(span, why);
        diags.push(
            diagnostic.help("a rule with an empty set matches nothing; correct or remove it"),
        );
        return None;
    }
    Some(peers)
}
