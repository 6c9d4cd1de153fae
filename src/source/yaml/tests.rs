use super::*;
use crate::source::SourceMap;
use proptest::prelude::*;

fn read(text: &str) -> Parsed {
    let mut sources = SourceMap::default();
    let file = sources.add("test", text);
    parse(file, &sources.shared(file))
}

/// The faults as (message, underlined text).
fn faults(text: &str) -> Vec<(String, String)> {
    let faults = read(text).faults.sorted();
    let slice = |fault: &Fault| text[fault.span.start..fault.span.end].to_owned();
    faults.iter().map(|fault| (fault.kind.message(), slice(fault))).collect()
}

fn path(text: &str) -> Vec<Segment> {
    text.split('.')
        .map(|part| match part.parse() {
            Ok(index) => Segment::Index(index),
            Err(_) => Segment::Key(part.to_owned()),
        })
        .collect()
}

#[test]
fn every_value_is_underlined_as_it_is_written() {
    let text = "\u{feff}a: é\r\nrules:\r\n  - id: x  # c\r\n    to: [\"ü\", {f: 'q', \"k\\x31\": w}]\r\n  - id: y\nlong: |\n  one\n  two\n\nlast: [1,\n  2]\n";
    let parsed = read(text);
    assert_eq!(parsed.faults.sorted(), []);
    let of = |at: &str| {
        let node = parsed.spans.find(SpanIndex::ROOT, &path(at));
        let (key, value) = (parsed.spans.key(node), parsed.spans.value(node));
        (&text[key.start..key.end], &text[value.start..value.end])
    };
    assert_eq!(of("a"), ("a", "é"));
    assert_eq!(
        of("rules.0"),
        (
            "id: x  # c\r\n    to: [\"ü\", {f: 'q', \"k\\x31\": w}]",
            "id: x  # c\r\n    to: [\"ü\", {f: 'q', \"k\\x31\": w}]"
        )
    );
    assert_eq!(of("rules.0.to"), ("to", "[\"ü\", {f: 'q', \"k\\x31\": w}]"));
    assert_eq!(of("rules.0.to.0"), ("\"ü\"", "\"ü\""));
    assert_eq!(of("rules.0.to.1.f"), ("f", "'q'"));
    assert_eq!(of("rules.0.to.1.k1"), ("\"k\\x31\"", "w"));
    assert_eq!(of("rules.1.id"), ("id", "y"));
    assert_eq!(of("long"), ("long", "one\n  two"));
    assert_eq!(of("last"), ("last", "[1,\n  2]"));
    assert_eq!(
        of("rules.1.to.0"),
        ("id: y", "id: y"),
        "the deepest ancestor stands for what is not there"
    );
}

#[test]
fn what_serde_would_hide_is_refused_all_at_once() {
    let text = "a:\nb: ~\nc: !tag x\nd: &n [1]\ne: *n\n<<: {k: 1}\na: 2\nf: [1, ~]\ng:\n  -\n  - null\n? [k]\n: v\nh: ! y\n";
    let expected = [
        ("`a` has no value", "a"),
        ("`b` has no value", "b"),
        ("the tag `!tag` is not allowed", "!tag"),
        ("anchors and aliases are not allowed", "&n"),
        ("anchors and aliases are not allowed", "*n"),
        ("the merge key `<<` is not allowed", "<<"),
        ("the key `a` is repeated", "a"),
        ("a list item has no value", "~"),
        ("a list item has no value", "-"),
        ("a list item has no value", "null"),
        ("a key must be plain text", "["),
        ("the tag `!` is not allowed", "!"),
    ];
    let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    assert_eq!(faults(text), expected);
    let value = read(text).value.expect("read on");
    assert_eq!(value["c"], "x");
    assert_eq!(value["h"], "y");
    assert_eq!(value.as_mapping().expect("a map").len(), 8, "refused keys are left out");
}

#[test]
fn addresses_that_yaml_takes_apart_must_be_quoted() {
    for (text, word) in [
        ("- 2001:db8::\n- x\n", "2001:db8::"),
        ("a: [2001:db8::, x]\n", "2001:db8::"),
        ("a: [x, 2001:db8::]\n", "2001:db8::"),
        ("a: [::/0]\n", "::/0"),
        ("a: [::1]\n", "::1"),
        ("a: {b: ::/0}\n", "::/0"),
        ("a: 2001:db8::\n", "2001:db8::"),
        ("a: ::\n", "::"),
        ("a: [::]\n", "::"),
    ] {
        assert_eq!(faults(text), [(format!("`{word}` must be quoted"), word.to_owned())], "{text}");
    }
    assert_eq!(faults("a: [2001:db8::1, fe80::/10, \"::/0\"]\nb: ::/0\nc: ::1\n"), []);
}

