//! What security groups can say.

use crate::firewall::caps::{Caps, Limit, Order};

/// The limits are those of Amazon's user guide (vpc/latest/userguide/amazon-vpc-limits.html).
pub(super) const CAPS: Caps = Caps {
    kind: "aws-security-group",
    writes: "one file: terraform (.tf), terraform-json (.tf.json), cloudformation (.yaml) or ip-permissions (.json)",
    floor: "Terraform provider hashicorp/aws 5; any version of CloudFormation and of the API",
    listing: "`aws ec2 describe-security-groups` or `describe-security-group-rules`, with `get-managed-prefix-list-entries`; or `terraform show -json`",
    order: Order::Unordered,
    folder: false,
    default: "what no rule allows is dropped; a default that allows becomes rules",
    deny: &[("drop", "taken out of what the rules after it allow, exactly")],
    state: &["stateful"],
    placements: &["host: the machines that the groups are attached to"],
    ipv6: "rules of their own, counted apart",
    names: "none: addresses only",
    comments: "255 bytes a rule, in AWS's characters; longer ones are cut and end in `...`",
    log: "none: VPC flow logs are not of single rules",
    limits: &[
        Limit {
            of: "rules, by direction and family",
            most: 60,
            unit: "a group unless `quota` says more",
        },
        Limit {
            of: "groups",
            most: 16,
            unit: "an interface (5 unless AWS raised it), with at most 1000 rules a direction",
        },
        Limit {
            of: "prefix list",
            most: 100,
            unit: "entries, each counted as a rule of every group that names it",
        },
        Limit { of: "description", most: 255, unit: "bytes" },
    ],
    differences: &[
        "wider, and reported as such: source ports are not looked at",
        "wider where the policy asks for it (`max-entries` with `widen: true`): address sets grow by as few addresses as can be, and every one is reported",
        "the addresses of the machines are not looked at: `members` says which they are",
        "a group that the API made allows everything to leave until its first rule for egress is revoked",
        "not filtered by AWS, so that nothing is claimed of it: loopback, neighbour and router discovery, multicast listeners, DHCP, the Amazon DNS server, instance and task metadata, the time service, Windows' licence servers",
    ],
};
