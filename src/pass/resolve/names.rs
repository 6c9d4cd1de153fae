//! The sets that a policy's own names stand for.

use super::networks::Networks;
use super::services::Services;
use crate::diag::Diags;
use crate::feed::Feeds;
use crate::ir::L4;
use crate::net::IpSet;
use crate::policy::ast::{Policy, Spanned};
use std::collections::BTreeMap;

/// What names stand for, those of libraries as `library/name`; names with a fault and domain names are left
/// out.
#[derive(Clone, Default, Debug)]
pub struct NamedSets {
    /// Addresses by name.
    pub networks: BTreeMap<String, IpSet>,
    /// Boxes of services by name.
    pub services: BTreeMap<String, Vec<L4>>,
}

/// Returns what a policy's own names stand for.
pub fn names(policy: &Policy, feeds: &Feeds) -> NamedSets {
    let mut ignored = Diags::default();
    let mut networks = Networks::new(policy, feeds);
    let mut services = Services::new(policy);
    let mut names = NamedSets::default();
    for (name, network) in &policy.networks {
        let peers = networks.peers(&network.is, &mut ignored);
        let set = peers.filter(|peers| peers.domains.is_empty()).map(|peers| peers.set);
        names.networks.extend(set.map(|set| (shown(name), set)));
    }
    for (name, service) in &policy.services {
        let expr = crate::policy::ast::ServiceExpr::Name(Spanned {
            value: name.clone(),
            span: service.name,
        });
        let list = services.expression(&expr, &mut ignored).unwrap_or_default();
        names.services.insert(shown(name), list.into_iter().map(|(l4, _)| l4).collect());
    }
    names
}

/// A name without the number that tells one use of a library from another.
fn shown(name: &str) -> String {
    match name.split_once('@') {
        Some((library, rest)) => {
            format!("{library}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => name.to_owned(),
    }
}
