//! The shapes in which Azure's own tools tell of groups: `az network nsg show` and `list`, `rule list`, the
//! REST API (`az rest`), exported templates and our own, and what an interface comes to
//! (`az network nic list-effective-nsg`).

use super::ends::Teller;
use super::group::{Group, Groups};
use super::rule;
use super::terraform;
use crate::firewall::ReadError;
use crate::firewall::entries::document::Value;
use crate::firewall::entries::listing::{At, Texts};

/// Takes every text.
pub(super) fn read<'a>(texts: &'a Texts, groups: &mut Groups<'a>) -> Result<(), ReadError> {
    let mut told = Vec::new();
    for root in texts.roots() {
        let stem = texts.stem(root.file());
        if let Some(found) = terraform::told(root, groups)? {
            told.push(found);
        } else if root.get("$schema").is_some() || root.get("resources").is_some() {
            template(root, stem, groups)?;
        } else {
            answer(root, stem, groups)?;
        }
    }
    terraform::take(&told, groups)
}

const GROUP: &str = "Microsoft.Network/networkSecurityGroups";
const RULE: &str = "Microsoft.Network/networkSecurityGroups/securityRules";

/// What a group may say beside its rules; none of it changes what passes.
const BESIDE: &[&str] = &[
    "name",
    "id",
    "location",
    "type",
    "etag",
    "tags",
    "resourceGroup",
    "resourceGuid",
    "provisioningState",
    "flushConnection",
    "networkInterfaces",
    "subnets",
    "flowLogs",
];

/// What may stand around a group's `properties`; the last three only in templates.
const AROUND: &[&str] = &[
    "name",
    "id",
    "location",
    "type",
    "etag",
    "tags",
    "resourceGroup",
    "properties",
    "apiVersion",
    "dependsOn",
    "comments",
];

const RULES: [&str; 2] = ["securityRules", "defaultSecurityRules"];

/// What a template may say beside its resources.
const TEMPLATE: &[&str] = &[
    "$schema",
    "contentVersion",
    "apiProfile",
    "metadata",
    "parameters",
    "variables",
    "functions",
    "outputs",
    "resources",
];

/// Takes an answer of the API or of `az`: one thing, or a list of them.
fn answer<'a>(root: At<'a>, stem: &'a str, groups: &mut Groups<'a>) -> Result<(), ReadError> {
    let list = match root.value() {
        Value::List(_) => Some(root),
        _ => root.get("value"),
    };
    let Some(list) = list else {
        return match is_rule(root) {
            true => Err(root.refuse("this is one rule: give all rules of its group")),
            false => thing(root, stem, groups),
        };
    };
    let mut ruled: Vec<(&str, Group<'a>)> = Vec::new();
    for item in list.items()? {
        if is_rule(item) {
            of_list(item, stem, &mut ruled)?;
        } else {
            thing(item, stem, groups)?;
        }
    }
    let mut ruled: Vec<_> = ruled.into_iter().map(|(_, group)| group).collect();
    if let Value::Map(_) = root.value() {
        groups.doubts.strange(root, &[&["value", "nextLink"]])?;
    }
    if let Some(next) = root.get("nextLink").filter(|next| next.says()) {
        groups.doubts.note(next, "the answer goes on behind this page: there may be other groups");
        let reason = "the answer goes on behind this page: the group may have other rules";
        ruled.iter_mut().for_each(|group| group.perhaps(next, reason));
    }
    groups.list.extend(ruled);
    Ok(())
}

/// Takes a group, or what an interface comes to.
fn thing<'a>(at: At<'a>, stem: &'a str, groups: &mut Groups<'a>) -> Result<(), ReadError> {
    if at.get("effectiveSecurityRules").is_some() {
        groups.list.push(effective(at, stem)?);
        return Ok(());
    }
    let said = at.get("properties").unwrap_or(at);
    let typed = at.text_of("type").is_some_and(|kind| kind.eq_ignore_ascii_case(GROUP));
    if !typed && RULES.iter().all(|key| said.get(key).is_none()) {
        return Err(at.refuse("neither a network security group nor a rule of one is here"));
    }
    groups.list.push(group(at, stem)?);
    Ok(())
}

/// Reads a group, flat or with its `properties`.
fn group<'a>(at: At<'a>, stem: &'a str) -> Result<Group<'a>, ReadError> {
    let mut group = Group::new(at.text_of("name").unwrap_or(stem), at);
    let inner = at.get("properties");
    let said = inner.unwrap_or(at);
    if inner.is_some() {
        group.beyond(at, &[AROUND])?;
    }
    group.beyond(said, &[BESIDE, &RULES])?;
    for list in RULES.iter().filter_map(|key| said.get(key)) {
        group.rules(list, Teller::Configuration)?;
    }
    let state = said.get("provisioningState").filter(|state| state.says());
    let done =
        |state: &At<'_>| state.text().is_some_and(|state| state.eq_ignore_ascii_case("succeeded"));
    if let Some(state) = state.filter(|state| !done(state)) {
        group.perhaps(state, "Azure has not finished this group");
    }
    Ok(group)
}

