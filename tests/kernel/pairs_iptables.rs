//! Every match of iptables with every target: what the kernel does with packets is always among what the
//! reader of listings says is possible.

/// A match, as a rule of IPv4 and as one of IPv6; empty where the family has none.
const MATCHES: &[(&str, &str)] = &[
    both(""),
    both("-m addrtype --dst-type LOCAL"),
    both("-m bpf --bytecode \"1,6 0 0 65535\""),
    both("-m cgroup --cgroup 1"),
    both("-m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 1"),
    both("-m comment --comment \"-j DROP\""),
    both("-m connbytes --connbytes 1:1000 --connbytes-dir both --connbytes-mode packets"),
    both("-m connlabel --label 1"),
    both("-m connlimit --connlimit-upto 3"),
    both("-m connmark --mark 0"),
    both("-m conntrack --ctstate NEW"),
    both("-m conntrack ! --ctstate NEW,DNAT"),
    both("-m conntrack --ctstate NEW --ctdir ORIGINAL"),
    both("-m conntrack --ctstatus NONE"),
    both("-m cpu --cpu 0"),
    both("-m devgroup --src-group 0"),
    both("-m dscp --dscp 0"),
    both("-m ecn --ecn-ip-ect 0"),
    both("-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 1 --hashlimit-name p"),
    both("-m helper --helper ftp"),
    ("-m iprange --src-range 10.0.0.1-10.0.0.9", "-m iprange --src-range 2001:db8::1-2001:db8::9"),
    both("-m length --length 0:60"),
    both("-m limit --limit 1/sec --limit-burst 2"),
    both("-m mac --mac-source 02:00:00:00:00:01"),
    both("-m mark --mark 0"),
    both("-m multiport --sports 1024:65535"),
    both("-m osf --genre Linux --ttl 2"),
    both("-m owner --uid-owner 0"),
    both("-m physdev --physdev-in lan0"),
    both("-m pkttype --pkt-type unicast"),
    both("-m policy --dir in --pol none"),
    both("-m quota --quota 200"),
    both("-m recent --set --name p --rsource"),
    both("-m recent --rcheck --name p --rsource"),
    both("-m rpfilter --loose"),
    both("-m set --match-set pairs src"),
    both("-m set ! --match-set pairs src --return-nomatch"),
    both("-m socket --transparent"),
    both("-m state --state NEW,UNTRACKED"),
    both("-m statistic --mode nth --every 2 --packet 0"),
    both("-m string --string x --algo bm --to 65535"),
    both("-m tcp --tcp-flags SYN SYN"),
    both("-m tcp --tcp-option 2"),
    both("-m tcpmss --mss 1:65535"),
    both("-m time --timestart 00:00:00 --timestop 23:59:59"),
    both("-m tos --tos 0"),
    both("-m u32 --u32 \"0&0xF=0:15\""),
    ("-m ttl --ttl-gt 63", "-m hl --hl-gt 63"),
    ("-m ttl ! --ttl-eq 64", "-m hl ! --hl-eq 64"),
    ("-f", ""),
    ("! -f", ""),
    ("-m realm --realm 0", ""),
    ("", "-m eui64"),
    ("", "-m frag --fragid 0"),
    ("", "-m hbh"),
    ("", "-m dst"),
    ("", "-m rt --rt-type 0"),
    ("", "-m ipv6header --header prot --soft"),
];

const fn both(text: &'static str) -> (&'static str, &'static str) {
    (text, text)
}

/// Table and target; what only one family has is refused by the other, and left out.
const TARGETS: &[(&str, &str)] = &[
    ("filter", "ACCEPT"),
    ("filter", "DROP"),
    ("filter", "RETURN"),
    ("filter", "REJECT"),
    ("filter", "REJECT --reject-with tcp-reset"),
    ("filter", "LOG --log-prefix \"-j ACCEPT\""),
    ("filter", "NFLOG --nflog-group 9"),
    ("filter", "NFQUEUE --queue-num 9"),
    ("filter", "NFQUEUE --queue-num 9 --queue-bypass"),
    ("filter", "AUDIT --type drop"),
    ("filter", "SYNPROXY --mss 1460"),
    ("filter", "SET --add-set other src"),
    ("filter", "RATEEST --rateest-name p --rateest-interval 250ms --rateest-ewmalog 500ms"),
    ("filter", "IDLETIMER --timeout 9 --label p"),
    ("mangle", "TTL --ttl-set 64"),
    ("mangle", "TTL --ttl-set 200"),
    ("mangle", "HL --hl-set 64"),
    ("mangle", "HL --hl-set 200"),
    ("mangle", "TOS --set-tos 0x10"),
    ("mangle", "DSCP --set-dscp 0"),
    ("mangle", "ECN --ecn-tcp-remove"),
    ("mangle", "CHECKSUM --checksum-fill"),
    ("mangle", "TCPMSS --set-mss 1000"),
    ("mangle", "TCPOPTSTRIP --strip-options timestamp"),
    ("mangle", "TPROXY --on-port 9 --on-ip 127.0.0.1"),
    ("mangle", "CLASSIFY --set-class 1:1"),
    ("mangle", "CONNMARK --set-mark 9"),
    ("mangle", "DROP"),
    ("raw", "CT --notrack"),
    ("raw", "CT --zone 7"),
    ("raw", "CT --helper ftp"),
    ("raw", "CT --ctevents new"),
    ("raw", "TRACE"),
    ("raw", "DROP"),
];

/// Returns the sets and both families' rules of one match, with every target.
pub fn texts(at: usize) -> [String; 3] {
    let (v4, v6) = MATCHES[at % MATCHES.len()];
    let sets = "create pairs hash:net\nadd pairs 10.0.0.0/29\ncreate other hash:ip\n";
    [sets.to_owned(), rules(v4, "-m ttl --ttl-eq 64"), rules(v6, "-m hl --hl-eq 64")]
}

fn rules(one: &str, hop: &str) -> String {
    let tables = [("raw", "PREROUTING"), ("mangle", "PREROUTING"), ("filter", "FORWARD")];
    let table = |(table, hook): (&str, &str)| {
        let policy = if table == "filter" { "DROP" } else { "ACCEPT" };
        let mut text = format!("*{table}\n:{hook} {policy} [0:0]\n:pairs - [0:0]\n");
        text += &format!("-A {hook} -j pairs\n");
        for (number, (_, target)) in TARGETS.iter().enumerate().filter(|(_, of)| of.0 == table) {
            for protocol in ["tcp", "udp"] {
                let port = 2000 + number;
                text += &format!("-A pairs -p {protocol} --dport {port} {one} -j {target}\n");
            }
        }
        if table == "filter" {
            // What asks for what was written.
            text += &format!("-A pairs -p udp {hop} -j ACCEPT\n");
            text += "-A pairs -p tcp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n";
            text += "-A pairs -p tcp -m set --match-set other src -j DROP\n";
        }
        text + "COMMIT\n"
    };
    tables.map(table).concat()
}

#[test]
fn every_match_with_every_target_does_what_its_listing_may() {
    if !crate::required() {
        eprintln!("every_match_with_every_target: only with PORTCULLIS_REQUIRE_KERNEL=1");
        return;
    }
    let case = |at: usize| format!("foreign/pairs-iptables/{at}/gateway");
    let cases: Vec<_> = (0..MATCHES.len()).map(case).collect();
    crate::all_pass("every_match_with_every_target_does_what_its_listing_may", &cases);
}
