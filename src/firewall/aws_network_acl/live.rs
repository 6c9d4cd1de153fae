//! Reads what runs of a network ACL, as AWS's own tools or Terraform tell it.
//!
//! A subnet has one ACL: the texts tell of one, or of several that say the same.

use super::read as strict;
use crate::firewall::entries::document;
use crate::firewall::entries::listing::terraform::{self, Resource};
use crate::firewall::entries::listing::{self, At, Doubts, Of, Service, Texts};
use crate::firewall::{File, Listing, ReadError};
use crate::ir::Verdict;
use crate::net::Family;
use crate::program::{Clause, Match, Place, Then};

/// Reads what was listed: `describe-network-acls`, `terraform show -json`, and artifacts.
///
/// # Errors
/// The first place that is not the format, and more than one ACL.
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
    let ways = reader.only()?;
    let ways = ways.map(|way| in_order(way, &mut reader.doubts));
    let unclear = reader.doubts.sorted();
    Ok(Listing { program: strict::ordered(ways), files: texts.files, unclear })
}

/// An ACL: its name, and its entries by direction, ingress first.
struct Acl<'a> {
    id: &'a str,
    /// In a plan rules may name it by its address.
    address: &'a str,
    at: At<'a>,
    ways: [Vec<Entry<'a>>; 2],
}

/// An entry: usually one clause; two where it is not told whether it allows or denies.
#[derive(Clone)]
struct Entry<'a> {
    /// None where it is not told.
    number: Option<i64>,
    at: At<'a>,
    clauses: Vec<Clause>,
}

impl Entry<'_> {
    /// Tells whether two say the same, wherever they stand.
    fn same(&self, other: &Self) -> bool {
        let what = |clause: &Clause| (clause.when.clone(), clause.then);
        self.number == other.number
            && self.clauses.iter().map(what).eq(other.clauses.iter().map(what))
    }

    /// Tells whether all that it says is known.
    fn sure(&self) -> bool {
        self.clauses.iter().all(|clause| !clause.when.contains(&Match::Unknown))
    }
}

#[derive(Default)]
struct Reader<'a> {
    acls: Vec<Acl<'a>>,
    doubts: Doubts,
}

const NUMBER: &[&str] = &["RuleNumber", "rule_number", "rule_no"];
const ACTION: &[&str] = &["RuleAction", "rule_action", "action"];
const PROTOCOL: &[&str] = &["Protocol", "protocol"];
const WAY: &[&str] = &["Egress", "egress"];
const V4: &[&str] = &["CidrBlock", "cidr_block"];
const V6: &[&str] = &["Ipv6CidrBlock", "ipv6_cidr_block"];
const PORTS: &[&str] = &["PortRange", "from_port", "to_port"];
const ICMP: &[&str] = &["IcmpTypeCode", "icmp_type", "icmp_code"];

/// What an entry may say beside; none of it changes what passes.
const BESIDE: &[&str] = &["network_acl_id", "id", "region"];

/// What an ACL may say beside its entries.
const ACL: &[&str] = &[
    "Associations",
    "IsDefault",
    "NetworkAclId",
    "OwnerId",
    "Tags",
    "VpcId",
    "id",
    "arn",
    "owner_id",
    "vpc_id",
    "subnet_ids",
    "default_network_acl_id",
    "tags",
    "tags_all",
    "region",
];

