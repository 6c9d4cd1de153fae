//! What network ACLs can say.

use crate::firewall::caps::{Caps, Limit, Order};

/// The limits are those of Amazon's user guide (vpc/latest/userguide/amazon-vpc-limits.html).
pub(super) const CAPS: Caps = Caps {
    kind: "aws-network-acl",
    writes: "one file: terraform (.tf), terraform-json (.tf.json), cloudformation (.yaml) or api-json (.json, requests of CreateNetworkAclEntry)",
    floor: "Terraform provider hashicorp/aws 5; any version of CloudFormation and of the API",
    listing: "`aws ec2 describe-network-acls`, or `terraform show -json`",
    order: Order::FirstMatch,
    folder: false,
    default: "the ACL's own last entry (`*`), which denies; an entry that allows before it",
    deny: &[("drop", "deny, without an answer")],
    state: &["stateless"],
    placements: &["host: the machines of the subnets that it is associated with"],
    ipv6: "entries of their own",
    names: "none: addresses only",
    comments: "200 bytes an entry in the file (not in api-json); AWS keeps none",
    log: "none: VPC flow logs are not of single rules",
    limits: &[
        Limit {
            of: "entries, by direction and family",
            most: 19,
            unit: "beside the default deny; 39 with `quota: 40`",
        },
        Limit { of: "rule number", most: 32766, unit: "" },
    ],
    differences: &[
        "wider, and reported as such: source ports, TCP flags and hop limits are not looked at",
        "wider where the policy asks for it (`max-entries` with `widen: true`): address sets grow by as few addresses as can be, and every one is reported",
        "the addresses of the subnet's machines are not looked at: `members` says which they are",
        "later fragments carry no ports: AWS lets them follow the entry for the protocol",
        "not filtered by AWS, so that nothing is claimed of it: loopback, neighbour and router discovery, multicast listeners, DHCP, the Amazon DNS server, instance and task metadata, the time service, Windows' licence servers",
    ],
};
