//! The keys of rules and groups, in the spelling of the API, of Terraform and of CloudFormation.

use crate::net::Family;

/// What a member of a rule that names somebody holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Net(Family),
    List,
    Group,
}

/// The members that name the other side.
pub(super) const PEERS: &[(&str, Names)] = &[
    ("IpRanges", Names::Net(Family::V4)),
    ("Ipv6Ranges", Names::Net(Family::V6)),
    ("PrefixListIds", Names::List),
    ("UserIdGroupPairs", Names::Group),
    ("CidrIpv4", Names::Net(Family::V4)),
    ("CidrIpv6", Names::Net(Family::V6)),
    ("PrefixListId", Names::List),
    ("ReferencedGroupInfo", Names::Group),
    ("cidr_blocks", Names::Net(Family::V4)),
    ("ipv6_cidr_blocks", Names::Net(Family::V6)),
    ("prefix_list_ids", Names::List),
    ("security_groups", Names::Group),
    ("source_security_group_id", Names::Group),
    ("self", Names::Group),
    ("cidr_ipv4", Names::Net(Family::V4)),
    ("cidr_ipv6", Names::Net(Family::V6)),
    ("prefix_list_id", Names::List),
    ("referenced_security_group_id", Names::Group),
    ("CidrIp", Names::Net(Family::V4)),
];

/// Those of CloudFormation that are for one direction only, ingress first.
pub(super) const ONE_WAY: [&[(&str, Names)]; 2] = [
    &[
        ("SourcePrefixListId", Names::List),
        ("SourceSecurityGroupId", Names::Group),
        ("SourceSecurityGroupName", Names::Group),
    ],
    &[("DestinationPrefixListId", Names::List), ("DestinationSecurityGroupId", Names::Group)],
];

pub(super) const PROTOCOL: &[&str] = &["IpProtocol", "ip_protocol", "protocol"];
pub(super) const FROM: &[&str] = &["FromPort", "from_port"];
pub(super) const TO: &[&str] = &["ToPort", "to_port"];

/// The lists of rules in a group, ingress first.
pub(super) const RULES: [&[&str]; 2] = [
    &["IpPermissions", "SecurityGroupIngress", "ingress"],
    &["IpPermissionsEgress", "SecurityGroupEgress", "egress"],
];

/// What a rule may say beside.
pub(super) const RULE: &[&[&str]] = &[
    // Which rule it is.
    &[
        "SecurityGroupRuleId",
        "SecurityGroupRuleArn",
        "security_group_rule_id",
        "id",
        "arn",
        "region",
    ],
    // Whose it is, and for which direction: that is read where rules are given to their groups.
    &["GroupId", "GroupOwnerId", "IsEgress", "security_group_id", "type"],
    // Notes of people.
    &["Description", "description", "Tags", "tags", "tags_all", "//"],
    // How Terraform makes it.
    &["timeouts", "depends_on", "provider"],
    // Whose account the group is of that the rule names beside.
    &["SourceSecurityGroupOwnerId"],
];

/// What a group may say beside its rules.
pub(super) const GROUP: &[&[&str]] = &[
    // Which group it is.
    &["GroupId", "GroupName", "SecurityGroupArn", "OwnerId", "VpcId"],
    &["id", "arn", "name", "name_prefix", "owner_id", "vpc_id", "region"],
    // Notes of people.
    &["Description", "GroupDescription", "description", "Tags", "tags", "tags_all", "//"],
    // How Terraform makes and removes it.
    &["timeouts", "revoke_rules_on_delete", "depends_on", "provider"],
];

/// What a pair of a user and a group may say beside the group.
pub(super) const GROUP_PAIR: &[&str] =
    &["Description", "GroupName", "UserId", "PeeringStatus", "VpcId", "VpcPeeringConnectionId"];

/// Kinds of resources about security groups that change no rule of one.
const HARMLESS: &[&str] = &[
    // Where a group is used.
    "aws_network_interface_sg_attachment",
    "aws_vpc_endpoint_security_group_association",
    "aws_vpc_security_group_vpc_association",
    "AWS::EC2::SecurityGroupVpcAssociation",
    // Groups of other services, which only name these.
    "aws_db_security_group",
    "aws_elasticache_security_group",
    "aws_redshift_security_group",
    "AWS::RDS::DBSecurityGroup",
    "AWS::ElastiCache::SecurityGroup",
    "AWS::Redshift::ClusterSecurityGroup",
];

/// Tells whether resources of a kind may have to do with rules: all that is named after groups or lists.
pub(super) fn ours(kind: &str) -> bool {
    let about = ["security_group", "SecurityGroup", "prefix_list", "PrefixList"];
    about.iter().any(|word| kind.contains(word)) && !HARMLESS.contains(&kind)
}
