//! Whom a rule names.

use super::Reader;
use super::keys::{GROUP_PAIR, Names};
use crate::firewall::ReadError;
use crate::firewall::entries::document::Value;
use crate::firewall::entries::listing::At;
use crate::firewall::entries::listing::terraform::{self, Named, Resource};
use crate::net::{Family, IpSet};
use crate::program::{Match, sets};
use ipnet::IpNet;

/// The group that a rule is of.
#[derive(Clone, Default)]
pub(super) struct Own<'a>(pub(super) Option<Named<'a>>);

impl Own<'_> {
    /// Tells whether a rule names its own group.
    fn is(&self, named: &Named<'_>) -> bool {
        *named != Named::Unknown && self.0.as_ref() == Some(named)
    }
}

/// Whose packets a rule allows.
pub(super) enum Peer {
    Net(IpNet),
    List(String),
    /// The addresses that have the group.
    Members(IpSet),
    Unclear(String),
}

impl Peer {
    fn unclear(reason: &str) -> Self {
        Peer::Unclear(reason.to_owned())
    }
}

impl<'a> Reader<'a> {
    /// Returns whom a rule names.
    pub(super) fn named(
        &mut self,
        rule: At<'a>,
        names: &[(&str, Names)],
        own: &Own<'a>,
        resource: Option<&Resource<'a>>,
    ) -> Result<Vec<(At<'a>, Peer)>, ReadError> {
        let mut peers = Vec::new();
        for (key, names) in names {
            if let Some(at) = rule.get(key) {
                self.peers(at, *names, own, &mut peers)?;
            }
            if let Some(resource) = resource.filter(|resource| resource.unknown(key)) {
                let later = || Peer::unclear("an address that is known only after it is applied");
                let peer = match (resource.reference(key), names) {
                    (Some(list), Names::List) => Peer::List(list),
                    (Some(group), Names::Group) => self.group_named(own, &Named::Address(group)),
                    _ => later(),
                };
                peers.push((rule, peer));
            }
        }
        Ok(peers)
    }

    /// Collects whom a member names: a text, a reference, a map with one, or a list of them.
    fn peers(
        &mut self,
        at: At<'a>,
        names: Names,
        own: &Own<'a>,
        found: &mut Vec<(At<'a>, Peer)>,
    ) -> Result<(), ReadError> {
        let peer = match (at.value(), names) {
            (Value::Null, _) | (Value::Bool(false), Names::Group) => return Ok(()),
            (Value::Text(text), _) if text.is_empty() => return Ok(()),
            (Value::List(_), _) => {
                for item in at.items()? {
                    self.peers(item, names, own, found)?;
                }
                return Ok(());
            }
            (Value::Map(_), _) => match self.inner(at, names)? {
                Some(inner) => return self.peers(inner, names, own, found),
                None => self.referred(at, names, own),
            },
            (Value::Reference(_), _) => self.referred(at, names, own),
            (Value::Text(_), Names::Net(family)) => {
                let net = at.net().filter(|net| Family::of(net.addr()) == family);
                net.map_or_else(|| Peer::unclear("this is no prefix of its family"), Peer::Net)
            }
            (Value::Text(id), Names::List) => Peer::List(id.clone()),
            (Value::Text(id), Names::Group) => self.group_named(own, &Named::Id(id)),
            (Value::Bool(true), Names::Group) => self.own_members(),
            _ => Peer::unclear("whom this names is not understood"),
        };
        found.push((at, peer));
        Ok(())
    }

    /// Returns what a map of the API names, if that is all that it says.
    fn inner(&mut self, at: At<'a>, names: Names) -> Result<Option<At<'a>>, ReadError> {
        let (inner, beside): (&str, &[&str]) = match names {
            Names::Net(Family::V4) => ("CidrIp", &["Description"]),
            Names::Net(Family::V6) => ("CidrIpv6", &["Description"]),
            Names::List => ("PrefixListId", &["Description"]),
            Names::Group => ("GroupId", GROUP_PAIR),
        };
        if terraform::reference(at, ".id").is_some() {
            return Ok(None);
        }
        let strange = !self.doubts.strange(at, &[&[inner], beside])?.is_empty();
        Ok(at.get(inner).filter(|inner| !strange && inner.text().is_some()))
    }

    /// Returns what a reference to another resource of the text names.
    fn referred(&self, at: At<'a>, names: Names, own: &Own<'a>) -> Peer {
        match (terraform::reference(at, ".id"), names) {
            (Some(list), Names::List) => Peer::List(list.to_owned()),
            (Some(group), Names::Group) => self.group_named(own, &Named::Address(group.to_owned())),
            _ => Peer::unclear("whom this names is not understood"),
        }
    }

    fn group_named(&self, own: &Own<'a>, named: &Named<'_>) -> Peer {
        match own.is(named) {
            true => self.own_members(),
            false => Peer::unclear("the addresses of another group's members are not told"),
        }
    }

    /// Returns those who have the rule's own group: the members that the policy says.
    fn own_members(&self) -> Peer {
        let reason = "the addresses of the group's own members are not told: `members` says them";
        self.members.cloned().map_or_else(|| Peer::unclear(reason), Peer::Members)
    }
}

/// Returns the other side's addresses, by family.
pub(super) fn sides(nets: &[IpNet], egress: bool) -> Vec<(Family, Match)> {
    let v4 = nets.iter().filter_map(|net| if let IpNet::V4(net) = net { Some(*net) } else { None });
    let v6 = nets.iter().filter_map(|net| if let IpNet::V6(net) = net { Some(*net) } else { None });
    by_family(sets::v4(v4), sets::v6(v6), egress)
}

/// Returns the members as the other side.
pub(super) fn members(set: &IpSet, egress: bool) -> Vec<(Family, Match)> {
    by_family(set.v4.ranges().to_vec(), set.v6.ranges().to_vec(), egress)
}

fn by_family(v4: Vec<(u32, u32)>, v6: Vec<(u128, u128)>, egress: bool) -> Vec<(Family, Match)> {
    let mut sides = Vec::new();
    if !v4.is_empty() {
        let side = if egress { Match::Destination4(v4) } else { Match::Source4(v4) };
        sides.push((Family::V4, side));
    }
    if !v6.is_empty() {
        let side = if egress { Match::Destination6(v6) } else { Match::Source6(v6) };
        sides.push((Family::V6, side));
    }
    sides
}
