//! What this program writes of groups, in each language.

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
    "resource: aws_security_group | aws_ec2_managed_prefix_list aws_vpc_security_group_ingress_rule aws_vpc_security_group_egress_rule",
    "resource.*: | *",
    "resource.aws_security_group.*: name description $vpc_id |",
    "resource.aws_ec2_managed_prefix_list.*: name address_family=IPv4,IPv6 max_entries entry |",
    "resource.aws_ec2_managed_prefix_list.*.entry: cidr |",
    "resource.*.*: $security_group_id description ip_protocol | cidr_ipv4 cidr_ipv6 $prefix_list_id from_port to_port",
];

const CLOUDFORMATION: &[Row] = &[
    ": AWSTemplateFormatVersion Description Parameters Resources Outputs |",
    "Parameters: VpcId |",
    "Parameters.*: Type |",
    "Resources: | *",
    "Resources.*: Type=AWS::EC2::SecurityGroup,AWS::EC2::PrefixList Properties |",
    "Resources.*.Properties: | GroupName GroupDescription VpcId SecurityGroupIngress SecurityGroupEgress PrefixListName AddressFamily=IPv4,IPv6 MaxEntries Entries",
    "Resources.*.Properties.VpcId: Ref=VpcId |",
    "Resources.*.Properties.Entries: Cidr |",
    "Resources.*.Properties.*: IpProtocol Description | FromPort ToPort CidrIp CidrIpv6 SourcePrefixListId DestinationPrefixListId",
    "Resources.*.Properties.*.*: Ref |",
    "Outputs: | *",
    "Outputs.*: Value |",
    "Outputs.*.Value: Ref |",
];

const API: &[Row] = &[
    ": SecurityGroups |",
    "SecurityGroups: GroupName Description IpPermissions IpPermissionsEgress |",
    "SecurityGroups.*: IpProtocol | FromPort ToPort IpRanges Ipv6Ranges",
    "SecurityGroups.*.IpRanges: CidrIp Description |",
    "SecurityGroups.*.Ipv6Ranges: CidrIpv6 Description |",
];
