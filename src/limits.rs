//! Every limit of the program, as data: what docs/limits.md is made from, and what tests reach.

use crate::command::{check, verify};
use crate::diag::{AROUND, ASKED, Code, LISTED, MOST, MOST_PLACES, MOST_TEXT};
use crate::{firewall, near, pass, policy, proof, source};

pub use crate::diag::Limit;

/// Returns every limit, in the order of the page.
pub fn all() -> Vec<Limit> {
    [files(), given(), libraries(), sets(), artifacts(), listings(), reports()].concat()
}

fn files() -> Vec<Limit> {
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    let larger = |bytes: usize| format!("is larger than {}", mib(bytes));
    let (yaml, list) = (policy::limits::MAX_YAML, policy::limits::MAX_LIST);
    let depth = source::yaml::MAX_DEPTH;
    let (name, text) = (policy::limits::NAME, policy::limits::TEXT);
    vec![
        Limit::new(
            "a policy, a library, a file of tests",
            mib(yaml),
            larger(yaml),
            Code::FileNotRead,
            "nobody can review more",
        ),
        Limit::new(
            "a list of prefixes",
            mib(list),
            larger(list),
            Code::FileNotRead,
            "some millions of prefixes, more than any firewall loads",
        ),
        Limit::new(
            "nesting of lists and maps",
            depth.to_string(),
            format!("lists and maps are nested deeper than {depth}"),
            Code::YamlNotAccepted,
            "the parser is recursive",
        ),
        Limit::new(
            "a name",
            format!("{name} characters"),
            format!("characters, more than {name}"),
            Code::BadName,
            "names become names in firewall configuration",
        ),
        Limit::new(
            "a comment, description, owner or ticket",
            format!("{text} characters"),
            format!("characters, more than {text}"),
            Code::UnsafeText,
            "they are written into artifacts",
        ),
    ]
}

fn libraries() -> Vec<Limit> {
    use policy::limits::{FUEL, FUEL_OF_ONE, LONGEST, MAX_CHAIN, MOST_MADE, MOST_VALUES};
    vec![
        Limit::new(
            "libraries that import each other in a chain",
            MAX_CHAIN.to_string(),
            format!("more than {MAX_CHAIN} libraries import each other in a chain"),
            Code::BadImport,
            "each is read while the one before waits",
        ),
        Limit::new(
            "the expansion of libraries, including rules that a `when` leaves out",
            format!("{MOST_VALUES} values; a rule has about eight"),
            format!("rule libraries expand to more than {MOST_VALUES} values"),
            Code::Limit,
            "libraries that use each other multiply",
        ),
        Limit::new(
            "a text with expressions",
            format!("{LONGEST} bytes"),
            format!("it has more than {LONGEST} bytes"),
            Code::BadTemplate,
            "the parser is recursive",
        ),
        Limit::new(
            "the cost of one expression",
            format!("{FUEL_OF_ONE}: one an instruction, one for 64 bytes"),
            "engine ran out of fuel".to_owned(),
            Code::BadTemplate,
            "filters can process long lists",
        ),
        Limit::new(
            "the cost of all expressions of a run",
            FUEL.to_string(),
            "the expressions of libraries cost more than a run allows".to_owned(),
            Code::Limit,
            "a library may be used very often",
        ),
        Limit::new(
            "the result of an expression",
            format!("{MOST_MADE} bytes"),
            "it is too long".to_owned(),
            Code::BadTemplate,
            "it becomes part of each rule",
        ),
    ]
}

/// What is named on the command line, or is in the place of an output.
fn given() -> Vec<Limit> {
    use crate::files::most::{ARTIFACT, FEED, MANIFEST, TEMPLATE};
    let one = |of, most: u64, why| {
        let most = format!("{} MiB", most >> 20);
        let says = format!("larger than {most}");
        Limit { of, most, says, code: None, option: None, why }
    };
    vec![
        one("a vendor's feed", FEED, "the largest has some megabytes"),
        one("an artifact or a listing that is read", ARTIFACT, "no firewall lists more"),
        one("a manifest", MANIFEST, "it names a few files"),
        one("a file of `--template-dir`", TEMPLATE, "templates are layout"),
    ]
}

