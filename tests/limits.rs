//! Each limit of docs/limits.md is reached, and says what the page says.

#[path = "common/hostile.rs"]
mod hostile;

use portcullis::command::compile::{self, Inputs};
use portcullis::command::{self, Session, check};
use portcullis::diag::{self, Code, Diags, Format};
use portcullis::feed::Feeds;
use portcullis::firewall::options::Setting;
use portcullis::firewall::render::Templates;
use portcullis::firewall::{self, File, Kind, Spec};
use portcullis::ir::{Placement, StateMode};
use portcullis::limits;
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;
use std::collections::BTreeMap;

/// Files by path.
struct Files(BTreeMap<String, String>);

impl Loader for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(path).ok_or_else(|| "no such file".to_owned())?;
        Ok(text.clone().into_bytes())
    }
}

/// What was said, and how it looks.
struct Said {
    diags: Diags,
    sources: SourceMap,
}

impl Said {
    fn rendered(&self, format: Format) -> String {
        diag::render(&self.diags, &self.sources, format)
    }

    fn text(&self) -> String {
        self.rendered(Format::Human { color: false })
    }

    fn codes(&self) -> Vec<&'static str> {
        let mut codes: Vec<_> = self.diags.counts().keys().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes
    }
}

/// Compiles `policy.yaml` of some files.
fn compiled(files: hostile::Files, templates: &Templates) -> Said {
    let files = files.into_iter().collect();
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    let policy = policy::load("policy.yaml", &Files(files), &mut sources, &mut diags);
    if let Some(policy) = policy {
        let feeds = Feeds::bundled();
        let inputs = Inputs { templates, source: "policy.yaml" };
        let resolved = command::resolved(&policy, &feeds, &mut diags);
        let artifacts = resolved.as_ref().and_then(|resolved| {
            let mut session = Session::new(&policy, &feeds, resolved);
            compile::compile(&mut session, &inputs, &|_| true, &mut diags)
        });
        assert_eq!(artifacts.is_none(), diags.has_errors());
        let asks = check::Asks { days: None, owners: false, steps: check::STEPS };
        check::check(&policy, resolved.as_ref(), &asks, &mut diags);
    }
    Said { diags, sources }
}

fn policy(text: String) -> Said {
    compiled(hostile::alone(text), &Templates::default())
}

/// A policy that uses a library with one rule.
fn library(rule: &str) -> Said {
    let library = format!(
        "library: l\nrules:\n  - {{ id: r, action: allow, direction: inbound, from: any, to: any, {rule} }}\n"
    );
    let mut files = hostile::alone(hostile::policy("imports: [l.yaml]\n", "  - { use: l }\n"));
    files.push(("l.yaml".to_owned(), library));
    compiled(files, &Templates::default())
}

fn template(text: &str) -> Said {
    let mut templates = Templates::default();
    templates.replace("nftables.nft.j2", text.to_owned()).expect("a known name");
    compiled(hostile::alone(hostile::policy("", hostile::RULE)), &templates)
}

/// What a reader of listings, or of artifacts, says of a text.
fn listing(kind: Kind, path: &str, text: &str, strict: bool) -> String {
    let spec = Spec {
        name: "edge".to_owned(),
        kind,
        placement: Placement::Host,
        state: StateMode::Stateful,
        output: path.to_owned(),
    };
    let file = File { path: path.to_owned(), text: text.to_owned(), executable: false };
    let reason = match strict {
        true => firewall::read_artifact(&spec, &[file]).err(),
        false => firewall::read(&spec, &[file], None).err(),
    };
    reason.map_or_else(|| "it was read".to_owned(), |error| error.reason)
}

fn acl(format: &'static str) -> Kind {
    kind("aws-network-acl").with("format", Setting::Word(format))
}

fn kind(word: &str) -> Kind {
    Kind::of(word).expect("a kind of the registry")
}

