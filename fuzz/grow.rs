//! Texts that get far: policies that decode and listings that lex, grown from bytes by their grammars.
//!
//! Each byte is a choice, so that what changes a byte changes a word and leaves the rest well formed. When
//! the bytes are used up every choice is the first.

/// The bytes that a text grows from.
pub struct Seed<'a>(pub &'a [u8]);

impl Seed<'_> {
    fn byte(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    /// A number below `count`.
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len())]
    }

    /// A number that is often at an edge.
    fn number(&mut self, most: u32) -> u32 {
        let any = u32::from_be_bytes([0, 0, self.byte(), self.byte()]);
        match self.below(6) {
            0 => 0,
            1 => most,
            2 => 1,
            3 => most.saturating_sub(1),
            _ => any % most.saturating_add(1).max(1),
        }
    }

    fn list(&mut self, most: usize, between: &str, one: impl Fn(&mut Self) -> String) -> String {
        let count = 1 + self.below(most);
        (0..count).map(|_| one(self)).collect::<Vec<_>>().join(between)
    }
}

/// A prefix without host bits, its address often at an edge.
fn v4(seed: &mut Seed<'_>) -> String {
    let bits = [32, 32, 24, 31, 25, 16, 9, 8, 1, 30][seed.below(10)];
    let base = [0x0a00_0000_u32, 0, u32::MAX, 0xc000_0200, 0x0aff_ffff, 0x7fff_ffff][seed.below(6)];
    let low = u32::from(seed.byte());
    let address = (base ^ low) & (u32::MAX << (32 - bits));
    let address = std::net::Ipv4Addr::from(address);
    if bits == 32 && low % 2 == 0 { address.to_string() } else { format!("{address}/{bits}") }
}

fn v6(seed: &mut Seed<'_>) -> String {
    let bits = [128, 64, 48, 127, 33, 32, 10, 1][seed.below(8)];
    let base = [0x2001_0db8_u128 << 96, 0, u128::MAX, 0xfe80 << 112, 1 << 127][seed.below(5)];
    let low = u128::from(seed.byte());
    let address = (base ^ low ^ (low << 80)) & (u128::MAX << (128 - bits));
    format!("{}/{bits}", std::net::Ipv6Addr::from(address))
}

fn prefix(seed: &mut Seed<'_>) -> String {
    if seed.below(3) == 2 { v6(seed) } else { v4(seed) }
}

fn ports(seed: &mut Seed<'_>) -> String {
    let (a, b) = (seed.number(65_535), seed.number(65_535));
    match seed.below(4) {
        0 => "any".to_owned(),
        1 => format!("{}-{}", a.min(b), a.max(b)),
        _ => a.max(1).to_string(),
    }
}

fn service(seed: &mut Seed<'_>) -> String {
    match seed.below(9) {
        0 => "any".to_owned(),
        1 => format!("icmp/{}", seed.pick(&["any", "echo-request", "3", "3/4", "255"])),
        2 => format!("icmpv6/{}", seed.pick(&["any", "echo-request", "2", "1/4"])),
        3 => format!("protocol/{}", seed.pick(&["gre", "0", "255", "51", "6"])),
        n => format!("{}/{}", ["tcp", "udp", "sctp", "tcp", "udp"][n - 4], ports(seed)),
    }
}

/// A set of addresses in the place of a value; names are those of the tables.
fn addresses(seed: &mut Seed<'_>, names: usize, depth: usize) -> String {
    let deep = depth < 3;
    match seed.below(8) {
        0 => "any".to_owned(),
        1 | 2 if names > 0 => format!("n{}", seed.below(names)),
        3 if deep => format!("[{}]", seed.list(4, ", ", |seed| addresses(seed, names, depth + 1))),
        4 if deep => {
            let include = addresses(seed, names, depth + 1);
            format!("{{ include: {include}, except: [{}] }}", seed.list(3, ", ", quoted))
        }
        5 => quoted(seed),
        _ => both(seed),
    }
}

/// Addresses of both families, so that both ends of a rule have one in common.
fn both(seed: &mut Seed<'_>) -> String {
    format!("[\"{}\", \"{}\"]", v4(seed), v6(seed))
}

fn quoted(seed: &mut Seed<'_>) -> String {
    format!("\"{}\"", prefix(seed))
}

