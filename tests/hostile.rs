//! Text from a policy never becomes configuration, and no text makes a reader panic.
//!
//! The front end refuses hostile text already (`tests/faults/injecting-comment.yaml`); here the targets
//! stand alone, as they do for a caller of the library.

mod common;

use common::specs;
use portcullis::command::compile::Intent;
use portcullis::firewall::{self, File, Header, Spec, render::Templates};
use portcullis::ir::flow::{Defaults, Rule, RuleSet};
use portcullis::ir::{
    Action, Baseline, Direction, L4, Log, Origin, OriginKind, Placement, StateMode,
};
use portcullis::net::{IpSet, PortSet};
use proptest::prelude::*;

const HOSTILE: &[&str] = &[
    "\" ; flush ruleset #",
    "'; rm -rf / #",
    "first\nflush ruleset",
    "carriage\rreturn",
    "ends in a backslash \\",
    "ends in a quote \"",
    "${file(\"/etc/passwd\")}",
    "$${file(\"/etc/passwd\")}",
    "%{ for x in y }%{ endfor }",
    "{{resolve:ssm:secret}}",
    "{{ 7 * 7 }}{% raw %}",
    "$(reboot) `reboot`",
    "--> */ -- !ImportValue",
    "\u{202e}right to left",
    "nul\0byte",
    "COMMIT\n*filter\n:INPUT ACCEPT",
];

fn placements() -> [Placement; 2] {
    let side = |name: &str| vec![name.to_owned()];
    [Placement::Host, Placement::Gateway { inside: side("lan0"), outside: side("wan0") }]
}

fn policy(origin: Origin, prefix: Option<&str>) -> RuleSet {
    RuleSet {
        name: "hostile".to_owned(),
        rules: vec![Rule {
            action: Action::Allow,
            direction: Direction::Inbound,
            source: IpSet::all(),
            destination: IpSet::all(),
            l4: L4::ports(6, PortSet::all(), PortSet::one(443)),
            ephemeral: PortSet::range(1024, 65535),
            log: prefix.map(|prefix| Log { prefix: prefix.to_owned(), limit: None }),
            origins: vec![origin],
        }],
        defaults: Defaults { inbound: Action::Drop, outbound: Action::Drop },
        baseline: Baseline::Standard,
        ephemeral: PortSet::range(49152, 65535),
    }
}

/// The files of a target; `None` when it refuses the text.
fn files(spec: &Spec, policy: &RuleSet) -> Option<Vec<File>> {
    let filter = Intent::of(policy, spec, None).filter;
    let header = Header { policy: policy.name.clone(), source: "policy.yaml".to_owned() };
    firewall::generate(&filter, spec, &header, &Templates::default()).ok()
}

fn every_spec() -> Vec<Spec> {
    let states = [StateMode::Stateful, StateMode::Stateless];
    let modes = placements().into_iter().flat_map(|p| states.map(|state| (p.clone(), state)));
    modes.flat_map(|(placement, state)| specs(&placement, state)).collect()
}

/// What differs between two lines, of the first: without what they begin and end with in common.
fn own<'a>(line: &'a str, other: &str) -> &'a str {
    let same = line.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    let rest = &line[same.map(|(c, _)| c.len_utf8()).sum()..];
    let other = &other[line.len() - rest.len()..];
    let same = rest.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b);
    &rest[..rest.len() - same.map(|(c, _)| c.len_utf8()).sum::<usize>()]
}

/// Whether a text would be live in a target's configuration.
fn live(kind: &str, text: &str) -> bool {
    let signs: &[&str] = match kind.starts_with("aws-") || kind.starts_with("azure-") {
        true => &["\"", "${", "%{", "{{resolve"],
        false => &["\"", "`", "${", "$("],
    };
    let escaped = text.replace("$${", "").replace("%%{", "").replace("\\\"", "");
    signs.iter().any(|sign| escaped.contains(sign))
        || escaped.ends_with('\\')
        || escaped.chars().any(char::is_control)
}

