//! Reads the file back: the union of what the rules allow, behind connection tracking.
//!
//! Written apart from the plan. A tracked flow's packets pass whatever the rules say, and what fits no flow
//! is new to a security group: so established and related packets are accepted, invalid ones dropped, and
//! rules are asked about the rest (vpc/latest/userguide/security-group-rules.html).

use crate::firewall::entries::aws::Format;
use crate::firewall::entries::document::{self, Node};
use crate::firewall::{File, ReadError, at_hook};
use crate::ir::{Hook, Verdict};
use crate::net::protocol::{ICMP, ICMPV6, TCP, UDP};
use crate::program::Program;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Then};
use ipnet::IpNet;

/// The clauses of both directions.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) ingress: Vec<Clause>,
    pub(super) egress: Vec<Clause>,
}

/// Reads an artifact of one file.
pub(super) fn read(format: Format, files: &[File]) -> Result<Program, ReadError> {
    let [file] = files else { return Err(document::refuse(1, "the groups are one file")) };
    let mut rules = Rules::default();
    match format {
        Format::Terraform => terraform(&document::hcl(&file.text)?, &mut rules)?,
        Format::TerraformJson => {
            terraform(&document::references(document::json(&file.text)?)?, &mut rules)?;
        }
        Format::CloudFormation => cloudformation(&document::yaml(&file.text)?, &mut rules)?,
        Format::Api => api(&document::json(&file.text)?, &mut rules)?,
    }
    Ok(program(rules))
}

/// What the rules come to behind connection tracking.
pub(super) fn program(rules: Rules) -> Program {
    let place = Place { file: 0, line: 1 };
    let state = |low: u32, high: u32, verdict| Clause {
        when: vec![Match::Field(Field::State, vec![(low, high)])],
        then: Then::Decide(verdict),
        place,
    };
    let chain = |name: &str, rules: Vec<Clause>| {
        // The states' numbers: 1 established, 2 related, 3 invalid.
        let mut clauses = vec![state(1, 2, Verdict::Accept), state(3, 3, Verdict::Drop)];
        clauses.extend(rules);
        Chain { name: name.to_owned(), clauses }
    };
    let base = |hook: Hook, chain: usize| Base {
        when: vec![at_hook(hook)],
        chain,
        policy: Verdict::Drop,
        place,
    };
    Program {
        bases: vec![base(Hook::Input, 0), base(Hook::Output, 1)],
        chains: vec![chain("ingress", rules.ingress), chain("egress", rules.egress)],
    }
}

const INGRESS: &str = "aws_vpc_security_group_ingress_rule";
const LIST: &str = "aws_ec2_managed_prefix_list";
const EGRESS: &str = "aws_vpc_security_group_egress_rule";

fn terraform(root: &Node, rules: &mut Rules) -> Result<(), ReadError> {
    root.only(&["//", "variable", "resource"])?;
    let resource = root.need("resource")?;
    resource.only(&["aws_security_group", LIST, INGRESS, EGRESS])?;
    let lists = lists(resource.get(LIST))?;
    let mut ids = Vec::new();
    for (name, group) in resource.need("aws_security_group")?.map()? {
        group.only(&["name", "description", "vpc_id"])?;
        if !group.need("vpc_id")?.reference()?.starts_with("var.") {
            return Err(group.refuse("the VPC is a variable"));
        }
        ids.push(format!("aws_security_group.{name}.id"));
    }
    for (kind, egress) in [(INGRESS, false), (EGRESS, true)] {
        let list = resource.get(kind).map(Node::map).transpose()?.unwrap_or_default();
        for (_, rule) in list {
            rule.only(&[
                "security_group_id",
                "description",
                "ip_protocol",
                "cidr_ipv4",
                "cidr_ipv6",
                "prefix_list_id",
                "from_port",
                "to_port",
            ])?;
            let id = rule.need("security_group_id")?.reference()?;
            if !ids.iter().any(|known| known == id) {
                return Err(rule.refuse("this is a rule of another group"));
            }
            let protocol = rule.need("ip_protocol")?.text()?;
            let ports = pair(rule, "from_port", "to_port")?;
            let nets = match rule.get("prefix_list_id") {
                Some(id) => {
                    let known = |(name, _): &&(String, Vec<IpNet>)| {
                        id.reference().ok() == Some(format!("{LIST}.{name}.id").as_str())
                    };
                    listed(rule, id, lists.iter().find(known), &["cidr_ipv4", "cidr_ipv6"])?
                }
                None => vec![document::prefix(rule, rule.get("cidr_ipv4"), rule.get("cidr_ipv6"))?],
            };
            for net in nets {
                add(rules, egress, rule, protocol, ports, net)?;
            }
        }
    }
    Ok(())
}

