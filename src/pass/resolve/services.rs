//! Services: protocols, ports and ICMP types as boxes.

use super::held::Held;
use super::order::{circle, groups};
use super::{cycle, unknown};
use crate::diag::{Code, Diagnostic, Diags};
use crate::ir::L4;
use crate::net::protocol::{self, ICMP, ICMPV6};
use crate::net::{Family, PortSet, ProtocolSet};
use crate::policy::ast::{Policy, Rule, Service, ServiceExpr, Spanned};
use std::collections::{BTreeMap, BTreeSet};

/// What a service is made of, before it becomes boxes.
#[derive(Clone, Default, Debug)]
struct Parts {
    any: bool,
    ports: BTreeMap<u8, PortSet>,
    icmp: PortSet,
    icmpv6: PortSet,
    whole: BTreeSet<u8>,
}

impl Parts {
    fn add(&mut self, other: &Parts) {
        self.any |= other.any;
        other.ports.iter().for_each(|(protocol, ports)| self.add_ports(*protocol, ports));
        self.icmp = self.icmp.union(&other.icmp);
        self.icmpv6 = self.icmpv6.union(&other.icmpv6);
        self.whole.extend(&other.whole);
    }

    /// About how many bytes they take.
    fn bytes(&self) -> usize {
        let ports = self.ports.values().chain([&self.icmp, &self.icmpv6]);
        ports.map(|set| size_of_val(set.ranges())).sum()
    }

    fn add_ports(&mut self, protocol: u8, ports: &PortSet) {
        let mine = self.ports.entry(protocol).or_default();
        *mine = mine.union(ports);
    }

    fn add_service(&mut self, service: &Service) {
        match service {
            Service::Ports(protocol, ports) => self.add_ports(*protocol, ports),
            Service::Icmp(words) => self.icmp = self.icmp.union(words),
            Service::Icmpv6(words) => self.icmpv6 = self.icmpv6.union(words),
            Service::Protocol(ICMP) => self.icmp = PortSet::all(),
            Service::Protocol(ICMPV6) => self.icmpv6 = PortSet::all(),
            Service::Protocol(number) if protocol::has_ports(*number) => {
                self.add_ports(*number, &PortSet::all());
            }
            Service::Protocol(number) => {
                self.whole.insert(*number);
            }
        }
    }

    fn has_ports_only(&self) -> bool {
        !self.any && self.icmp.is_empty() && self.icmpv6.is_empty() && self.whole.is_empty()
    }

    /// The boxes, each with the only family that it can be of, if it is of one only.
    fn boxes(self, source_ports: &PortSet) -> Vec<(L4, Option<Family>)> {
        if self.any {
            return vec![(L4::any(), None)];
        }
        let mut boxes = Vec::new();
        let mut by_ports: BTreeMap<PortSet, Vec<u8>> = BTreeMap::new();
        for (protocol, ports) in self.ports {
            by_ports.entry(ports).or_default().push(protocol);
        }
        for (ports, protocols) in by_ports {
            let protocols = ProtocolSet::from_ranges(protocols.into_iter().map(|p| (p, p)));
            boxes.push((L4::product(protocols, source_ports.clone(), ports), None));
        }
        if !self.icmp.is_empty() {
            boxes.push((L4::icmp(self.icmp), Some(Family::V4)));
        }
        if !self.icmpv6.is_empty() {
            boxes.push((L4::icmpv6(self.icmpv6), Some(Family::V6)));
        }
        if !self.whole.is_empty() {
            let whole = ProtocolSet::from_ranges(self.whole.into_iter().map(|p| (p, p)));
            boxes.push((L4::protocols(whole), None));
        }
        boxes
    }
}

/// The services of a policy, resolved on demand.
pub(super) struct Services<'a> {
    policy: &'a Policy,
    /// What is resolved; `None` for what has a fault, which was reported.
    known: BTreeMap<&'a str, Option<Parts>>,
    held: Held,
}

impl<'a> Services<'a> {
    pub(super) fn new(policy: &'a Policy) -> Self {
        Services { policy, known: BTreeMap::new(), held: Held::default() }
    }

