//! What this program writes of an ACL, in each language.

use crate::firewall::entries::aws::Format;
use crate::firewall::entries::document::Row;

/// Returns what an artifact may have.
pub(super) fn rows(format: Format) -> &'static [Row] {
    match format {
        Format::Terraform | Format::TerraformJson => TERRAFORM,
        Format::CloudFormation => CLOUDFORMATION,
        Format::Api => API,
    }
}

const TERRAFORM: &[Row] = &[
    ": variable resource | //",
    "variable: | *",
    "variable.*: type |",
    "resource: aws_network_acl | aws_network_acl_rule",
    "resource.*: | *",
    "resource.aws_network_acl.*: $vpc_id | tags",
    "resource.aws_network_acl.*.tags: Name |",
    "resource.aws_network_acl_rule.*: $network_acl_id egress rule_number rule_action=allow,deny protocol | // cidr_block ipv6_cidr_block from_port to_port icmp_type icmp_code",
];

const CLOUDFORMATION: &[Row] = &[
    ": AWSTemplateFormatVersion Description Parameters Resources Outputs |",
    "Parameters: VpcId |",
    "Parameters.*: Type |",
    "Resources: | *",
    "Resources.*: Type=AWS::EC2::NetworkAcl,AWS::EC2::NetworkAclEntry Properties |",
    "Resources.*.Properties: | VpcId Tags NetworkAclId Egress RuleNumber RuleAction=allow,deny Protocol CidrBlock Ipv6CidrBlock PortRange Icmp",
    "Resources.*.Properties.VpcId: Ref=VpcId |",
    "Resources.*.Properties.NetworkAclId: Ref |",
    "Resources.*.Properties.Tags: Key=Name Value |",
    "Resources.*.Properties.PortRange: From To |",
    "Resources.*.Properties.Icmp: Type Code |",
    "Outputs: NetworkAclId |",
    "Outputs.*: Value |",
    "Outputs.*.Value: Ref |",
];

const API: &[Row] = &[
    ": NetworkAclEntries |",
    "NetworkAclEntries: Egress RuleNumber RuleAction=allow,deny Protocol | CidrBlock Ipv6CidrBlock PortRange IcmpTypeCode",
    "NetworkAclEntries.PortRange: From To |",
    "NetworkAclEntries.IcmpTypeCode: Type Code |",
];
