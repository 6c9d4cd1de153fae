//! Reads groups: the union of what their rules allow, behind connection tracking.
//!
//! Written apart from the plan, for every language in which a group is told of: artifacts, templates, what
//! `describe-…` and `terraform show -json` print. A tracked flow's packets pass whatever the rules say, and
//! what fits no flow is new to a security group: so established and related packets are accepted, invalid
//! ones dropped, and rules are asked about the rest (vpc/latest/userguide/security-group-rules.html).
//!
//! Every group of the texts is taken to be at the same interface, where their rules act together. What is
//! not known for sure may allow anything that it could be about.

mod keys;
mod lists;
mod peers;
mod resources;

use crate::firewall::entries::document;
use crate::firewall::entries::listing::terraform::{self, Named, Resource};
use crate::firewall::entries::listing::{At, Doubts, Of, Service, Texts};
use crate::firewall::{Listing, ReadError, at_hook};
use crate::ir::{Hook, Verdict};
use crate::net::{Family, IpSet};
use crate::program::{Base, Chain, Clause, Field, Match, Place, Program, Target};
use keys::{FROM, GROUP, ONE_WAY, PEERS, PROTOCOL, RULE, RULES, TO, ours};
use lists::Lists;
use peers::{Own, Peer};

/// Reads groups, whoever tells of them; `members` are the addresses that have them, where that is known.
///
/// # Errors
/// The first place that is not the format.
pub(super) fn read(texts: Texts, members: Option<&IpSet>) -> Result<Listing, ReadError> {
    let mut reader = Reader { members, ..Reader::default() };
    let mut resources = Vec::new();
    for root in texts.roots() {
        match terraform::resources(root)? {
            Some(found) => {
                resources.extend(found);
                let beyond = terraform::beyond(root, ours, &mut reader.doubts)?;
                beyond
                    .into_iter()
                    .for_each(|at| reader.allow(BOTH, at.place(), vec![Match::Unknown]));
            }
            None => reader.answer(root, texts.stem(root.file()))?,
        }
    }
    reader.resources(&resources)?;
    for (directions, rule, own) in std::mem::take(&mut reader.waiting) {
        let found = reader.rule(directions, rule, own, None)?;
        reader.add(found);
    }
    if !reader.seen {
        return Err(document::refuse(1, "no security group is here"));
    }
    // Rules that only allow have no order: what is sure comes first, so that it is named where both allow.
    for rules in &mut reader.rules {
        rules.sort_by_key(|clause| clause.when.contains(&Match::Unknown));
    }
    let unclear = reader.doubts.sorted();
    Ok(Listing { program: program(reader.rules), files: texts.files, unclear })
}

/// What the rules come to behind connection tracking.
fn program([ingress, egress]: Rules) -> Program {
    let place = Place { file: 0, line: 1 };
    let state = |low: u32, high: u32, verdict| Clause {
        when: vec![Match::Field(Field::State, vec![(low, high)])],
        then: Target::Decide(verdict),
        place,
    };
    let chain = |name: &str, rules: Vec<Clause>| {
        // The states' numbers: 1 established, 2 related, 3 invalid.
        let mut clauses = vec![state(1, 2, Verdict::Accept), state(3, 3, Verdict::Drop)];
        clauses.extend(rules);
        Chain { name: name.to_owned(), clauses }
    };
    let base = |hook: Hook, chain: usize| Base {
        when: vec![at_hook(hook)],
        chain,
        policy: Verdict::Drop,
        place,
    };
    Program {
        bases: vec![base(Hook::Input, 0), base(Hook::Output, 1)],
        chains: vec![chain("ingress", ingress), chain("egress", egress)],
    }
}

/// The directions that a rule is for, as indices: into the group, out of it, or both where that is not told.
type Directions = &'static [usize];

const INGRESS: Directions = &[0];
const EGRESS: Directions = &[1];
const BOTH: Directions = &[0, 1];
const EACH: [Directions; 2] = [INGRESS, EGRESS];

/// The clauses of both directions, ingress first.
type Rules = [Vec<Clause>; 2];

#[derive(Default)]
struct Reader<'a> {
    lists: Lists,
    rules: Rules,
    doubts: Doubts,
    members: Option<&'a IpSet>,
    /// Whether any group is there.
    seen: bool,
    /// Rules of answers: prefix lists may be in a text behind theirs.
    waiting: Vec<(Directions, At<'a>, Own<'a>)>,
}

impl<'a> Reader<'a> {
    /// Takes an answer of the API.
    fn answer(&mut self, root: At<'a>, stem: &str) -> Result<(), ReadError> {
        let lists = self.lists.answer(root, stem, &mut self.doubts)?;
        for group in root.list("SecurityGroups")? {
            self.group(group)?;
        }
        for rule in root.list("SecurityGroupRules")? {
            let egress = rule.get("IsEgress").and_then(At::bool);
            let directions = egress.map_or(BOTH, |egress| EACH[usize::from(egress)]);
            let own = rule.text_of("GroupId").map(Named::Id);
            self.waiting.push((directions, rule, Own(own)));
        }
        let rules = root.get("SecurityGroupRules").is_some();
        let groups = rules || root.get("SecurityGroups").is_some();
        self.seen |= rules;
        let next = root.get("NextToken").filter(|next| next.says());
        if let Some(next) = next.filter(|_| groups) {
            self.perhaps(BOTH, next, "the answer goes on behind this page");
        }
        if !lists && !groups {
            return Err(root.refuse("neither security groups nor prefix lists are here"));
        }
        let keys = ["SecurityGroups", "SecurityGroupRules", "PrefixLists", "Entries"];
        let beside = ["PrefixListId", "NextToken", "ResponseMetadata"];
        self.beyond(root, &[&keys, &beside])
    }

