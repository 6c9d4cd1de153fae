//! Resources, wherever they are told of: what `terraform show -json` prints of a state or of a plan,
//! Terraform's configurations, and CloudFormation's templates.
//!
//! The format of a state and of a plan is Terraform's own (developer.hashicorp.com/terraform/internals/
//! json-format). A plan leaves out what is known only after it is applied: that, and what the configuration
//! names there, stands apart.

use super::super::document::Value;
use super::copies::Inside;
use super::{At, Doubts};
use crate::firewall::ReadError;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// A resource.
pub(in crate::firewall) struct Resource<'a> {
    /// Its whole address; in a template its name.
    pub(in crate::firewall) address: Cow<'a, str>,
    /// `aws_instance` and the like.
    pub(in crate::firewall) kind: &'a str,
    /// Whether it is only looked up.
    pub(in crate::firewall) data: bool,
    /// Whether a plan removes it.
    pub(in crate::firewall) gone: bool,
    /// Its attributes.
    pub(in crate::firewall) values: At<'a>,
    /// The address of its module, with a `.` behind it; empty for the root.
    module: String,
    /// Its attributes that are known only after they are applied.
    unknown: Option<At<'a>>,
    /// Whether a plan makes it anew.
    new: bool,
    /// What its configuration says; none where that is not told.
    expressions: Option<At<'a>>,
}

/// What an attribute names.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(in crate::firewall) enum Named<'a> {
    /// Something by its id.
    Id(&'a str),
    /// Another resource of the text, by its address.
    Address(String),
    /// Nobody knows what.
    Unknown,
}

impl<'a> Resource<'a> {
    /// Tells whether any of an attribute is known only after it is applied.
    pub(in crate::firewall) fn unknown(&self, key: &str) -> bool {
        self.unknown.and_then(|unknown| unknown.get(key)).is_some_and(any)
    }

    /// Tells whether what a list of rules inside it will have is known only after it is applied. What is made
    /// anew has none but what the configuration says.
    pub(in crate::firewall) fn inside_later(&self, key: &str) -> bool {
        let empty = self.new && self.inside(key, true) == Inside::Copy;
        self.unknown(key) && !(empty && self.values.get(key).is_none())
    }

    /// Returns the address of the resource whose id an attribute is.
    pub(in crate::firewall) fn reference(&self, key: &str) -> Option<String> {
        self.reference_to(key, ".id")
    }

    /// Returns the address of the resource of which an attribute is a certain one: `.id`, `.name`.
    pub(in crate::firewall) fn reference_to(&self, key: &str, part: &str) -> Option<String> {
        if let Some(at) = self.values.get(key) {
            return reference(at, part).map(str::to_owned);
        }
        let names = self.expressions?.get(key)?.list("references").ok()?;
        let [whole, name] = names.as_slice() else { return None };
        let (whole, name) = (whole.text()?, name.text()?);
        (whole.strip_suffix(part)? == name).then(|| format!("{}{name}", self.module))
    }

    /// Tells whether the configuration says an attribute; `None` where the configuration is not told.
    pub(in crate::firewall) fn configured(&self, key: &str) -> Option<bool> {
        self.expressions.map(|said| said.get(key).is_some())
    }

    /// Returns what an attribute names by its id.
    pub(in crate::firewall) fn named(&self, key: &str) -> Named<'a> {
        let id = self.values.get(key).and_then(At::text);
        let address = || self.reference(key).map_or(Named::Unknown, Named::Address);
        id.map_or_else(address, Named::Id)
    }

    /// Returns what a list of rules inside it is; `beside` tells whether others stand beside it.
    pub(in crate::firewall) fn inside(&self, key: &str, beside: bool) -> Inside {
        match self.configured(key) {
            _ if self.data || self.kind.starts_with("AWS::") => Inside::Added,
            // What these do not list they remove.
            _ if self.kind.starts_with("aws_default_") => Inside::Written,
            Some(true) => Inside::Written,
            None if !beside => Inside::Added,
            _ => Inside::Copy,
        }
    }
}

/// Returns where in a list each resource stands, by all that may name it.
pub(in crate::firewall) fn index<'a>(resources: &[&Resource<'a>]) -> FxHashMap<Named<'a>, usize> {
    let mut index = FxHashMap::default();
    for (at, resource) in resources.iter().enumerate() {
        index.insert(Named::Address(resource.address.clone().into_owned()), at);
        index.extend(resource.values.text_of("id").map(|id| (Named::Id(id), at)));
    }
    index
}

/// Returns what a reference to an attribute of a resource names: `aws_vpc.edge.id`, and
/// CloudFormation's `Ref`, which is the id.
pub(in crate::firewall) fn reference<'a>(at: At<'a>, part: &str) -> Option<&'a str> {
    match at.value() {
        Value::Reference(name) => name.strip_suffix(part),
        Value::Map(members) if members.len() == 1 && part == ".id" => {
            at.text_of("Ref").or_else(|| attribute(at))
        }
        _ => None,
    }
}