fn services(seed: &mut Seed<'_>, names: usize) -> String {
    match seed.below(4) {
        0 if names > 0 => format!("s{}", seed.below(names)),
        1 => format!("[{}]", seed.list(4, ", ", service)),
        _ => service(seed),
    }
}

fn rule(seed: &mut Seed<'_>, id: usize, (networks, named): (usize, usize)) -> String {
    let action = seed.pick(&["allow", "drop", "reject", "allow"]);
    let way = seed.pick(&["inbound", "outbound"]);
    let (from, to) = (addresses(seed, networks, 0), addresses(seed, networks, 0));
    let mut more = String::new();
    let service = match seed.below(5) {
        0 => {
            more += &format!(", source-ports: \"{}\"", ports(seed));
            format!("{}/{}", seed.pick(&["tcp", "udp"]), ports(seed))
        }
        _ => services(seed, named),
    };
    match seed.below(8) {
        0 => more += ", log: true",
        1 => more += ", log: { prefix: \"x \", limit: 10/minute }",
        2 => more += ", comment: \"it's a comment; of $(a) {rule}\"",
        3 => more += ", ephemeral: linux",
        _ => {}
    }
    format!(
        "  - {{ id: r{id}, action: {action}, direction: {way}, from: {from}, to: {to}, service: {service}{more} }}\n"
    )
}

/// Options of a target; the output's name follows.
const TARGETS: &[(&str, &str)] = &[
    ("kind: nftables", "e.nft"),
    ("kind: nftables, state: stateless", "e.nft"),
    ("kind: nftables, placement: gateway, inside: [lan0], outside: [wan0, wan1]", "e.nft"),
    ("kind: iptables", "e/"),
    ("kind: iptables, ipset: true", "e/"),
    ("kind: iptables, placement: gateway, inside: [lan0], outside: [wan0], state: stateless", "e/"),
    ("kind: pf", "e.conf"),
    ("kind: pf, state: stateless", "e.conf"),
    ("kind: pf, placement: gateway, inside: [lan0], outside: [wan0]", "e.conf"),
    ("kind: aws-network-acl, format: terraform, quota: 40, members: n0", "e.tf"),
    ("kind: aws-network-acl, format: cloudformation, quota: 40, members: n0", "e.yaml"),
    ("kind: aws-security-group, format: terraform-json, members: n0, groups: auto", "e.tf.json"),
    ("kind: aws-security-group, format: terraform, prefix-lists: 2, members: n0", "e.tf"),
    ("kind: aws-security-group, format: ip-permissions, members: n0", "e.json"),
    ("kind: azure-nsg, format: arm, members: n0", "e.json"),
    ("kind: azure-nsg, format: terraform, first-priority: 100", "e.tf"),
];

/// Grows a policy with one target.
pub fn policy(seed: &mut Seed<'_>) -> String {
    let (options, output) = TARGETS[seed.below(TARGETS.len())];
    let networks = 1 + seed.below(4);
    let named = seed.below(3);
    let mut text = "policy: p\n".to_owned();
    if seed.below(2) == 1 {
        let words = ["drop", "reject", "allow"];
        let ephemeral = seed.pick(&["iana", "linux", "any", "1-65535"]);
        let baseline = seed.pick(&["standard", "strict", "none"]);
        text += &format!(
            "defaults: {{ inbound: {}, outbound: {}, ephemeral: \"{ephemeral}\", baseline: {baseline} }}\n",
            seed.pick(&words),
            seed.pick(&words)
        );
    }
    text += "networks:\n";
    for i in 0..networks {
        // Later names are made of earlier ones: there is no circle.
        text += &format!("  n{i}: {}\n", if i == 0 { both(seed) } else { addresses(seed, i, 0) });
    }
    if named > 0 {
        text += "services:\n";
    }
    for i in 0..named {
        text += &format!("  s{i}: [{}]\n", seed.list(3, ", ", service));
    }
    text += "rules:\n";
    for i in 0..=seed.below(6) {
        text += &rule(seed, i, (networks, named));
    }
    text + &format!("targets:\n  e: {{ {options}, output: {output} }}\n")
}

/// Grows a listing; `kind` says of what: nftables as text and as JSON, iptables, pf, an AWS group.
pub fn listing(kind: usize, seed: &mut Seed<'_>) -> String {
    match kind {
        0 => nft(seed),
        1 => nft_json(seed),
        2 => iptables(seed),
        3 => pf(seed),
        4 => group(seed),
        _ => nsg(seed),
    }
}

