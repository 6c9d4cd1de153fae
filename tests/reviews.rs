//! What `verify`, `diff`, `explain` and `test` say, as recorded, and that it is so.

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const POLICY: &str = r#"policy: shop
networks:
  lan: [10.1.0.0/16, "2001:db8:1::/48"]
  guests: [10.1.99.0/24]
  office: [192.0.2.0/24]
services:
  web: [tcp/80, tcp/443]
defaults: { inbound: drop, outbound: drop }
rules:
  - { id: no-guests, action: reject, direction: outbound, from: guests, to: any, service: any }
  - { id: browse, action: allow, direction: outbound, from: lan, to: any, service: web }
  - { id: desk, action: allow, direction: inbound, from: office, to: lan, service: tcp/22 }
tests:
  - { expect: allow, packet: "outbound tcp 10.1.0.5 -> 198.51.100.1:443" }
invariants:
  - only: { direction: inbound, from: office, to: lan, service: tcp/22 }
    comment: nobody else gets in
targets:
  edge: { kind: nftables, placement: gateway, inside: [lan0], outside: [wan0], output: edge.nft }
"#;

/// The same policy for Amazon Connect's media, from a feed.
const FED: &str = r#"policy: media
networks:
  lan: [10.1.0.0/16]
  connect: { feed: aws, service: AMAZON_CONNECT, region: [GLOBAL, eu-west-2] }
rules:
  - { id: media, action: allow, direction: outbound, from: lan, to: connect, service: udp/3478 }
targets:
  edge: { kind: nftables, output: edge.nft }
"#;

struct Said {
    code: i32,
    text: String,
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn run(folder: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.env_clear().env("PATH", path).current_dir(folder).args(args).output();
    let output = output.expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    let text = format!(
        "$ portcullis {}\n{}",
        args.join(" "),
        text(&output.stdout) + &text(&output.stderr)
    );
    Said { code, text }
}

/// Holds what was said against the record of that name.
fn recorded(name: &str, said: &Said) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reviews").join(format!("{name}.txt"));
    let text = format!("{}exit code {}\n", said.text, said.code);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).expect("written");
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "tests/reviews/{name}.txt differs: UPDATE_GOLDEN=1 writes it anew");
}

/// The compiled artifact with a change.
fn changed(folder: &Path, change: impl Fn(&str) -> String) -> PathBuf {
    let path = folder.join("edge.nft");
    let text = fs::read_to_string(&path).expect("an artifact");
    let new = change(&text);
    assert_ne!(new, text, "nothing was changed");
    fs::write(&path, new).expect("written");
    path
}

fn compiled(files: &[(&str, &str)]) -> TempDir {
    let folder = folder(files);
    let said = run(folder.path(), &["compile"]);
    assert_eq!(said.code, 0, "{}", said.text);
    folder
}

const VERIFY: [&str; 2] = ["verify", "policy.yaml"];

#[test]
fn what_stands_as_compiled_is_equal() {
    let folder = compiled(&[("policy.yaml", POLICY)]);
    let said = run(folder.path(), &VERIFY);
    recorded("verify-equal", &said);
    assert_eq!(said.code, 0);
}

#[test]
fn a_port_more_opens() {
    let folder = compiled(&[("policy.yaml", POLICY)]);
    changed(folder.path(), |text| text.replace("tcp dport 22 ", "tcp dport 22-23 "));
    let said = run(folder.path(), &VERIFY);
    recorded("verify-opens", &said);
    assert_eq!(said.code, 1);
    assert!(said.text.contains("inbound: office -> lan (IPv4): tcp/23"), "{}", said.text);
    assert!(!said.text.contains("error[shuts]"), "{}", said.text);
}

#[test]
fn a_rule_less_shuts() {
    let folder = compiled(&[("policy.yaml", POLICY)]);
    changed(folder.path(), |text| {
        text.lines()
            .filter(|line| !line.contains("tcp dport 22 "))
            .map(|l| format!("{l}\n"))
            .collect()
    });
    let said = run(folder.path(), &VERIFY);
    recorded("verify-shuts", &said);
    assert_eq!(said.code, 1);
    assert!(said.text.contains("inbound: office -> lan (IPv4): tcp/22"), "{}", said.text);
    assert!(!said.text.contains("error[opens]"), "{}", said.text);
}