/// Returns the name in CloudFormation's `Fn::GetAtt`, where the attribute is the id.
fn attribute(at: At<'_>) -> Option<&str> {
    let parts = at.list("Fn::GetAtt").ok()?;
    let [name, attribute] = parts.as_slice() else { return None };
    let id = ["Id", "GroupId", "PrefixListId"].contains(&attribute.text()?);
    name.text().filter(|_| id)
}

/// Tells whether a tree of marks has any.
fn any(at: At<'_>) -> bool {
    match at.value() {
        Value::Bool(mark) => *mark,
        Value::List(_) => at.items().is_ok_and(|mut items| items.any(any)),
        Value::Map(_) => at.members().is_ok_and(|mut members| members.any(|(_, node)| any(node))),
        _ => false,
    }
}

/// Returns the resources; `None` when this is neither Terraform's nor CloudFormation's.
pub(in crate::firewall) fn resources(root: At<'_>) -> Result<Option<Vec<Resource<'_>>>, ReadError> {
    if root.get("terraform_version").is_some() && root.get("lineage").is_some() {
        return Err(root.refuse("this is a state file: give what `terraform show -json` prints"));
    }
    if root.get("format_version").is_some() {
        return shown(root).map(Some);
    }
    if root.get("resource").is_some() {
        return configuration(root).map(Some);
    }
    root.get("Resources").map(template).transpose()
}

fn shown(root: At<'_>) -> Result<Vec<Resource<'_>>, ReadError> {
    let planned = root.get("planned_values");
    let Some(values) = planned.or_else(|| root.get("values")) else {
        return Err(root.refuse("neither a state nor a plan is here: `values` is missing"));
    };
    let mut walk = Walk { changes: FxHashMap::default(), found: Vec::new() };
    for change in root.list("resource_changes")? {
        walk.change(change)?;
    }
    let configuration = root.get("configuration").and_then(|all| all.get("root_module"));
    if let Some(module) = values.get("root_module") {
        walk.module(module, "", configuration)?;
    }
    let before = root.get("prior_state").and_then(|state| state.get("values"));
    if let Some(module) = before.and_then(|values| values.get("root_module")) {
        // A plan has what is looked up only in the state that it begins with.
        let mut looked_up = Walk { changes: FxHashMap::default(), found: Vec::new() };
        looked_up.module(module, "", configuration)?;
        walk.found.extend(looked_up.found.into_iter().filter(|resource| resource.data));
    }
    Ok(walk.found)
}

/// What a plan does to a resource.
#[derive(Clone, Copy)]
struct Change<'a> {
    /// The marks of what is not known yet.
    unknown: Option<At<'a>>,
    new: bool,
}

struct Walk<'a> {
    /// What a plan does to resources, by address.
    changes: FxHashMap<&'a str, Change<'a>>,
    found: Vec<Resource<'a>>,
}

impl<'a> Walk<'a> {
    /// Takes what a plan does to a resource.
    fn change(&mut self, at: At<'a>) -> Result<(), ReadError> {
        let Some((address, change)) = at.text_of("address").zip(at.get("change")) else {
            return Ok(());
        };
        let actions = change.list("actions")?;
        let only = |action: &str| matches!(actions.as_slice(), [one] if one.text() == Some(action));
        let unknown = change.get("after_unknown");
        self.changes.insert(address, Change { unknown, new: only("create") });
        if only("delete")
            && let (Some(kind), Some(values)) = (at.text_of("type"), change.get("before"))
        {
            self.found.push(Resource { gone: true, ..Resource::new(address, kind, values) });
        }
        Ok(())
    }

    fn module(
        &mut self,
        module: At<'a>,
        address: &str,
        configuration: Option<At<'a>>,
    ) -> Result<(), ReadError> {
        let mut said = FxHashMap::default();
        for one in configuration.map(|all| all.list("resources")).transpose()?.unwrap_or_default() {
            said.insert((one.text_of("type"), one.text_of("name")), one);
        }
        let prefix = if address.is_empty() { String::new() } else { format!("{address}.") };
        for resource in module.list("resources")? {
            let missing = |key: &str| resource.refuse(format!("`{key}` is missing"));
            let kind = resource.text_of("type").ok_or_else(|| missing("type"))?;
            let name = resource.text_of("address").ok_or_else(|| missing("address"))?;
            let values = resource.get("values").ok_or_else(|| missing("values"))?;
            let configured = said.get(&(Some(kind), resource.text_of("name")));
            self.found.push(Resource {
                data: resource.text_of("mode") == Some("data"),
                module: prefix.clone(),
                unknown: self.changes.get(name).and_then(|change| change.unknown),
                new: self.changes.get(name).is_some_and(|change| change.new),
                expressions: configured.and_then(|one| one.get("expressions")),
                ..Resource::new(name, kind, values)
            });
        }
        for child in module.list("child_modules")? {
            let address = child.text_of("address").unwrap_or_default();
            let call = address.strip_prefix(&prefix).and_then(|own| own.strip_prefix("module."));
            let call = call.and_then(|own| own.split('[').next()).unwrap_or_default();
            let calls = configuration.and_then(|all| all.get("module_calls"));
            let inner = calls.and_then(|calls| calls.get(call)?.get("module"));
            self.module(child, address, inner)?;
        }
        Ok(())
    }
}

