//! Reads an ACL: entries by number, first match, denied at the end.
//!
//! Written apart from the plan, for every language in which an ACL is told of: artifacts, templates, what
//! `describe-network-acls` and `terraform show -json` print. A subnet has one ACL: the texts tell of one, or
//! of several that say the same. What is not known for sure may decide anything that it could be about.

mod entry;

use crate::firewall::entries::document;
use crate::firewall::entries::listing::copies;
use crate::firewall::entries::listing::terraform::{self, Named, Resource};
use crate::firewall::entries::listing::{At, Doubts, Texts};
use crate::firewall::{Listing, ReadError, at_hook};
use crate::ir::{Hook, Verdict};
use crate::program::{Base, Chain, Clause, Place, Program};
use entry::{Entry, Sides};

/// Reads an ACL, whoever tells of it.
///
/// # Errors
/// The first place that is not the format, and more than one ACL.
pub(super) fn read(texts: Texts) -> Result<Listing, ReadError> {
    let mut reader = Reader::default();
    let (mut resources, mut beyond) = (Vec::new(), Vec::new());
    for root in texts.roots() {
        match terraform::resources(root)? {
            Some(found) => {
                resources.extend(found);
                beyond.extend(terraform::beyond(root, ours, &mut reader.doubts)?);
            }
            None => beyond.extend(reader.answer(root, texts.stem(root.file()))?),
        }
    }
    beyond.extend(reader.resources(&resources)?);
    // What is not understood around the ACLs may be of each of them.
    for acl in &mut reader.acls {
        beyond.iter().for_each(|at| acl.perhaps(&[0, 1], *at));
    }
    let sides = reader.only()?.map(|side| in_order(side, &mut reader.doubts));
    let unclear = reader.doubts.sorted();
    Ok(Listing { program: program(sides), files: texts.files, unclear })
}

/// What entries in their order come to, those of ingress first: what none of them decides is denied.
fn program([ingress, egress]: [Vec<Clause>; 2]) -> Program {
    let chain = |name: &str, clauses| Chain { name: name.to_owned(), clauses };
    let base = |hook: Hook, chain: usize| Base {
        when: vec![at_hook(hook)],
        chain,
        policy: Verdict::Drop,
        place: Place { file: 0, line: 1 },
    };
    Program {
        bases: vec![base(Hook::Input, 0), base(Hook::Output, 1)],
        chains: vec![chain("ingress", ingress), chain("egress", egress)],
    }
}

/// An ACL: its name, and its entries by direction.
struct Acl<'a> {
    id: String,
    at: At<'a>,
    sides: Sides<'a>,
}

impl<'a> Acl<'a> {
    /// Lets anything happen in some directions.
    fn perhaps(&mut self, directions: &[usize], at: At<'a>) {
        for direction in directions {
            self.sides[*direction].push(Entry::anything(at));
        }
    }
}

#[derive(Default)]
struct Reader<'a> {
    acls: Vec<Acl<'a>>,
    doubts: Doubts,
}

/// The entries beside an ACL, and those that a plan removes.
#[derive(Default)]
struct Beside<'a> {
    entries: Sides<'a>,
    gone: Sides<'a>,
}

/// The lists of entries in an ACL of Terraform, ingress first.
const ENTRIES: [&str; 2] = ["ingress", "egress"];

/// What an ACL may say beside its entries.
const ACL: &[&[&str]] = &[
    // Which ACL it is.
    &["NetworkAclId", "OwnerId", "VpcId", "IsDefault", "id", "arn", "owner_id", "vpc_id", "region"],
    &["default_network_acl_id"],
    // Where it is used: the policy says which machines it means.
    &["Associations", "subnet_ids"],
    // Notes of people, and how Terraform makes it.
    &["Tags", "tags", "tags_all", "//", "depends_on", "provider"],
];

const ACLS: &[&str] = &["aws_network_acl", "aws_default_network_acl", "AWS::EC2::NetworkAcl"];
const RULES: &[&str] = &["aws_network_acl_rule", "AWS::EC2::NetworkAclEntry"];

/// Kinds of resources about ACLs that change no entry: they say where an ACL is used.
const HARMLESS: &[&str] = &["aws_network_acl_association", "AWS::EC2::SubnetNetworkAclAssociation"];

/// Tells whether resources of a kind may have to do with entries: all that is named after ACLs.
fn ours(kind: &str) -> bool {
    let about = ["network_acl", "NetworkAcl"].iter().any(|word| kind.contains(word));
    about && !HARMLESS.contains(&kind)
}

