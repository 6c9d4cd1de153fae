//! What the front end reads: the tree, its places, libraries, and the JSON Schema.

use portcullis::diag::{self, Diags, Format};

use portcullis::ir::{Action, Baseline, Direction};
use portcullis::net::PortSet;
use portcullis::policy::FileKind;
use portcullis::policy::ast::{NetworkExpr, Policy, ServiceExpr};
use portcullis::policy::{self, Loader};
use portcullis::source::{SourceMap, Span};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Files by path.
struct Files(BTreeMap<String, Vec<u8>>);

impl Loader for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }
}

struct Loaded {
    policy: Option<Policy>,
    sources: SourceMap,
    diags: Diags,
}

impl Loaded {
    fn said(&self) -> String {
        diag::render(&self.diags, &self.sources, Format::Human { color: false })
    }

    fn policy(&self) -> &Policy {
        self.policy.as_ref().unwrap_or_else(|| panic!("{}", self.said()))
    }

    fn codes(&self) -> Vec<&'static str> {
        self.diags.list().iter().map(|d| d.code.as_str()).collect()
    }
}

fn load(files: &[(&str, &str)]) -> Loaded {
    load_bytes(files.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())))
}

fn load_bytes<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Loaded {
    let files: BTreeMap<_, _> = files.into_iter().map(|(n, b)| (n.to_owned(), b)).collect();
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    let policy = policy::load("policy.yaml", &Files(files), &mut sources, &mut diags);
    Loaded { policy, sources, diags }
}

const EXAMPLE: &str = include_str!("data/policy.yaml");
const LIBRARY: &str = include_str!("data/library.yaml");
const INNER: &str = include_str!("data/inner.yaml");
const PREFIXES: &str = "# partners\n192.0.2.0/24\n2001:db8:f::/48 # v6\n";

fn example() -> Loaded {
    load(&[
        ("policy.yaml", EXAMPLE),
        ("libs/library.yaml", LIBRARY),
        ("libs/inner.yaml", INNER),
        ("lists/partners.txt", PREFIXES),
    ])
}

fn ids(policy: &Policy) -> Vec<&str> {
    policy.rules.iter().map(|rule| rule.id.value.as_str()).collect()
}

#[test]
fn the_example_is_read_whole() {
    let loaded = example();
    let policy = loaded.policy();
    assert_eq!(policy.name.value, "contact-center");
    assert_eq!((policy.defaults.inbound, policy.defaults.outbound), (Action::Drop, Action::Reject));
    assert_eq!(policy.ephemeral, PortSet::range(32768, 60999));
    assert_eq!(policy.baseline, Baseline::Strict);
    let resolvers = policy.rules.iter().find(|rule| rule.id.value == "resolvers").expect("there");
    assert_eq!((resolvers.action, resolvers.direction), (Action::Allow, Direction::Outbound));
    assert_eq!(resolvers.ephemeral, PortSet::range(32768, 60999));
    assert!(resolvers.source_ports.value.is_all());
    assert_eq!(resolvers.log.as_ref().expect("a log").prefix, "dns: ");
    assert_eq!(resolvers.expires.as_ref().expect("a day").value, "2027-06-30");
    assert!(resolvers.used_at.is_none());
    let ssh = policy.rules.iter().find(|rule| rule.id.value == "ssh").expect("there");
    assert_eq!(ssh.ephemeral, PortSet::range(1024, 65535), "inbound clients are anybody's");
    assert_eq!(ssh.source_ports.value, PortSet::from_ranges([(53, 53), (1024, 65535)]));
    assert_eq!(ssh.log.as_ref().expect("a log").prefix, "ssh: ");
    assert_eq!(policy.tests.len(), 2);
    assert_eq!(policy.targets.len(), 2);
    let kind = &policy.targets[1].spec.kind;
    assert!(kind.word() == "iptables" && kind.settings.flag("ipset"));
    let NetworkExpr::File { set, .. } = &policy.networks["partners"].is else { panic!() };
    assert!(set.contains("2001:db8:f::1".parse().expect("an address")));
}

