//! From packet rules to rules that only allow: what earlier rules refuse is taken out, exactly.

use super::format;
use super::lists::Lists;
use super::options::Options;
use super::spread::spread;
use crate::diag::Code;
use crate::firewall::Fault;
use crate::firewall::entries::aws::{Format, comment};
use crate::firewall::entries::services::{Service, of};
use crate::firewall::text::fault;
use crate::ir::packet::{Filter, Rule as PacketRule};
use crate::ir::{Action, Direction, L4, Origin, OriginKind, region};
use crate::net::{Family, IpSet};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Who is on the other side of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    Prefix(IpNet),
    /// Index of a prefix list.
    List(usize),
}

/// One rule of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    pub(super) egress: bool,
    pub(super) family: Family,
    pub(super) service: Service,
    pub(super) peer: Peer,
    /// How much of the quota it takes.
    pub(super) weight: usize,
    /// Names it by what it allows, so that it keeps its name while others come and go.
    pub(super) key: String,
    /// Where it comes from.
    pub(super) comment: Rc<str>,
}

/// Every decision of an artifact.
pub(super) struct Plan {
    pub(super) lists: Lists,
    /// The rules of each group.
    pub(super) groups: Vec<Vec<Rule>>,
}

/// What is allowed of one service: from or to whom, and by which rules.
#[derive(Default)]
struct Allowed {
    others: Option<IpSet>,
    comments: Vec<String>,
}

