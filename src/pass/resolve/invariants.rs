//! Invariants as traffic that must be allowed, or must not.

use super::networks::Networks;
use super::services::Services;
use crate::diag::Diags;
use crate::ir::flow::Traffic;
use crate::ir::{Direction, L4};
use crate::net::{Family, IpSet};
use crate::policy::ast::{Invariant, InvariantKind, Policy};

/// What must hold for all packets of some traffic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Must {
    /// The traffic, as a union.
    pub traffic: Vec<Traffic>,
    /// Whether all of it must be allowed; else none of it may be.
    pub allowed: bool,
}

pub(super) fn invariants(
    policy: &Policy,
    networks: &mut Networks<'_>,
    services: &mut Services<'_>,
    diags: &mut Diags,
) -> Vec<Must> {
    let mut list = Vec::new();
    for invariant in &policy.invariants {
        let from = networks.addresses(&invariant.from, diags);
        let to = networks.addresses(&invariant.to, diags);
        let service = services.expression(&invariant.service, diags);
        if let (Some(from), Some(to), Some(service)) = (from, to, service) {
            list.push(must(invariant, &from, &to, &service));
        }
    }
    list
}

fn must(invariant: &Invariant, from: &IpSet, to: &IpSet, service: &[(L4, Option<Family>)]) -> Must {
    let traffic = |source: &IpSet, destination: &IpSet, l4: &L4, family: Option<Family>| {
        let part = |set: &IpSet| family.map_or_else(|| set.clone(), |family| set.only(family));
        let (source, destination) = (part(source), part(destination));
        Traffic { direction: invariant.direction, source, destination, l4: l4.clone() }
    };
    let each = |from: &IpSet, to: &IpSet| -> Vec<Traffic> {
        service.iter().map(|(l4, family)| traffic(from, to, l4, *family)).collect()
    };
    let all = |set: &IpSet| IpSet::all().difference(set);
    let list = match (invariant.kind, invariant.direction) {
        (InvariantKind::Never | InvariantKind::Always, _) => each(from, to),
        // Everything else that comes to the same addresses, or leaves them.
        (InvariantKind::Only, way) => {
            let (other_from, other_to) = match way {
                Direction::Inbound => (all(from), to.clone()),
                Direction::Outbound => (from.clone(), all(to)),
            };
            let mut list = vec![traffic(&other_from, &other_to, &L4::any(), None)];
            for family in Family::BOTH {
                let rest = others(service, family);
                list.extend(rest.iter().map(|l4| traffic(from, to, l4, Some(family))));
            }
            list
        }
    };
    Must { traffic: list, allowed: invariant.kind == InvariantKind::Always }
}

/// Every other service in a family.
fn others(service: &[(L4, Option<Family>)], family: Family) -> Vec<L4> {
    let own = service.iter().filter(|(_, of)| of.is_none_or(|of| of == family));
    own.fold(vec![L4::any()], |rest, (l4, _)| {
        rest.iter().flat_map(|one| one.difference(l4)).collect()
    })
}