#[test]
fn libraries_stand_where_they_are_used() {
    let loaded = example();
    let policy = loaded.policy();
    assert_eq!(
        ids(policy),
        [
            "phones/media",
            "phones/hosts",
            "phones/inner/deep",
            "resolvers",
            "ssh",
            "telephony/media",
            "telephony/plain",
            "telephony/inner/deep",
        ]
    );
    let media = &policy.rules[0];
    assert_eq!(loaded.sources.slice(media.used_at.expect("used")), "telephony");
    assert_eq!(loaded.sources.name(media.span.file), "libs/library.yaml");
    assert_eq!(media.comment, "Media in eu-1 for phones");
    assert_eq!(media.ephemeral, PortSet::range(49152, 65535));
    assert!(matches!(&media.from, NetworkExpr::Name(n) if n.value == "telephony@1/clients"));
    assert!(matches!(&media.service, ServiceExpr::Name(n) if n.value == "telephony@1/turn"));
    // The argument's names are the policy's, in the policy's file.
    let NetworkExpr::List(clients, _) = &policy.networks["telephony@1/clients"].is else {
        panic!()
    };
    assert!(matches!(&clients[0], NetworkExpr::Name(n) if n.value == "agents"));
    assert!(
        matches!(&policy.networks["telephony@2/clients"].is, NetworkExpr::Name(n) if n.value == "office")
    );
    // A nested use hands its own argument on.
    assert!(matches!(
        &policy.networks["inner@1/where"].is,
        NetworkExpr::Name(n) if n.value == "telephony@1/clients"
    ));
    let deep = &policy.rules[2];
    assert_eq!(loaded.sources.slice(deep.used_at.expect("used")), "telephony");
    let NetworkExpr::Domains { names, .. } = &policy.rules[1].to else { panic!() };
    let names: Vec<_> = names.iter().map(|name| name.value.as_str()).collect();
    assert_eq!(names, ["a.eu-1.example.com", "b.eu-1.example.com"]);
    let NetworkExpr::Feed { selector } = &policy.networks["telephony@1/cloud"].is else { panic!() };
    assert_eq!(selector.value.regions, ["GLOBAL", "eu-1"]);
    assert!(!policy.networks.contains_key("telephony@2/cloud"), "what no rule uses is not made");
    assert_eq!(loaded.codes(), ["library-warning"]);
    assert!(loaded.said().contains("no hosts are known for us-1"), "{}", loaded.said());
}

/// Returns every place in a network with the text that must stand there.
fn places(expr: &NetworkExpr, found: &mut Vec<(Span, String)>) {
    match expr {
        NetworkExpr::Any(span) => found.push((*span, "any".to_owned())),
        NetworkExpr::Name(name) => found.push((name.span, name.value.clone())),
        NetworkExpr::Prefix(prefix) => {
            let text = prefix.value.to_string();
            found.push((prefix.span, text.trim_end_matches("/32").to_owned()));
        }
        NetworkExpr::List(items, _) => items.iter().for_each(|item| places(item, found)),
        NetworkExpr::Except { include, except, .. } => {
            places(include, found);
            places(except, found);
        }
        NetworkExpr::File { .. } | NetworkExpr::Feed { .. } => {}
        NetworkExpr::Domains { names, fallback, .. } => {
            found.extend(names.iter().map(|name| (name.span, name.value.clone())));
            fallback.iter().for_each(|fallback| places(fallback, found));
        }
    }
}

#[test]
fn every_place_shows_the_value_as_written() {
    let loaded = example();
    let policy = loaded.policy();
    let mut found = Vec::new();
    for (name, network) in policy.networks.iter().filter(|(name, _)| !name.contains('/')) {
        found.push((network.name, name.clone()));
        places(&network.is, &mut found);
    }
    for rule in policy.rules.iter().filter(|rule| rule.used_at.is_none()) {
        found.push((rule.id.span, rule.id.value.clone()));
        places(&rule.from, &mut found);
        places(&rule.to, &mut found);
    }
    for test in &policy.tests {
        found.push((test.packet.span, test.packet.value.clone()));
        found.push((test.expect.span, test.expect.value.word().to_owned()));
    }
    for target in &policy.targets {
        found.push((target.name, target.spec.name.clone()));
    }
    assert!(found.len() > 20, "{found:?}");
    for (span, text) in found {
        let written = loaded.sources.slice(span);
        assert_eq!(written.trim_matches(['"', '\'']), text);
    }
}

#[test]
fn the_built_in_library_is_read_with_every_argument() {
    for access in ["ip-ranges", "hybrid", "domains"] {
        for region in ["us-east-1", "eu-west-2", "ap-south-1"] {
            for extra in [
                "",
                ", media: false",
                ", static-assets: table, turn: nlb, resolvers: 10.0.0.53, client-os: linux",
            ] {
                let text = format!(
                    "policy: p\nimports: [builtin:amazon-connect]\nrules:\n  - use: amazon-connect\n    \
                     with: {{ clients: 10.0.0.0/8, region: {region}, instance: acme, access: {access}{extra} }}\n"
                );
                let loaded = load(&[("policy.yaml", &text)]);
                let telecom = access != "ip-ranges" && region == "ap-south-1";
                assert_eq!(loaded.policy.is_none(), telecom, "{text}{}", loaded.said());
            }
        }
    }
}

