//! Groups and rules that are resources of Terraform or CloudFormation.

use super::keys::{GROUP, RULES, ours};
use super::peers::Own;
use super::{BOTH, Directions, EACH, EGRESS, INGRESS, Reader, Rules, extend, lists};
use crate::firewall::ReadError;
use crate::firewall::entries::listing::copies::{self, Inside};
use crate::firewall::entries::listing::terraform::{self, Named, Resource};
use crate::program::{Clause, Match};

/// The rules beside a group, and those that a plan removes.
#[derive(Default)]
struct Beside {
    rules: Rules,
    gone: Rules,
}

impl<'a> Reader<'a> {
    /// Takes resources: prefix lists first, as rules name them.
    pub(super) fn resources(&mut self, resources: &[Resource<'a>]) -> Result<(), ReadError> {
        self.lists.resources(resources, &mut self.doubts)?;
        let groups: Vec<_> = resources.iter().filter(|one| is_group(one)).collect();
        let index = terraform::index(&groups);
        let mut beside: Vec<Beside> = groups.iter().map(|_| Beside::default()).collect();
        for resource in resources.iter().filter(|one| !one.data && !is_group(one)) {
            match directions(resource) {
                Some(directions) => {
                    let key = if resource.kind.starts_with("AWS::") {
                        "GroupId"
                    } else {
                        "security_group_id"
                    };
                    let known = index.get(&resource.named(key)).and_then(|at| beside.get_mut(*at));
                    self.beside(resource, key, directions, known)?;
                }
                None if resource.gone || !ours(resource.kind) || lists::is_list(resource) => {}
                None => {
                    let reason = format!("what `{}` does is not understood", resource.kind);
                    self.perhaps(BOTH, resource.values, &reason);
                }
            }
        }
        groups.into_iter().zip(beside).try_for_each(|(group, beside)| self.inside(group, beside))
    }

    /// Takes a rule that is a resource of its own to those of its group.
    fn beside(
        &mut self,
        rule: &Resource<'a>,
        key: &str,
        directions: Directions,
        known: Option<&mut Beside>,
    ) -> Result<(), ReadError> {
        let own = Own(Some(rule.named(key)));
        if rule.gone {
            // Nothing is to be said of what will not be.
            let doubts = std::mem::take(&mut self.doubts);
            let gone = self.rule(directions, rule.values, own, Some(rule))?;
            self.doubts = doubts;
            known.into_iter().for_each(|beside| extend(&mut beside.gone, gone.clone()));
            return Ok(());
        }
        self.seen = true;
        let found = self.rule(directions, rule.values, own, Some(rule))?;
        match known {
            Some(beside) => extend(&mut beside.rules, found),
            None => {
                let at = rule.values.get(key).unwrap_or(rule.values);
                self.perhaps(BOTH, at, "this group is not here itself: it may have other rules");
                self.add(found);
            }
        }
        Ok(())
    }

    /// Takes a group with the rules inside and beside it.
    fn inside(&mut self, group: &Resource<'a>, mut beside: Beside) -> Result<(), ReadError> {
        self.seen = true;
        let others = beside.rules.iter().chain(&beside.gone).any(|rules| !rules.is_empty());
        for (at, directions) in EACH.into_iter().enumerate() {
            let key = match group.kind.starts_with("AWS::") {
                true => RULES[at][1],
                false => RULES[at][2],
            };
            let list = group.values.list(key)?;
            if list.is_empty() && key == "SecurityGroupEgress" {
                let reason =
                    "without rules for egress CloudFormation leaves one that allows everything";
                self.perhaps(directions, group.values, reason);
            }
            let mut inside = Rules::default();
            for rule in list {
                let own = Own(Some(Named::Address(group.address.clone().into_owned())));
                let own = group.values.text_of("id").map_or(own, |id| Own(Some(Named::Id(id))));
                extend(&mut inside, self.rule(directions, rule, own, None)?);
            }
            if group.inside_later(key) {
                let reason = format!("`{key}` is known only after it is applied");
                self.perhaps(directions, group.values, &reason);
            }
            let kind = group.inside(key, others);
            self.settle((&mut inside[at], kind), (&mut beside.rules[at], &beside.gone[at]));
            self.add(inside);
        }
        self.add(beside.rules);
        let keys: Vec<_> = RULES.iter().flat_map(|keys| keys[1..].iter().copied()).collect();
        self.beyond(group.values, &[GROUP, &[&keys]].concat())
    }

    fn settle(&mut self, inside: (&mut Vec<Clause>, Inside), beside: (&mut [Clause], &[Clause])) {
        copies::settle(
            inside,
            beside,
            |clause| format!("{:?}", clause.when),
            |clause, stale| {
                self.doubts.note_at(clause.place, stale.reason());
                clause.when.push(Match::Unknown);
            },
        );
    }
}

fn is_group(resource: &Resource<'_>) -> bool {
    let kinds = ["aws_security_group", "aws_default_security_group", "AWS::EC2::SecurityGroup"];
    !resource.data && !resource.gone && kinds.contains(&resource.kind)
}

/// Returns the direction of a resource that is a rule.
fn directions(resource: &Resource<'_>) -> Option<Directions> {
    match (resource.kind, resource.values.text_of("type")) {
        ("aws_vpc_security_group_ingress_rule" | "AWS::EC2::SecurityGroupIngress", _) => {
            Some(INGRESS)
        }
        ("aws_vpc_security_group_egress_rule" | "AWS::EC2::SecurityGroupEgress", _) => Some(EGRESS),
        ("aws_security_group_rule", Some("ingress")) => Some(INGRESS),
        ("aws_security_group_rule", Some("egress")) => Some(EGRESS),
        ("aws_security_group_rule", _) => Some(BOTH),
        _ => None,
    }
}
