//! The files of a policy: reading them, and what their paths mean.

use super::builtin;
use super::document::Document;
use super::prefixes::prefix_list;
use super::text::shown;
use crate::diag::{Code, Diagnostic, Diags, Severity, suggestion};
use crate::net::IpSet;
use crate::source::yaml::{self, FaultKind, SpanIndex};
use crate::source::{FileId, SourceMap, Span};
use crate::timing::phase;
use serde_yaml::Value;
use std::collections::BTreeMap;

/// The most bytes of a policy or library.
pub(crate) const MAX_YAML: usize = 16 << 20;
/// The most bytes of a list of prefixes.
pub(crate) const MAX_LIST: usize = 64 << 20;

/// Returns the bytes of files, so that nothing here opens one.
pub trait Loader {
    /// Reads a file whose path is the policy's own or was made from it and a relative path.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words: `no such file`.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// Returns what to do so that a path can be read after all.
    fn help(&self, _path: &str) -> Option<String> {
        None
    }
}

/// What was read in a run.
pub(super) struct Files<'a> {
    loader: &'a dyn Loader,
    sources: &'a mut SourceMap,
    /// The path of each YAML file.
    paths: BTreeMap<FileId, String>,
    /// The lists that were read, by path; none for those at fault.
    lists: BTreeMap<String, Option<IpSet>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(loader: &'a dyn Loader, sources: &'a mut SourceMap) -> Self {
        Files { loader, sources, paths: BTreeMap::new(), lists: BTreeMap::new() }
    }

    /// Reads a text and adds it to the sources; a failure is reported, at `named` if a file names it.
    fn text(
        &mut self,
        path: &str,
        most: usize,
        named: Option<Span>,
        diags: &mut Diags,
    ) -> Option<FileId> {
        let bytes = match builtin::text(path) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => phase("  files", || self.loader.read(path)),
        };
        let (message, help) = match bytes {
            Err(reason) => (format!("cannot read `{path}`: {reason}"), self.loader.help(path)),
            Ok(bytes) if bytes.len() > most => {
                (format!("`{path}` is larger than {} MiB", most >> 20), None)
            }
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => return Some(self.sources.add(path, text)),
                Err(error) => {
                    diags.push(self.not_utf8(path, &error));
                    return None;
                }
            },
        };
        let diagnostic = Diagnostic::new(Code::FileNotRead, message);
        let diagnostic = named.into_iter().fold(diagnostic, |d, span| d.at(span, ""));
        diags.push(help.into_iter().fold(diagnostic, Diagnostic::help));
        None
    }

    /// Reports the place of the first byte that is not text.
    fn not_utf8(&mut self, path: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
        let start = error.utf8_error().valid_up_to();
        let file = self.sources.add(path, String::from_utf8_lossy(error.as_bytes()));
        let span = Span { file, start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
        let message = format!("`{path}` is not UTF-8 text");
        let diagnostic = Diagnostic::new(Code::FileNotRead, message).at(span, "");
        diagnostic.help("save the file as UTF-8")
    }

    /// Reads a YAML file and reports everything that is wrong with its YAML.
    pub(super) fn document(
        &mut self,
        path: &str,
        named: Option<Span>,
        diags: &mut Diags,
    ) -> Option<Document> {
        let file = self.text(path, MAX_YAML, named, diags)?;
        self.paths.insert(file, path.to_owned());
        let text = self.sources.shared(file);
        let parsed = phase("  YAML", || yaml::parse(file, &text));
        for (kind, more) in parsed.faults.counted() {
            diags.count(code(kind), Severity::Error, more);
        }
        for fault in parsed.faults.sorted() {
            diags.push(diagnostic(fault));
        }
        let document = Document { value: parsed.value?, spans: parsed.spans };
        if !document.value.is_mapping() && !document.value.is_null() {
            let span = document.spans.value(SpanIndex::ROOT);
            let message = "a policy must be a map, but this is not one";
            let diagnostic = Diagnostic::new(Code::WrongType, message).at(span, "");
            diags.push(diagnostic.help("begin with `policy: NAME`"));
        }
        document.value.is_mapping().then_some(document)
    }

    /// Returns the path of a file that another one names; reports what is wrong with it.
    pub(super) fn resolve(&self, path: &str, named: Span, diags: &mut Diags) -> Option<String> {
        if let Some(name) = path.strip_prefix(builtin::SCHEME) {
            if builtin::text(path).is_some() {
                return Some(path.to_owned());
            }
            let message = format!("there is no built-in library `{}`", shown(name));
            let diagnostic = Diagnostic::new(Code::UnknownName, message).at(named, "");
            let help = suggestion(name, builtin::names());
            diags.push(help.into_iter().fold(diagnostic, Diagnostic::help));
            return None;
        }
        let base = self.paths.get(&named.file).map_or("", String::as_str);
        let reason = if path.is_empty() {
            "it is empty"
        } else if path.starts_with('/') || path.contains(':') || path.contains('\\') {
            "it must be relative, with `/`"
        } else if path.chars().any(char::is_control) || path.len() > 1024 || path.ends_with('/') {
            "it is not the path of a file"
        } else if base.starts_with(builtin::SCHEME) {
            "a built-in library has no files beside it"
        } else {
            return Some(join(base, path));
        };
        let message = format!("the path `{}` is not accepted: {reason}", shown(path));
        diags.push(Diagnostic::new(Code::BadPath, message).at(named, ""));
        None
    }

    /// Returns the prefixes of a file that `named` names; reads it and reports its faults only once.
    pub(super) fn prefixes(&mut self, path: &str, named: Span, diags: &mut Diags) -> Option<IpSet> {
        let path = self.resolve(path, named, diags)?;
        if let Some(known) = self.lists.get(&path) {
            return known.clone();
        }
        let prefixes = self.read_prefixes(&path, named, diags);
        self.lists.insert(path, prefixes.clone());
        prefixes
    }

    fn read_prefixes(&mut self, path: &str, named: Span, diags: &mut Diags) -> Option<IpSet> {
        let file = self.text(path, MAX_LIST, Some(named), diags)?;
        let place =
            |range: std::ops::Range<usize>| Span { file, start: range.start, end: range.end };
        let text = self.sources.text(file);
        let prefixes = phase("  prefix list", || prefix_list(text, place, diags))?;
        if prefixes.is_empty() {
            let message = format!("`{path}` has no prefixes");
            let diagnostic = Diagnostic::new(Code::EmptyFile, message).at(named, "");
            diags.push(diagnostic.help("write one prefix per line"));
            return None;
        }
        Some(prefixes)
    }
}

