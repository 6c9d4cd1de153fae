//! What `terraform show -json` prints of a state or of a plan, as a list of resources.
//!
//! The format is Terraform's own (developer.hashicorp.com/terraform/internals/json-format). A plan leaves
//! out what is known only after it is applied: that, and what the configuration names there, stands apart.

use super::super::document::Value;
use super::At;
use crate::firewall::ReadError;
use rustc_hash::FxHashMap;

/// A resource of a state or of a plan.
pub(in crate::firewall) struct Resource<'a> {
    /// Its whole address.
    pub(in crate::firewall) address: &'a str,
    /// `aws_instance` and the like.
    pub(in crate::firewall) kind: &'a str,
    /// Whether it is only looked up.
    pub(in crate::firewall) data: bool,
    /// Its attributes.
    pub(in crate::firewall) values: At<'a>,
    /// The address of its module, with a `.` behind it; empty for the root.
    module: String,
    /// Its attributes that are known only after they are applied.
    unknown: Option<At<'a>>,
    /// What its configuration says; none where that is not told.
    expressions: Option<At<'a>>,
}

impl Resource<'_> {
    /// Tells whether any of an attribute is known only after it is applied. Rules inside a group or an ACL
    /// may be of the configuration or what the provider will find there: a plan does not tell which.
    pub(in crate::firewall) fn unknown(&self, key: &str) -> bool {
        self.unknown.and_then(|unknown| unknown.get(key)).is_some_and(any)
    }

    /// Returns the address of the resource whose id an attribute is.
    pub(in crate::firewall) fn reference(&self, key: &str) -> Option<String> {
        let names = self.expressions?.get(key)?.list("references").ok()?;
        let [id, name] = names.as_slice() else { return None };
        let (id, name) = (id.text()?, name.text()?);
        (id.strip_suffix(".id")? == name).then(|| format!("{}{name}", self.module))
    }
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

/// Returns the resources; `None` when this is not Terraform's.
pub(in crate::firewall) fn resources(root: At<'_>) -> Result<Option<Vec<Resource<'_>>>, ReadError> {
    if root.get("terraform_version").is_some() && root.get("lineage").is_some() {
        return Err(root.refuse("this is a state file: give what `terraform show -json` prints"));
    }
    if root.get("format_version").is_none() {
        return Ok(None);
    }
    let planned = root.get("planned_values");
    let Some(values) = planned.or_else(|| root.get("values")) else {
        return Err(root.refuse("neither a state nor a plan is here: `values` is missing"));
    };
    let mut walk = Walk { changes: changes(root)?, found: Vec::new() };
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
    Ok(Some(walk.found))
}

/// The marks of what is not known yet, by address.
fn changes(root: At<'_>) -> Result<FxHashMap<&str, At<'_>>, ReadError> {
    let mut changes = FxHashMap::default();
    for change in root.list("resource_changes")? {
        let unknown = change.get("change").and_then(|change| change.get("after_unknown"));
        if let (Some(address), Some(unknown)) = (change.text_of("address"), unknown) {
            changes.insert(address, unknown);
        }
    }
    Ok(changes)
}

struct Walk<'a> {
    changes: FxHashMap<&'a str, At<'a>>,
    found: Vec<Resource<'a>>,
}

impl<'a> Walk<'a> {
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
            if !kind.starts_with("aws_") {
                continue;
            }
            let name = resource.text_of("address").ok_or_else(|| missing("address"))?;
            let configured = said.get(&(Some(kind), resource.text_of("name")));
            self.found.push(Resource {
                address: name,
                kind,
                data: resource.text_of("mode") == Some("data"),
                values: resource.get("values").ok_or_else(|| missing("values"))?,
                module: prefix.clone(),
                unknown: self.changes.get(name).copied(),
                expressions: configured.and_then(|one| one.get("expressions")),
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