#[test]
fn text_from_a_policy_never_becomes_configuration() {
    let mut written = 0;
    for spec in every_spec() {
        let plain =
            Origin { comment: "plain".to_owned(), ..Origin::new(OriginKind::Policy, "web") };
        let harmless = files(&spec, &policy(plain.clone(), None)).expect("harmless text");
        let logged = files(&spec, &policy(plain.clone(), Some("plain")));
        for text in HOSTILE {
            let comment = Origin { comment: (*text).to_owned(), ..plain.clone() };
            let name = Origin { rule: (*text).to_owned(), ..plain.clone() };
            let cases = [
                (files(&spec, &policy(comment, None)), Some(&harmless)),
                (files(&spec, &policy(name, None)), Some(&harmless)),
                (files(&spec, &policy(plain.clone(), Some(text))), logged.as_ref()),
            ];
            for (found, model) in cases {
                let (Some(found), Some(model)) = (found, model) else { continue };
                written += 1;
                same_but_for_text(&spec, text, &found, model);
            }
        }
    }
    assert!(written > 0, "every target refused every text");
}

fn same_but_for_text(spec: &Spec, text: &str, found: &[File], model: &[File]) {
    for (file, model) in found.iter().zip(model) {
        let name = format!("{} {}: {text:?}", spec.name, file.path);
        assert_eq!(file.text.lines().count(), model.text.lines().count(), "{name}:\n{}", file.text);
        for (line, model) in file.text.lines().zip(model.text.lines()) {
            assert!(!live(spec.kind.word(), own(line, model)), "{name}: {line}");
        }
    }
}

#[test]
fn what_would_be_live_is_told_from_what_is_not() {
    assert_eq!(own("accept comment \"a b\"", "accept comment \"plain b\""), "a");
    assert!(live("nftables", "a\" ; flush") && live("nftables", "$(x)") && live("iptables", "a\\"));
    assert!(live("aws-x", "${x}") && live("aws-x", "{{resolve:x}}") && live("aws-x", "%{ if }"));
    assert!(!live("aws-x", "$${x}") && !live("pf", "a ' ; b") && !live("aws-x", "a \\\" b"));
}

/// Ways to spoil a text: what, where, and with which word.
fn spoiled(text: &str, ways: &[(u8, usize, usize)]) -> String {
    const WORDS: &[&str] = &[
        "",
        " ",
        "\n",
        "\"",
        "\\",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        ":",
        "!",
        "-",
        "/",
        "0",
        "4294967296",
        "99999999999999999999",
        "::",
        "::/0",
        "0.0.0.0/0",
        "1.2.3.4/33",
        "@x",
        "$x",
        "${",
        "*/",
        "#",
        "null",
        "any",
        "-j X",
        "jump x",
        "tcp",
        "é",
        "\u{0}",
        "128-",
        "1:2",
    ];
    let mut text = text.to_owned();
    for (way, at, word) in ways {
        let near = at % (text.len() + 1);
        let at = (0..=near).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let word = WORDS[word % WORDS.len()];
        let line = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        match way % 5 {
            0 => text.insert_str(at, word),
            1 => text.replace_range(at..line, ""),
            2 => text.replace_range(at..line, word),
            3 => text.truncate(at),
            _ => {
                let copy = text[at..line].to_owned();
                text.insert_str(at, &copy);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_a_reader_panic(
        ways in proptest::collection::vec((any::<u8>(), any::<usize>(), any::<usize>()), 1..4),
        (placement, state) in common::mode(),
        policy in common::rule_set(),
    ) {
        for spec in specs(&placement, state) {
            let Some(mut files) = files(&spec, &policy) else { continue };
            for file in &mut files {
                file.text = spoiled(&file.text, &ways);
            }
            // Whatever it says, a program or a refusal: both are answers.
            let answer = firewall::read_artifact(&spec, &files);
            prop_assert!(answer.map_or_else(|error| !error.reason.is_empty(), |program| program.check().is_ok()));
        }
    }
}