#[test]
fn one_text_is_one_document_with_one_meaning() {
    let first = |text: &str| faults(text).into_iter().next().map(|(message, _)| message);
    assert_eq!(first("a: b\n---\nc: d\n").as_deref(), Some("a second document begins here"));
    for text in ["", "# only a comment\n", "---\n", "~", "\n\n"] {
        assert_eq!(first(text).as_deref(), Some("the file is empty"), "{text:?}");
    }
    for c in ['\u{85}', '\u{2028}', '\u{2029}'] {
        let fault = &faults(&format!("a: b{c}c: d\n"))[0];
        assert!(fault.0.contains("as a line break"), "{fault:?}");
        assert_eq!(fault.1, c.to_string());
    }
    for c in ['\0', '\u{1b}', '\u{7f}', '\u{202e}', '\u{2066}'] {
        assert_eq!(faults(&format!("a: b # é {c}\n")).len(), 1, "{c:?}");
    }
    assert_eq!(faults("a: b\rc: d\n").len(), 1);
    assert_eq!(faults("---\na: \"b\" # é\r\n...\n"), []);
}

#[test]
fn what_is_no_yaml_is_said_in_plain_words() {
    for (text, message, word) in [
        ("a:\n\tb: c\n", "a tab cannot indent", "\t"),
        ("a: 'b\n", "the quote is not closed", "'"),
        ("a: b: c\n", "a `:` is not expected here", ":"),
        ("a: @x\n", "`@` cannot begin a value", "@"),
        ("a: *x\n", "anchors and aliases are not allowed", "*x"),
        ("a: [x, ,y]\n", "a value is missing here", ","),
    ] {
        assert_eq!(faults(text), [(message.to_owned(), word.to_owned())], "{text}");
    }
}

#[test]
fn hostile_sizes_end_with_few_faults() {
    let megabytes = 10 << 20;
    for unit in [
        "[", "{", "- ", "? ", "a: ", "{a: ", "[a, ", "&a ", "!t ", "*a ", "\"a", "'a", "[{", "#",
        " ", "\n", ":", "- [", "|",
    ] {
        let text = unit.repeat(megabytes / unit.len());
        let found = read(&text).faults.sorted().len();
        assert!((1..=3 * MOST_FAULTS).contains(&found), "{unit:?}: {found} faults");
    }
    let steps: String = (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(faults(&steps)[0].0, "lists and maps are nested deeper than 64");
}

#[test]
fn depth_ends_where_it_says() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(faults(&nested(MAX_DEPTH)), []);
    assert_eq!(faults(&nested(MAX_DEPTH + 1)).len(), 1);
}

proptest! {
    #[test]
    fn what_is_accepted_is_what_serde_yaml_reads(text in "[a-c0-9:\\[\\]{}, \n\"'#~!&*|>?-]{0,40}") {
        let parsed = read(&text);
        if parsed.faults.is_empty() {
            let theirs = serde_yaml::from_str::<serde_yaml::Value>(&text);
            if let (Some(ours), Ok(theirs)) = (parsed.value, theirs) {
                prop_assert_eq!(ours, theirs);
            }
        }
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,60}|[a:\\-\\[\\]{}\"é\u{2028}\t\r\n ]{0,60}") {
        let parsed = read(&text);
        for fault in parsed.faults.sorted() {
            prop_assert!(text.get(fault.span.start..fault.span.end).is_some());
        }
    }
}

#[test]
fn what_is_pointed_at_begins_and_ends_between_characters() {
    for text in ["li: [éring-b.brary: ring-a\n", "a: &é [1]\n", "é: [ü, {ß: [ä: b\n", "- !é [x]\n"]
    {
        let found = read(text).faults.sorted();
        assert!(!found.is_empty(), "{text}");
        for fault in found {
            for span in [Some(fault.span), fault.other].into_iter().flatten() {
                assert!(text.get(span.start..span.end).is_some(), "{text}: {:?}", fault.kind);
            }
        }
    }
}
