//! Commands about the program itself.

use super::report::{failure, print, print_json, print_verbatim};
use super::{Format, Global};
use crate::diag::Code;
use crate::firewall::caps;
use crate::near::nearest;
use crate::policy::{self, FileKind};

/// Lists the kinds of firewall and what each can express.
pub(super) fn targets(global: &Global) -> u8 {
    match global.format {
        Format::Json => print_json(&caps::json()),
        _ => print(&caps::text()),
    }
}

/// A kind of file that has a schema.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(super) enum Schema {
    /// A policy.
    Policy,
    /// A library of rules.
    Library,
    /// Tests and invariants in a file of their own.
    Tests,
}

/// Prints the schema of a kind of file.
pub(super) fn schema(kind: Schema) -> u8 {
    let kind = match kind {
        Schema::Policy => FileKind::Policy,
        Schema::Library => FileKind::Library,
        Schema::Tests => FileKind::Tests,
    };
    print_verbatim(&policy::schema(kind))
}

/// Lists the codes, or explains one.
pub(super) fn codes(code: Option<&str>) -> u8 {
    let Some(wanted) = code else {
        let lines = Code::ALL.iter().map(|code| {
            let first = code.explain().lines().next().unwrap_or_default();
            format!("{:<22} {first}\n", code.as_str())
        });
        return print(&lines.collect::<String>());
    };
    match Code::ALL.iter().find(|code| code.as_str() == wanted) {
        Some(code) => print(&format!("{code}\n\n{}\n", code.explain())),
        None => {
            let near = nearest(wanted, Code::ALL.iter().map(|code| code.as_str()), 1);
            let help = near.first().map(|near| format!("; did you mean `{near}`?"));
            let help = help.unwrap_or_default();
            failure(&format!("unknown code `{wanted}`{help}"))
        }
    }
}

/// Prints a shell's completion script.
pub(super) fn completions(shell: clap_complete::Shell, command: &mut clap::Command) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "portcullis", &mut script);
    print_verbatim(&String::from_utf8_lossy(&script))
}

/// Prints the manual page, in troff.
pub(super) fn man(command: clap::Command) -> u8 {
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => print_verbatim(&String::from_utf8_lossy(&page)),
        Err(error) => failure(&error.to_string()),
    }
}