#[test]
fn another_answer_is_no_hole() {
    let folder = compiled(&[("policy.yaml", POLICY)]);
    changed(folder.path(), |text| {
        text.replace("drop comment \"default drop\"", "reject with icmpx admin-prohibited")
    });
    let said = run(folder.path(), &VERIFY);
    recorded("verify-answers", &said);
    assert_eq!(said.code, 1);
    assert!(
        !said.text.contains("error[opens]") && !said.text.contains("error[shuts]"),
        "{}",
        said.text
    );
}

/// What `nft list ruleset` prints of a machine with the policy's table, changed by hand.
const LISTED: &str = r#"table inet shop {
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname "lan0" oifname "wan0" goto outbound
		iifname "wan0" oifname "lan0" goto inbound
	}

	chain inbound {
		ct state vmap { invalid : drop, established : accept, related : accept }
		meta mark 0x00000007 accept
		ip saddr 192.0.2.0/24 ip daddr 10.1.0.0/16 limit rate 5/second tcp dport 22 accept
		drop
	}

	chain outbound {
		ct state vmap { invalid : drop, established : accept, related : accept }
		ip saddr 10.1.99.0/24 meta l4proto tcp reject with tcp reset
		ip saddr 10.1.99.0/24 reject with icmpx admin-prohibited
		ip saddr 10.1.0.0/16 tcp dport { 80, 443 } accept
		ip6 saddr 2001:db8:1::/48 tcp dport { 80, 443 } accept
		drop
	}
}
"#;