/// What is said where a limit is reached, by what it is a limit of; its code where there is one.
fn reached(of: &str) -> (String, Vec<&'static str>) {
    let listed = |text: String| (text, vec!["listing-not-read"]);
    let said = match of {
        "a policy, a library, a file of tests" => policy("#".repeat((16 << 20) + 1)),
        "a list of prefixes" => {
            let list = "#".repeat((64 << 20) + 1);
            let networks = "networks:\n  a: { file: list.txt }\n";
            let mut files = hostile::alone(hostile::policy(networks, hostile::RULE));
            files.push(("list.txt".to_owned(), list));
            compiled(files, &Templates::default())
        }
        "nesting of lists and maps" => policy(format!("policy: {}", "[".repeat(1_000_000))),
        "a name" => policy(hostile::policy(
            &format!("networks:\n  {}: any\n", "n".repeat(65)),
            hostile::RULE,
        )),
        "a comment, description, owner or ticket" => {
            policy(hostile::policy(&format!("owner: {}\n", "o".repeat(201)), hostile::RULE))
        }
        "libraries that import each other in a chain" => {
            compiled(hostile::imports(40), &Templates::default())
        }
        "the expansion of libraries, including rules that a `when` leaves out" => {
            compiled(hostile::library_bomb(12, 10), &Templates::default())
        }
        "a text with expressions" => {
            library(&format!("service: tcp/1, when: \"{}true\"", "not ".repeat(10_000)))
        }
        "the cost of one expression" => {
            library("service: tcp/1, when: \"range(9000)|sort|sort|sort|sort|length == 1\"")
        }
        "the cost of all expressions of a run" => {
            let when = "when: \"range(9000)|sort|length == 1\", ";
            compiled(hostile::many_uses(3_000, when), &Templates::default())
        }
        "the result of an expression" => library("service: tcp/1, comment: \"x {{ 'x' * 5000 }}\""),
        "the sets of all names and lists together" => policy(hostile::chain_v6(6_500)),
        "a file that is written" => {
            template("{% for i in range(70) %}{{ 'x' * 1000000 }}{% endfor %}")
        }
        "a template of `--template-dir`" => template(&" ".repeat((32 << 10) + 1)),
        "the cost of all templates of `--template-dir` in a run" => {
            template("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}")
        }
        "tokens that `define` stands for in nftables" => {
            let kind = kind("nftables");
            return listed(listing(kind, "edge.nft", &hostile::doubled("define ", "$", 30), false));
        }
        "words that macros stand for in pf" => {
            let kind = kind("pf");
            return listed(listing(kind, "edge.conf", &hostile::macros(30), false));
        }
        "anchors in anchors of pf" => {
            let text = format!("{}{}", "anchor a {\n".repeat(5_000), "}\n".repeat(5_000));
            return listed(listing(kind("pf"), "edge.conf", &text, false));
        }
        "nesting in an artifact of AWS" => {
            let text = format!("x {{\n{}\n}}\n", "a = [\n".repeat(50_000));
            return (listing(acl("terraform"), "edge.tf", &text, true), vec!["not-proven"]);
        }
        "nesting in what AWS's tools list" => {
            let text = format!("{}{}", "[".repeat(120), "]".repeat(120));
            return listed(listing(acl("api-json"), "edge.json", &text, false));
        }
        "diagnostics of one code" => policy(hostile::faults(40_000)),
        "places of one diagnostic" | "characters of a sentence" => wide(),
        "bytes of a long line on each side of what is marked in it" => {
            policy(hostile::faults(40_000))
        }
        "names that a sentence lists" => {
            let names: Vec<_> = (0..100).map(|i| format!("h{i}.example.com")).collect();
            let rule = hostile::RULE
                .replace("to: any", &format!("to: {{ domains: [{}] }}", names.join(", ")));
            policy(hostile::policy("", &rule))
        }
        "diagnostics of one code that suggest similar names" => policy(hostile::names(300)),
        other => panic!("nothing reaches the limit of {other}"),
    };
    (said.text(), said.codes())
}

