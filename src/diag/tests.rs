use super::*;
use crate::source::FileId;

fn sources() -> (SourceMap, FileId) {
    let mut sources = SourceMap::default();
    let file = sources.add(
        "my policy.yaml",
        "policy: é\nnetworks:\n  lan: [10.0.0.0/8]\nrules:\n  - from: lna\n",
    );
    (sources, file)
}

fn example(file: FileId) -> Vec<Diagnostic> {
    let span = |start, end| Span { file, start, end };
    vec![
        Diagnostic::new(Code::UnknownName, "unknown network `lna`")
            .at(span(58, 61), "not declared")
            .at(span(11, 19), "networks are declared here")
            .help("did you mean `lan`?")
            .note("100% sure: yes,\nreally"),
        Diagnostic::new(Code::LibraryWarning, "first in the file").at(span(8, 10), ""),
        Diagnostic::new(Code::NotProven, "has no place"),
    ]
}

#[test]
fn people_see_the_text_underlined_in_the_order_of_the_file() {
    let (sources, file) = sources();
    let text = render(&example(file).into(), &sources, Format::Human { color: false });
    let first = text.find("warning[library-warning]").expect("the warning");
    assert!(first < text.find("error[unknown-name]").expect("the error"), "{text}");
    assert!(text.contains("--> my policy.yaml:5:11"), "{text}");
    assert!(text.contains("^^^ not declared"), "{text}");
    assert!(text.contains("-------- networks are declared here"), "{text}");
    assert!(text.contains("error[not-proven]: has no place"), "{text}");
    assert!(!text.contains('\u{1b}'));
    assert!(
        render(&example(file).into(), &sources, Format::Human { color: true }).contains('\u{1b}')
    );
}

#[test]
fn places_far_apart_do_not_draw_what_is_between() {
    let mut sources = SourceMap::default();
    let text = format!("first\n{}last\n", "x\n".repeat(5000));
    let file = sources.add("f", text.clone());
    let span = |start, end| Span { file, start, end };
    let far = Diagnostic::new(Code::RepeatedKey, "m")
        .at(span(text.len() - 5, text.len() - 1), "here")
        .at(span(0, 5), "first");
    let shown = render(&vec![far].into(), &sources, Format::Human { color: false });
    assert!(shown.contains("f:5002:1") && shown.contains("first"), "{shown}");
    assert!(shown.lines().count() < 20, "{shown}");
}

#[test]
fn long_lines_are_cut_and_their_places_are_true() {
    let mut sources = SourceMap::default();
    let text = format!("a: [{}lna]\nb: {}\n", "x, ".repeat(10_000), "y".repeat(10_000));
    let file = sources.add("f", text.clone());
    let span = |start, end| Span { file, start, end };
    let at = text.find("lna").expect("a name");
    let one = Diagnostic::new(Code::UnknownName, "m").at(span(at, at + 3), "not declared");
    let one = one.at(span(0, 1), "in this list");
    let shown = render(&vec![one].into(), &sources, Format::Human { color: false });
    assert!(shown.contains(&format!("--> f:1:{}\n", at + 1)), "{shown}");
    assert!(shown.contains("^^^ not declared") && shown.contains("- in this list"), "{shown}");
    assert!(shown.len() < 2_000, "{shown}");
}

#[test]
fn json_gives_bytes_lines_and_columns() {
    let (sources, file) = sources();
    let json: serde_json::Value =
        serde_json::from_str(&render(&example(file).into(), &sources, Format::Json)).expect("JSON");
    let first = &json["diagnostics"][0];
    assert_eq!(first["code"], "library-warning");
    assert_eq!(
        first["labels"][0]["start"],
        serde_json::json!({ "byte": 8, "line": 1, "column": 9 })
    );
    assert_eq!(first["labels"][0]["end"]["column"], 10);
    assert_eq!(json["diagnostics"].as_array().expect("a list").len(), 3);
}

#[test]
fn github_commands_are_escaped() {
    let (sources, file) = sources();
    let text = render(&example(file).into(), &sources, Format::Github);
    assert_eq!(text.lines().count(), 3, "{text}");
    let error = text.lines().nth(1).expect("the error");
    assert_eq!(
        error,
        "::error file=my policy.yaml,line=5,endLine=5,col=11,endColumn=14,title=unknown-name\
         ::unknown network `lna`%0Anote: 100%25 sure: yes,\\u{a}really%0Ahelp: did you mean `lan`?"
    );
}

#[test]
fn sarif_reads_back_as_sarif() {
    let (sources, file) = sources();
    let text = render(&example(file).into(), &sources, Format::Sarif);
    let log: serde_sarif::sarif::Sarif = serde_json::from_str(&text).expect("SARIF");
    let run = &log.runs[0];
    assert_eq!(log.version, "2.1.0");
    assert_eq!(run.tool.driver.rules.as_ref().expect("rules").len(), 3);
    let results = run.results.as_ref().expect("results");
    let place = results[1].locations.as_ref().expect("a place")[0].physical_location.as_ref();
    let place = place.expect("a file");
    assert_eq!(
        place.artifact_location.as_ref().and_then(|a| a.uri.as_deref()),
        Some("my%20policy.yaml")
    );
    assert_eq!(place.region.as_ref().and_then(|r| r.start_line), Some(5));
    assert_eq!(results[1].related_locations.as_ref().map(Vec::len), Some(1));
}

#[test]
fn nothing_to_say_is_said_in_every_format() {
    let sources = SourceMap::default();
    assert_eq!(render(&Diags::default(), &sources, Format::Human { color: false }), "");
    assert_eq!(render(&Diags::default(), &sources, Format::Github), "");
    for format in [Format::Json, Format::Sarif] {
        let _: serde_json::Value =
            serde_json::from_str(&render(&Diags::default(), &sources, format)).expect("JSON");
    }
}

#[test]
fn codes_are_unique_and_well_spelled() {
    let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
        let (what, todo) = code.explain().split_once("\n\n").expect("two paragraphs");
        assert!(what.ends_with('.') && todo.ends_with(['.', '`']), "{code}");
    }
}
