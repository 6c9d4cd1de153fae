//! Groups and rules of Terraform: of a state or a plan, and as they are written.

use super::ends::Teller;
use super::group::{Group, Groups};
use super::rule;
use crate::firewall::ReadError;
use crate::firewall::entries::listing::At;
use crate::firewall::entries::listing::terraform::{self, Resource};

const GROUP: &str = "azurerm_network_security_group";
const RULE: &str = "azurerm_network_security_rule";

/// What a group may say beside its rules; none of it changes what passes.
const BESIDE: &[&str] =
    &["//", "id", "name", "location", "resource_group_name", "tags", "timeouts"];

const INLINE: &str = "security_rule";

/// A group, and the words by which a rule may name it.
struct Owner<'a> {
    address: String,
    resource_group: Option<&'a str>,
    group: Group<'a>,
    /// Whether the rules inside it may be a copy of what was before: the provider computes what the
    /// configuration does not say.
    copied: bool,
}

/// A rule by itself, and its group.
struct Own<'a> {
    at: At<'a>,
    address: Option<String>,
    /// What is not known of it before it is applied.
    later: Vec<&'static str>,
}

/// What Terraform tells in a text.
pub(super) struct Told<'a> {
    resources: Vec<Resource<'a>>,
    /// What stands around the resources and may change any of them.
    beyond: Vec<At<'a>>,
}

/// Returns what Terraform tells; `None` when a text is not Terraform's.
pub(super) fn told<'a>(
    root: At<'a>,
    groups: &mut Groups<'a>,
) -> Result<Option<Told<'a>>, ReadError> {
    let Some(resources) = terraform::resources(root)? else { return Ok(None) };
    let ours = |kind: &str| [GROUP, RULE].contains(&kind);
    let beyond = terraform::beyond(root, ours, &mut groups.doubts)?;
    Ok(Some(Told { resources, beyond }))
}

/// Takes what Terraform tells. What is only looked up counts where it is not managed too, and what a plan
/// removes does not count.
pub(super) fn take<'a>(told: &[Told<'a>], groups: &mut Groups<'a>) -> Result<(), ReadError> {
    let mut owners: Vec<Owner<'a>> = Vec::new();
    let all = || told.iter().flat_map(|told| &told.resources).filter(|one| !one.gone);
    let of = |kind, data| all().filter(move |one| one.kind == kind && one.data == data);
    for resource in of(GROUP, false).chain(of(GROUP, true)) {
        let owner = group(resource)?;
        let known = |known: &Owner<'a>| {
            known.group.name == owner.group.name && known.resource_group == owner.resource_group
        };
        if !(resource.data && owners.iter().any(known)) {
            owners.push(owner);
        }
    }
    let mut rules = Vec::new();
    for resource in of(RULE, false) {
        let later = rule::KEYS.iter().flat_map(|keys| keys.iter().copied());
        rules.push(Own {
            at: resource.values,
            address: resource.reference_to("network_security_group_name", ".name"),
            later: later.filter(|key| resource.unknown(key)).collect(),
        });
    }
    let mut list = joined(owners, rules)?;
    for at in told.iter().flat_map(|told| &told.beyond) {
        list.iter_mut().for_each(|group| group.anything(*at));
    }
    groups.list.extend(list);
    Ok(())
}

fn group<'a>(resource: &Resource<'a>) -> Result<Owner<'a>, ReadError> {
    let at = resource.values;
    let mut group = Group::new(at.text_of("name").unwrap_or("a group without a name"), at);
    group.beyond(at, &[BESIDE, &[INLINE]])?;
    if let Some(list) = at.get(INLINE) {
        group.rules(list, Teller::Configuration)?;
    }
    if resource.inside_later(INLINE) {
        group.perhaps(at, "rules of it are known only after they are applied");
    }
    Ok(Owner {
        address: resource.address.clone().into_owned(),
        resource_group: at.text_of("resource_group_name"),
        group,
        copied: !resource.data && resource.configured(INLINE) == Some(false),
    })
}

/// Brings rules to their groups.
fn joined<'a>(
    mut owners: Vec<Owner<'a>>,
    rules: Vec<Own<'a>>,
) -> Result<Vec<Group<'a>>, ReadError> {
    let mut own: Vec<rule::Ways<'a>> = owners.iter().map(|_| Default::default()).collect();
    for rule in rules {
        let mut ways = [Vec::new(), Vec::new()];
        rule::add(rule.at, Teller::Configuration, &mut ways)?;
        for key in &rule.later {
            let reason = format!("`{key}` is known only after it is applied");
            let entries = ways.iter_mut().flatten();
            entries.for_each(|entry| entry.doubt(rule.at, reason.clone()));
        }
        match position(&rule, &mut owners) {
            Some(at) => {
                own.resize_with(owners.len(), Default::default);
                let known = own.get_mut(at).into_iter().flatten();
                known.zip(ways).for_each(|(known, way)| known.extend(way));
            }
            None => {
                let reason = "which group this rule is of is not known";
                owners.iter_mut().for_each(|owner| owner.group.perhaps(rule.at, reason));
            }
        }
    }
    Ok(owners.into_iter().zip(own).map(|(owner, own)| merged(owner, own)).collect())
}

/// Finds the group of a rule. One that is named but not here may have other rules.
fn position<'a>(rule: &Own<'a>, owners: &mut Vec<Owner<'a>>) -> Option<usize> {
    let name = rule.at.get("network_security_group_name").and_then(At::text);
    let resource_group = rule.at.text_of("resource_group_name");
    let Some(name) = name else {
        let address = rule.address.as_ref()?;
        return owners.iter().position(|owner| owner.address == *address);
    };
    let known = |owner: &Owner<'_>| {
        let apart = owner
            .resource_group
            .zip(resource_group)
            .is_some_and(|(a, b)| !a.eq_ignore_ascii_case(b));
        owner.group.name.eq_ignore_ascii_case(name) && !apart
    };
    owners.iter().position(known).or_else(|| {
        let mut group = Group::new(name, rule.at);
        group.perhaps(rule.at, "this group is not here itself: it may have other rules");
        owners.push(Owner { address: String::new(), resource_group, group, copied: false });
        Some(owners.len() - 1)
    })
}

/// Puts the rules inside a group and those of their own together. The provider tells the latter inside too,
/// as they were when it last looked: what is inside only may be gone.
fn merged<'a>(owner: Owner<'a>, own: rule::Ways<'a>) -> Group<'a> {
    let mut group = owner.group;
    let beside = own.iter().any(|way| !way.is_empty());
    for (inside, own) in group.ways.iter_mut().zip(own) {
        let doubtful = beside || owner.copied;
        for entry in inside.iter_mut().filter(|entry| doubtful && entry.priority.is_some()) {
            if !own.iter().any(|own| own.same(entry)) {
                entry.doubt(entry.at, "this may be a copy of a rule that is gone");
            }
        }
        inside.extend(own);
    }
    group
}