/// One diagnostic with a hundred places and a sentence of a million characters.
fn wide() -> Said {
    let mut sources = SourceMap::default();
    let file = sources.add("f", "text");
    let span = portcullis::source::Span { file, start: 0, end: 1 };
    let one = diag::Diagnostic::new(Code::EmptySet, "é".repeat(1_000_000));
    let one = (0..100).fold(one, |one, _| one.at(span, ""));
    Said { diags: vec![one].into(), sources }
}

/// Limits that other tests reach: those of files that the command line names, of the proof and of `check`
/// (tests/cli.rs), and of what `verify` reports (tests/reviews.rs).
const ELSEWHERE: [&str; 7] = [
    "a vendor's feed",
    "an artifact or a listing that is read",
    "a manifest",
    "a file of `--template-dir`",
    "the memory of a proof, for each address family",
    "steps of the search for rules that change nothing or overlap",
    "lines of a firewall that are reported as not understood",
];

#[test]
fn each_limit_says_what_the_page_says() {
    for limit in limits::all().iter().filter(|limit| !ELSEWHERE.contains(&limit.of)) {
        let (text, codes) = reached(limit.of);
        let start: String = text.chars().take(2_000).collect();
        assert!(text.contains(&limit.says), "{}: {start}", limit.of);
        assert!(text.len() < 1_000_000, "{}: {} bytes are said", limit.of, text.len());
        let code = limit.code.map(Code::as_str);
        assert!(code.is_none_or(|code| codes.contains(&code)), "{}: {codes:?}", limit.of);
    }
}

#[test]
fn long_chains_of_names_are_resolved() {
    for text in [hostile::chain(3_000), hostile::services(20_000)] {
        assert_eq!(policy(text).text(), "");
    }
}

#[test]
fn a_circle_of_names_is_said_once() {
    let said = policy(hostile::mutual(400));
    assert_eq!(said.diags.counts().get(&Code::Cycle), Some(&1));
    assert!(said.text().contains("the cycle is `n0` -> `n1` -> `n0`"), "{}", said.text());
}

#[test]
fn what_is_counted_is_in_every_format() {
    let said = policy(hostile::faults(40_000));
    let more = 40_000 - diag::MOST;
    let text = format!("{more} more of this kind are not shown");
    for format in [Format::Human { color: false }, Format::Sarif, Format::Github] {
        let rendered = said.rendered(format);
        assert!(rendered.contains(&text) && rendered.len() < 1_000_000, "{format:?}");
    }
    let json: serde_json::Value = serde_json::from_str(&said.rendered(Format::Json)).expect("JSON");
    assert_eq!(json["counts"]["unknown-name"], 40_000);
    let list = json["diagnostics"].as_array().expect("a list");
    assert_eq!(list.iter().filter(|one| one["code"] == "unknown-name").count(), diag::MOST);
}

#[test]
fn repeated_keys_are_counted_and_their_first_found() {
    let said = policy(hostile::repeated_keys(100_000));
    assert_eq!(said.diags.counts().get(&Code::RepeatedKey), Some(&100_000));
    assert!(said.text().len() < 200_000, "{}", said.text().len());
}

#[test]
fn only_the_first_unknown_names_are_looked_for() {
    let text = policy(hostile::names(300)).text();
    let near = text.matches("a network with a similar name exists").count();
    assert_eq!(near, diag::ASKED);
}

