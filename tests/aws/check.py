"""Hands artifacts to AWS's own linter and to a server that answers like AWS, and compares what comes back.

Usage: check.py FOLDER OUT. FOLDER has group.yaml, group-api.json, acl.yaml, acl-api.json of one policy,
beside a folder `cloud` with stack.yaml and main.tf.json, which have prefix lists, and acl.yaml. What the
server tells of itself afterwards goes to OUT.
"""

import json
import os
import pathlib
import subprocess
import sys

import boto3
from moto.server import ThreadedMotoServer

FOLDER = pathlib.Path(sys.argv[1])
OUT = pathlib.Path(sys.argv[2])


def dump(name, answer):
    """Keeps an answer as the command line tool prints it."""
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(answer, indent=4, default=str) + "\n")


def permissions(list_):
    """The rules of a group as a set, without descriptions."""
    rules = set()
    for one in list_:
        ranges = [r["CidrIp"] for r in one.get("IpRanges", [])]
        ranges += [r["CidrIpv6"] for r in one.get("Ipv6Ranges", [])]
        for cidr in ranges:
            rules.add((one["IpProtocol"], one.get("FromPort"), one.get("ToPort"), cidr))
    return rules


def both(groups):
    """Ingress and egress rules of several groups together."""
    ingress, egress = set(), set()
    for group in groups:
        ingress |= permissions(group["IpPermissions"])
        egress |= permissions(group["IpPermissionsEgress"])
    return ingress, egress


def entries(list_):
    """The numbered entries of an ACL as a set, without its own last ones and the ICMP types (which moto
    takes and forgets)."""
    found = set()
    for one in list_:
        if one["RuleNumber"] > 32766:
            continue
        ports = one.get("PortRange") or {}
        found.add((
            one["Egress"], one["RuleNumber"], str(one["Protocol"]), one["RuleAction"],
            one.get("CidrBlock") or one.get("Ipv6CidrBlock"),
            ports.get("From"), ports.get("To"),
        ))
    return found


def same(what, left, right):
    if left != right:
        sys.exit(f"{what} differs: only written {left - right}, only there {right - left}")
    print(f"{what}: {len(left)} as written")


def groups_by_api(ec2, vpc):
    written = json.loads((FOLDER / "group-api.json").read_text())["SecurityGroups"]
    there = []
    for group in written:
        made = ec2.create_security_group(
            GroupName=group["GroupName"], Description=group["Description"], VpcId=vpc)["GroupId"]
        fresh = ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"][0]
        ec2.revoke_security_group_egress(GroupId=made, IpPermissions=fresh["IpPermissionsEgress"])
        if group["IpPermissions"]:
            ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=group["IpPermissions"])
        if group["IpPermissionsEgress"]:
            ec2.authorize_security_group_egress(
                GroupId=made, IpPermissions=group["IpPermissionsEgress"])
        there += ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"]
    for way, left, right in zip(("ingress", "egress"), both(written), both(there)):
        same(f"groups by the API, {way}", left, right)
    ids = [group["GroupId"] for group in there]
    dump("groups/groups.json", ec2.describe_security_groups(GroupIds=ids))
    of_these = [{"Name": "group-id", "Values": ids}]
    dump("rules/rules.json", ec2.describe_security_group_rules(Filters=of_these))
    return both(written)


def named(text):
    """The resource that Terraform's reference names."""
    return text.split(".")[1]