const NFT: &[&str] = &[
    "ip saddr @a",
    "ip daddr != @a",
    "ip saddr { 10.0.0.1, 10.1.0.0/16 }",
    "tcp dport 22",
    "tcp dport { 80, 443, 1000-2000 }",
    "udp sport != 53",
    "meta l4proto { tcp, udp }",
    "iifname \"lo\"",
    "oifname != { \"lan*\", \"wan0\" }",
    "ct state established,related",
    "ct state vmap { established : accept, invalid : drop }",
    "ip6 saddr 2001:db8::/32",
    "icmp type echo-request",
    "icmpv6 type { 133-136, 143 }",
    "meta mark 0x1",
    "limit rate 5/second",
    "ip protocol 47",
    "ip saddr . tcp dport @b",
    "tcp flags & (syn | ack) == syn",
    "th dport 53",
    "meta skuid 1000",
    "ip saddr and 255.0.0.0 == 10.0.0.0",
    "fib daddr type local",
    "counter",
    "counter packets 1 bytes 60",
    "log prefix \"x \"",
    "ip ttl 255",
    "meta nfproto ipv4",
    "ip daddr 10.0.0.0-10.0.0.9",
    "tcp dport vmap { 22 : jump d, 80 : drop }",
    "comment \"c\"",
];
const NFT_DONE: &[&str] = &[
    "accept",
    "drop",
    "reject",
    "reject with tcp reset",
    "jump d",
    "goto d",
    "return",
    "continue",
    "reject with icmpx admin-prohibited",
    "notrack",
    "queue num 1",
    "masquerade",
    "dnat to 10.0.0.2",
    "meta mark set 0x2",
    "",
];

fn nft(seed: &mut Seed<'_>) -> String {
    let family = seed.pick(&["inet", "ip", "ip6", "arp"]);
    let rules = |seed: &mut Seed<'_>| {
        let rule = |seed: &mut Seed<'_>| {
            let looks = seed.list(3, " ", |seed| seed.pick(NFT).to_owned());
            format!("    {looks} {}\n", seed.pick(NFT_DONE))
        };
        seed.list(4, "", rule)
    };
    let hook = seed.pick(&["input", "output", "forward", "prerouting"]);
    let policy = seed.pick(&["accept", "drop"]);
    let priority = seed.pick(&["0", "filter", "raw", "-300", "filter + 10"]);
    let elements = seed.list(3, ", ", v4);
    format!(
        "table {family} t {{\n  set a {{\n    type ipv4_addr\n    flags interval\n    elements = {{ {elements} }}\n  }}\n  \
         set b {{\n    type ipv4_addr . inet_service\n    elements = {{ 10.0.0.1 . 80 }}\n  }}\n  chain d {{\n{}  }}\n  \
         chain c {{\n    type filter hook {hook} priority {priority}; policy {policy};\n{}  }}\n}}\n",
        rules(seed),
        rules(seed)
    )
}

fn nft_json(seed: &mut Seed<'_>) -> String {
    const LOOKS: &[&str] = &[
        r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}}"#,
        r#"{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}}"#,
        r#"{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}}"#,
        r#"{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":"lo"}}"#,
        r#"{"match":{"op":"==","left":{"&":[{"payload":{"protocol":"tcp","field":"flags"}},{"|":["syn","ack"]}]},"right":"syn"}}"#,
        r#"{"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"sport"}},"right":{"set":[53,{"range":[1000,2000]}]}}}"#,
        r#"{"counter":{"packets":0,"bytes":0}}"#,
        r#"{"limit":{"rate":5,"per":"second"}}"#,
        r#"{"log":{"prefix":"x"}}"#,
        r#"{"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["established",{"accept":null}]]}}}"#,
        r#"{"xt":{"type":"match","name":"owner"}}"#,
    ];
    const DONE: &[&str] = &[
        r#"{"accept":null}"#,
        r#"{"drop":null}"#,
        r#"{"reject":{"type":"tcp reset"}}"#,
        r#"{"reject":null}"#,
        r#"{"jump":{"target":"d"}}"#,
        r#"{"return":null}"#,
        r#"{"notrack":null}"#,
        r#"{"masquerade":null}"#,
    ];
    let rule = |seed: &mut Seed<'_>| {
        let chain = seed.pick(&["c", "d"]);
        let looks = seed.list(3, ",", |seed| seed.pick(LOOKS).to_owned());
        format!(
            r#"{{"rule":{{"family":"inet","table":"t","chain":"{chain}","handle":4,"expr":[{looks},{}]}}}}"#,
            seed.pick(DONE)
        )
    };
    let hook = seed.pick(&["input", "output", "forward"]);
    format!(
        r#"{{"nftables":[{{"metainfo":{{"json_schema_version":1}}}},{{"table":{{"family":"inet","name":"t","handle":1}}}},{{"chain":{{"family":"inet","table":"t","name":"d","handle":2}}}},{{"chain":{{"family":"inet","table":"t","name":"c","handle":3,"type":"filter","hook":"{hook}","prio":0,"policy":"drop"}}}},{}]}}"#,
        seed.list(5, ",", rule)
    )
}

