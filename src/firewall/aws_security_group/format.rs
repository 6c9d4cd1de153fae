//! Groups in the words of each format.

use super::lists::List;
use super::plan::{Peer, Plan, Rule};
use crate::diag::Code;
use crate::firewall::entries::aws::{Attribute, DESCRIPTION, Format, aligned, logical, name, text};
use crate::firewall::entries::services::{Part, Service};
use crate::firewall::{Fault, Header, Spec};
use crate::net::Family;
use crate::net::protocol::{ICMP, ICMPV6, TCP, UDP};
use ipnet::IpNet;
use serde::Serialize;

/// What a template lays out.
#[derive(Serialize)]
pub(super) struct Page {
    source: String,
    policy: String,
    /// What the names of the file's objects begin with.
    prefix: String,
    groups: Vec<Group>,
    lists: Vec<SpelledList>,
    /// The rules of all groups, for formats that list them by kind.
    ingress: Vec<Spelled>,
    egress: Vec<Spelled>,
}

#[derive(Serialize)]
struct Group {
    /// The name in the file.
    name: String,
    /// The name in AWS.
    title: String,
    ingress: Vec<Spelled>,
    egress: Vec<Spelled>,
}

#[derive(Clone, Serialize)]
struct SpelledList {
    /// The name in the file.
    name: String,
    /// The name in AWS.
    title: String,
    /// `IPv4` or `IPv6`.
    family: &'static str,
    entries: Vec<String>,
}

#[derive(Clone, Serialize)]
struct Spelled {
    /// The resource's name: what the rule allows, so that it stays when other rules change.
    name: String,
    attributes: Vec<Attribute>,
}

/// Spells a whole file.
///
/// # Errors
/// A name that AWS reserves.
pub(super) fn page(
    plan: &Plan,
    spec: &Spec,
    format: Format,
    header: &Header,
) -> Result<Page, Vec<Fault>> {
    let title = format!("{}-{}", header.policy, spec.name);
    if title.starts_with("sg-") {
        return Err(vec![Fault {
            code: Code::NotExpressible,
            message: format!(
                "AWS reserves names that begin with `sg-`, and the group's is `{title}`"
            ),
            origin: None,
            help: "give the policy another name".to_owned(),
        }]);
    }
    let prefix = match format {
        Format::CloudFormation => logical(&title),
        _ => name(&title),
    };
    let lists: Vec<_> = plan.lists.all.iter().map(|one| list(one, &title, format)).collect();
    let group = |(at, rules): (usize, &Vec<Rule>)| {
        let (number, dashed) = match plan.groups.len() {
            1 => (String::new(), String::new()),
            _ => (format!("_{}", at + 1), format!("-{}", at + 1)),
        };
        let name = match format {
            Format::CloudFormation => logical(&format!("{title}{dashed}")),
            _ => format!("{prefix}{number}"),
        };
        let spelled = |egress: bool| {
            let of_way = rules.iter().filter(move |rule| rule.egress == egress);
            of_way.map(|rule| spelled(rule, format, &name, &lists)).collect()
        };
        let (ingress, mut egress): (_, Vec<_>) = (spelled(false), spelled(true));
        if egress.is_empty() && format == Format::CloudFormation {
            egress.push(spelled_nowhere(&name));
        }
        Group { title: format!("{title}{dashed}"), ingress, egress, name }
    };
    let groups: Vec<_> = plan.groups.iter().enumerate().map(group).collect();
    Ok(Page {
        ingress: groups.iter().flat_map(|group| group.ingress.clone()).collect(),
        egress: groups.iter().flat_map(|group| group.egress.clone()).collect(),
        source: text(&header.source, DESCRIPTION),
        policy: text(&header.policy, DESCRIPTION),
        prefix,
        groups,
        lists,
    })
}

/// A group without egress rules gets one from CloudFormation that allows everything; this one, to
/// loopback, allows nothing that leaves a machine.
fn spelled_nowhere(group: &str) -> Spelled {
    let prefix = IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::LOCALHOST, 32));
    let service = Service::all();
    let rule = Rule {
        egress: true,
        family: Family::V4,
        key: key(&usage(true, &service), prefix),
        service,
        peer: Peer::Prefix(prefix),
        weight: 1,
        comment: "nothing may leave".into(),
    };
    spelled(&rule, Format::CloudFormation, group, &[])
}

fn list(list: &List, title: &str, format: Format) -> SpelledList {
    let (family, entries) = (list.family, list.entries.iter().map(IpNet::to_string).collect());
    let whole = format!("{title}_{}", list.name);
    SpelledList {
        name: if format == Format::CloudFormation { logical(&whole) } else { name(&whole) },
        title: whole,
        family: if family == Family::V4 { "IPv4" } else { "IPv6" },
        entries,
    }
}

fn spelled(rule: &Rule, format: Format, group: &str, lists: &[SpelledList]) -> Spelled {
    let peer = match rule.peer {
        Peer::Prefix(prefix) => Other::Prefix(prefix),
        Peer::List(at) => Other::List(lists.get(at).map_or("", |list| &list.name)),
    };
    let attributes = match format {
        Format::Terraform => aligned(terraform(rule, peer, group)),
        Format::TerraformJson => terraform(rule, peer, group),
        Format::CloudFormation => cloudformation(rule, peer),
        Format::Api => api(rule, peer),
    };
    Spelled { name: format!("{group}_{}", rule.key), attributes }
}