def groups_by_terraform(ec2, vpc):
    """Does what Terraform would do with groups and prefix lists."""
    resources = json.loads((FOLDER.parent / "cloud" / "main.tf.json").read_text())["resource"]
    lists, groups = {}, {}
    for name, one in resources["aws_ec2_managed_prefix_list"].items():
        entries = [{"Cidr": entry["cidr"]} for entry in one["entry"]]
        lists[name] = ec2.create_managed_prefix_list(
            PrefixListName=one["name"], MaxEntries=one["max_entries"], Entries=entries,
            AddressFamily=one["address_family"])["PrefixList"]["PrefixListId"]
    for name, one in resources["aws_security_group"].items():
        made = ec2.create_security_group(
            GroupName=one["name"], Description=one["description"], VpcId=vpc)["GroupId"]
        fresh = ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"][0]
        ec2.revoke_security_group_egress(GroupId=made, IpPermissions=fresh["IpPermissionsEgress"])
        groups[name] = made
    for way, authorize in (("ingress", ec2.authorize_security_group_ingress),
                           ("egress", ec2.authorize_security_group_egress)):
        for rule in resources[f"aws_vpc_security_group_{way}_rule"].values():
            # moto wants ports of every protocol.
            permission = {
                "IpProtocol": rule["ip_protocol"],
                "FromPort": rule.get("from_port", -1), "ToPort": rule.get("to_port", -1)}
            if "prefix_list_id" in rule:
                id_ = lists[named(rule["prefix_list_id"])]
                permission["PrefixListIds"] = [{"PrefixListId": id_}]
            if "cidr_ipv4" in rule:
                permission["IpRanges"] = [{"CidrIp": rule["cidr_ipv4"]}]
            if "cidr_ipv6" in rule:
                permission["Ipv6Ranges"] = [{"CidrIpv6": rule["cidr_ipv6"]}]
            authorize(GroupId=groups[named(rule["security_group_id"])], IpPermissions=[permission])
    ids = list(groups.values())
    dump("lists/groups.json", ec2.describe_security_groups(GroupIds=ids))
    for id_ in lists.values():
        dump(f"lists/{id_}.json", ec2.get_managed_prefix_list_entries(PrefixListId=id_))


def acl_by_api(ec2, vpc):
    written = json.loads((FOLDER / "acl-api.json").read_text())["NetworkAclEntries"]
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    for entry in written:
        ec2.create_network_acl_entry(NetworkAclId=acl, **entry)
    answer = ec2.describe_network_acls(NetworkAclIds=[acl])
    there = answer["NetworkAcls"][0]["Entries"]
    same("ACL by the API", entries(written), entries(there))
    types = {(one["Egress"], one["RuleNumber"]): one.get("IcmpTypeCode") for one in written}
    for one in there:
        # What moto forgets.
        if types.get((one["Egress"], one["RuleNumber"])) and "IcmpTypeCode" not in one:
            one["IcmpTypeCode"] = types[one["Egress"], one["RuleNumber"]]
    dump("acl/acl.json", answer)


def stack(cloud, name, vpc):
    cloud.create_stack(
        StackName=name, TemplateBody=(FOLDER / f"{name}.yaml").read_text(),
        Parameters=[{"ParameterKey": "VpcId", "ParameterValue": vpc}])
    resources = cloud.list_stack_resources(StackName=name)["StackResourceSummaries"]
    return {r["ResourceType"]: r["PhysicalResourceId"] for r in resources}


def main():
    linter = pathlib.Path(sys.executable).with_name("cfn-lint")
    templates = [str(FOLDER / "group.yaml"), str(FOLDER / "acl.yaml")]
    templates += [str(FOLDER.parent / "cloud" / name) for name in ("stack.yaml", "acl.yaml")]
    subprocess.run([str(linter), *templates], check=True)
    print("cfn-lint: nothing to report")
    os.environ.update(
        AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        ec2 = boto3.client("ec2", endpoint_url=endpoint)
        cloud = boto3.client("cloudformation", endpoint_url=endpoint)
        vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        by_api = groups_by_api(ec2, vpc)
        acl_by_api(ec2, vpc)
        groups_by_terraform(ec2, vpc)
        made = stack(cloud, "group", vpc)["AWS::EC2::SecurityGroup"]
        # moto makes the group's rules for ingress and leaves those for egress out.
        there, _ = both(ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"])
        same("group by CloudFormation, ingress", by_api[0], there)
        # moto makes no ACLs of CloudFormation; the template is cfn-lint's alone.
    finally:
        server.stop()


main()
