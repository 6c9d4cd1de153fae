//! A whole policy: its parts, and what its libraries expand to.

use super::ast::{Policy, Spanned};
use super::decode::{self, Context, Fallback};
use super::document::{Node, require, shape};
use super::library::{Expansion, Imports};
use super::raw;
use super::text::{check_name, checked};
use crate::net::PortSet;

/// Reads a policy; faults are in the context's sink, and what is at fault is left out.
pub(super) fn policy(
    root: Node<'_>,
    imports: &Imports,
    context: &mut Context<'_>,
) -> Option<Policy> {
    let raw: raw::Policy = shape(root, "a policy", context.diags)?;
    require(root, "a policy", &["policy", "rules"], context.diags);
    let name = raw.policy.map(|name| name.0).unwrap_or_default();
    if root.get("policy").is_some() {
        check_name("policy", &name, &[], root.span_of("policy"), context.diags);
    }
    let mut text = |key: &str, text: Option<raw::Text>| {
        text.map(|text| checked(key, text.0, root.span_of(key), context.diags)).unwrap_or_default()
    };
    let description = text("description", raw.description);
    let owner = text("owner", raw.owner);
    let (defaults, ephemeral, baseline) = decode::defaults(root, context.diags);
    let networks = decode::networks(root, context);
    let services = decode::services(root, context);
    let fallback = Fallback { ephemeral: ephemeral.clone(), all: PortSet::all() };
    let mut expansion = Expansion::new(imports, &fallback);
    expansion.rules(&decode::items(root, "rules", context.diags), context);
    let mut policy = Policy {
        name: Spanned { value: name, span: root.span_of("policy") },
        description,
        owner,
        defaults,
        ephemeral,
        baseline,
        networks,
        services,
        rules: Vec::new(),
        tests: decode::tests(root, context),
        invariants: decode::invariants(root, context),
        checks: decode::checks(root, context),
        targets: decode::targets(root, context),
    };
    expansion.finish(&mut policy);
    Some(policy)
}