fn iptables(seed: &mut Seed<'_>) -> String {
    const LOOKS: &[&str] = &[
        "-s 10.0.0.0/8",
        "! -d 192.0.2.1/32",
        "-p tcp -m tcp --dport 22",
        "-p udp -m udp ! --sport 1000:2000",
        "-p tcp -m multiport --dports 80,443,8000:8100",
        "-i lo",
        "! -o wan+",
        "-m state --state NEW",
        "-m conntrack --ctstate RELATED,ESTABLISHED",
        "-m set --match-set a src",
        "-m comment --comment \"a b\"",
        "-m limit --limit 5/sec",
        "-p icmp -m icmp --icmp-type 8",
        "-m owner --uid-owner 0",
        "-p 47",
        "-p tcp -m tcp --tcp-flags SYN,RST SYN",
        "-m addrtype --dst-type LOCAL",
        "-m mark --mark 0x1/0x1",
        "-m iprange --src-range 10.0.0.1-10.0.0.9",
        "-m ttl --ttl-eq 255",
        "-p all",
        "-f",
    ];
    const DONE: &[&str] = &[
        "-j ACCEPT",
        "-j DROP",
        "-j REJECT --reject-with tcp-reset",
        "-j REJECT --reject-with icmp-port-unreachable",
        "-j d",
        "-g d",
        "-j RETURN",
        "-j LOG --log-prefix \"x \"",
        "-j MARK --set-xmark 0x1/0xffffffff",
        "-j NFLOG",
        "",
    ];
    let rule = |seed: &mut Seed<'_>| {
        let chain = seed.pick(&["INPUT", "OUTPUT", "FORWARD", "d"]);
        let looks = seed.list(3, " ", |seed| seed.pick(LOOKS).to_owned());
        format!("-A {chain} {looks} {}\n", seed.pick(DONE))
    };
    let count = seed.pick(&["[0:0]", "[12:3456]"]);
    format!(
        "*filter\n:INPUT {} {count}\n:FORWARD DROP {count}\n:OUTPUT ACCEPT {count}\n:d - {count}\n{}COMMIT\n",
        seed.pick(&["ACCEPT", "DROP"]),
        seed.list(6, "", rule)
    )
}

fn pf(seed: &mut Seed<'_>) -> String {
    let rule = |seed: &mut Seed<'_>| {
        let action = seed.pick(&[
            "pass",
            "block",
            "block drop",
            "block return",
            "block return-rst",
            "match",
        ]);
        let way = seed.pick(&["", "in", "out", "in log", "in quick", "out log (all) quick"]);
        let on = seed.pick(&["", "on lo0", "on ! lan0", "on { lan0 wan0 }", "on egress"]);
        let family = seed.pick(&["", "inet", "inet6"]);
        let proto = seed.pick(&["", "proto tcp", "proto { tcp udp }", "proto icmp", "proto 47"]);
        let host = |seed: &mut Seed<'_>| match seed.below(5) {
            0 => "any".to_owned(),
            1 => "<a>".to_owned(),
            2 => format!("{{ {} }}", seed.list(3, " ", v4)),
            3 => "! 10.0.0.1".to_owned(),
            _ => v4(seed),
        };
        let port = seed.pick(&[
            "",
            "port 22",
            "port { 80 443 }",
            "port 1000:2000",
            "port > 1023",
            "port != 53",
        ]);
        let more = seed.pick(&[
            "",
            "flags S/SA keep state",
            "no state",
            "tag x",
            "label \"l\"",
            "flags any",
            "user 0",
        ]);
        format!(
            "{action} {way} {on} {family} {proto} from {} to {} {port} {more}\n",
            host(seed),
            host(seed)
        )
    };
    format!("table <a> {{ {} }}\n{}", seed.list(3, " ", v4), seed.list(5, "", rule))
}

