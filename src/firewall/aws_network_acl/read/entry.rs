//! Single entries, in the spelling of the API, of Terraform and of CloudFormation.

use super::Reader;
use crate::firewall::ReadError;
use crate::firewall::entries::document;
use crate::firewall::entries::listing::terraform::Resource;
use crate::firewall::entries::listing::{At, Of, Service};
use crate::ir::Verdict;
use crate::net::Family;
use crate::program::{Clause, Match, Place, Target};

/// An entry: usually one clause; two where it is not told whether it allows or denies.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    /// None where it is not told.
    pub(super) number: Option<i64>,
    pub(super) at: At<'a>,
    pub(super) clauses: Vec<Clause>,
}

/// The entries of both directions, ingress first.
pub(super) type Sides<'a> = [Vec<Entry<'a>>; 2];

impl<'a> Entry<'a> {
    /// Returns an entry that may decide anything.
    pub(super) fn anything(at: At<'a>) -> Self {
        let clauses = either(Vec::new(), at.place());
        let mut entry = Entry { number: None, at, clauses };
        entry.doubt();
        entry
    }

    /// Returns what it says, wherever it stands, as a text.
    pub(super) fn says(&self) -> String {
        let what = |clause: &Clause| format!("{:?} {:?}", clause.when, clause.then);
        format!("{:?} {:?}", self.number, self.clauses.iter().map(what).collect::<Vec<_>>())
    }

    /// Tells whether all that it says is known.
    pub(super) fn sure(&self) -> bool {
        self.clauses.iter().all(|clause| !clause.when.contains(&Match::Unknown))
    }

    /// Makes it one that may hold.
    pub(super) fn doubt(&mut self) {
        self.clauses.iter_mut().for_each(|clause| clause.when.push(Match::Unknown));
    }
}

/// Returns clauses of which either may decide.
fn either(when: Vec<Match>, place: Place) -> Vec<Clause> {
    let clause = |when, verdict| Clause { when, then: Target::Decide(verdict), place };
    let perhaps = when.iter().cloned().chain([Match::Unknown]).collect();
    vec![clause(perhaps, Verdict::Accept), clause(when, Verdict::Drop)]
}

const NUMBER: &[&str] = &["RuleNumber", "rule_number", "rule_no"];
const ACTION: &[&str] = &["RuleAction", "rule_action", "action"];
const PROTOCOL: &[&str] = &["Protocol", "protocol"];
const DIRECTION: &[&str] = &["Egress", "egress"];
const V4: &[&str] = &["CidrBlock", "cidr_block"];
const V6: &[&str] = &["Ipv6CidrBlock", "ipv6_cidr_block"];
const PORTS: &[&str] = &["PortRange", "from_port", "to_port"];
const ICMP: &[&str] = &["IcmpTypeCode", "Icmp", "icmp_type", "icmp_code"];
const KEYS: [&[&str]; 8] = [NUMBER, ACTION, PROTOCOL, DIRECTION, V4, V6, PORTS, ICMP];

/// What an entry may say beside: which one it is, notes of people, how Terraform makes it. Whose it is has
/// been read before.
const BESIDE: &[&str] =
    &["id", "region", "//", "depends_on", "provider", "network_acl_id", "NetworkAclId"];

/// The numbers that people give; the two beyond are those of AWS's own last entries, which deny.
const NUMBERS: std::ops::RangeInclusive<i64> = 1..=32766;
const LAST: std::ops::RangeInclusive<i64> = 32767..=32768;

impl<'a> Reader<'a> {
    /// Reads an entry into its direction; into both, as one that may hold, where that is not told.
    pub(super) fn entry(
        &mut self,
        at: At<'a>,
        direction: Option<usize>,
        resource: Option<&Resource<'a>>,
        sides: &mut Sides<'a>,
    ) -> Result<(), ReadError> {
        let egress = |at: At<'a>| at.any(DIRECTION)?.bool().map(usize::from);
        let told = direction.or_else(|| egress(at));
        if !self.doubts.strange(at, &[&KEYS[..], &[BESIDE]].concat())?.is_empty() {
            let held = |side: &usize| told.is_none_or(|told| told == *side);
            [0, 1].into_iter().filter(held).for_each(|side| sides[side].push(Entry::anything(at)));
            return Ok(());
        }
        let mut more = Vec::new();
        let later = |key: &&&str| resource.is_some_and(|resource| resource.unknown(key));
        for key in KEYS.into_iter().flatten().filter(later) {
            let reason = format!("`{key}` is known only after it is applied");
            more.push(self.doubts.unknown(at, reason));
        }
        let line = at.any(NUMBER).unwrap_or(at);
        let number = self.number(at);
        if number.is_none() {
            more.push(self.doubts.unknown(line, "the entry's number is not known"));
        }
        if told.is_none() {
            let reason = "whether this is for ingress or egress is not known";
            more.push(self.doubts.unknown(at, reason));
        }
        for (side, entries) in sides.iter_mut().enumerate() {
            if told.is_none_or(|told| told == side) {
                let mut when = self.conditions(at, side == 1)?;
                when.extend(more.iter().cloned());
                let clauses = self.clauses(at, when, line.place());
                entries.push(Entry { number, at: line, clauses });
            }
        }
        Ok(())
    }

    /// Returns an entry's number, if it is one.
    fn number(&self, at: At<'a>) -> Option<i64> {
        let number = at.any(NUMBER)?.number()?;
        let denies = at.any(ACTION).and_then(At::text) == Some("deny");
        (NUMBERS.contains(&number) || denies && LAST.contains(&number)).then_some(number)
    }

    /// Returns what is done with the packets of an entry.
    fn clauses(&mut self, at: At<'a>, when: Vec<Match>, place: Place) -> Vec<Clause> {
        let verdict = match at.any(ACTION).and_then(At::text) {
            Some("allow") => Verdict::Accept,
            Some("deny") => Verdict::Drop,
            _ => {
                self.doubts.note(at, "this is neither `allow` nor `deny`");
                return either(when, place);
            }
        };
        vec![Clause { when, then: Target::Decide(verdict), place }]
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
        let ports = self.pair(at, &["PortRange"], ["From", "To"], ["from_port", "to_port"])?;
        let codes = ["Type", "Code"];
        let icmp = self.pair(at, &["IcmpTypeCode", "Icmp"], codes, ["icmp_type", "icmp_code"])?;
        let protocol = at.any(PROTOCOL);
        let service = Service { of: Of::Acl, at, protocol, ports, icmp };
        when.extend(service.conditions(family, &mut self.doubts));
        Ok(when)
    }

    /// Returns two numbers, in a map of their own or, as Terraform has them, beside each other.
    fn pair(
        &mut self,
        at: At<'a>,
        outer: &[&str],
        inner: [&str; 2],
        flat: [&str; 2],
    ) -> Result<[Option<At<'a>>; 2], ReadError> {
        if outer.iter().all(|key| at.get(key).is_none()) {
            return Ok(flat.map(|key| at.get(key)));
        }
        let Some(map) = at.any(outer) else { return Ok([None, None]) };
        match self.doubts.strange(map, &[&inner])?.is_empty() {
            true => Ok(inner.map(|key| map.get(key))),
            false => Ok([None, None]),
        }
    }
}
