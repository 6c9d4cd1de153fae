//! The plan: every chain and every rule of one family, in iptables' words.

use super::format::{Spelled, layer4};
use super::labels::{self, LogWords, comment, prefix};
use super::options::{Options, Scope};
use super::sets::Sets;
use super::tree::{self, Bits};
use crate::firewall::{Fault, Header};
use crate::ir::packet::{Filter, Rule};
use crate::ir::{Action, Direction, Origin, Placement, StateMode};
use crate::net::{Family, IpSet};
use ipnet::IpNet;
use serde::Serialize;
use std::collections::BTreeMap;

/// A file for one of the `-restore` commands.
#[derive(Serialize)]
pub(super) struct Plan {
    policy: String,
    source: String,
    command: &'static str,
    place: String,
    tables: Vec<Table>,
    #[serde(skip)]
    sets: Sets,
}

#[derive(Serialize, Default)]
struct Table {
    name: &'static str,
    chains: Vec<Chain>,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Chain {
    name: String,
    policy: &'static str,
}

/// One rule.
#[derive(Serialize, Clone, Debug)]
pub(super) struct Line {
    chain: String,
    matches: String,
    comment: String,
    pub(super) target: String,
    /// What LOG writes before each line; then there is no other target.
    log: Option<String>,
}

impl Line {
    pub(super) fn new(
        matches: impl Into<String>,
        target: impl Into<String>,
        comment: impl Into<String>,
    ) -> Self {
        Line {
            chain: String::new(),
            matches: matches.into(),
            comment: comment.into(),
            target: target.into(),
            log: None,
        }
    }

    fn log(words: &LogWords) -> Self {
        let prefix = Some(words.prefix.clone());
        Line { log: prefix, ..Line::new(words.limit.clone(), "-j LOG", "") }
    }
}

/// Where a matching packet goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Target {
    /// `ACCEPT` or `DROP`.
    Verdict(&'static str),
    /// A chain of ours, which decides or returns.
    Chain(String),
}

impl Target {
    fn jump(&self) -> String {
        match self {
            Target::Verdict(verdict) => format!("-j {verdict}"),
            Target::Chain(chain) => format!("-j {chain}"),
        }
    }

