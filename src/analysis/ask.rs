//! Questions about what a policy allows, answered for all packets.

use super::traffic::{Together, together, traffic as of_product};
use crate::ir::flow::{RuleSet, Traffic};
use crate::ir::{Action, Direction, L4, Packet};
use crate::net::IpSet;
use crate::proof::{OverBudget, Packets, Space};
use std::collections::BTreeMap;

/// A policy that is asked questions; each reuses what earlier ones worked out.
pub struct Asked<'a> {
    policy: &'a RuleSet,
    space: Space,
    allowed: BTreeMap<Direction, Packets>,
}

/// Traffic that is allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// By whom.
    pub source: IpSet,
    /// To whom.
    pub destination: IpSet,
    /// With what.
    pub services: Vec<L4>,
}

impl<'a> Asked<'a> {
    /// Makes a policy ready to be asked.
    pub fn new(policy: &'a RuleSet) -> Self {
        Asked { policy, space: Space::default(), allowed: BTreeMap::new() }
    }

    fn allowed(&mut self, way: Direction) -> Result<Packets, OverBudget> {
        if let Some(known) = self.allowed.get(&way) {
            return Ok(*known);
        }
        let flows = self.space.flows(self.policy, way)?;
        let allowed = self.space.with_action(flows, Action::Allow)?;
        self.allowed.insert(way, allowed);
        Ok(allowed)
    }

    /// Finds a packet of some traffic that is allowed; none when all of it is refused.
    ///
    /// # Errors
    /// When the diagrams become too large: nothing is known.
    pub fn some_allowed(&mut self, traffic: &Traffic) -> Result<Option<Packet>, OverBudget> {
        let (all, may) = (self.space.traffic(traffic)?, self.allowed(traffic.direction)?);
        let found = self.space.intersection(all, may)?;
        Ok(self.space.packet(found))
    }

    /// Finds a packet of some traffic that is refused; none when all of it is allowed.
    ///
    /// # Errors
    /// When the diagrams become too large: nothing is known.
    pub fn some_refused(&mut self, traffic: &Traffic) -> Result<Option<Packet>, OverBudget> {
        let (all, may) = (self.space.traffic(traffic)?, self.allowed(traffic.direction)?);
        let found = self.space.difference(all, may)?;
        Ok(self.space.packet(found))
    }

    /// Returns what of some traffic is allowed, as at most `most` boxes a family, and whether these are all.
    ///
    /// # Errors
    /// When the diagrams become too large: nothing is known.
    pub fn reach(
        &mut self,
        traffic: &Traffic,
        most: usize,
    ) -> Result<(Vec<Reach>, bool), OverBudget> {
        let (all, may) = (self.space.traffic(traffic)?, self.allowed(traffic.direction)?);
        let found = self.space.intersection(all, may)?;
        let (boxes, whole) = self.space.boxes(found, most);
        let boxes = boxes.iter().flat_map(|one| of_product(one, traffic.direction)).collect();
        let reach =
            |(source, destination, services): Together| Reach { source, destination, services };
        Ok((together(boxes).into_iter().map(reach).collect(), whole))
    }
}
