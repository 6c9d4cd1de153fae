//! Groups in the words of each format.

use super::plan::Rule;
use crate::diag::Code;
use crate::net::protocol::{ICMP, ICMPV6, TCP, UDP};
use crate::target::aws::services::{Part, Service};
use crate::target::aws::{Attribute, Format, aligned, logical, name, text};
use crate::target::{Fault, Header, Spec};
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
struct Spelled {
    /// The resource's name: what the rule allows, so that it stays when other rules change.
    name: String,
    attributes: Vec<Attribute>,
}

/// A description's most bytes (API reference of EC2, IpRange).
const DESCRIPTION: usize = 255;

/// Spells a whole file.
///
/// # Errors
/// A name that AWS reserves.
pub(super) fn page(
    groups: &[Vec<Rule>],
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
    let group = |(at, rules): (usize, &Vec<Rule>)| {
        let (number, dashed) = match groups.len() {
            1 => (String::new(), String::new()),
            _ => (format!("_{}", at + 1), format!("-{}", at + 1)),
        };
        let name = match format {
            Format::CloudFormation => logical(&format!("{title}{dashed}")),
            _ => format!("{prefix}{number}"),
        };
        let spelled = |egress: bool| {
            let of_way = rules.iter().filter(move |rule| rule.egress == egress);
            of_way.map(|rule| spelled(rule, format, &name)).collect()
        };
        let (ingress, mut egress): (_, Vec<_>) = (spelled(false), spelled(true));
        if egress.is_empty() && format == Format::CloudFormation {
            egress.push(spelled_nowhere(&name));
        }
        Group { title: format!("{title}{dashed}"), ingress, egress, name }
    };
    let groups: Vec<_> = groups.iter().enumerate().map(group).collect();
    Ok(Page {
        ingress: groups.iter().flat_map(|group| group.ingress.clone()).collect(),
        egress: groups.iter().flat_map(|group| group.egress.clone()).collect(),
        source: text(&header.source, DESCRIPTION),
        policy: text(&header.policy, DESCRIPTION),
        prefix,
        groups,
    })
}

/// A group without egress rules gets one from CloudFormation that allows everything; this one, to
/// loopback, allows nothing that leaves a machine.
fn spelled_nowhere(group: &str) -> Spelled {
    let rule = Rule {
        egress: true,
        service: Service::all(),
        prefix: IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::LOCALHOST, 32)),
        comment: "nothing may leave".to_owned(),
    };
    spelled(&rule, Format::CloudFormation, group)
}

fn spelled(rule: &Rule, format: Format, group: &str) -> Spelled {
    let way = if rule.egress { "egress" } else { "ingress" };
    let label = name(&format!("{way}_{}_{}", key(&rule.service), rule.prefix));
    let attributes = match format {
        Format::Terraform => aligned(terraform(rule, group)),
        Format::TerraformJson => terraform(rule, group),
        Format::CloudFormation => cloudformation(rule),
        Format::Api => api(rule),
    };
    Spelled { name: format!("{group}_{label}"), attributes }
}

fn key(service: &Service) -> String {
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
fn terraform(rule: &Rule, group: &str) -> Vec<Attribute> {
    let block = match rule.prefix {
        IpNet::V4(_) => "cidr_ipv4",
        IpNet::V6(_) => "cidr_ipv6",
    };
    let mut list = vec![
        Attribute::reference("security_group_id", format!("aws_security_group.{group}.id")),
        Attribute::text("description", text(&rule.comment, DESCRIPTION)),
        Attribute::text("ip_protocol", protocol(&rule.service)),
        Attribute::text(block, rule.prefix.to_string()),
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
fn cloudformation(rule: &Rule) -> Vec<Attribute> {
    let block = match rule.prefix {
        IpNet::V4(_) => "CidrIp",
        IpNet::V6(_) => "CidrIpv6",
    };
    let mut list = common(rule);
    list.push(Attribute::text(block, rule.prefix.to_string()));
    list.push(Attribute::text("Description", text(&rule.comment, DESCRIPTION)));
    list
}

/// An `IpPermission` of the API.
fn api(rule: &Rule) -> Vec<Attribute> {
    let (list, block) = match rule.prefix {
        IpNet::V4(_) => ("IpRanges", "CidrIp"),
        IpNet::V6(_) => ("Ipv6Ranges", "CidrIpv6"),
    };
    let mut attributes = common(rule);
    attributes.push(Attribute::map(
        list,
        vec![
            Attribute::text(block, rule.prefix.to_string()),
            Attribute::text("Description", text(&rule.comment, DESCRIPTION)),
        ],
    ));
    attributes
}
