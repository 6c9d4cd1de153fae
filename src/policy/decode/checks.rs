//! The levels of findings, and findings that a rule suppresses.

use super::{Context, choose, items, table};
use crate::diag::{Code, Diagnostic, Diags, Severity, suggestion};
use crate::policy::ast::{Ignored, Spanned};
use crate::policy::document::{Node, require, shape, wrong_type};
use crate::policy::raw;
use crate::policy::text::checked;
use crate::source::Span;
use std::collections::BTreeMap;

const LEVELS: &[(&str, Option<Severity>)] =
    &[("error", Some(Severity::Error)), ("warn", Some(Severity::Warning)), ("off", None)];

/// Reads the levels of findings.
pub(in crate::policy) fn checks(
    root: Node<'_>,
    context: &mut Context<'_>,
) -> BTreeMap<Code, Option<Severity>> {
    let Some(table) = table(root, "checks", context.diags) else { return BTreeMap::new() };
    let mut levels = BTreeMap::new();
    for (name, node) in table.members() {
        let code = code(name, node.key_span(), context.diags);
        let Some(word) = node.value.as_str() else {
            let diagnostic = wrong_type(node, &format!("`{name}`"), "`error`, `warn` or `off`");
            context.diags.push(diagnostic);
            continue;
        };
        let level = choose(name, word, LEVELS, node.span(), context.diags);
        levels.extend(code.zip(level));
    }
    levels
}

/// Returns the code of a finding: of anything that is not always an error.
fn code(name: &str, span: Span, diags: &mut Diags) -> Option<Code> {
    let open = || Code::ALL.iter().filter(|code| code.severity() != Severity::Error);
    let found = open().copied().find(|code| code.as_str() == name);
    if found.is_none() {
        let message = match Code::ALL.iter().any(|code| code.as_str() == name) {
            true => format!("`{name}` is always an error: its level cannot be changed"),
            false => format!("unknown finding `{}`", super::shown(name)),
        };
        let diagnostic = Diagnostic::new(Code::UnknownValue, message).at(span, "");
        let help = suggestion(name, open().map(|code| code.as_str()));
        diags.push(help.into_iter().fold(diagnostic, Diagnostic::help));
    }
    found
}

/// Reads which findings a rule suppresses.
pub(super) fn ignored(node: Node<'_>, diags: &mut Diags) -> Vec<Ignored> {
    let mut list = Vec::new();
    for item in items(node, "ignore", diags) {
        let Some(raw) = shape::<raw::Ignore>(item, "an item of `ignore`", diags) else { continue };
        let whole = require(item, "an item of `ignore`", &["finding", "reason"], diags);
        let span = item.span_of("finding");
        let code = raw.finding.and_then(|name| code(&name, span, diags));
        let reason =
            raw.reason.map(|text| checked("reason", text.0, item.span_of("reason"), diags));
        if reason.as_deref().is_some_and(|reason| reason.trim().is_empty()) {
            let message = "`reason` is empty";
            let diagnostic = Diagnostic::new(Code::EmptyValue, message);
            diags.push(diagnostic.at(item.span_of("reason"), "why is the finding intended?"));
        }
        if let (true, Some(value), Some(reason)) = (whole, code, reason) {
            list.push(Ignored { code: Spanned { value, span }, reason });
        }
    }
    list
}