#[test]
fn what_is_not_understood_is_answered_both_ways() {
    let without =
        LISTED.replace("\t\tmeta mark 0x00000007 accept\n", "").replace("limit rate 5/second ", "");
    let folder = folder(&[("policy.yaml", POLICY), ("live.nft", LISTED), ("fine.nft", &without)]);
    let said = run(folder.path(), &["verify", "policy.yaml", "fine.nft"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let said = run(folder.path(), &["verify", "policy.yaml", "live.nft"]);
    recorded("verify-may", &said);
    assert_eq!(said.code, 1);
    assert!(said.text.contains("error[may-open]") && said.text.contains("error[may-shut]"));
    assert!(!said.text.contains("error[opens]") && !said.text.contains("error[shuts]"));
}

#[test]
fn replies_hang_on_tracking() {
    let without =
        LISTED.replace("\t\tmeta mark 0x00000007 accept\n", "").replace("limit rate 5/second ", "");
    let raw = "table ip raw {\n\tchain pre {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\ttcp dport 22 notrack\n\t}\n}\n";
    let folder = folder(&[("policy.yaml", POLICY), ("live.nft", &(without + raw))]);
    let said = run(folder.path(), &["verify", "policy.yaml", "live.nft"]);
    recorded("verify-tracks", &said);
    assert!(said.code == 1 && said.text.contains("error[tracks]"), "{}", said.text);
}

#[test]
fn what_another_family_drops_is_not_equal() {
    let without =
        LISTED.replace("\t\tmeta mark 0x00000007 accept\n", "").replace("limit rate 5/second ", "");
    let ingress = "table netdev z {\n\tchain i {\n\t\ttype filter hook ingress device \"wan0\" priority filter; policy drop;\n\t}\n}\n";
    let folder = folder(&[("policy.yaml", POLICY), ("live.nft", &(without + ingress))]);
    let said = run(folder.path(), &["verify", "policy.yaml", "live.nft"]);
    assert!(said.code == 1 && said.text.contains("error[may-shut]"), "{}", said.text);
}

#[test]
fn no_file_that_is_given_is_left_unread() {
    let policy = POLICY.replace("kind: nftables", "kind: iptables").replace("edge.nft", "edge/");
    let folder = compiled(&[("policy.yaml", &policy)]);
    let verify = |more: &[&str]| {
        run(folder.path(), &[&["verify", "policy.yaml", "edge"][..], more].concat())
    };
    assert_eq!(verify(&[]).code, 0);
    let open = "# Generated by iptables-save v1.8.9\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
    fs::create_dir(folder.path().join("live")).expect("a folder");
    for name in ["live.txt", "live/v4.rules"] {
        fs::write(folder.path().join(name), open).expect("a file");
        let said = verify(&[name]);
        assert_ne!(said.code, 0, "{}", said.text);
    }
}

#[test]
fn what_is_not_there_or_no_firewall_cannot_be_verified() {
    let folder = folder(&[("policy.yaml", POLICY), ("page.html", "<html>\n<p>502</p>\n</html>\n")]);
    let said = run(folder.path(), &VERIFY);
    recorded("verify-missing", &said);
    assert_eq!(said.code, 2);
    let said = run(folder.path(), &["verify", "policy.yaml", "page.html"]);
    recorded("verify-page", &said);
    assert_eq!(said.code, 2);
}

#[test]
fn a_change_is_told_as_traffic() {
    let new = POLICY
        .replace("guests: [10.1.99.0/24]", "guests: [10.1.99.0/25]")
        .replace("web: [tcp/80, tcp/443]", "web: tcp/443")
        .replace("office: [192.0.2.0/24]", "office: [192.0.2.0/24, 203.0.113.7]");
    let folder = folder(&[("old.yaml", POLICY), ("new.yaml", &new)]);
    let said = run(folder.path(), &["diff", "old.yaml", "new.yaml"]);
    recorded("diff", &said);
    assert_eq!(said.code, 1);
    let said = run(folder.path(), &["diff", "old.yaml", "new.yaml", "--markdown"]);
    recorded("diff-markdown", &said);
    let said = run(folder.path(), &["diff", "old.yaml", "new.yaml", "--format", "json"]);
    recorded("diff-json", &said);
    let said = run(folder.path(), &["diff", "old.yaml", "new.yaml", "--format", "github"]);
    recorded("diff-github", &said);
}

#[test]
fn another_text_with_the_same_meaning_is_said_to_be_that() {
    let new =
        POLICY.replace("service: tcp/22 }\ntests", "service: tcp/22, comment: by hand }\ntests");
    assert_ne!(new, POLICY);
    let folder = folder(&[("old.yaml", POLICY), ("new.yaml", &new)]);
    let said = run(folder.path(), &["diff", "old.yaml", "new.yaml"]);
    recorded("diff-text-only", &said);
    assert_eq!(said.code, 0);
}

#[test]
fn other_options_of_a_target_are_seen_though_the_policy_is_the_same() {
    let new = POLICY.replace("output: edge.nft", "state: stateless, output: edge.nft");
    let folder = folder(&[("old.yaml", POLICY), ("new.yaml", &new)]);
    let said = run(folder.path(), &["diff", "old.yaml", "new.yaml"]);
    recorded("diff-target", &said);
    assert_eq!(said.code, 1);
}

/// A feed with a token and rows of Connect: prefix and region.
fn feed(token: u32, rows: &[(&str, &str)]) -> String {
    let row = |(prefix, region): &(&str, &str)| {
        format!(
            r#"{{"ip_prefix":"{prefix}","region":"{region}","service":"AMAZON_CONNECT","network_border_group":"{region}"}}"#
        )
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    format!(
        r#"{{"syncToken":"{token}","createDate":"2026-01-01-00-00-00","prefixes":[{}],"ipv6_prefixes":[{{"ipv6_prefix":"2600:f0f2:7100::/40","region":"GLOBAL","service":"AMAZON_CONNECT","network_border_group":"GLOBAL"}}]}}"#,
        rows.join(",")
    )
}

#[test]
fn rows_inside_others_change_nothing_and_new_ones_are_the_feeds_doing() {
    let global = ("15.193.0.0/19", "GLOBAL");
    let old = feed(1, &[global, ("3.9.0.0/24", "eu-west-2")]);
    let mut rows = vec![global, ("3.9.0.0/24", "eu-west-2")];
    let inside: Vec<_> = (0..11).map(|n| format!("15.193.{n}.0/24")).collect();
    rows.extend(inside.iter().map(|prefix| (prefix.as_str(), "eu-west-2")));
    let same = feed(2, &rows);
    rows.push(("18.0.0.0/24", "eu-west-2"));
    let more = feed(3, &rows);
    let folder =
        folder(&[("policy.yaml", FED), ("1.json", &old), ("2.json", &same), ("3.json", &more)]);
    let compare = |new: &str| {
        let sides = ["diff", "policy.yaml", "policy.yaml", "--old-aws-feed", "1.json"];
        run(folder.path(), &[&sides[..], &["--aws-feed", new]].concat())
    };
    let said = compare("2.json");
    recorded("diff-feed-inside", &said);
    assert_eq!(said.code, 0);
    let said = compare("3.json");
    recorded("diff-feed", &said);
    assert_eq!(said.code, 1);
    assert!(said.text.contains("cause: feed") && !said.text.contains("cause: policy"));
}

fn git(folder: &Path, args: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let status =
        std::process::Command::new("git").current_dir(folder).args(identity).args(args).status();
    assert!(status.expect("git").success(), "git {args:?}");
}

#[test]
fn a_revision_is_the_other_side() {
    let folder = compiled(&[("policy.yaml", POLICY)]);
    git(folder.path(), &["init", "-q", "."]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "first"]);
    assert_eq!(run(folder.path(), &["diff", "policy.yaml", "--against", "HEAD"]).code, 0);
    let new = POLICY
        .replace("service: tcp/22 }\ntests", "service: [tcp/22, tcp/3389] }\ntests")
        .replace("service: tcp/22 }\n    comment", "service: [tcp/22, tcp/3389] }\n    comment");
    fs::write(folder.path().join("policy.yaml"), new).expect("written");
    let said = run(folder.path(), &["diff", "policy.yaml", "--against", "HEAD"]);
    recorded("diff-against", &said);
    assert_eq!(said.code, 1);
    for unknown in ["NOPE", "--output=x", "^HEAD", "HEAD:policy.yaml", ""] {
        let said = run(folder.path(), &["diff", "policy.yaml", &format!("--against={unknown}")]);
        assert_eq!(said.code, 2, "{}", said.text);
    }
    // An artifact that somebody committed by hand is not what the policy says.
    fs::write(folder.path().join("policy.yaml"), POLICY).expect("written");
    changed(folder.path(), |text| text.replace("tcp dport 22 ", "tcp dport 22-23 "));
    git(folder.path(), &["commit", "-q", "-a", "-m", "by hand"]);
    let said = run(folder.path(), &["diff", "policy.yaml", "--against", "HEAD"]);
    recorded("diff-by-hand", &said);
    assert_eq!(said.code, 1);
    assert!(said.text.contains("inbound: office -> lan (IPv4): tcp/23"), "{}", said.text);
}

#[test]
fn a_comment_on_a_pull_request_has_room() {
    let rule = |n: u32, port: u32| {
        format!(
            "  - {{ id: r{n}, action: allow, direction: inbound, from: 10.{}.{}.0/24, to: lan, service: tcp/{port} }}\n",
            n / 256,
            n % 256
        )
    };
    let many = |shift: u32| {
        let rules: String = (0..1500).map(|n| rule(n, 1000 + 2 * n + shift)).collect();
        POLICY.replace("tests:\n", &format!("{rules}tests:\n")).replace("  - only:", "  - always:")
    };
    let folder = folder(&[("old.yaml", &many(0)), ("new.yaml", &many(1))]);
    let said = run(folder.path(), &["diff", "old.yaml", "new.yaml", "--markdown"]);
    assert_eq!(said.code, 1);
    assert!(said.text.len() < 65_000, "{} characters", said.text.len());
    assert!(said.text.contains(" more\n"), "{}", said.text);
}

#[test]
fn two_firewalls_are_compared_without_the_policys_rules() {
    let folder = compiled(&[("policy.yaml", POLICY)]);
    fs::copy(folder.path().join("edge.nft"), folder.path().join("old.nft")).expect("copied");
    let compare = ["diff", "old.nft", "edge.nft", "--policy", "policy.yaml", "-t", "edge"];
    assert_eq!(run(folder.path(), &compare).code, 0);
    changed(folder.path(), |text| text.replace("tcp dport 22 ", "tcp dport 22-23 "));
    let said = run(folder.path(), &compare);
    recorded("diff-firewalls", &said);
    assert_eq!(said.code, 1);
}

#[test]
fn reports_are_not_written_over_what_is_read() {
    let folder = folder(&[("policy.yaml", POLICY), ("more.yaml", "tests: []\n")]);
    for report in ["policy.yaml", "./policy.yaml", "more.yaml"] {
        let before = fs::read(folder.path().join(report)).expect("a file");
        let said = run(folder.path(), &["test", "policy.yaml", "more.yaml", "--junit", report]);
        assert_eq!(said.code, 2, "{}", said.text);
        assert_eq!(fs::read(folder.path().join(report)).expect("a file"), before);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_no_file_is_written_to_and_a_full_one_is_a_failure() {
    use std::os::unix::fs::FileTypeExt;
    let folder = folder(&[("policy.yaml", POLICY)]);
    let device = |path: &str| fs::metadata(path).expect(path).file_type().is_char_device();
    let said = run(folder.path(), &["test", "--junit", "/dev/null"]);
    assert!(said.code == 0 && device("/dev/null"), "{}", said.text);
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    for args in [&["test"][..], &["diff", "policy.yaml", "policy.yaml", "--format", "json"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let status = command.current_dir(folder.path()).args(args).stdout(full()).status();
        assert_eq!(status.expect("it runs").code(), Some(2), "{args:?}");
    }
}

#[test]
fn standard_input_is_one_thing() {
    let folder = compiled(&[("policy.yaml", POLICY)]);
    let said = run(folder.path(), &["verify", "-", "-"]);
    assert_eq!(said.code, 2, "{}", said.text);
}

#[test]
fn a_packet_is_explained_with_the_rules_that_it_passed_by() {
    let folder = folder(&[("policy.yaml", POLICY)]);
    for (name, question) in [
        ("explain", "outbound tcp 10.1.0.5:50000 -> 198.51.100.1:443"),
        ("explain-default", "inbound udp 203.0.113.9 -> 10.1.0.5:53"),
        ("explain-who", "who can reach lan on tcp/22"),
        ("explain-where", "where can 10.1.99.0/24, 10.1.100.0/24 go?"),
        ("explain-unknown", "where can ofice go on tcp/99999"),
    ] {
        recorded(name, &run(folder.path(), &["explain", "policy.yaml", question]));
    }
}

#[test]
fn the_rule_is_shown_and_not_the_chain_that_answers_for_it() {
    let policy = POLICY.replace("kind: nftables", "kind: iptables").replace("edge.nft", "edge/");
    let folder = folder(&[("policy.yaml", &policy)]);
    for protocol in ["tcp", "udp"] {
        let packet = format!("outbound {protocol} 10.1.99.5:50000 -> 198.51.100.1:443");
        let said = run(folder.path(), &["explain", "policy.yaml", &packet]);
        let line = said.text.lines().find(|line| line.contains("edge/v4.rules:")).expect("a line");
        assert!(line.contains("-s 10.1.99.0/24") && line.contains("no-guests"), "{line}");
    }
}

#[test]
fn tests_are_reported_in_every_form() {
    let more = r#"tests:
  - { expect: allow, packet: "inbound tcp 192.0.2.9 -> 10.1.0.5:22" }
  - { expect: drop, packet: "outbound tcp 10.1.99.5 -> 198.51.100.1:443" }
invariants:
  - never: { direction: inbound, to: lan, service: tcp/1-1023 }
    comment: "<nothing> & nobody"
"#;
    let folder = folder(&[
        ("policy.yaml", POLICY),
        ("more.yaml", more),
        ("bad.yaml", "tests:\n  - { expct: allow }\n"),
    ]);
    let said = run(folder.path(), &["test", "policy.yaml"]);
    assert_eq!(said.code, 0, "{}", said.text);
    let all = ["test", "policy.yaml", "more.yaml"];
    for (name, form) in
        [("test", &[][..]), ("test-json", &["--format", "json"]), ("test-junit", &["--junit", "-"])]
    {
        let said = run(folder.path(), &[&all[..], form].concat());
        recorded(name, &said);
        assert_eq!(said.code, 1);
    }
    run(folder.path(), &[&all[..], &["--junit", "report.xml"]].concat());
    let report = fs::read_to_string(folder.path().join("report.xml")).expect("a report");
    assert!(report.contains("tests=\"5\"") && report.contains("failures=\"2\""), "{report}");
    let said = run(folder.path(), &["test", "policy.yaml", "bad.yaml"]);
    recorded("test-bad", &said);
    assert_eq!(said.code, 2);
}
