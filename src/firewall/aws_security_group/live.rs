//! Reads what runs of security groups, as AWS's own tools or Terraform tell it.
//!
//! Every group of the texts is taken to be at the same interface, where their rules act together.

mod lists;
mod words;

use super::read::{self as strict, Rules};
use crate::firewall::entries::document::{self, Value};
use crate::firewall::entries::listing::terraform::{self, Resource};
use crate::firewall::entries::listing::{self, At, Doubts, Of, Service, Texts};
use crate::firewall::{File, Listing, ReadError};
use crate::ir::Verdict;
use crate::net::Family;
use crate::program::sets;
use crate::program::{Clause, Match, Place, Then};
use ipnet::IpNet;
use lists::Lists;
use std::collections::BTreeSet;
use words::{BESIDE, FROM, GROUP, GROUP_PAIR, Names, PEERS, PROTOCOL, TO};

/// Reads what was listed: `describe-security-groups`, `describe-security-group-rules`, the entries of
/// prefix lists beside them, `terraform show -json`, and artifacts.
///
/// # Errors
/// The first place that is not the format.
pub(in crate::firewall) fn read(files: &[File]) -> Result<Listing, ReadError> {
    if let Some(format) = listing::written(files) {
        let program = strict::read(format, files)?;
        return Ok(Listing { program, files: files.to_vec(), unclear: Vec::new() });
    }
    let texts = Texts::read(files)?;
    let mut reader = Reader::default();
    let mut resources = Vec::new();
    for root in texts.roots() {
        match terraform::resources(root)? {
            Some(found) => resources.extend(found),
            None => reader.answer(root, texts.stem(root.file()))?,
        }
    }
    reader.resources(&resources)?;
    for (way, rule) in std::mem::take(&mut reader.waiting) {
        reader.rule(way, rule, None)?;
    }
    let mut rules = reader.rules;
    if !reader.seen {
        return Err(document::refuse(1, "no security group is listed"));
    }
    // Rules that only allow have no order: what is sure comes first, so that it is named where both allow.
    for way in [&mut rules.ingress, &mut rules.egress] {
        way.sort_by_key(|clause| clause.when.contains(&Match::Unknown));
    }
    let unclear = reader.doubts.sorted();
    Ok(Listing { program: strict::program(rules), files: texts.files, unclear })
}

/// Which ways a rule is for: into the group, out of it, or both where that is not told.
type Ways = &'static [bool];

#[derive(Default)]
struct Reader<'a> {
    lists: Lists,
    rules: Rules,
    doubts: Doubts,
    /// Whether any group is there.
    seen: bool,
    /// Rules of answers: prefix lists may be in a text behind theirs.
    waiting: Vec<(Ways, At<'a>)>,
}

/// Whose packets a rule allows.
enum Peer {
    Net(IpNet),
    List(String),
    Unclear(&'static str),
}

const INGRESS: Ways = &[false];
const EGRESS: Ways = &[true];
const BOTH: Ways = &[false, true];

impl<'a> Reader<'a> {
    /// Takes an answer of the API.
    fn answer(&mut self, root: At<'a>, stem: &str) -> Result<(), ReadError> {
        let mut known = self.lists.answer(root, stem, &mut self.doubts)?;
        for group in root.list("SecurityGroups")? {
            self.group(group)?;
        }
        for rule in root.list("SecurityGroupRules")? {
            let egress = rule.get("IsEgress").and_then(At::bool);
            let ways = egress.map_or(BOTH, |egress| if egress { EGRESS } else { INGRESS });
            self.waiting.push((ways, rule));
        }
        let rules = root.get("SecurityGroupRules").is_some();
        let groups = rules || root.get("SecurityGroups").is_some();
        self.seen |= rules;
        known |= groups;
        let next = root.get("NextToken").filter(|next| next.says());
        if let Some(next) = next.filter(|_| groups) {
            self.perhaps(BOTH, next, "the answer goes on behind this page");
        }
        if !known {
            return Err(root.refuse("neither security groups nor prefix lists are here"));
        }
        let keys = ["SecurityGroups", "SecurityGroupRules", "PrefixLists", "Entries"];
        let beside = ["PrefixListId", "NextToken", "ResponseMetadata"];
        self.beyond(root, &[&keys, &beside])
    }

    fn group(&mut self, group: At<'a>) -> Result<(), ReadError> {
        self.seen = true;
        for (key, ways) in [("IpPermissions", INGRESS), ("IpPermissionsEgress", EGRESS)] {
            if group.get(key).is_none() {
                self.perhaps(
                    ways,
                    group,
                    &format!("`{key}` is missing: what it allows is not told"),
                );
            }
            self.waiting.extend(group.list(key)?.into_iter().map(|rule| (ways, rule)));
        }
        self.beyond(group, &[GROUP, &["IpPermissions", "IpPermissionsEgress"]])
    }