/// The prefix lists of Terraform, by name.
fn lists(node: Option<&Node>) -> Result<Vec<(String, Vec<IpNet>)>, ReadError> {
    let mut lists = Vec::new();
    for (name, list) in node.map(Node::map).transpose()?.unwrap_or_default() {
        list.only(&["name", "address_family", "max_entries", "entry"])?;
        let most = list.need("max_entries")?;
        let entries = list.need("entry")?.list()?;
        lists.push((name.clone(), entered(list.need("address_family")?, most, entries, "cidr")?));
    }
    Ok(lists)
}

/// A prefix list of CloudFormation.
fn stack_list(list: &Node) -> Result<Vec<IpNet>, ReadError> {
    list.only(&["PrefixListName", "AddressFamily", "MaxEntries", "Entries"])?;
    let most = list.need("MaxEntries")?;
    entered(list.need("AddressFamily")?, most, list.need("Entries")?.list()?, "Cidr")
}

/// The entries of a prefix list: of its family, no more than it has room for, and no more than go in one
/// call.
fn entered(
    family: &Node,
    most: &Node,
    entries: &[Node],
    key: &str,
) -> Result<Vec<IpNet>, ReadError> {
    let room = usize::try_from(most.number()?).unwrap_or_default();
    if entries.len() > room.min(100) {
        return Err(most.refuse("the list has more entries than room"));
    }
    let four = match family.text()? {
        "IPv4" => true,
        "IPv6" => false,
        _ => return Err(family.refuse("this is no address family")),
    };
    let entry = |node: &Node| {
        node.only(&[key])?;
        let net = Some(node.need(key)?);
        if four { document::prefix(node, net, None) } else { document::prefix(node, None, net) }
    };
    entries.iter().map(entry).collect()
}

/// The prefixes of the list that a rule names, when it names nothing else.
fn listed(
    rule: &Node,
    id: &Node,
    list: Option<&(String, Vec<IpNet>)>,
    others: &[&str],
) -> Result<Vec<IpNet>, ReadError> {
    if others.iter().any(|key| rule.get(key).is_some()) {
        return Err(rule.refuse("a rule has one prefix or one prefix list"));
    }
    let (_, nets) = list.ok_or_else(|| id.refuse("this is no prefix list of the file"))?;
    Ok(nets.clone())
}

fn cloudformation(root: &Node, rules: &mut Rules) -> Result<(), ReadError> {
    document::no_dynamic_references(root)?;
    root.only(&["AWSTemplateFormatVersion", "Description", "Parameters", "Resources", "Outputs"])?;
    let mut lists = Vec::new();
    let mut groups = Vec::new();
    for (name, resource) in root.need("Resources")?.map()? {
        resource.only(&["Type", "Properties"])?;
        let properties = resource.need("Properties")?;
        match resource.need("Type")?.text()? {
            "AWS::EC2::SecurityGroup" => groups.push(properties),
            "AWS::EC2::PrefixList" => lists.push((name.clone(), stack_list(properties)?)),
            _ => return Err(resource.refuse("this kind of resource is not understood")),
        }
    }
    for group in groups {
        let (ingress, egress) = ("SecurityGroupIngress", "SecurityGroupEgress");
        group.only(&["GroupName", "GroupDescription", "VpcId", ingress, egress])?;
        // Without an egress rule CloudFormation leaves one that allows everything.
        if group.need(egress)?.list()?.is_empty() {
            return Err(group.refuse("no rule for egress: everything could leave"));
        }
        let (from, to) = ("SourcePrefixListId", "DestinationPrefixListId");
        for (key, way, by_list) in [(ingress, false, from), (egress, true, to)] {
            for rule in group.get(key).map(Node::list).transpose()?.unwrap_or_default() {
                rule.only(&[
                    "IpProtocol",
                    "FromPort",
                    "ToPort",
                    "CidrIp",
                    "CidrIpv6",
                    by_list,
                    "Description",
                ])?;
                let protocol = rule.need("IpProtocol")?.text()?;
                let ports = pair(rule, "FromPort", "ToPort")?;
                let nets = match rule.get(by_list) {
                    Some(id) => {
                        id.only(&["Ref"])?;
                        let name = id.need("Ref")?.text()?;
                        let known = lists.iter().find(|(known, _)| known == name);
                        listed(rule, id, known, &["CidrIp", "CidrIpv6"])?
                    }
                    None => vec![document::prefix(rule, rule.get("CidrIp"), rule.get("CidrIpv6"))?],
                };
                for net in nets {
                    add(rules, way, rule, protocol, ports, net)?;
                }
            }
        }
    }
    Ok(())
}