#[test]
fn sizes_and_depths_are_bound() {
    for (unit, code) in
        [("[", "yaml-not-accepted"), ("- ", "yaml-not-accepted"), ("{a: ", "yaml-not-accepted")]
    {
        let text = format!("policy: p\nrules:\n  {}", unit.repeat((10 << 20) / unit.len()));
        assert_eq!(load(&[("policy.yaml", &text)]).codes(), [code], "{unit}");
    }
    let text = "#".repeat((16 << 20) + 1);
    assert_eq!(load(&[("policy.yaml", &text)]).codes(), ["file-not-read"]);
}

#[test]
fn many_faults_are_counted() {
    let mut text = String::from("policy: p\nrules:\n");
    for i in 0..2000 {
        text += &format!(
            "  - {{ id: r{i}, acton: allow, from: 10.0.0.1/8, to: any, service: tcp/{i}00000 }}\n"
        );
    }
    let loaded = load(&[("policy.yaml", &text)]);
    assert!(loaded.diags.errors() > 6000);
    assert!(loaded.codes().len() < 1000);
    for format in [Format::Json, Format::Sarif, Format::Github, Format::Human { color: true }] {
        let said = diag::render(&loaded.diags, &loaded.sources, format);
        assert!((50_000..1_000_000).contains(&said.len()), "{format:?}: {}", said.len());
    }
}

#[expect(clippy::expect_used, reason = "a test")]
mod schema {
    use super::*;
    use serde_json::Value;

    fn schema(kind: FileKind) -> Value {
        serde_json::from_str(&policy::schema(kind)).expect("JSON")
    }

    fn validator(kind: FileKind) -> jsonschema::Validator {
        let schema = schema(kind);
        jsonschema::draft202012::meta::validate(&schema).expect("a schema");
        jsonschema::validator_for(&schema).expect("a schema")
    }

    fn json(text: &str) -> Option<Value> {
        serde_yaml::from_str::<Value>(text).ok()
    }

    #[test]
    fn what_is_read_is_valid() {
        let builtin = include_str!("../rules/amazon-connect.yaml");
        let examples = [
            (FileKind::Policy, EXAMPLE),
            (FileKind::Library, LIBRARY),
            (FileKind::Library, INNER),
            (FileKind::Library, builtin),
            (FileKind::Policy, include_str!("../examples/amazon-connect/policy.yaml")),
            (FileKind::Policy, include_str!("../examples/contact-center/policy.yaml")),
        ];
        for (kind, text) in examples {
            let validator = validator(kind);
            let value = json(text).expect("YAML");
            let errors: Vec<_> =
                validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", text.lines().next().unwrap_or_default());
        }
    }

    /// Faults that only reading finds: in names, prefixes, days, other files, and in YAML itself.
    const BEYOND: &[&str] = &[
        "anchor",
        "argument-outside-its-list",
        "bad-list",
        "bidirectional",
        "check",
        "expired",
        "faulty-expressions",
        "faulty-library",
        "findings",
        "host-bits",
        "icmp-name",
        "import-cycle",
        "import-itself",
        "imported-twice",
        "invariants",
        "library-bomb",
        "library-not-imported",
        "missing-file",
        "packet-tests",
        "policy-as-library",
        "port-70000",
        "port-range-upside-down",
        "port-zero",
        "protocol-name",
        "region-without-table-entry",
        "repeated-id",
        "repeated-key",
        "resolve-cycles",
        "resolve-domains",
        "resolve-families",
        "resolve-feed",
        "resolve-source-ports",
        "resolve-unknown-names",
        "target-acl",
        "target-acl-quota",
        "target-domains",
        "target-group",
        "target-group-quota",
        "target-lists",
        "target-log-prefix",
        "target-nsg",
        "target-nsg-quota",
        "target-pf",
        "target-wider",
        "unknown-builtin",
        "used-twice",
    ];

    #[test]
    fn files_of_tests_are_described() {
        let validator = validator(FileKind::Tests);
        let tests = |text: &str| validator.is_valid(&json(text).expect("YAML"));
        assert!(tests(
            "tests:\n  - { expect: drop, packet: x }\ninvariants:\n  - never: { direction: inbound, to: lan }\n"
        ));
        assert!(!tests("tests:\n  - { expct: drop, packet: x }\n"));
        assert!(!tests(
            "invariants:\n  - never: { direction: inbound }\n    only: { direction: inbound }\n"
        ));
        assert!(!tests("{}"));
    }