#[test]
fn nested_expressions_have_an_end() {
    for (open, middle, close) in [
        ("(", "true", ")"),
        ("[", "1", "]"),
        ("not ", "true", ""),
        ("- ", "1", ""),
        ("true and ", "true", ""),
        ("1 if true else ", "1", ""),
        ("", "true", "|string"),
        ("", "x", ".x"),
        ("", "x", "[0]"),
        ("", "x", "()"),
        ("{1: ", "1", "}"),
        ("1 + ", "1", ""),
        ("1 ** ", "1", ""),
        ("'a' ~ ", "'b'", ""),
        ("", "1", " < 1"),
        ("", "1", " is odd"),
    ] {
        for times in [100, 1000 / (open.len() + close.len()), 40_000] {
            let text = format!("{}{middle}{}", open.repeat(times), close.repeat(times));
            let said = library(&format!("service: tcp/1, when: \"{text}\""));
            assert!(
                said.codes().iter().all(|code| ["bad-template", "limit"].contains(code)),
                "{}",
                said.text()
            );
            let most = text.len().min(31_000) / (open.len() + close.len()).max(1);
            let nested = format!(
                "{{% if {}{middle}{} %}}{{% endif %}}",
                open.repeat(most),
                close.repeat(most)
            );
            let said = template(&nested).codes();
            assert!(
                said.iter().all(|code| ["template", "limit", "not-proven"].contains(code)),
                "{said:?}"
            );
        }
    }
    let blocks = format!("{}{}", "{% if true %}".repeat(1_000), "{% endif %}".repeat(1_000));
    assert_eq!(template(&blocks).codes(), ["template"]);
}

#[test]
fn templates_cannot_read_files_or_call_themselves() {
    for text in [
        "{% include 'pf.conf.j2' %}",
        "{% import 'pf.conf.j2' as x %}",
        "{% extends 'pf.conf.j2' %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ] {
        let codes = template(text).codes();
        assert!(codes == ["template"] || codes == ["limit"], "{text}: {codes:?}");
    }
}

#[test]
fn nothing_hides_nesting_from_the_reader_of_terraform() {
    for (before, again) in [
        ("a = [\n", "\"#\", [\n"),
        ("a = [\n", "/* \" */ [\n"),
        ("a = [\n", "\"\\\"\", [\n"),
        ("a = [\n", "// \"\n[\n"),
        ("a = (\n", "-\n"),
        ("a = (\n", "1 -\n"),
        ("a = (\n", "x - -\n"),
        ("a = (\n", "!\n"),
        ("", "b \"x\" {\n"),
        ("a = ", "f("),
    ] {
        let text = format!("x \"y\" {{\n{before}{}", again.repeat(200_000 / again.len()));
        let said = listing(acl("terraform"), "edge.tf", &text, true);
        assert!(!said.is_empty() && said != "it was read", "{before}{again}: {said}");
    }
}

#[test]
fn nested_listings_have_an_end() {
    let nft = || kind("nftables");
    let rule = |expression: &str| {
        format!(
            "{{\"nftables\":[{{\"rule\":{{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"c\",\"expr\":[{expression}]}}}}]}}"
        )
    };
    for (open, middle, close) in [
        ("{\"match\":{\"op\":\"==\",\"right\":1,\"left\":", "1", "}}"),
        ("{\"match\":{\"op\":\"==\",\"right\":1,\"left\":{\"&\":[1,", "1", "]}}}"),
        ("{\"&\":[1,", "1", "]}"),
        ("{\"set\":[", "1", "]}"),
        ("{\"elem\":{\"val\":", "1", "}}"),
        ("{\"concat\":[", "1", "]}"),
        ("{\"map\":{\"key\":1,\"data\":", "1", "}}"),
        ("[", "1", "]"),
    ] {
        for times in [3, 20, 60, 10_000] {
            let nested = format!("{}{middle}{}", open.repeat(times), close.repeat(times));
            let one = format!("{{\"match\":{{\"op\":\"==\",\"left\":{nested},\"right\":1}}}}");
            for text in [rule(&nested), rule(&one)] {
                assert!(!listing(nft(), "edge.json", &text, false).is_empty());
            }
        }
    }
    for (kind, path) in [(nft(), "edge.nft"), (kind("pf"), "edge.conf")] {
        for unit in [
            "{",
            "(",
            "{ 1, ",
            "table inet t { chain c { ",
            "pass from { ",
            "anchor \"a\" { ",
            "ip saddr { ",
        ] {
            for text in [
                unit.repeat(50_000),
                format!("table inet t {{\nchain c {{\n{}", unit.repeat(50_000)),
            ] {
                assert!(!listing(kind.clone(), path, &text, false).is_empty(), "{unit}");
                assert!(!listing(kind.clone(), path, &text, true).is_empty(), "{unit}");
            }
        }
    }
}