fn sets() -> Vec<Limit> {
    let most = pass::resolve::MOST_BYTES >> 20;
    let memory = Limit {
        option: Some("`--proof-memory MIB`"),
        ..Limit::new(
            "the memory of a proof, for each address family",
            format!("{} MiB", proof::Budget::BYTES >> 20),
            "the proof did not finish within".to_owned(),
            Code::NotProven,
            "some rule lists have very many different parts",
        )
    };
    let steps = Limit {
        option: Some("`check --steps N`"),
        ..Limit::new(
            "steps of the search for rules that change nothing or overlap",
            check::STEPS.to_string(),
            "could not determine whether".to_owned(),
            Code::UndecidedRules,
            "rules that overlap in several fields at once have very many parts",
        )
    };
    vec![
        Limit::new(
            "the sets of all names and lists together",
            format!("{most} MiB"),
            format!("the sets of this policy need more than {most} MiB"),
            Code::Limit,
            "each of many names may be another one plus a little",
        ),
        memory,
        steps,
    ]
}

fn artifacts() -> Vec<Limit> {
    use firewall::render::{FUEL, LARGEST, LONGEST_TEMPLATE};
    let (largest, longest) = (LARGEST >> 20, LONGEST_TEMPLATE >> 10);
    vec![
        Limit::new(
            "a file that is written",
            format!("{largest} MiB"),
            format!("would have more than {largest} MiB"),
            Code::Limit,
            "no firewall loads more in a reasonable time",
        ),
        Limit::new(
            "a template of `--template-dir`",
            format!("{longest} KiB"),
            format!("it has more than {longest} KiB"),
            Code::Template,
            "the parser is recursive",
        ),
        Limit::new(
            "the cost of all templates of `--template-dir` in a run",
            FUEL.to_string(),
            "costs more than the templates of a run may".to_owned(),
            Code::Limit,
            "loops in loops",
        ),
    ]
}

fn listings() -> Vec<Limit> {
    let unclear = verify::UNCLEAR;
    let mut limits = firewall::limits();
    limits.push(Limit {
        code: Some(Code::NotUnderstood),
        ..report(
            "lines of a firewall that are reported as not understood",
            unclear.to_string(),
            "more lines of".to_owned(),
            "the rest are counted",
        )
    });
    limits
}

fn report(of: &'static str, most: String, says: String, why: &'static str) -> Limit {
    Limit { of, most, says, code: None, option: None, why }
}

fn reports() -> Vec<Limit> {
    let (longest, compared) = (near::LONGEST, near::COMPARED);
    vec![
        report(
            "diagnostics of one code",
            MOST.to_string(),
            "more of this kind are not shown".to_owned(),
            "nobody reads more; in JSON, `counts` has the number of each code",
        ),
        report(
            "places of one diagnostic",
            MOST_PLACES.to_string(),
            "more places".to_owned(),
            "the rest are counted",
        ),
        report(
            "characters of a sentence",
            MOST_TEXT.to_string(),
            "…".to_owned(),
            "names and keys can be as long as a file",
        ),
        report(
            "bytes of a long line on each side of what is marked in it",
            AROUND.to_string(),
            "...".to_owned(),
            "lines can be as long as a file",
        ),
        report(
            "names that a sentence lists",
            LISTED.to_string(),
            " more".to_owned(),
            "the rest are counted",
        ),
        report(
            "diagnostics of one code that suggest similar names",
            format!("{ASKED}, of at most {longest} bytes, among {compared} of similar letters"),
            "a network with a similar name exists".to_owned(),
            "each is compared with all names",
        ),
    ]
}

/// Returns the page on limits.
pub fn document() -> String {
    let mut page = String::from(
        "# Limits\n\nNo input may take hours or use up all memory, so everything that could grow without \
         end has a limit. This page is made from the program: do not edit it. A limit without a code \
         refuses a file that the command line names, or only bounds what is printed.\n\n| of | at most | message | code | option | why |\n\
         |---|---|---|---|---|---|\n",
    );
    for limit in all() {
        let code = limit
            .code
            .map_or_else(String::new, |code| format!("[`{code}`](diagnostics.md#{code})"));
        page += &format!(
            "| {} | {} | {} | {code} | {} | {} |\n",
            limit.of,
            limit.most,
            limit.says,
            limit.option.unwrap_or_default(),
            limit.why
        );
    }
    page
}