    /// As the last thing that happens to the packet in this chain.
    pub(super) fn goto(&self) -> String {
        match self {
            Target::Verdict(verdict) => format!("-j {verdict}"),
            Target::Chain(chain) => format!("-g {chain}"),
        }
    }
}

/// Returns names to chains, in the order in which they are asked for.
#[derive(Default)]
pub(super) struct Namer {
    prefix: String,
    roots: usize,
    branches: usize,
}

impl Namer {
    fn chain(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn root(&mut self, letter: char) -> String {
        self.roots += 1;
        self.branches = 0;
        format!("{}{letter}{}", self.prefix, self.roots)
    }

    /// A chain below a tree's root.
    pub(super) fn branch(&mut self, root: &str) -> String {
        self.branches += 1;
        format!("{root}.{}", self.branches)
    }
}

/// Up to so many rules are written out; beyond, sets become trees or ipsets.
const LINEAR: usize = 8;

/// One family's filter table while it grows.
struct Builder<'a> {
    family: Family,
    ipset: bool,
    namer: Namer,
    sets: Sets,
    chains: Vec<(String, Vec<Line>)>,
    /// Trees that exist: their side, their prefixes, and where they lead.
    trees: BTreeMap<(char, Vec<Bits>, Target), String>,
    logs: BTreeMap<(String, String, Target), String>,
    excepts: BTreeMap<(Vec<u8>, Target), String>,
    reject: Option<String>,
    faults: Vec<Fault>,
    filter: &'a Filter,
}

/// Plans one family's file.
pub(super) fn plan(
    filter: &Filter,
    options: &Options,
    header: &Header,
    family: Family,
) -> Result<Plan, Vec<Fault>> {
    let namer = Namer { prefix: prefix(&filter.name), ..Namer::default() };
    let mut builder = Builder {
        family,
        ipset: options.ipset,
        sets: Sets::new(namer.prefix.clone(), family),
        namer,
        chains: Vec::new(),
        trees: BTreeMap::new(),
        logs: BTreeMap::new(),
        excepts: BTreeMap::new(),
        reject: None,
        faults: Vec::new(),
        filter,
    };
    let mut entries = Vec::new();
    for way in Direction::BOTH {
        let lines = builder.direction(way);
        entries.push((builder.namer.chain(way.word()), lines));
    }
    entries.extend(builder.dispatch());
    if !builder.faults.is_empty() {
        return Err(builder.faults);
    }
    entries.append(&mut builder.chains);
    let mut tables = vec![table("filter", entries, hooks(filter), options.scope, filter)];
    if filter.state == StateMode::Stateless {
        tables.insert(0, raw(filter, options.scope, &builder.namer));
    }
    Ok(Plan {
        policy: header.policy.clone(),
        source: header.source.clone(),
        command: if family == Family::V4 { "iptables-restore" } else { "ip6tables-restore" },
        place: place(filter),
        tables,
        sets: builder.sets,
    })
}

fn place(filter: &Filter) -> String {
    match &filter.placement {
        Placement::Host => "on the host: inbound is to it, outbound is from it".to_owned(),
        Placement::Gateway { inside, outside } => format!(
            "between inside ({}) and outside ({}): all other traffic passes",
            inside.join(", "),
            outside.join(", ")
        ),
    }
}

/// The built-in chains of the filter table that lead to chains of ours.
fn hooks(filter: &Filter) -> Vec<(&'static str, &'static str)> {
    match filter.placement {
        Placement::Host => vec![("INPUT", "inbound"), ("OUTPUT", "outbound")],
        Placement::Gateway { .. } => vec![("FORWARD", "forward")],
    }
}

fn raw_hooks(filter: &Filter) -> Vec<(&'static str, &'static str)> {
    match filter.placement {
        Placement::Host => vec![("PREROUTING", "arriving"), ("OUTPUT", "sent")],
        Placement::Gateway { .. } => vec![("PREROUTING", "arriving")],
    }
}

/// Lays out a table: built-in chains first, then ours in the order in which they were made.
fn table(
    name: &'static str,
    chains: Vec<(String, Vec<Line>)>,
    hooks: Vec<(&'static str, &'static str)>,
    scope: Scope,
    filter: &Filter,
) -> Table {
    let mut table = Table { name, ..Table::default() };
    if scope == Scope::Table {
        let builtin: &[&str] = match name {
            "filter" => &["INPUT", "FORWARD", "OUTPUT"],
            _ => &["PREROUTING", "OUTPUT"],
        };
        for chain in builtin {
            table.chains.push(Chain { name: (*chain).to_owned(), policy: "ACCEPT" });
        }
        let prefix = prefix(&filter.name);
        for (hook, chain) in hooks {
            let line = Line::new("", format!("-j {prefix}{chain}"), "");
            table.lines.push(Line { chain: hook.to_owned(), ..line });
        }
    }
    for (name, lines) in chains {
        let placed = |line| Line { chain: name.clone(), ..line };
        table.lines.extend(lines.into_iter().map(placed));
        table.chains.push(Chain { name, policy: "-" });
    }
    table
}

/// The table before connection tracking: what the policy governs is left untracked.
fn raw(filter: &Filter, scope: Scope, namer: &Namer) -> Table {
    let untrack = |matches: String| Line::new(matches, "-j CT --notrack", "stateless: not tracked");
    let chains = match &filter.placement {
        Placement::Host => vec![
            (namer.chain("arriving"), vec![untrack("! -i lo ".to_owned())]),
            (namer.chain("sent"), vec![untrack("! -o lo ".to_owned())]),
        ],
        Placement::Gateway { inside, outside } => {
            let each = inside.iter().chain(outside).map(|name| untrack(format!("-i {name} ")));
            vec![(namer.chain("arriving"), each.collect())]
        }
    };
    table("raw", chains, raw_hooks(filter), scope, filter)
}

impl Builder<'_> {
    /// Pairs of interfaces of a gateway lead to a direction; any other pair returns.
    fn dispatch(&self) -> Option<(String, Vec<Line>)> {
        let Placement::Gateway { inside, outside } = &self.filter.placement else { return None };
        let mut lines = Vec::new();
        for way in Direction::BOTH {
            let (from, to) = match way {
                Direction::Inbound => (outside, inside),
                Direction::Outbound => (inside, outside),
            };
            for from in from {
                for to in to {
                    let target = format!("-g {}", self.namer.chain(way.word()));
                    lines.push(Line::new(format!("-i {from} -o {to} "), target, ""));
                }
            }
        }
        Some((self.namer.chain("forward"), lines))
    }