/// Tells whether something is a rule by itself.
fn is_rule(at: At<'_>) -> bool {
    let said = at.get("properties").unwrap_or(at);
    said.get("priority").is_some() || owner(at).is_some()
}

/// Returns what a rule's id says of its group: `…/networkSecurityGroups/NAME`.
fn owner(at: At<'_>) -> Option<&str> {
    let id = at.text_of("id")?;
    let end = ["/securityRules/", "/defaultSecurityRules/"].iter().find_map(|part| id.find(part));
    id.get(..end?)
}

/// Takes a rule of a list to the group that its id names.
fn of_list<'a>(
    rule: At<'a>,
    stem: &'a str,
    ruled: &mut Vec<(&'a str, Group<'a>)>,
) -> Result<(), ReadError> {
    let id = owner(rule).unwrap_or_default();
    let known = ruled.iter().position(|(known, _)| known.eq_ignore_ascii_case(id));
    let at = known.unwrap_or_else(|| {
        let name = id.rsplit('/').next().filter(|name| !name.is_empty());
        ruled.push((id, Group::new(name.unwrap_or(stem), rule)));
        ruled.len() - 1
    });
    match ruled.get_mut(at) {
        Some((_, group)) => rule::add(rule, Teller::Configuration, &mut group.ways),
        None => Ok(()),
    }
}

/// Reads one of the groups before an interface.
fn effective<'a>(at: At<'a>, stem: &'a str) -> Result<Group<'a>, ReadError> {
    let id = at.get("networkSecurityGroup").and_then(|group| group.text_of("id"));
    let name = id.and_then(|id| id.rsplit('/').next()).unwrap_or(stem);
    let mut group = Group { stacked: true, ..Group::new(name, at) };
    let rules = "effectiveSecurityRules";
    group.beyond(at, &[&["association", "networkSecurityGroup", "tagMap", rules]])?;
    if let Some(association) = at.get("association") {
        // The rules of a network manager may pass over all groups.
        group.beyond(association, &[&["networkInterface", "subnet"]])?;
    }
    if let Some(list) = at.get(rules) {
        group.rules(list, Teller::Interface(at.get("tagMap")))?;
    }
    Ok(group)
}

/// Takes a template. A group has its rules inside, and in an exported one they stand beside it once more.
fn template<'a>(root: At<'a>, stem: &'a str, groups: &mut Groups<'a>) -> Result<(), ReadError> {
    let (mut list, mut beside, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for resource in root.list("resources")? {
        let kind = resource.text_of("type").unwrap_or_default();
        let kind = kind.to_ascii_lowercase();
        if kind == GROUP.to_ascii_lowercase() {
            list.push(group(resource, stem)?);
        } else if kind == RULE.to_ascii_lowercase() {
            beside.push(resource);
        } else if kind.is_empty()
            || kind.starts_with("microsoft.resources/")
            || kind.starts_with(&GROUP.to_ascii_lowercase())
        {
            others.push(resource);
        }
    }
    for rule in beside {
        twin(rule, &mut list)?;
    }
    for group in &mut list {
        others.iter().for_each(|at| group.perhaps(*at, "this may have rules of the group"));
        group.beyond(root, &[TEMPLATE])?;
    }
    groups.list.extend(list);
    Ok(())
}

/// Takes a rule that stands beside its group: one that the group does not have as well may hold.
fn twin<'a>(rule: At<'a>, list: &mut [Group<'a>]) -> Result<(), ReadError> {
    let name = rule.text_of("name").unwrap_or_default();
    let owner = list.iter().position(|group| is_of(name, group.name));
    let Some(group) = owner.and_then(|at| list.get_mut(at)) else {
        let reason = "which group this rule is of is not known";
        list.iter_mut().for_each(|group| group.perhaps(rule, reason));
        return Ok(());
    };
    let mut ways = [Vec::new(), Vec::new()];
    rule::add(rule, Teller::Configuration, &mut ways)?;
    for (known, way) in group.ways.iter_mut().zip(ways) {
        for mut entry in way {
            if known.iter().any(|inside| inside.same(&entry)) {
                continue;
            }
            entry.doubt(rule, "this rule is not inside its group");
            known.push(entry);
        }
    }
    Ok(())
}

/// Tells whether a rule's name is of a group: `GROUP/RULE`, or an expression with the group's own inside.
fn is_of(rule: &str, group: &str) -> bool {
    let inner = group.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    match inner {
        Some(inner) => rule.starts_with('[') && rule.contains(inner),
        None => rule.split('/').next().is_some_and(|name| name.eq_ignore_ascii_case(group)),
    }
}