impl<'a> Reader<'a> {
    /// Takes an answer of the API, or its entries as an artifact hands them over; returns what is told beside
    /// them and not understood.
    fn answer(&mut self, root: At<'a>, stem: &str) -> Result<Vec<At<'a>>, ReadError> {
        let lists = ["NetworkAcls", "NetworkAclEntries"];
        if lists.iter().all(|key| root.get(key).is_none()) {
            return Err(root.refuse("no network ACLs are here"));
        }
        for acl in root.list("NetworkAcls")? {
            let entries = acl.get("Entries");
            let entries = entries.ok_or_else(|| acl.refuse("`Entries` is missing"))?;
            let id = acl.text_of("NetworkAclId").unwrap_or(stem);
            self.list(id, acl, entries)?;
            self.beyond(acl, &["Entries"])?;
        }
        if let Some(entries) = root.get("NetworkAclEntries") {
            self.list(stem, root, entries)?;
        }
        if let Some(next) = root.get("NextToken").filter(|next| next.says()) {
            self.doubts.note(next, "the answer goes on behind this page: there may be other ACLs");
        }
        self.doubts.strange(root, &[&lists, &["NextToken", "ResponseMetadata"]])
    }

    /// Takes an ACL with a list of entries of both directions.
    fn list(&mut self, id: &str, at: At<'a>, entries: At<'a>) -> Result<(), ReadError> {
        let mut sides = Sides::default();
        for entry in entries.items()? {
            self.entry(entry, None, None, &mut sides)?;
        }
        self.acls.push(Acl { id: id.to_owned(), at, sides });
        Ok(())
    }

    /// Lets anything happen in the newest ACL where something else is told of it.
    fn beyond(&mut self, at: At<'a>, entries: &[&str]) -> Result<(), ReadError> {
        let strange = self.doubts.strange(at, &[ACL, &[entries]].concat())?;
        let Some(acl) = self.acls.last_mut() else { return Ok(()) };
        strange.into_iter().for_each(|node| acl.perhaps(&[0, 1], node));
        Ok(())
    }

    /// Takes resources; returns those that are not understood.
    fn resources(&mut self, resources: &[Resource<'a>]) -> Result<Vec<At<'a>>, ReadError> {
        let of = |kinds: &[&str], one: &&Resource<'a>| !one.data && kinds.contains(&one.kind);
        let acls: Vec<_> = resources.iter().filter(|one| !one.gone && of(ACLS, one)).collect();
        let index = terraform::index(&acls);
        let mut beside: Vec<Beside<'a>> = acls.iter().map(|_| Beside::default()).collect();
        let mut astray = Vec::new();
        for rule in resources.iter().filter(|one| of(RULES, one)) {
            let named = rule.named(if rule.kind.starts_with("AWS::") {
                "NetworkAclId"
            } else {
                "network_acl_id"
            });
            match index.get(&named).and_then(|at| beside.get_mut(*at)) {
                Some(beside) => self.beside(rule, beside)?,
                None if rule.gone => {}
                None => astray.push((rule, named)),
            }
        }
        let first = self.acls.len();
        acls.into_iter().zip(beside).try_for_each(|(acl, beside)| self.inside(acl, beside))?;
        astray.into_iter().try_for_each(|(rule, named)| self.astray(rule, named, first))?;
        let strange = |one: &&Resource<'a>| {
            !one.gone
                && !one.data
                && ours(one.kind)
                && !ACLS.contains(&one.kind)
                && !RULES.contains(&one.kind)
        };
        let mut found = Vec::new();
        for one in resources.iter().filter(strange) {
            self.doubts.note(one.values, format!("what `{}` does is not understood", one.kind));
            found.push(one.values);
        }
        Ok(found)
    }

    /// Takes an entry that is a resource of its own.
    fn beside(&mut self, rule: &Resource<'a>, beside: &mut Beside<'a>) -> Result<(), ReadError> {
        if !rule.gone {
            return self.entry(rule.values, None, Some(rule), &mut beside.entries);
        }
        // Nothing is to be said of what will not be.
        let doubts = std::mem::take(&mut self.doubts);
        self.entry(rule.values, None, None, &mut beside.gone)?;
        self.doubts = doubts;
        Ok(())
    }

    /// Takes an ACL with the entries inside and beside it.
    fn inside(&mut self, acl: &Resource<'a>, mut beside: Beside<'a>) -> Result<(), ReadError> {
        let at = acl.values;
        let others = beside.entries.iter().chain(&beside.gone).any(|side| !side.is_empty());
        let id = at.text_of("id").unwrap_or(&acl.address).to_owned();
        let mut sides = Sides::default();
        let mut later = Vec::new();
        for (direction, key) in ENTRIES.into_iter().enumerate() {
            for entry in at.list(key)? {
                self.entry(entry, Some(direction), None, &mut sides)?;
            }
            let (inside, doubts) = (&mut sides[direction], &mut self.doubts);
            let (entries, gone) = (&mut beside.entries[direction], &beside.gone[direction]);
            let kind = acl.inside(key, others);
            copies::settle((inside, kind), (entries, gone), Entry::says, |entry, stale| {
                doubts.note(entry.at, stale.reason());
                entry.doubt();
            });
            if acl.inside_later(key) {
                self.doubts.note(at, format!("`{key}` is known only after it is applied"));
                later.push(direction);
            }
            sides[direction].append(&mut beside.entries[direction]);
        }
        self.acls.push(Acl { id, at, sides });
        self.acls.last_mut().into_iter().for_each(|acl| acl.perhaps(&later, at));
        self.beyond(at, if acl.kind.starts_with("AWS::") { &[] } else { &ENTRIES })
    }

    /// Takes an entry of an ACL that is not here: by its id of another one, else perhaps of each that is.
    fn astray(
        &mut self,
        rule: &Resource<'a>,
        named: Named<'_>,
        first: usize,
    ) -> Result<(), ReadError> {
        let mut sides = Sides::default();
        self.entry(rule.values, None, Some(rule), &mut sides)?;
        let id = match named {
            Named::Id(id) => id.to_owned(),
            _ => String::new(),
        };
        let alone = self.acls.len() == first;
        if id.is_empty() && !alone {
            self.doubts.note(rule.values, "which ACL this entry is of is not known");
            sides.iter_mut().flatten().for_each(Entry::doubt);
            for acl in self.acls.iter_mut().skip(first) {
                acl.sides.iter_mut().zip(&sides).for_each(|(all, more)| all.extend(more.clone()));
            }
            return Ok(());
        }
        match self.acls.iter_mut().skip(first).find(|acl| acl.id == id) {
            Some(acl) => acl.sides.iter_mut().zip(sides).for_each(|(all, more)| all.extend(more)),
            None => {
                let reason = "this ACL is not here itself: it may have other entries";
                self.doubts.note(rule.values, reason);
                let mut acl = Acl { id, at: rule.values, sides };
                acl.perhaps(&[0, 1], rule.values);
                self.acls.push(acl);
            }
        }
        Ok(())
    }

    /// Returns the entries of the one ACL that the texts tell of.
    fn only(&mut self) -> Result<Sides<'a>, ReadError> {
        let mut ids: Vec<_> = self.acls.iter().map(|acl| acl.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut acls = std::mem::take(&mut self.acls).into_iter();
        let first = acls.next();
        let first = first.ok_or_else(|| document::refuse(1, "no network ACL is here"))?;
        let Some(other) = acls.find(|acl| !alike(&first, acl)) else { return Ok(first.sides) };
        Err(other.at.refuse(format!(
            "there are several network ACLs and a subnet has one: give one of {}",
            ids.join(", ")
        )))
    }
}

/// Tells whether two ACLs surely say the same.
fn alike(a: &Acl<'_>, b: &Acl<'_>) -> bool {
    let said = |side: &Vec<Entry<'_>>| {
        let mut said: Vec<_> = side.iter().map(Entry::says).collect();
        said.sort_unstable();
        said
    };
    let sure = a.sides.iter().flatten().all(Entry::sure);
    sure && a.sides.iter().zip(&b.sides).all(|(a, b)| said(a) == said(b))
}

/// Puts entries in the order of their numbers; those without one, which may stand anywhere, come first. Of
/// two with one number either may hold.
fn in_order(mut entries: Vec<Entry<'_>>, doubts: &mut Doubts) -> Vec<Clause> {
    entries.sort_by_key(|entry| entry.number);
    let mut twice = vec![false; entries.len()];
    for (at, pair) in entries.windows(2).enumerate() {
        if let [Entry { number: Some(one), .. }, Entry { number: Some(other), at: place, .. }] =
            pair
            && one == other
        {
            doubts.note(*place, format!("number {one} is there twice"));
            twice[at..at + 2].fill(true);
        }
    }
    let each = entries.into_iter().zip(twice).flat_map(|(mut entry, twice)| {
        if twice {
            entry.doubt();
        }
        entry.clauses
    });
    each.collect()
}
