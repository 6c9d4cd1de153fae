//! Targets: which artifacts are asked for, and where they go.

use super::options::{self, options, other_kinds_options};
use super::{Context, choose, network, table};
use crate::diag::{Code, Diagnostic, Diags};
use crate::firewall::{Kind, Spec};
use crate::ir::{Placement, StateMode};
use crate::policy::ast::Target;
use crate::policy::document::{Node, require, shape_of};
use crate::policy::raw;
use crate::policy::text::{check_name, shown};
use crate::source::Span;

const STATES: &[(&str, StateMode)] =
    &[("stateful", StateMode::Stateful), ("stateless", StateMode::Stateless)];

/// Reads the targets in the order of the file.
pub(in crate::policy) fn targets(root: Node<'_>, context: &mut Context<'_>) -> Vec<Target> {
    let Some(table) = table(root, "targets", context.diags) else { return Vec::new() };
    let mut targets = Vec::new();
    let mut outputs = Outputs::default();
    for (name, node) in table.members() {
        let sound = check_name("target", name, &[], node.key_span(), context.diags);
        let target = target(name, node, &mut outputs, context);
        targets.extend(context.kept(target, node).filter(|_| sound));
    }
    targets
}

fn target(
    name: &str,
    node: Node<'_>,
    outputs: &mut Outputs,
    context: &mut Context<'_>,
) -> Option<Target> {
    let raw: raw::Target = shape_of(node, "a target", &options::keys(), context.diags)?;
    let members = node.get("members").map(|part| network(part, context));
    let diags = &mut *context.diags;
    require(node, "a target", &["kind", "output"], diags);
    let kind = raw.kind.as_ref().and_then(|word| kind(word, node.span_of("kind"), diags));
    if let Some(kind) = &kind {
        other_kinds_options(node, kind, diags);
    }
    let placement = placement(node, &raw, diags);
    let state = state(node, &raw, kind.as_ref(), diags);
    let kind = kind.and_then(|kind| options(node, kind, diags));
    let output = raw.output?.0;
    let sound = outputs.add(&output, kind.as_ref()?, node.span_of("output"), diags);
    let spec =
        Spec { name: name.to_owned(), kind: kind?, placement: placement?, state: state?, output };
    // A member list that could not be read is a fault, not a missing list.
    let members = match members {
        Some(read) => Some(read?),
        None => None,
    };
    sound.then_some(Target { name: node.key_span(), output: node.span_of("output"), spec, members })
}

fn kind(word: &str, span: Span, diags: &mut Diags) -> Option<Kind> {
    let words: Vec<_> = Kind::words().map(|word| (word, word)).collect();
    Kind::of(choose("kind", word, &words, span, diags)?)
}

/// Reads whether it tracks connections; some kinds have no choice.
fn state(
    node: Node<'_>,
    raw: &raw::Target,
    kind: Option<&Kind>,
    diags: &mut Diags,
) -> Option<StateMode> {
    let only = kind.and_then(|kind| Some((kind.word(), kind.caps().only_state()?)));
    let span = node.span_of("state");
    let word = raw.state.as_deref().or(only.map(|(_, only)| only)).unwrap_or("stateful");
    let state = choose("state", word, STATES, span, diags)?;
    match only {
        Some((kind, only)) if only != state.word() => {
            let message = format!("{kind} is always {only}");
            let diagnostic = Diagnostic::new(Code::OtherKindsOption, message).at(span, "");
            diags.push(diagnostic.help(format!("write `state: {only}`, or leave it out")));
            None
        }
        _ => Some(state),
    }
}

fn placement(node: Node<'_>, raw: &raw::Target, diags: &mut Diags) -> Option<Placement> {
    let gateway = match &raw.placement {
        Some(word) => {
            let known = [("host", false), ("gateway", true)];
            choose("placement", word, &known, node.span_of("placement"), diags)?
        }
        None if node.has("placement") => return None,
        None => false,
    };
    if !gateway {
        for key in ["inside", "outside"] {
            if node.has(key) {
                let message = format!("`{key}` is an option of gateways, but this is a host");
                let diagnostic =
                    Diagnostic::new(Code::OtherKindsOption, message).at(node.key_of(key), "");
                diags.push(diagnostic.help("write `placement: gateway`, or remove it"));
            }
        }
        return Some(Placement::Host);
    }
    let whole = require(node, "a gateway", &["inside", "outside"], diags);
    let mut seen: Vec<(String, Span)> = Vec::new();
    let inside = interfaces(node, "inside", raw.inside.as_deref(), &mut seen, diags);
    let outside = interfaces(node, "outside", raw.outside.as_deref(), &mut seen, diags);
    whole.then_some(Placement::Gateway { inside: inside?, outside: outside? })
}