impl<'a> Reader<'a> {
    /// Takes an answer of the API, or its entries as an artifact hands them over.
    fn answer(&mut self, root: At<'a>, stem: &'a str) -> Result<(), ReadError> {
        let lists = ["NetworkAcls", "NetworkAclEntries"];
        if lists.iter().all(|key| root.get(key).is_none()) {
            return Err(root.refuse("no network ACLs are here"));
        }
        for acl in root.list("NetworkAcls")? {
            let entries = acl.get("Entries");
            let entries = entries.ok_or_else(|| acl.refuse("`Entries` is missing"))?;
            let id = acl.text_of("NetworkAclId").unwrap_or(stem);
            let ways = self.entries(entries, None)?;
            self.acls.push(Acl { id, address: "", at: acl, ways });
            self.beyond(acl, &[ACL, &["Entries"]])?;
        }
        if let Some(entries) = root.get("NetworkAclEntries") {
            let ways = self.entries(entries, None)?;
            self.acls.push(Acl { id: stem, address: "", at: root, ways });
        }
        if let Some(next) = root.get("NextToken").filter(|next| next.says()) {
            self.doubts.note(next, "the answer goes on behind this page: there may be other ACLs");
        }
        self.doubts.strange(root, &[&lists, &["NextToken", "ResponseMetadata"]])?;
        Ok(())
    }

    /// Notes what else is told of the newest ACL; where that may be rules, anything may happen.
    fn beyond(&mut self, at: At<'a>, known: &[&[&str]]) -> Result<(), ReadError> {
        let strange = self.doubts.strange(at, known)?;
        for node in strange.into_iter().filter(listing::may_hold_rules) {
            self.perhaps(&[false, true], node);
        }
        Ok(())
    }

    /// Lets anything happen in the newest ACL.
    fn perhaps(&mut self, ways: &[bool], at: At<'a>) {
        let entry = anything(at);
        let Some(acl) = self.acls.last_mut() else { return };
        let [ingress, egress] = &mut acl.ways;
        for is_egress in ways {
            let way = if *is_egress { &mut *egress } else { &mut *ingress };
            way.push(entry.clone());
        }
    }

    fn entries(
        &mut self,
        list: At<'a>,
        egress: Option<bool>,
    ) -> Result<[Vec<Entry<'a>>; 2], ReadError> {
        let mut ways = [Vec::new(), Vec::new()];
        for entry in list.items()? {
            self.entry(entry, egress, None, &mut ways)?;
        }
        Ok(ways)
    }

    /// Takes what Terraform knows.
    fn resources(&mut self, resources: &[Resource<'a>]) -> Result<(), ReadError> {
        let managed = || resources.iter().filter(|resource| !resource.data);
        let is_acl = |resource: &&Resource<'a>| {
            matches!(resource.kind, "aws_network_acl" | "aws_default_network_acl")
        };
        for resource in managed().filter(is_acl) {
            let at = resource.values;
            let mut ways = [Vec::new(), Vec::new()];
            for (key, egress) in [("ingress", false), ("egress", true)] {
                for entry in at.list(key)? {
                    self.entry(entry, Some(egress), None, &mut ways)?;
                }
            }
            let address = resource.address;
            let id = at.text_of("id").unwrap_or(address);
            self.acls.push(Acl { id, address, at, ways });
            self.beyond(at, &[ACL, &["ingress", "egress"]])?;
            for (key, egress) in [("ingress", false), ("egress", true)] {
                if resource.unknown(key) {
                    self.doubts.note(at, format!("`{key}` is known only after it is applied"));
                    self.perhaps(&[egress], at);
                }
            }
        }
        for resource in managed().filter(|resource| resource.kind == "aws_network_acl_rule") {
            let mut ways = [Vec::new(), Vec::new()];
            self.entry(resource.values, None, Some(resource), &mut ways)?;
            let owner = self.owner(resource)?;
            for (of_acl, way) in owner.ways.iter_mut().zip(ways) {
                of_acl.extend(way);
            }
        }
        Ok(())
    }