fn code(kind: &FaultKind) -> Code {
    match kind {
        FaultKind::Syntax(..) => Code::YamlSyntax,
        FaultKind::LineBreak(_) | FaultKind::Bidirectional(_) | FaultKind::Character(_) => {
            Code::YamlCharacter
        }
        FaultKind::Empty => Code::EmptyFile,
        FaultKind::Documents
        | FaultKind::Nesting
        | FaultKind::Tag(_)
        | FaultKind::Anchor
        | FaultKind::Merge
        | FaultKind::Key => Code::YamlNotAccepted,
        FaultKind::Null(_) => Code::EmptyValue,
        FaultKind::Quote(_) => Code::QuoteIt,
        FaultKind::Repeated(_) => Code::RepeatedKey,
    }
}

fn diagnostic(fault: yaml::Fault) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::new(code(&fault.kind), fault.kind.message()).at(fault.span, fault.kind.label());
    if let Some(other) = fault.other {
        diagnostic = diagnostic.at(other, fault.kind.other_label());
    }
    fault.kind.help().into_iter().fold(diagnostic, Diagnostic::help)
}

/// Returns the path of `relative` as seen from the folder of the file `base`, without `.` and with `..`
/// only at the start.
fn join(base: &str, relative: &str) -> String {
    let folder = base.rfind(['/', '\\']).map_or("", |at| &base[..at]);
    let absolute = base.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split(['/', '\\']).chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute && parts.is_empty() => {}
            part => parts.push(part),
        }
    }
    let root = if absolute { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// Returns the value of a top-level key that says what kind of file it is.
pub(super) fn kind(value: &Value) -> Option<&'static str> {
    ["library", "policy"].into_iter().find(|key| value.get(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        for (base, relative, expected) in [
            ("policy.yaml", "lists/a.txt", "lists/a.txt"),
            ("p/policy.yaml", "./lists//a.txt", "p/lists/a.txt"),
            ("p/policy.yaml", "../common.yaml", "common.yaml"),
            ("policy.yaml", "../common.yaml", "../common.yaml"),
            ("../p/policy.yaml", "../../c.yaml", "../../c.yaml"),
            ("/etc/p/policy.yaml", "../c.yaml", "/etc/c.yaml"),
            ("/policy.yaml", "../../c.yaml", "/c.yaml"),
            ("-", "a.txt", "a.txt"),
        ] {
            assert_eq!(join(base, relative), expected, "{base} {relative}");
        }
    }
}
