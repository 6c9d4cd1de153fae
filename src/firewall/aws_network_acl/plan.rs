//! From packet rules to numbered entries. An entry has one prefix of the other side, one protocol, and one
//! range of ports or one ICMP type.

use super::options::Options;
use crate::diag::Code;
use crate::firewall::Fault;
use crate::firewall::entries::aws::comment;
use crate::firewall::entries::services::{Service, of};
use crate::firewall::text::fault;
use crate::ir::packet::{Filter, Rule};
use crate::ir::{Action, Direction};
use crate::net::Family;
use ipnet::IpNet;
use std::rc::Rc;

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) egress: bool,
    pub(super) number: u16,
    pub(super) allow: bool,
    pub(super) prefix: IpNet,
    pub(super) service: Service,
    /// Where it comes from.
    pub(super) comment: Rc<str>,
}

/// Between the numbers of two rules; a rule's entries count on from its first, so that a new prefix of
/// one rule moves no number of another.
const GAP: u16 = 100;
/// The largest number that a rule may have (vpc/latest/userguide/nacl-rules.html).
const LAST: u16 = 32766;

/// Plans both directions.
pub(super) fn plan(filter: &Filter, options: &Options) -> Result<Vec<Entry>, Vec<Fault>> {
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for way in [Direction::Inbound, Direction::Outbound] {
        let planned = direction(filter, way, &mut faults);
        faults.extend(over_quota(&planned, way, options.quota));
        entries.extend(planned);
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

fn direction(filter: &Filter, way: Direction, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (index, rule) in filter.rules(way).iter().enumerate() {
        match of_rule(rule, way) {
            Ok(list) => {
                let first = u16::try_from(index + 1).ok().and_then(|n| n.checked_mul(GAP));
                // Beyond these numbers the quota is long exceeded, and said.
                let numbers = first.unwrap_or(LAST)..=LAST;
                let numbered = list.into_iter().zip(numbers);
                entries.extend(numbered.map(|(entry, number)| Entry { number, ..entry }));
            }
            Err(fault) => faults.push(*fault),
        }
    }
    match filter.defaults.of(way) {
        Action::Drop => {}
        Action::Allow => entries.extend(Family::BOTH.map(|family| rest(family, way))),
        Action::Reject => faults.push(fault(REJECT, None, "write `drop`")),
    }
    entries
}

const REJECT: &str = "a network ACL drops in silence: it cannot reject";

fn of_rule(rule: &Rule, way: Direction) -> Result<Vec<Entry>, Box<Fault>> {
    let origin = rule.origins.first();
    let refused = |message: &str, help: &str| Err(Box::new(fault(message, origin, help)));
    if rule.log.is_some() {
        return refused(
            "a network ACL cannot log single rules",
            "use VPC flow logs, and remove `log`",
        );
    }
    if rule.action == Action::Reject {
        return refused(REJECT, "write `drop`");
    }
    let services = match of(&rule.l4) {
        Ok(services) => services,
        Err(reason) => {
            return refused(&reason, "name the whole protocol, or leave it to another target");
        }
    };
    let other = match way {
        Direction::Inbound => &rule.source,
        Direction::Outbound => &rule.destination,
    };
    let comment: Rc<str> = comment(rule).into();
    let entry = |prefix: IpNet, service: &Service| Entry {
        egress: way == Direction::Outbound,
        number: 0,
        allow: rule.action == Action::Allow,
        prefix,
        service: service.clone(),
        comment: comment.clone(),
    };
    let each = |prefix: IpNet| services.iter().map(move |service| (prefix, service));
    Ok(other.prefixes().flat_map(each).map(|(prefix, service)| entry(prefix, service)).collect())
}

/// What a direction's default allows.
fn rest(family: Family, way: Direction) -> Entry {
    let (number, prefix) = match family {
        Family::V4 => (LAST - 1, IpNet::V4(ipnet::Ipv4Net::default())),
        Family::V6 => (LAST, IpNet::V6(ipnet::Ipv6Net::default())),
    };
    Entry {
        egress: way == Direction::Outbound,
        number,
        allow: true,
        prefix,
        service: Service::all(),
        comment: format!("default {way}").into(),
    }
}

/// Says by how much the entries are too many, and which rules need how many.
fn over_quota(entries: &[Entry], way: Direction, quota: u16) -> Vec<Fault> {
    let mut faults = Vec::new();
    for family in Family::BOTH {
        let of_family = |entry: &&Entry| Family::of(entry.prefix.addr()) == family;
        let needed = entries.iter().filter(of_family).count();
        let most = usize::from(quota.saturating_sub(1));
        if needed <= most {
            continue;
        }
        let mut rules: Vec<(&str, usize)> = Vec::new();
        for entry in entries.iter().filter(of_family) {
            match rules.last_mut() {
                Some((name, count)) if *name == &*entry.comment => *count += 1,
                _ => rules.push((&entry.comment, 1)),
            }
        }
        rules.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let most_of = rules.iter().take(5).map(|(name, count)| format!("{count} for `{name}`"));
        let list: Vec<_> = most_of.collect();
        let message = format!(
            "the policy needs {needed} {way} entries of {family}, and a network ACL has {most} beside the default deny: {}",
            list.join(", ")
        );
        let help = match needed {
            ..40 => "let AWS raise the quota to 40, and say so (`quota: 40`)",
            _ => {
                "let address sets grow to fewer prefixes (`max-entries: 2` and `widen: true`), which prints every address more; or allow less, or use a security group"
            }
        };
        faults.push(Fault { code: Code::Quota, ..fault(&message, None, help) });
    }
    faults
}