fn group(seed: &mut Seed<'_>) -> String {
    let permission = |seed: &mut Seed<'_>| {
        let (a, b) = (seed.number(65_535), seed.number(65_535));
        let protocol = seed.pick(&["tcp", "udp", "-1", "icmp", "47", "icmpv6"]);
        let ports = match protocol {
            "-1" | "47" => String::new(),
            "icmp" | "icmpv6" => r#""FromPort":8,"ToPort":-1,"#.to_owned(),
            _ => format!(r#""FromPort":{},"ToPort":{},"#, a.min(b), a.max(b)),
        };
        let ranges = seed.list(3, ",", |seed| format!(r#"{{"CidrIp":"{}"}}"#, cidr(v4(seed), 32)));
        let ranges6 = seed.list(2, ",", |seed| format!(r#"{{"CidrIpv6":"{}"}}"#, v6(seed)));
        let pairs = seed.pick(&["", r#"{"GroupId":"sg-2","UserId":"1"}"#]);
        format!(
            r#"{{"IpProtocol":"{protocol}",{ports}"IpRanges":[{ranges}],"Ipv6Ranges":[{ranges6}],"PrefixListIds":[],"UserIdGroupPairs":[{pairs}]}}"#
        )
    };
    let (ingress, egress) = (seed.list(3, ",", permission), seed.list(2, ",", permission));
    format!(
        r#"{{"SecurityGroups":[{{"GroupId":"sg-1","GroupName":"e","Description":"d","VpcId":"vpc-1","OwnerId":"1","IpPermissions":[{ingress}],"IpPermissionsEgress":[{egress}]}}]}}"#
    )
}

fn nsg(seed: &mut Seed<'_>) -> String {
    let end = |seed: &mut Seed<'_>, end: &str| {
        let (a, b) = (seed.number(65_535), seed.number(65_535));
        let prefixes = match seed.below(4) {
            0 => {
                format!(r#""{end}AddressPrefix":"{}""#, seed.pick(&["*", "Internet", "0.0.0.0/0"]))
            }
            1 => format!(r#""{end}AddressPrefix":"{}""#, v4(seed)),
            2 => {
                let list = seed.list(3, ",", |seed| format!(r#""{}""#, cidr(v4(seed), 32)));
                format!(r#""{end}AddressPrefixes":[{list}]"#)
            }
            _ => format!(r#""{end}AddressPrefixes":["{}"]"#, v6(seed)),
        };
        let ports = match seed.below(3) {
            0 => format!(r#""{end}PortRange":"{}-{}""#, a.min(b), a.max(b)),
            1 => format!(r#""{end}PortRanges":["{a}","{b}"]"#),
            _ => format!(r#""{end}PortRange":"*""#),
        };
        format!("{prefixes},{ports}")
    };
    let rule = |seed: &mut Seed<'_>| {
        let access = seed.pick(&["Allow", "Deny", "deny"]);
        let direction = seed.pick(&["Inbound", "Outbound"]);
        let protocol = seed.pick(&["Tcp", "Udp", "*", "Icmp", "Esp", "tcp", "47"]);
        let priority = seed.number(4_096);
        let (source, destination) = (end(seed, "source"), end(seed, "destination"));
        format!(
            r#"{{"name":"r","priority":{priority},"direction":"{direction}","access":"{access}","protocol":"{protocol}",{source},{destination}}}"#
        )
    };
    let rules = seed.list(5, ",", rule);
    let flat = format!(r#"{{"name":"n","securityRules":[{rules}]}}"#);
    match seed.below(3) {
        0 => flat,
        1 => format!(r#"{{"value":[{flat}]}}"#),
        _ => format!(
            r#"{{"value":[{{"association":{{"subnet":{{"id":"s"}}}},"networkSecurityGroup":{{"id":"n"}},"effectiveSecurityRules":[{rules}]}}]}}"#
        ),
    }
}

fn cidr(address: String, bits: u8) -> String {
    if address.contains('/') { address } else { format!("{address}/{bits}") }
}