fn api(root: &Node, rules: &mut Rules) -> Result<(), ReadError> {
    root.only(&["SecurityGroups"])?;
    for group in root.need("SecurityGroups")?.list()? {
        let (ingress, egress) = ("IpPermissions", "IpPermissionsEgress");
        group.only(&["GroupName", "Description", ingress, egress])?;
        for (key, way) in [(ingress, false), (egress, true)] {
            for rule in group.need(key)?.list()? {
                rule.only(&["IpProtocol", "FromPort", "ToPort", "IpRanges", "Ipv6Ranges"])?;
                let protocol = rule.need("IpProtocol")?.text()?;
                let ports = pair(rule, "FromPort", "ToPort")?;
                for (list, block) in [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")] {
                    let ranges = rule.get(list).map(Node::list).transpose()?.unwrap_or_default();
                    for range in ranges {
                        range.only(&[block, "Description"])?;
                        let one = Some(range.need(block)?);
                        let prefix = if block == "CidrIp" { (one, None) } else { (None, one) };
                        let net = document::prefix(rule, prefix.0, prefix.1)?;
                        add(rules, way, rule, protocol, ports, net)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn pair(node: &Node, a: &str, b: &str) -> Result<Option<(i64, i64)>, ReadError> {
    match (node.get(a), node.get(b)) {
        (Some(a), Some(b)) => Ok(Some((a.number()?, b.number()?))),
        (None, None) => Ok(None),
        _ => Err(node.refuse(format!("`{a}` and `{b}` stand together"))),
    }
}

fn add(
    rules: &mut Rules,
    egress: bool,
    at: &Node,
    protocol: &str,
    ports: Option<(i64, i64)>,
    net: IpNet,
) -> Result<(), ReadError> {
    let mut when = vec![document::side(net, egress)];
    let number = match protocol {
        "-1" => None,
        "tcp" => Some(TCP),
        "udp" => Some(UDP),
        "icmp" => Some(ICMP),
        "icmpv6" => Some(ICMPV6),
        // The API takes the number of these four for the word; nobody writes it.
        other => match other.parse() {
            Ok(TCP | UDP | ICMP | ICMPV6) | Err(_) => {
                return Err(at.refuse(format!("`{other}` is no protocol")));
            }
            Ok(number) => Some(number),
        },
    };
    if let Some(number) = number {
        when.push(crate::firewall::entries::aws::one(Field::Protocol, number.into()));
    }
    match (number, ports) {
        (Some(TCP | UDP), Some((from, to))) => match (u16::try_from(from), u16::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to => {
                when.push(Match::Field(Field::DestinationPort, vec![(from.into(), to.into())]));
            }
            _ => return Err(at.refuse("ports are from 0 to 65535, the lower one first")),
        },
        (Some(icmp @ (ICMP | ICMPV6)), Some((ty, code))) => {
            when.extend(document::icmp(at, icmp, net, ty, code)?);
        }
        (None, None) => {}
        (Some(number), None) if !matches!(number, TCP | UDP | ICMP | ICMPV6) => {}
        _ => {
            return Err(
                at.refuse("TCP and UDP have ports, ICMP has a type and a code, others none")
            );
        }
    }
    let place = Place { file: 0, line: at.line };
    let clause = Clause { when, then: Then::Decide(Verdict::Accept), place };
    if egress {
        rules.egress.push(clause)
    } else {
        rules.ingress.push(clause)
    }
    Ok(())
}