    /// Notes what else is told; where that may be rules, anything may be allowed.
    fn beyond(&mut self, at: At<'a>, known: &[&[&str]]) -> Result<(), ReadError> {
        let strange = self.doubts.strange(at, known)?;
        for node in strange.into_iter().filter(listing::may_hold_rules) {
            self.allow(BOTH, node.place(), vec![Match::Unknown]);
        }
        Ok(())
    }

    /// Notes that anything may be allowed.
    fn perhaps(&mut self, ways: Ways, at: At<'_>, reason: &str) {
        let unknown = self.doubts.unknown(at, reason);
        self.allow(ways, at.place(), vec![unknown]);
    }

    fn allow(&mut self, ways: Ways, place: Place, when: Vec<Match>) {
        let clause = Clause { when, then: Then::Decide(Verdict::Accept), place };
        for egress in ways {
            let rules = if *egress { &mut self.rules.egress } else { &mut self.rules.ingress };
            rules.push(clause.clone());
        }
    }

    /// Takes what Terraform knows: prefix lists first, as rules name them.
    fn resources(&mut self, resources: &[Resource<'a>]) -> Result<(), ReadError> {
        for resource in resources {
            self.lists.resource(resource, &mut self.doubts)?;
        }
        let managed = || resources.iter().filter(|resource| !resource.data);
        let is_group = |resource: &&Resource<'a>| {
            matches!(resource.kind, "aws_security_group" | "aws_default_security_group")
        };
        let mut ids = BTreeSet::new();
        for group in managed().filter(is_group) {
            self.group_resource(group)?;
            ids.extend(group.values.text_of("id"));
        }
        for resource in managed() {
            let Some(ways) = ways(resource) else { continue };
            self.seen = true;
            self.rule(ways, resource.values, Some(resource))?;
            let group = resource.values.get("security_group_id");
            if let Some(at) = group.filter(|at| at.text().is_some_and(|id| ids.insert(id))) {
                self.perhaps(BOTH, at, "this group is not here itself: it may have other rules");
            }
        }
        Ok(())
    }

    /// Takes a group with the rules inside.
    fn group_resource(&mut self, group: &Resource<'a>) -> Result<(), ReadError> {
        self.seen = true;
        for (key, ways) in [("ingress", INGRESS), ("egress", EGRESS)] {
            for rule in group.values.list(key)? {
                self.rule(ways, rule, None)?;
            }
            if group.unknown(key) {
                let reason = format!("`{key}` is known only after it is applied");
                self.perhaps(ways, group.values, &reason);
            }
        }
        self.beyond(group.values, &[GROUP, &["ingress", "egress"]])
    }

    /// Adds what a rule allows; a resource of its own tells what is not known yet.
    fn rule(
        &mut self,
        ways: Ways,
        rule: At<'a>,
        resource: Option<&Resource<'a>>,
    ) -> Result<(), ReadError> {
        let names: Vec<_> = PEERS.iter().map(|(key, _)| *key).collect();
        let strange = self.doubts.strange(rule, &[&names, PROTOCOL, FROM, TO, BESIDE])?;
        let mut doubts = if strange.is_empty() { Vec::new() } else { vec![Match::Unknown] };
        if ways == BOTH {
            doubts.push(self.doubts.unknown(rule, "which way the rule is for is not told"));
        }
        let later = |key: &&&str| resource.is_some_and(|resource| resource.unknown(key));
        for key in [PROTOCOL, FROM, TO].into_iter().flatten().filter(later) {
            let reason = format!("`{key}` is known only after it is applied");
            doubts.push(self.doubts.unknown(rule, reason));
        }
        let mut peers = self.named(rule, resource)?;
        let others = strange.into_iter().find(listing::may_hold_rules);
        peers
            .extend(others.map(|at| (at, Peer::Unclear("this may say for whom else the rule is"))));
        if peers.is_empty() {
            peers.push((rule, Peer::Unclear("the rule does not say for whom it is")));
        }
        let ports = [rule.any(FROM), rule.any(TO)];
        let protocol = rule.any(PROTOCOL);
        let service = Service { of: Of::Group, at: rule, protocol, ports, icmp: ports };
        for (at, peer) in peers {
            self.peer(ways, at, peer, &service, &doubts);
        }
        Ok(())
    }

    /// Returns whom a rule names.
    fn named(
        &mut self,
        rule: At<'a>,
        resource: Option<&Resource<'a>>,
    ) -> Result<Vec<(At<'a>, Peer)>, ReadError> {
        let mut peers = Vec::new();
        for (key, names) in PEERS {
            if let Some(at) = rule.get(key) {
                self.peers(at, *names, &mut peers)?;
            }
            if let Some(resource) = resource.filter(|resource| resource.unknown(key)) {
                let known = resource.reference(key).filter(|_| matches!(names, Names::List));
                let later = Peer::Unclear("an address that is known only after it is applied");
                peers.push((rule, known.map_or(later, Peer::List)));
            }
        }
        Ok(peers)
    }