/// Checks the interfaces of one side; `seen` has the earlier ones, as no interface may be on both sides.
fn interfaces(
    node: Node<'_>,
    key: &str,
    names: Option<&[raw::InterfaceName]>,
    seen: &mut Vec<(String, Span)>,
    diags: &mut Diags,
) -> Option<Vec<String>> {
    let (names, list) = (names?, node.get(key)?);
    let mut sound = true;
    let mut refuse = |message: String, span: Span, other: Option<Span>| {
        let mut diagnostic = Diagnostic::new(Code::BadInterface, message).at(span, "");
        if let Some(other) = other {
            diagnostic = diagnostic.at(other, "named first here");
        }
        diags.push(diagnostic);
        sound = false;
    };
    if names.is_empty() {
        refuse(format!("`{key}` has no interface"), list.span(), None);
    }
    for (raw::InterfaceName(name), item) in names.iter().zip(list.items()) {
        let span = item.span();
        if let Some((_, first)) = seen.iter().find(|(known, _)| known == name) {
            refuse(format!("the interface `{}` is named twice", shown(name)), span, Some(*first));
        } else if let Err(reason) = interface(name) {
            refuse(
                format!("`{}` is not accepted as an interface: {reason}", shown(name)),
                span,
                None,
            );
        }
        seen.push((name.clone(), span));
    }
    sound.then(|| names.iter().map(|name| name.0.clone()).collect())
}

/// Linux names interfaces with up to 15 bytes (IFNAMSIZ less the terminator).
fn interface(name: &str) -> Result<(), &'static str> {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if name == "lo" {
        Err("loopback is neither inside nor outside")
    } else if name.is_empty() || name.len() > 15 {
        Err("a name must have 1 to 15 characters")
    } else if !name.bytes().all(safe) || name.starts_with('-') || name == "." || name == ".." {
        Err("only letters, digits and `_.-` are allowed")
    } else {
        Ok(())
    }
}

/// The outputs so far; none may take the place of another.
#[derive(Default)]
struct Outputs {
    seen: Vec<(Vec<String>, Span)>,
}

impl Outputs {
    fn add(&mut self, output: &str, kind: &Kind, span: Span, diags: &mut Diags) -> bool {
        let folder = kind.caps().folder;
        let mut refuse = |message: String, help: &str, other: Option<Span>| {
            let mut diagnostic = Diagnostic::new(Code::BadPath, message).at(span, "").help(help);
            if let Some(other) = other {
                diagnostic = diagnostic.at(other, "the other output");
            }
            diags.push(diagnostic);
            false
        };
        if let Err(reason) = portable(output) {
            let message = format!("the output `{}` is not accepted: {reason}", shown(output));
            return refuse(message, "write a relative path, such as `firewall/edge.nft`", None);
        }
        if folder && !output.ends_with('/') {
            let message =
                format!("{} writes several files, but `{output}` is not a folder", kind.word());
            return refuse(message, &format!("write `{output}/`"), None);
        }
        if !folder && output.ends_with('/') {
            let message = format!("{} writes one file, but `{output}` is a folder", kind.word());
            return refuse(message, &format!("write a file name, such as `{output}rules`"), None);
        }
        let endings = kind.endings();
        if !endings.is_empty() && !endings.iter().any(|ending| output.ends_with(ending)) {
            let message = format!("the tools that read `{output}` would not recognize its format");
            return refuse(message, &format!("end it with `{}`", endings.join("` or `")), None);
        }
        // Some file systems do not distinguish upper and lower case.
        let parts = output.trim_end_matches('/').split('/').map(str::to_ascii_lowercase);
        let parts: Vec<_> = parts.collect();
        let clash = self.seen.iter().find(|(o, _)| o.starts_with(&parts) || parts.starts_with(o));
        if let Some((_, other)) = clash {
            let message = format!("the output `{output}` conflicts with another target's");
            return refuse(message, "give each target an output of its own", Some(*other));
        }
        self.seen.push((parts, span));
        true
    }
}

fn portable(path: &str) -> Result<(), &'static str> {
    if path.is_empty() || path.len() > 200 {
        return Err("it must have 1 to 200 characters");
    }
    if path.starts_with('/') {
        return Err("it must be relative");
    }
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
    if !path.bytes().all(safe) {
        return Err("only letters, digits and `._-/` are portable");
    }
    let mut parts = path.strip_suffix('/').unwrap_or(path).split('/');
    if parts.clone().any(|part| part.starts_with('.') && part != "." && part != "..") {
        // `.git/`, `.github/`, `.gitlab-ci.yml`, …: files that tools obey and people do not see.
        return Err("a part begins with `.`, so it is hidden");
    }
    if parts.clone().any(|part| part.to_ascii_lowercase().ends_with(crate::policy::MANIFEST)) {
        return Err("the name is reserved for manifests");
    }
    if parts.any(|part| part.is_empty() || part == "." || part == ".." || part.starts_with('-')) {
        return Err("each part must be a plain name, not `.` or `..`");
    }
    Ok(())
}
