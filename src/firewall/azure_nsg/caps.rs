//! What network security groups can say.

use crate::firewall::caps::{Caps, Limit, Order};

/// The limits are those of Microsoft's documentation (azure-docs: network-security-groups-overview.md and
/// includes/azure-virtual-network-limits.md). What is marked [?] nobody has tried.
pub(super) const CAPS: Caps = Caps {
    kind: "azure-nsg",
    writes: "one file with one group and its rules inside: arm (.json), terraform (.tf) or terraform-json (.tf.json)",
    floor: "API version 2024-05-01 of Microsoft.Network; Terraform provider hashicorp/azurerm 4",
    listing: "`az network nsg show`, `nsg list` or `nsg rule list`, `az network nic list-effective-nsg`, `az rest`, an exported template, or `terraform show -json`",
    order: Order::FirstMatch,
    folder: false,
    default: "explicit last rules of both directions (4095 over all of IPv6, 4096 over everything), so that the group's built-in rules, which name service tags, never decide",
    deny: &[("drop", "Deny, without an answer")],
    state: &["stateful"],
    placements: &[
        "host: the machines of the subnets or interfaces that the group is associated with",
    ],
    ipv6: "rules of their own; that `*` covers both families is how Microsoft's examples use it [?]",
    names: "none: addresses only",
    comments: "140 bytes a rule; longer ones are cut and end in `...`",
    log: "none: flow logs are not of single rules",
    limits: &[
        Limit { of: "rules", most: 1000, unit: "a group, both directions together" },
        Limit {
            of: "source and destination addresses",
            most: 4000,
            unit: "each, summed over the group's rules",
        },
        Limit {
            of: "source and destination ports",
            most: 4000,
            unit: "ranges each, summed over the group's rules [?]",
        },
        Limit { of: "priority", most: 4096, unit: "from 1000 unless `first-priority` says less" },
        Limit { of: "rule name", most: 65, unit: "bytes: flow logs may cut longer ones" },
        Limit { of: "description", most: 140, unit: "bytes" },
    ],
    differences: &[
        "wider, and reported as such: ICMP types, TCP flags and hop limits are not looked at",
        "wider where the policy asks for it (`max-entries` with `widen: true`): address sets grow by as few addresses as can be, and every one is reported",
        "protocols are TCP, UDP, ICMP, ESP and AH, or all of them; ICMPv6 can only be allowed or refused with everything else (`service: any`)",
        "a load balancer's probes are refused like everything else: allow them from 168.63.129.16, and for IPv6 from fe80::1234:5678:9abc [?], to the probe's port",
        "a subnet and an interface may have a group each, and both must allow a packet; admin rules of a Virtual Network Manager come before both",
        "flows that are open stay open when rules change, unless the group has `flushConnection`; inbound TCP is tracked fully only in a virtual network with `FlowTimeoutInMinutes`, and whether other packets in the middle of a flow are judged anew is not documented [?]",
        "putting a rule between others moves the priorities after it, in the one request that replaces the whole list",
        "not filtered by Azure, so that nothing is claimed of it: loopback, the services of the platform (DNS, DHCP, the agent's and instance metadata, Windows' licence servers of the public cloud), neighbour and router discovery [?], DHCPv6 [?]",
        "never carried by a virtual network, so that nothing is claimed of it: multicast, broadcast, UDP from port 65330, and protocols other than TCP, UDP, ICMP, ICMPv6, ESP and AH",
    ],
};