    fn direction(&mut self, way: Direction) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.filter.placement == Placement::Host && self.filter.loopback {
            let side = if way == Direction::Inbound { "-i" } else { "-o" };
            lines.push(Line::new(format!("{side} lo "), "-j ACCEPT", "baseline loopback"));
        }
        if self.filter.state == StateMode::Stateful {
            let state = |states: &str| format!("-m conntrack --ctstate {states} ");
            let tracked = "connection tracking";
            lines.push(Line::new(state("RELATED,ESTABLISHED"), "-j ACCEPT", tracked));
            lines.push(Line::new(state("INVALID"), "-j DROP", tracked));
        }
        for rule in self.filter.rules(way) {
            match self.rule(rule) {
                Ok(more) => lines.extend(more),
                Err(fault) => self.faults.push(fault),
            }
        }
        let default = self.filter.defaults.of(way);
        let target = self.target(default).jump();
        lines.push(Line::new("", target, format!("default {default}")));
        lines
    }

    /// Where an action's packets go. A reject answers TCP with a reset and the rest with ICMP.
    fn target(&mut self, action: Action) -> Target {
        match action {
            Action::Allow => Target::Verdict("ACCEPT"),
            Action::Drop => Target::Verdict("DROP"),
            Action::Reject => {
                let name = self.namer.chain("reject");
                if self.reject.is_none() {
                    let prohibited = match self.family {
                        Family::V4 => "-j REJECT --reject-with icmp-admin-prohibited",
                        Family::V6 => "-j REJECT --reject-with icmp6-adm-prohibited",
                    };
                    let reset = Line::new("-p tcp ", "-j REJECT --reject-with tcp-reset", "");
                    self.chains.push((name.clone(), vec![reset, Line::new("", prohibited, "")]));
                    self.reject = Some(name.clone());
                }
                Target::Chain(name)
            }
        }
    }

    fn rule(&mut self, rule: &Rule) -> Result<Vec<Line>, Fault> {
        let (Some(source), Some(destination)) =
            (self.addresses(&rule.source), self.addresses(&rule.destination))
        else {
            return Ok(Vec::new());
        };
        let Spelled { alternatives, except } = layer4(rule, self.family)?;
        let mut target = self.target(rule.action);
        if let Some(log) = &rule.log {
            target = self.logged(&labels::log(log, rule.origins.first())?, target);
        }
        if !except.is_empty() {
            target = self.excepting(except, target);
        }
        Ok(self.lines(&source, &destination, &alternatives, target, &rule.origins))
    }

    /// The prefixes of this family: none for no packet, an empty list for any.
    fn addresses(&self, set: &IpSet) -> Option<Vec<IpNet>> {
        match self.family {
            _ if !set.has(self.family) => None,
            Family::V4 if set.v4.is_all() => Some(Vec::new()),
            Family::V6 if set.v6.is_all() => Some(Vec::new()),
            Family::V4 => Some(set.v4_prefixes().map(IpNet::V4).collect()),
            Family::V6 => Some(set.v6_prefixes().map(IpNet::V6).collect()),
        }
    }

    fn lines(
        &mut self,
        source: &[IpNet],
        destination: &[IpNet],
        alternatives: &[String],
        mut target: Target,
        origins: &[Origin],
    ) -> Vec<Line> {
        let ways = |prefixes: &[IpNet]| prefixes.len().max(1);
        let linear = ways(source) * ways(destination) * alternatives.len() <= LINEAR;
        let tree = |prefixes: &[IpNet], other: &[IpNet]| {
            !linear && !self.ipset && prefixes.len() > 1 && ways(prefixes) >= ways(other)
        };
        // The larger side becomes the tree; both do when the other is large as well.
        let (by_source, by_destination) = (tree(source, destination), tree(destination, source));
        let large = |prefixes: &[IpNet]| !linear && !self.ipset && prefixes.len() > LINEAR;
        let (by_source, by_destination) =
            (by_source && !by_destination || large(source), by_destination || large(destination));
        if by_destination {
            target = self.tree('d', destination, target);
        }
        if by_source {
            target = self.tree('s', source, target);
        }
        let sources = if by_source { vec![String::new()] } else { self.spell('s', source, linear) };
        let destinations =
            if by_destination { vec![String::new()] } else { self.spell('d', destination, linear) };
        let said = comment(origins);
        let mut lines = Vec::new();
        for source in &sources {
            for destination in &destinations {
                for words in alternatives {
                    let matches = format!("{source}{destination}{words}");
                    lines.push(Line::new(matches, target.jump(), said.clone()));
                }
            }
        }
        lines
    }

    /// One side of a rule's addresses: each prefix, or the set that has them.
    fn spell(&mut self, side: char, prefixes: &[IpNet], linear: bool) -> Vec<String> {
        if prefixes.is_empty() {
            return vec![String::new()];
        }
        if self.ipset && !linear && prefixes.len() > 1 {
            let name = self.sets.name(prefixes);
            let side = if side == 's' { "src" } else { "dst" };
            return vec![format!("-m set --match-set {name} {side} ")];
        }
        let spelled = |net: &IpNet| {
            if net.prefix_len() == net.max_prefix_len() {
                net.addr().to_string()
            } else {
                net.to_string()
            }
        };
        prefixes.iter().map(|net| format!("-{side} {} ", spelled(net))).collect()
    }

    fn tree(&mut self, side: char, prefixes: &[IpNet], target: Target) -> Target {
        let bits: Vec<_> = prefixes.iter().map(|net| Bits::of(*net)).collect();
        let key = (side, bits, target);
        if let Some(known) = self.trees.get(&key) {
            return Target::Chain(known.clone());
        }
        let name = self.namer.root(side);
        let v4 = self.family == Family::V4;
        let tree = tree::build(side, v4, &key.1, &key.2, &name, &mut self.namer);
        self.chains.extend(tree);
        self.trees.insert(key, name.clone());
        Target::Chain(name)
    }

    /// A chain that logs and then goes on to the target.
    fn logged(&mut self, log: &LogWords, target: Target) -> Target {
        let key = (log.limit.clone(), log.prefix.clone(), target);
        if let Some(known) = self.logs.get(&key) {
            return Target::Chain(known.clone());
        }
        let name = self.namer.root('l');
        let lines = vec![Line::log(log), Line::new("", key.2.goto(), "")];
        self.chains.push((name.clone(), lines));
        self.logs.insert(key, name.clone());
        Target::Chain(name)
    }

    /// A chain that returns for some protocols and leads the others to the target.
    fn excepting(&mut self, except: Vec<u8>, target: Target) -> Target {
        let key = (except, target);
        if let Some(known) = self.excepts.get(&key) {
            return Target::Chain(known.clone());
        }
        let name = self.namer.root('p');
        let back = key.0.iter().map(|number| Line::new(format!("-p {number} "), "-j RETURN", ""));
        let lines = back.chain([Line::new("", key.1.goto(), "")]).collect();
        self.chains.push((name.clone(), lines));
        self.excepts.insert(key, name.clone());
        Target::Chain(name)
    }
}