impl<'a> Resource<'a> {
    fn new(address: impl Into<Cow<'a, str>>, kind: &'a str, values: At<'a>) -> Self {
        let (address, module) = (address.into(), String::new());
        let (data, gone, new) = (false, false, false);
        let (unknown, expressions) = (None, None);
        Resource { address, kind, data, gone, values, module, unknown, new, expressions }
    }
}

fn configuration(root: At<'_>) -> Result<Vec<Resource<'_>>, ReadError> {
    let mut found = Vec::new();
    for (blocks, data) in [("resource", false), ("data", true)] {
        let Some(kinds) = root.get(blocks) else { continue };
        for (kind, names) in kinds.members()? {
            for (name, values) in names.members()? {
                let address = format!("{}{kind}.{name}", if data { "data." } else { "" });
                let resource = Resource::new(address, kind, values);
                found.push(Resource { data, expressions: Some(values), ..resource });
            }
        }
    }
    Ok(found)
}

fn template(resources: At<'_>) -> Result<Vec<Resource<'_>>, ReadError> {
    let mut found = Vec::new();
    for (name, resource) in resources.members()? {
        let missing = || resource.refuse("`Type` is missing");
        let kind = resource.text_of("Type").ok_or_else(missing)?;
        let values = resource.get("Properties").unwrap_or(resource);
        found.push(Resource::new(name, kind, values));
    }
    Ok(found)
}

/// What may stand beside the resources of each language; none of it changes a rule.
const BESIDE: &[&[&str]] = &[
    // The resources themselves, and what is read of a plan.
    &[
        "values",
        "planned_values",
        "resource_changes",
        "prior_state",
        "configuration",
        "resource",
        "data",
    ],
    // Versions, comments and the time.
    &["format_version", "terraform_version", "timestamp", "//", "terraform", "provider"],
    &["AWSTemplateFormatVersion", "Description", "Metadata", "Resources", "Conditions"],
    // What values are made of, and what is made of them: they stand in their places already.
    &[
        "variables",
        "variable",
        "locals",
        "output",
        "output_changes",
        "Parameters",
        "Mappings",
        "Outputs",
    ],
    // What was found and checked on the way.
    &[
        "resource_drift",
        "relevant_attributes",
        "checks",
        "applyable",
        "complete",
        "errored",
        "Rules",
    ],
];

/// What may stand in a module, and in a resource beside its attributes.
const MODULE: &[&str] = &["resources", "child_modules", "address", "outputs", "root_module"];
const RESOURCE: &[&[&str]] = &[
    &["address", "mode", "type", "name", "index", "provider_name", "schema_version", "values"],
    &["sensitive_values", "depends_on", "identity", "identity_schema_version", "tainted"],
    &["Type", "Properties", "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"],
];

/// Returns what is written around the resources that may change any of them, and notes it; `ours` tells which
/// kinds of resources matter.
pub(in crate::firewall) fn beyond<'a>(
    root: At<'a>,
    ours: fn(&str) -> bool,
    doubts: &mut Doubts,
) -> Result<Vec<At<'a>>, ReadError> {
    let mut found = doubts.strange(root, BESIDE)?;
    for (key, good) in [("complete", true), ("errored", false)] {
        if let Some(at) = root.get(key).filter(|at| at.bool() != Some(good)) {
            doubts.note(at, "this is not the whole plan");
            found.push(at);
        }
    }
    let values = root.get("planned_values").or_else(|| root.get("values"));
    if let Some(values) = values {
        module(values, ours, doubts, &mut found)?;
    }
    if let Some(resources) = root.get("Resources") {
        for (_, resource) in resources.members()? {
            if resource.text_of("Type").is_some_and(ours) {
                found.extend(doubts.strange(resource, RESOURCE)?);
            }
        }
    }
    Ok(found)
}

fn module<'a>(
    at: At<'a>,
    ours: fn(&str) -> bool,
    doubts: &mut Doubts,
    found: &mut Vec<At<'a>>,
) -> Result<(), ReadError> {
    found.extend(doubts.strange(at, &[MODULE])?);
    for resource in at.list("resources")? {
        if resource.text_of("type").is_some_and(ours) {
            found.extend(doubts.strange(resource, RESOURCE)?);
        }
    }
    let inner = at.get("root_module").into_iter().chain(at.list("child_modules")?);
    inner.into_iter().try_for_each(|child| module(child, ours, doubts, found))
}