    /// Finds the ACL that an entry of its own belongs to.
    fn owner(&mut self, resource: &Resource<'a>) -> Result<&mut Acl<'a>, ReadError> {
        let named = resource.values.get("network_acl_id");
        let id = named.and_then(At::text);
        let reference = resource.reference("network_acl_id");
        let known = match (id, reference) {
            (Some(id), _) => self.acls.iter().position(|acl| acl.id == id),
            (None, Some(address)) => self.acls.iter().position(|acl| acl.address == address),
            // What has no id yet is made by the same plan.
            (None, None) if self.acls.len() == 1 => Some(0),
            _ => None,
        };
        let at = match (known, named, id) {
            (Some(at), ..) => at,
            (None, Some(named), Some(id)) => {
                let reason = "this ACL is not here itself: it may have other entries";
                self.doubts.note(named, reason);
                let ways = [Vec::new(), Vec::new()];
                self.acls.push(Acl { id, address: "", at: named, ways });
                self.perhaps(&[false, true], named);
                self.acls.len() - 1
            }
            _ => return Err(resource.values.refuse("which ACL this entry is of is not known")),
        };
        self.acls.get_mut(at).ok_or_else(|| resource.values.refuse("there is no such ACL"))
    }

    /// Reads an entry into its way; into both, as one that may hold, where the way is not told.
    fn entry(
        &mut self,
        at: At<'a>,
        way: Option<bool>,
        resource: Option<&Resource<'a>>,
        ways: &mut [Vec<Entry<'a>>; 2],
    ) -> Result<(), ReadError> {
        let known = [NUMBER, ACTION, PROTOCOL, WAY, V4, V6, PORTS, ICMP];
        let strange = self.doubts.strange(at, &[&known[..], &[BESIDE]].concat())?;
        let mut more = if strange.is_empty() { Vec::new() } else { vec![Match::Unknown] };
        let later = |key: &&&str| resource.is_some_and(|resource| resource.unknown(key));
        for key in known.into_iter().flatten().filter(later) {
            let reason = format!("`{key}` is known only after it is applied");
            more.push(self.doubts.unknown(at, reason));
        }
        let number = at.any(NUMBER).and_then(At::number);
        if number.is_none() {
            more.push(self.doubts.unknown(at, "the entry's number is not known"));
        }
        let way = way.or_else(|| at.any(WAY)?.bool());
        if way.is_none() {
            more.push(
                self.doubts.unknown(at, "whether this is for ingress or egress is not known"),
            );
        }
        let line = at.any(NUMBER).unwrap_or(at);
        let [ingress, egress] = ways;
        for (is_egress, entries) in [(false, ingress), (true, egress)] {
            if way.is_none_or(|way| way == is_egress) {
                let mut when = match strange.iter().any(listing::may_hold_rules) {
                    true => Vec::new(),
                    false => self.conditions(at, is_egress)?,
                };
                when.extend(more.iter().cloned());
                let clauses = self.clauses(at, when, line.place());
                entries.push(Entry { number, at: line, clauses });
            }
        }
        Ok(())
    }

    /// What is done with the packets of an entry.
    fn clauses(&mut self, at: At<'a>, when: Vec<Match>, place: Place) -> Vec<Clause> {
        let clause = |when, verdict| Clause { when, then: Then::Decide(verdict), place };
        match at.any(ACTION).and_then(At::text) {
            Some("allow") => vec![clause(when, Verdict::Accept)],
            Some("deny") => vec![clause(when, Verdict::Drop)],
            _ => {
                let unknown = self.doubts.unknown(at, "this is neither `allow` nor `deny`");
                let perhaps = when.iter().cloned().chain([unknown]).collect();
                vec![clause(perhaps, Verdict::Accept), clause(when, Verdict::Drop)]
            }
        }
    }

    fn conditions(&mut self, at: At<'a>, egress: bool) -> Result<Vec<Match>, ReadError> {
        let (v4, v6) = (at.any(V4).filter(|at| at.says()), at.any(V6).filter(|at| at.says()));
        let of = |at: Option<At<'a>>, family: Family| {
            at.and_then(At::net).filter(|net| Family::of(net.addr()) == family)
        };
        let net = match (v4.is_some(), v6.is_some()) {
            (true, false) => of(v4, Family::V4),
            (false, true) => of(v6, Family::V6),
            _ => None,
        };
        let family = net.map(|net| Family::of(net.addr()));
        let mut when = vec![match net {
            Some(net) => document::side(net, egress),
            None => self.doubts.unknown(v4.or(v6).unwrap_or(at), "the entry has no one prefix"),
        }];
        let ports = self.pair(at, ("PortRange", "From", "To"), ("from_port", "to_port"))?;
        let icmp = self.pair(at, ("IcmpTypeCode", "Type", "Code"), ("icmp_type", "icmp_code"))?;
        let protocol = at.any(PROTOCOL);
        let service = Service { of: Of::Acl, at, protocol, ports, icmp };
        when.extend(service.conditions(family, &mut self.doubts));
        Ok(when)
    }

    /// Two numbers in the API's words or in Terraform's.
    fn pair(
        &mut self,
        at: At<'a>,
        (outer, a, b): (&str, &str, &str),
        (first, second): (&str, &str),
    ) -> Result<[Option<At<'a>>; 2], ReadError> {
        let Some(inner) = at.get(outer) else { return Ok([at.get(first), at.get(second)]) };
        if !self.doubts.strange(inner, &[&[a, b]])?.is_empty() {
            return Ok([None, None]);
        }
        Ok([inner.get(a), inner.get(b)])
    }

    /// Returns the entries of the one ACL that the texts tell of.
    fn only(&mut self) -> Result<[Vec<Entry<'a>>; 2], ReadError> {
        let mut ids: Vec<_> = self.acls.iter().map(|acl| acl.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut acls = std::mem::take(&mut self.acls).into_iter();
        let first = acls.next();
        let first = first.ok_or_else(|| document::refuse(1, "no network ACL is listed"))?;
        let Some(other) = acls.find(|acl| !alike(&first, acl)) else { return Ok(first.ways) };
        Err(other.at.refuse(format!(
            "there are several network ACLs and a subnet has one: give one of {}",
            ids.join(", ")
        )))
    }
}

/// Tells whether two ACLs surely say the same.
fn alike(a: &Acl<'_>, b: &Acl<'_>) -> bool {
    let sorted = |way: &Vec<Entry<'_>>| {
        let mut order: Vec<usize> = (0..way.len()).collect();
        order.sort_by_key(|at| way.get(*at).and_then(|entry| entry.number));
        order
    };
    a.ways.iter().zip(&b.ways).all(|(a, b)| {
        let pairs = sorted(a).into_iter().zip(sorted(b));
        a.len() == b.len()
            && pairs.map(|(x, y)| (a.get(x), b.get(y))).all(|pair| match pair {
                (Some(x), Some(y)) => x.same(y) && x.sure(),
                _ => false,
            })
    })
}

/// An entry that may decide anything.
fn anything(at: At<'_>) -> Entry<'_> {
    let clause = |verdict| Clause {
        when: vec![Match::Unknown],
        then: Then::Decide(verdict),
        place: at.place(),
    };
    Entry { number: None, at, clauses: vec![clause(Verdict::Accept), clause(Verdict::Drop)] }
}

/// Puts entries in the order of their numbers; those without one, which may stand anywhere, come first.
///
/// Terraform tells an entry twice where the ACL and a rule of its own both have it. Where two differ, one of
/// them is out of date: either may hold.
fn in_order(mut entries: Vec<Entry<'_>>, doubts: &mut Doubts) -> Vec<Clause> {
    entries.sort_by_key(|entry| entry.number);
    let mut kept: Vec<Entry<'_>> = Vec::new();
    for mut entry in entries {
        if let Some(before) = kept.last_mut().filter(|before| before.number == entry.number)
            && let Some(number) = entry.number
        {
            if before.same(&entry) {
                continue;
            }
            doubts.note(entry.at, format!("number {number} is there twice"));
            for clause in before.clauses.iter_mut().chain(&mut entry.clauses) {
                clause.when.push(Match::Unknown);
            }
        }
        kept.push(entry);
    }
    kept.into_iter().flat_map(|entry| entry.clauses).collect()
}