    /// Collects whom a member names: a text, a map with one, or a list of either.
    fn peers(
        &mut self,
        at: At<'a>,
        names: Names,
        found: &mut Vec<(At<'a>, Peer)>,
    ) -> Result<(), ReadError> {
        let (inner, beside): (&[&str], &[&str]) = match names {
            Names::Net(Family::V4) => (&["CidrIp"], &["Description"]),
            Names::Net(Family::V6) => (&["CidrIpv6"], &["Description"]),
            Names::List => (&["PrefixListId"], &["Description"]),
            Names::Group => (&["GroupId"], GROUP_PAIR),
        };
        let peer = match (at.value(), names) {
            (Value::Null, _) | (Value::Bool(false), Names::Group) => return Ok(()),
            (Value::Text(text), _) if text.is_empty() => return Ok(()),
            (Value::List(_), _) => {
                for item in at.items()? {
                    self.peers(item, names, found)?;
                }
                return Ok(());
            }
            (Value::Map(_), _) => {
                let strange = !self.doubts.strange(at, &[inner, beside])?.is_empty();
                match at.any(inner) {
                    Some(inner) if !strange && inner.text().is_some() => {
                        return self.peers(inner, names, found);
                    }
                    _ => Peer::Unclear("whom this names is not understood"),
                }
            }
            (Value::Text(_), Names::Net(family)) => {
                let own = at.net().filter(|net| Family::of(net.addr()) == family);
                own.map_or(Peer::Unclear("this is no prefix of its family"), Peer::Net)
            }
            (Value::Text(id), Names::List) => Peer::List(id.clone()),
            (Value::Text(_) | Value::Bool(true), Names::Group) => {
                Peer::Unclear("the addresses of a group's members are not told")
            }
            _ => Peer::Unclear("whom this names is not understood"),
        };
        found.push((at, peer));
        Ok(())
    }

    fn peer(&mut self, ways: Ways, at: At<'a>, peer: Peer, service: &Service<'_>, more: &[Match]) {
        let (mut nets, mut unclear, mut family) = (Vec::new(), None, None);
        match peer {
            Peer::Net(net) => nets.push(net),
            Peer::Unclear(reason) => unclear = Some(reason.to_owned()),
            Peer::List(id) => {
                let list = self.lists.get(&id);
                if list.more {
                    unclear = Some(format!("not all entries of the prefix list `{id}` are told"));
                }
                (nets, family) = (list.entries, list.family);
            }
        }
        for egress in ways {
            let way = if *egress { EGRESS } else { INGRESS };
            for (own, side) in sides(&nets, *egress) {
                let mut when = vec![side];
                when.extend(service.conditions(Some(own), &mut self.doubts));
                when.extend_from_slice(more);
                self.allow(way, at.place(), when);
            }
        }
        if let Some(reason) = unclear {
            let mut when = vec![self.doubts.unknown(at, reason)];
            when.extend(family.map(Match::Family));
            when.extend(service.conditions(family, &mut self.doubts));
            when.extend_from_slice(more);
            self.allow(ways, at.place(), when);
        }
    }
}

/// The way of a resource that is a rule.
fn ways(resource: &Resource<'_>) -> Option<Ways> {
    match (resource.kind, resource.values.text_of("type")) {
        ("aws_vpc_security_group_ingress_rule", _) => Some(INGRESS),
        ("aws_vpc_security_group_egress_rule", _) => Some(EGRESS),
        ("aws_security_group_rule", Some("ingress")) => Some(INGRESS),
        ("aws_security_group_rule", Some("egress")) => Some(EGRESS),
        ("aws_security_group_rule", _) => Some(BOTH),
        _ => None,
    }
}

/// The other side's addresses, by family.
fn sides(nets: &[IpNet], egress: bool) -> Vec<(Family, Match)> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for net in nets {
        match net {
            IpNet::V4(net) => v4.push(*net),
            IpNet::V6(net) => v6.push(*net),
        }
    }
    let mut sides = Vec::new();
    if !v4.is_empty() {
        let ranges = sets::v4(v4);
        let side = if egress { Match::Destination4(ranges) } else { Match::Source4(ranges) };
        sides.push((Family::V4, side));
    }
    if !v6.is_empty() {
        let ranges = sets::v6(v6);
        let side = if egress { Match::Destination6(ranges) } else { Match::Source6(ranges) };
        sides.push((Family::V6, side));
    }
    sides
}