    #[test]
    fn what_is_refused_for_its_shape_is_not_valid() {
        let validator = validator(FileKind::Policy);
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
        let mut valid = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(folder).expect("tests/faults") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read(&path).unwrap_or_default();
            let value = std::str::from_utf8(&text).ok().and_then(json);
            let yaml = path.extension().is_some_and(|extension| extension == "yaml");
            if yaml && value.is_some_and(|value| validator.is_valid(&value)) {
                valid.insert(path.file_stem().expect("a name").to_string_lossy().into_owned());
            }
        }
        assert_eq!(valid.iter().map(String::as_str).collect::<Vec<_>>(), BEYOND);
    }

    #[test]
    fn a_fault_is_reported_where_it_stands() {
        let validator = validator(FileKind::Policy);
        let good =
            "{ id: ok, action: allow, direction: inbound, from: any, to: lan, service: tcp/22 }";
        for (bad, at) in [
            (good.replace("action", "acton"), "/rules/1"),
            (good.replace("tcp/22", "tpc/22"), "/rules/1/service"),
            (good.replace("from: any", "from: 300.1.1.1"), "/rules/1/from"),
            (good.replace("from: any", "from: { include: any, excpt: lan }"), "/rules/1/from"),
            (good.replace("from: any", "from: [any, { file: 1 }]"), "/rules/1/from/1/file"),
            ("{ use: x, wth: {} }".to_owned(), "/rules/1"),
        ] {
            let text = format!("policy: p\nrules:\n  - {good}\n  - {bad}\n");
            let value = json(&text).expect("YAML");
            let places = validator.iter_errors(&value);
            let places: std::collections::BTreeSet<_> =
                places.map(|error| error.instance_path().as_str().to_owned()).collect();
            assert_eq!(places.into_iter().collect::<Vec<_>>(), [at], "{bad}");
        }
    }

    #[test]
    fn editors_find_words_and_descriptions() {
        let library = schema(FileKind::Library);
        let schema = schema(FileKind::Policy);
        let rule = &schema["$defs"]["Rule"];
        assert_eq!(rule["additionalProperties"], false);
        assert_eq!(
            rule["properties"]["action"]["enum"],
            serde_json::json!(["allow", "drop", "reject"])
        );
        assert!(rule["properties"]["action"]["description"].is_string());
        assert!(rule["properties"].get("when").is_none());
        assert!(library["$defs"]["Rule"]["properties"].get("when").is_some());
        assert!(schema["$id"].is_string() && schema["$id"] != library["$id"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let loaded = load_bytes([("policy.yaml", bytes)]);
        prop_assert_eq!(loaded.policy.is_none(), loaded.diags.has_errors());
        loaded.said();
    }

    #[test]
    fn no_mutant_of_a_policy_panics(
        file in 0..3usize,
        at in any::<prop::sample::Index>(),
        length in 0..30usize,
        insert in prop_oneof![
            Just(String::new()),
            "[a-z:\\-\\[\\]{}#&*!|>'\"%@` ,\n~?/]{0,6}",
            Just("null".to_owned()),
            Just("{{ x }}".to_owned()),
            Just("{{ region * 99999999 }}".to_owned()),
            Just("\u{2028}".to_owned()),
            Just("é\u{202e}".to_owned()),
            Just("any".to_owned()),
            Just("tcp/0-65535".to_owned()),
        ],
    ) {
        let mut texts = [EXAMPLE.as_bytes(), LIBRARY.as_bytes(), INNER.as_bytes()].map(<[u8]>::to_vec);
        let at = at.index(texts[file].len());
        let end = (at + length).min(texts[file].len());
        texts[file].splice(at..end, insert.bytes());
        let names = ["policy.yaml", "libs/library.yaml", "libs/inner.yaml"];
        let mut files: Vec<_> = names.into_iter().zip(texts).collect();
        files.push(("lists/partners.txt", PREFIXES.as_bytes().to_vec()));
        let loaded = load_bytes(files);
        prop_assert_eq!(loaded.policy.is_none(), loaded.diags.has_errors());
        for format in [Format::Json, Format::Sarif, Format::Github, Format::Human { color: false }] {
            diag::render(&loaded.diags, &loaded.sources, format);
        }
    }

    #[test]
    fn a_rule_is_never_lost(line in 0..200usize, junk in "[a-z:\\[\\]{},!&* \"'~-]{0,8}") {
        // Whatever one line becomes: either there is an error, or every rule that is written is read.
        let mut lines: Vec<_> = EXAMPLE.lines().map(str::to_owned).collect();
        let at = line % lines.len();
        lines[at] = format!("{}{junk}", lines[at]);
        let text = lines.join("\n");
        let files = [("libs/library.yaml", LIBRARY), ("libs/inner.yaml", INNER), ("lists/partners.txt", PREFIXES)];
        let loaded = load(&[&[("policy.yaml", text.as_str())], &files[..]].concat());
        if let Some(policy) = loaded.policy {
            let value: serde_yaml::Value = serde_yaml::from_str(&text).expect("both parsers read it");
            let rules = value["rules"].as_sequence().expect("rules").len();
            prop_assert!(policy.rules.iter().filter(|rule| rule.used_at.is_none()).count() + 2 == rules);
            prop_assert_eq!(value["targets"].as_mapping().expect("targets").len(), policy.targets.len());
        }
    }
}