    fn group(&mut self, group: At<'a>) -> Result<(), ReadError> {
        self.seen = true;
        let own = group.text_of("GroupId").map(Named::Id);
        for (directions, keys) in EACH.into_iter().zip(RULES) {
            let key = keys[0];
            if group.get(key).is_none() {
                let reason = format!("`{key}` is missing: what it allows is not told");
                self.perhaps(directions, group, &reason);
            }
            let rules = group.list(key)?.into_iter();
            self.waiting.extend(rules.map(|rule| (directions, rule, Own(own.clone()))));
        }
        self.beyond(group, &[GROUP, &[RULES[0], RULES[1]]].concat())
    }

    /// Notes what else is told; as it may be rules, anything may be allowed.
    fn beyond(&mut self, at: At<'a>, known: &[&[&str]]) -> Result<(), ReadError> {
        for node in self.doubts.strange(at, known)? {
            self.allow(BOTH, node.place(), vec![Match::Unknown]);
        }
        Ok(())
    }

    /// Notes that anything may be allowed.
    fn perhaps(&mut self, directions: Directions, at: At<'_>, reason: &str) {
        let unknown = self.doubts.unknown(at, reason);
        self.allow(directions, at.place(), vec![unknown]);
    }

    fn allow(&mut self, directions: Directions, place: Place, when: Vec<Match>) {
        self.add(allowed(directions, place, &when));
    }

    fn add(&mut self, more: Rules) {
        for (rules, more) in self.rules.iter_mut().zip(more) {
            rules.extend(more);
        }
    }

    /// Returns what a rule allows; a resource of its own tells what is not known yet.
    fn rule(
        &mut self,
        directions: Directions,
        rule: At<'a>,
        own: Own<'a>,
        resource: Option<&Resource<'a>>,
    ) -> Result<Rules, ReadError> {
        let mut names = PEERS.to_vec();
        directions
            .iter()
            .filter(|_| directions.len() == 1)
            .for_each(|at| names.extend(ONE_WAY[*at]));
        let peers: Vec<_> = names.iter().map(|(key, _)| *key).collect();
        if !self.doubts.strange(rule, &[RULE, &[&peers, PROTOCOL, FROM, TO]].concat())?.is_empty() {
            return Ok(allowed(directions, rule.place(), &[Match::Unknown]));
        }
        let mut doubts = Vec::new();
        if directions == BOTH {
            doubts.push(self.doubts.unknown(rule, "which way the rule is for is not told"));
        }
        let later = |key: &&&str| resource.is_some_and(|resource| resource.unknown(key));
        for key in [PROTOCOL, FROM, TO].into_iter().flatten().filter(later) {
            let reason = format!("`{key}` is known only after it is applied");
            doubts.push(self.doubts.unknown(rule, reason));
        }
        let mut named = self.named(rule, &names, &own, resource)?;
        if named.is_empty() {
            named.push((rule, Peer::Unclear("the rule does not say for whom it is".to_owned())));
        }
        let ports = [rule.any(FROM), rule.any(TO)];
        let protocol = rule.any(PROTOCOL);
        let service = Service { of: Of::Group, at: rule, protocol, ports, icmp: ports };
        let mut rules = Rules::default();
        for (at, peer) in named {
            for direction in directions {
                let more = self.peer(*direction, at, &peer, &service, &doubts);
                rules[*direction].extend(more);
            }
        }
        Ok(rules)
    }

    /// Returns the clauses for one that a rule names.
    fn peer(
        &mut self,
        direction: usize,
        at: At<'a>,
        peer: &Peer,
        service: &Service<'_>,
        more: &[Match],
    ) -> Vec<Clause> {
        let egress = direction == 1;
        let (mut sides, mut unclear) = (Vec::new(), None);
        match peer {
            Peer::Net(net) => sides.push((Family::of(net.addr()), document::side(*net, egress))),
            Peer::Members(set) => sides = peers::members(set, egress),
            Peer::Unclear(reason) => unclear = Some((reason.clone(), None)),
            Peer::List(id) => {
                let list = self.lists.get(id);
                sides = peers::sides(&list.entries, egress);
                let reason = || format!("not all entries of the prefix list `{id}` are told");
                unclear = list.more.then(|| (reason(), list.family));
            }
        }
        let mut clauses = Vec::new();
        let mut clause = |mut when: Vec<Match>, family, doubts: &mut Doubts| {
            when.extend(service.conditions(family, doubts));
            when.extend_from_slice(more);
            clauses.push(Clause { when, then: Target::Decide(Verdict::Accept), place: at.place() });
        };
        for (family, side) in sides {
            clause(vec![side], Some(family), &mut self.doubts);
        }
        if let Some((reason, family)) = unclear {
            let mut when = vec![self.doubts.unknown(at, reason)];
            when.extend(family.map(Match::Family));
            clause(when, family, &mut self.doubts);
        }
        clauses
    }
}

/// The clauses that allow something in some directions.
fn allowed(directions: Directions, place: Place, when: &[Match]) -> Rules {
    let mut rules = Rules::default();
    for direction in directions {
        let then = Target::Decide(Verdict::Accept);
        rules[*direction].push(Clause { when: when.to_vec(), then, place });
    }
    rules
}

fn extend(rules: &mut Rules, more: Rules) {
    for (rules, more) in rules.iter_mut().zip(more) {
        rules.extend(more);
    }
}