/// Plans the groups.
pub(super) fn plan(filter: &Filter, options: &Options) -> Result<Plan, Vec<Fault>> {
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    let mut lists = Lists::default();
    for way in Direction::BOTH {
        let services = direction(filter, way, &mut faults);
        let planned: Vec<_> =
            services.iter().flat_map(|one| spelled(one, way, options, &mut lists)).collect();
        faults.extend(over_quota(&planned, way, options));
        rules.extend(planned);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let groups = spread(&rules, options).ok_or_else(|| vec![too_heavy(options)])?;
    Ok(Plan { lists, groups })
}

/// The rules of one service: one a prefix, or one a prefix list where there are many.
fn spelled(
    (service, allowed): &(Service, Allowed),
    way: Direction,
    options: &Options,
    lists: &mut Lists,
) -> Vec<Rule> {
    let comment: Rc<str> = allowed.comments.join(", ").into();
    let egress = way == Direction::Outbound;
    let usage = format::usage(egress, service);
    let mut rules = Vec::new();
    for family in Family::BOTH {
        let of_family = allowed
            .others
            .iter()
            .flat_map(|others| others.only(family).prefixes().collect::<Vec<_>>());
        let prefixes: Vec<IpNet> = of_family.collect();
        let mut rule = |peer, weight, key| {
            let (service, comment) = (service.clone(), comment.clone());
            rules.push(Rule { egress, family, service, peer, weight, key, comment });
        };
        // A list has no id before it is made, which the API's form would need.
        let most = options.prefix_lists.filter(|_| options.format != Format::Api);
        if most.is_some_and(|most| prefixes.len() > usize::from(most)) {
            let number = if family == Family::V4 { 4 } else { 6 };
            for at in lists.of(&format!("{usage}_ipv{number}"), &prefixes, options.quota) {
                let list = &lists.all[at];
                rule(Peer::List(at), list.entries.len(), format!("{usage}_list_{}", list.name));
            }
        } else {
            for prefix in prefixes {
                rule(Peer::Prefix(prefix), 1, format::key(&usage, prefix));
            }
        }
    }
    rules
}

/// What is allowed one way, by service.
fn direction(filter: &Filter, way: Direction, faults: &mut Vec<Fault>) -> Vec<(Service, Allowed)> {
    let mut services: BTreeMap<Service, Allowed> = BTreeMap::new();
    let mut refusing: Vec<&PacketRule> = Vec::new();
    let rest = rest(filter, way);
    for rule in filter.rules(way).iter().chain(&rest) {
        if let Err(fault) = sayable(rule) {
            faults.push(*fault);
        } else if rule.action == Action::Allow {
            if let Err(fault) = allow(rule, way, &refusing, &mut services) {
                faults.push(*fault);
            }
        } else {
            refusing.push(rule);
        }
    }
    if filter.defaults.of(way) == Action::Reject {
        faults.push(fault(REJECT, None, "write `drop`"));
    }
    services.into_iter().collect()
}

const REJECT: &str = "a security group drops in silence: it cannot reject";

fn sayable(rule: &PacketRule) -> Result<(), Box<Fault>> {
    let refused = |message, help| Err(Box::new(fault(message, rule.origins.first(), help)));
    if rule.log.is_some() {
        return refused(
            "a security group cannot log single rules",
            "use VPC flow logs, and remove `log`",
        );
    }
    if rule.action == Action::Reject {
        return refused(REJECT, "write `drop`");
    }
    Ok(())
}

/// A default that allows, as the last rule.
fn rest(filter: &Filter, way: Direction) -> Option<PacketRule> {
    let origin = Origin::new(OriginKind::Default, way.word());
    let all = || PacketRule::allow(IpSet::all(), IpSet::all(), L4::any(), origin);
    (filter.defaults.of(way) == Action::Allow).then(all)
}

/// Adds what a rule allows beyond what earlier rules refuse.
fn allow(
    rule: &PacketRule,
    way: Direction,
    refusing: &[&PacketRule],
    services: &mut BTreeMap<Service, Allowed>,
) -> Result<(), Box<Fault>> {
    let mut pieces = vec![(rule.source.clone(), rule.destination.clone(), rule.l4.clone())];
    for other in refusing {
        let other = (&other.source, &other.destination, &other.l4);
        let cut = |(s, d, l4): (IpSet, IpSet, L4)| region::without((&s, &d, &l4), other);
        pieces = pieces.into_iter().flat_map(cut).filter(some).collect();
    }
    for (source, destination, l4) in pieces {
        let list = of(&l4).map_err(|reason| {
            let help = "name the whole protocol, or leave it to another target";
            Box::new(fault(&reason, rule.origins.first(), help))
        })?;
        let both = |family: &Family| source.has(*family) && destination.has(*family);
        let other = if way == Direction::Inbound { &source } else { &destination };
        let others = Family::BOTH.into_iter().filter(both);
        let others = others.fold(IpSet::empty(), |all, family| all.union(&other.only(family)));
        for service in list {
            let allowed = services.entry(service).or_default();
            let known = allowed.others.get_or_insert_with(IpSet::empty);
            *known = known.union(&others);
            let comment = comment(rule);
            if !allowed.comments.contains(&comment) {
                allowed.comments.push(comment);
            }
        }
    }
    Ok(())
}

fn some((source, destination, l4): &(IpSet, IpSet, L4)) -> bool {
    let family = |family: Family| source.has(family) && destination.has(family);
    !l4.is_empty() && Family::BOTH.into_iter().any(family)
}

/// Says by how much the rules are too many, and which services need how many.
fn over_quota(rules: &[Rule], way: Direction, options: &Options) -> Vec<Fault> {
    let most = usize::from(options.quota) * usize::from(options.groups);
    let mut faults = Vec::new();
    for family in Family::BOTH {
        let mut needed = 0;
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        for rule in rules.iter().filter(|rule| rule.family == family) {
            needed += rule.weight;
            *by.entry(&rule.comment).or_default() += rule.weight;
        }
        if needed <= most {
            continue;
        }
        let mut by: Vec<_> = by.into_iter().collect();
        by.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let list: Vec<_> = by.iter().take(5).map(|(name, n)| format!("{n} for `{name}`")).collect();
        let message = format!(
            "the policy needs {needed} {way} rules of {family}, and {} may have {most}: {}",
            if options.groups == 1 { "a security group" } else { "its security groups" },
            list.join(", ")
        );
        faults
            .push(Fault { code: Code::Quota, ..fault(&message, None, &ways_out(needed, options)) });
    }
    faults
}

/// The most rules of one direction and family that all groups of an interface may have together.
const PRODUCT: usize = 1000;
/// The groups that an interface has unless AWS raised it.
const GROUPS: usize = 5;

/// What can be done about too many rules.
fn ways_out(needed: usize, options: &Options) -> String {
    let mut ways = Vec::new();
    let groups = needed.div_ceil(usize::from(options.quota).max(1));
    if groups <= GROUPS && groups * usize::from(options.quota) <= PRODUCT {
        ways.push(format!("spread them over {groups} groups (`groups: {groups}`)"));
    }
    if needed <= PRODUCT {
        let groups = (PRODUCT / needed.max(1)).min(usize::from(options.groups));
        ways.push(format!(
            "let AWS raise the quota and say so (`quota: {needed}` and `groups: {groups}`)"
        ));
    }
    if !options.widens {
        ways.push(
            "let address sets grow to fewer prefixes (`max-entries: 20` and `widen: true`), which prints every address more".to_owned(),
        );
    }
    ways.push("allow less".to_owned());
    ways.join("; or ")
}

/// There is room for all rules together, but a list is one piece.
fn too_heavy(options: &Options) -> Fault {
    let message = format!(
        "the prefix lists do not fit into groups of {} rules: a list counts as all its entries, in one group",
        options.quota
    );
    let help =
        "leave out `prefix-lists`, allow more `groups`, or let AWS raise the quota and say so";
    Fault { code: Code::Quota, ..fault(&message, None, help) }
}
