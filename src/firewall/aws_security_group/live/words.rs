//! The words of rules and groups, in the API's spelling and in Terraform's.

use crate::net::Family;

/// What a member of a rule that names somebody holds.
#[derive(Clone, Copy)]
pub(super) enum Names {
    Net(Family),
    List,
    Group,
}

/// The members that name the other side, in the API's words and in Terraform's.
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
];

pub(super) const PROTOCOL: &[&str] = &["IpProtocol", "ip_protocol", "protocol"];
pub(super) const FROM: &[&str] = &["FromPort", "from_port"];
pub(super) const TO: &[&str] = &["ToPort", "to_port"];

/// What a rule may say beside; none of it changes what passes.
pub(super) const BESIDE: &[&str] = &[
    "SecurityGroupRuleId",
    "SecurityGroupRuleArn",
    "GroupId",
    "GroupOwnerId",
    "IsEgress",
    "Description",
    "Tags",
    "description",
    "type",
    "id",
    "arn",
    "security_group_id",
    "security_group_rule_id",
    "tags",
    "tags_all",
    "timeouts",
    "region",
];

/// What a group may say beside its rules.
pub(super) const GROUP: &[&str] = &[
    "GroupId",
    "GroupName",
    "Description",
    "OwnerId",
    "VpcId",
    "Tags",
    "SecurityGroupArn",
    "name",
    "name_prefix",
    "description",
    "vpc_id",
    "owner_id",
    "id",
    "arn",
    "tags",
    "tags_all",
    "timeouts",
    "region",
    "revoke_rules_on_delete",
];

/// What a pair of a user and a group may say beside the group.
pub(super) const GROUP_PAIR: &[&str] =
    &["Description", "GroupName", "UserId", "PeeringStatus", "VpcId", "VpcPeeringConnectionId"];
