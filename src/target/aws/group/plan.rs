//! From packet rules to rules that only allow: what earlier rules refuse is taken out, exactly.

use super::Options;
use crate::diag::Code;
use crate::ir::packet::{Filter, Rule as PacketRule};
use crate::ir::{Action, Direction, L4, Origin, OriginKind, region};
use crate::net::{Family, IpSet};
use crate::target::Fault;
use crate::target::aws::services::{Service, of};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// One rule of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    pub(super) egress: bool,
    pub(super) service: Service,
    pub(super) prefix: IpNet,
    /// Where it comes from.
    pub(super) comment: String,
}

/// What is allowed of one service: from or to whom, and by which rules.
#[derive(Default)]
struct Allowed {
    others: Option<IpSet>,
    comments: Vec<String>,
}

/// Plans the groups: each a list of rules.
pub(super) fn plan(filter: &Filter, options: &Options) -> Result<Vec<Vec<Rule>>, Vec<Fault>> {
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    for way in [Direction::Inbound, Direction::Outbound] {
        let planned = direction(filter, way, &mut faults);
        faults.extend(over_quota(&planned, way, options));
        rules.extend(planned);
    }
    if faults.is_empty() { Ok(spread(rules, options)) } else { Err(faults) }
}

fn direction(filter: &Filter, way: Direction, faults: &mut Vec<Fault>) -> Vec<Rule> {
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
    let spelled = |(service, allowed): (Service, Allowed)| {
        let comment = allowed.comments.join(", ");
        let prefixes: Vec<_> = allowed.others.iter().flat_map(IpSet::prefixes).collect();
        prefixes.into_iter().map(move |prefix| Rule {
            egress: way == Direction::Outbound,
            service: service.clone(),
            prefix,
            comment: comment.clone(),
        })
    };
    services.into_iter().flat_map(spelled).collect()
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

fn comment(rule: &PacketRule) -> String {
    let names: Vec<_> = rule.origins.iter().map(Origin::to_string).collect();
    let said = rule.origins.iter().map(|origin| origin.comment.as_str()).find(|c| !c.is_empty());
    names.join(", ") + &said.map_or_else(String::new, |said| format!(": {said}"))
}

/// Says by how much the rules are too many, and which services need how many.
fn over_quota(rules: &[Rule], way: Direction, options: &Options) -> Vec<Fault> {
    let most = usize::from(options.quota) * usize::from(options.groups);
    let mut faults = Vec::new();
    for family in Family::BOTH {
        let mut needed = 0;
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        for rule in rules.iter().filter(|rule| Family::of(rule.prefix.addr()) == family) {
            needed += 1;
            *by.entry(&rule.comment).or_default() += 1;
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
        let help = "let AWS raise the quota and say so (`quota: 200`), spread them (`groups: 5`), or allow larger prefixes";
        faults.push(Fault { code: Code::Quota, ..fault(&message, None, help) });
    }
    faults
}

/// Spreads the rules over as few groups as take them; each group takes so many of a direction and family.
fn spread(rules: Vec<Rule>, options: &Options) -> Vec<Vec<Rule>> {
    let quota = usize::from(options.quota).max(1);
    let mut groups: Vec<Vec<Rule>> = vec![Vec::new()];
    let mut counts: BTreeMap<(bool, Family), usize> = BTreeMap::new();
    for rule in rules {
        let count = counts.entry((rule.egress, Family::of(rule.prefix.addr()))).or_default();
        let group = *count / quota;
        *count += 1;
        while groups.len() <= group {
            groups.push(Vec::new());
        }
        groups[group].push(rule);
    }
    groups
}

fn fault(message: &str, origin: Option<&Origin>, help: &str) -> Fault {
    Fault {
        code: Code::NotExpressible,
        message: message.to_owned(),
        origin: origin.cloned(),
        help: help.to_owned(),
    }
}