/// The file for `ipset restore`.
#[derive(Serialize)]
pub(super) struct SetsPlan {
    policy: String,
    source: String,
    sets: Vec<super::sets::Set>,
}

/// Plans the sets of both families.
pub(super) fn sets(header: &Header, v4: &Plan, v6: &Plan) -> SetsPlan {
    SetsPlan {
        policy: header.policy.clone(),
        source: header.source.clone(),
        sets: v4.sets.list().chain(v6.sets.list()).collect(),
    }
}

/// The script that loads the files.
#[derive(Serialize)]
pub(super) struct Script {
    policy: String,
    source: String,
    prefix: String,
    noflush: &'static str,
    ipset: Vec<String>,
    hooks: Vec<Hook>,
    own_chains: bool,
    uses_ipset: bool,
}

#[derive(Serialize)]
struct Hook {
    table: &'static str,
    builtin: &'static str,
    chain: String,
}

/// Plans the script.
pub(super) fn script(
    filter: &Filter,
    options: &Options,
    header: &Header,
    v4: &Plan,
    v6: &Plan,
) -> Script {
    let prefix = prefix(&filter.name);
    let own = options.scope == Scope::Chains;
    let hook = |table| {
        let prefix = prefix.clone();
        move |(builtin, chain): (&'static str, &'static str)| Hook {
            table,
            builtin,
            chain: format!("{prefix}{chain}"),
        }
    };
    let mut hooks: Vec<_> = Vec::new();
    if own && filter.state == StateMode::Stateless {
        hooks.extend(raw_hooks(filter).into_iter().map(hook("raw")));
    }
    if own {
        hooks.extend(self::hooks(filter).into_iter().map(hook("filter")));
    }
    Script {
        policy: header.policy.clone(),
        source: header.source.clone(),
        noflush: if own { "--noflush " } else { "" },
        ipset: v4.sets.list().chain(v6.sets.list()).map(|set| set.name).collect(),
        hooks,
        own_chains: own,
        uses_ipset: options.ipset,
        prefix,
    }
}