/// The other side of a rule: addresses, or the name of a prefix list in the file.
#[derive(Clone, Copy)]
enum Other<'a> {
    Prefix(IpNet),
    List(&'a str),
}

/// Names what is allowed one way: `egress_udp_3478`.
pub(super) fn usage(egress: bool, service: &Service) -> String {
    format!("{}_{}", if egress { "egress" } else { "ingress" }, services(service))
}

/// Names a rule for a prefix: `egress_udp_3478_192_0_2_0_24`.
pub(super) fn key(usage: &str, prefix: IpNet) -> String {
    name(&format!("{usage}_{prefix}"))
}

fn services(service: &Service) -> String {
    let part = match service.part {
        Part::Whole | Part::Icmp(None, _) => String::new(),
        Part::Ports(from, to) if from == to => format!("_{from}"),
        Part::Ports(from, to) => format!("_{from}_{to}"),
        Part::Icmp(Some(ty), None) => format!("_{ty}"),
        Part::Icmp(Some(ty), Some(code)) => format!("_{ty}_{code}"),
    };
    let protocol = protocol(service);
    let protocol = if protocol == "-1" { "all" } else { &protocol };
    format!("{protocol}{part}")
}

/// AWS has words for four protocols, and numbers for the rest.
fn protocol(service: &Service) -> String {
    match service.protocol {
        None => "-1".to_owned(),
        Some(TCP) => "tcp".to_owned(),
        Some(UDP) => "udp".to_owned(),
        Some(ICMP) => "icmp".to_owned(),
        Some(ICMPV6) => "icmpv6".to_owned(),
        Some(number) => number.to_string(),
    }
}

/// The lower and upper port, or the ICMP type and code; -1 is any.
fn ends(service: &Service) -> Option<(String, String)> {
    let or_any = |value: Option<u8>| value.map_or("-1".to_owned(), |value| value.to_string());
    match service.part {
        Part::Whole => None,
        Part::Ports(from, to) => Some((from.to_string(), to.to_string())),
        Part::Icmp(ty, code) => Some((or_any(ty), or_any(code))),
    }
}

/// `aws_vpc_security_group_ingress_rule` and `…_egress_rule` (provider hashicorp/aws).
fn terraform(rule: &Rule, peer: Other<'_>, group: &str) -> Vec<Attribute> {
    let other = match peer {
        Other::Prefix(prefix @ IpNet::V4(_)) => Attribute::text("cidr_ipv4", prefix.to_string()),
        Other::Prefix(prefix @ IpNet::V6(_)) => Attribute::text("cidr_ipv6", prefix.to_string()),
        Other::List(name) => {
            let id = format!("aws_ec2_managed_prefix_list.{name}.id");
            Attribute::reference("prefix_list_id", id)
        }
    };
    let mut list = vec![
        Attribute::reference("security_group_id", format!("aws_security_group.{group}.id")),
        Attribute::text("description", text(&rule.comment, DESCRIPTION)),
        Attribute::text("ip_protocol", protocol(&rule.service)),
        other,
    ];
    if let Some((from, to)) = ends(&rule.service) {
        list.push(Attribute::plain("from_port", from));
        list.push(Attribute::plain("to_port", to));
    }
    list
}

/// The members that CloudFormation and the API spell alike.
fn common(rule: &Rule) -> Vec<Attribute> {
    let mut list = vec![Attribute::text("IpProtocol", protocol(&rule.service))];
    if let Some((from, to)) = ends(&rule.service) {
        list.push(Attribute::plain("FromPort", from));
        list.push(Attribute::plain("ToPort", to));
    }
    list
}

/// A rule in `SecurityGroupIngress` or `SecurityGroupEgress`.
fn cloudformation(rule: &Rule, peer: Other<'_>) -> Vec<Attribute> {
    let other = match peer {
        Other::Prefix(prefix @ IpNet::V4(_)) => Attribute::text("CidrIp", prefix.to_string()),
        Other::Prefix(prefix @ IpNet::V6(_)) => Attribute::text("CidrIpv6", prefix.to_string()),
        Other::List(name) => {
            let key = if rule.egress { "DestinationPrefixListId" } else { "SourcePrefixListId" };
            Attribute::map(key, vec![Attribute::text("Ref", name)])
        }
    };
    let mut list = common(rule);
    list.push(other);
    list.push(Attribute::text("Description", text(&rule.comment, DESCRIPTION)));
    list
}

/// An `IpPermission` of the API.
fn api(rule: &Rule, peer: Other<'_>) -> Vec<Attribute> {
    // A list has no id before it is made; the plan asks for none in this format.
    let Other::Prefix(prefix) = peer else { return common(rule) };
    let (list, block) = match prefix {
        IpNet::V4(_) => ("IpRanges", "CidrIp"),
        IpNet::V6(_) => ("Ipv6Ranges", "CidrIpv6"),
    };
    let mut attributes = common(rule);
    attributes.push(Attribute::map(
        list,
        vec![
            Attribute::text(block, prefix.to_string()),
            Attribute::text("Description", text(&rule.comment, DESCRIPTION)),
        ],
    ));
    attributes
}