    /// Resolves every service, so that faults of unused ones are found.
    pub(super) fn check_all(&mut self, diags: &mut Diags) {
        for (name, service) in &self.policy.services {
            self.name(&Spanned { value: name.clone(), span: service.name }, diags);
        }
    }

    /// Resolves a rule's service and source ports to boxes.
    pub(super) fn of_rule(
        &mut self,
        rule: &Rule,
        diags: &mut Diags,
    ) -> Option<Vec<(L4, Option<Family>)>> {
        let parts = self.parts(&rule.service, diags)?;
        if !rule.source_ports.value.is_all() && !parts.has_ports_only() {
            let message = "source ports need a service whose protocols all have ports";
            diags.push(
                Diagnostic::new(Code::SourcePorts, message)
                    .at(rule.source_ports.span, "source ports")
                    .at(rule.service.span(), "has protocols other than TCP, UDP and SCTP")
                    .help("give the ports a rule of their own"),
            );
            return None;
        }
        Some(parts.boxes(&rule.source_ports.value))
    }

    /// Resolves a service from any source port to boxes.
    pub(super) fn expression(
        &mut self,
        expr: &ServiceExpr,
        diags: &mut Diags,
    ) -> Option<Vec<(L4, Option<Family>)>> {
        self.parts(expr, diags).map(|parts| parts.boxes(&PortSet::all()))
    }

    fn parts(&mut self, expr: &ServiceExpr, diags: &mut Diags) -> Option<Parts> {
        let mut parts = Parts::default();
        self.add(expr, &mut parts, diags).then_some(parts)
    }

    /// Adds what an expression stands for; false when a fault was reported.
    fn add(&mut self, expr: &ServiceExpr, parts: &mut Parts, diags: &mut Diags) -> bool {
        match expr {
            ServiceExpr::Any(_) => parts.any = true,
            ServiceExpr::Literal(service) => parts.add_service(&service.value),
            ServiceExpr::Name(name) => match self.name(name, diags) {
                Some(known) => parts.add(&known),
                None => return false,
            },
            ServiceExpr::List(items, span) if items.is_empty() => {
                let empty = Diagnostic::new(Code::EmptySet, "this service matches nothing");
                diags.push(empty.at(*span, "the list is empty"));
                return false;
            }
            // Every item is looked at, so that all faults are reported.
            ServiceExpr::List(items, span) => {
                let mut fine = true;
                for item in items {
                    fine &= self.add(item, parts, diags);
                }
                return fine && self.held.keep((), parts.bytes(), *span, diags).is_some();
            }
        }
        true
    }

    fn name(&mut self, name: &Spanned<String>, diags: &mut Diags) -> Option<Parts> {
        let Some((key, _)) = self.policy.services.get_key_value(&name.value) else {
            unknown("service", name, self.policy.services.keys(), diags);
            return None;
        };
        if !self.known.contains_key(key.as_str()) {
            self.resolve(key, diags);
        }
        self.known.get(key.as_str()).cloned().flatten()
    }

    /// Resolves a name and all that it is made of, these first.
    fn resolve(&mut self, name: &'a str, diags: &mut Diags) {
        let services = &self.policy.services;
        let needs = |name: &str| match services.get(name) {
            Some(service) if !self.known.contains_key(name) => service.is.names(),
            _ => Vec::new(),
        };
        let groups = groups(name, needs);
        let circles: Vec<_> = groups.iter().map(|group| circle(group, needs)).collect();
        for (group, circle) in groups.into_iter().zip(circles) {
            if let Some(way) = &circle {
                cycle("service", way, |name| Some(services.get(name)?.name), diags);
            }
            if circle.is_some() {
                // What else is wrong with its names is reported as well.
                self.known.extend(group.iter().map(|name| (*name, None)));
            }
            for name in group {
                let Some(service) = services.get(name) else { continue };
                let parts = self.parts(&service.is, diags);
                self.known.entry(name).or_insert(parts);
            }
        }
    }
}
