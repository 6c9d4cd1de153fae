//! Which libraries a file imports, and theirs.

use super::parameter::{Parameter, parameters};
use crate::diag::{Code, Diagnostic, Diags, listed};
use crate::policy::decode::{RESERVED, items, table};
use crate::policy::document::{Document, Node, require, shape, wrong_type};
use crate::policy::files::{Files, kind};
use crate::policy::raw;
use crate::policy::text::{check_date, check_name, checked, shown};
use crate::source::Span;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The longest chain of libraries that import each other.
pub(crate) const MAX_CHAIN: usize = 32;

/// A library that was read.
pub(super) struct Library {
    pub(super) name: String,
    /// Where the library says its name.
    pub(super) named: Span,
    pub(super) document: Document,
    pub(super) parameters: BTreeMap<String, Parameter>,
    pub(super) imports: Imports,
    /// Its tables, as expressions see them.
    pub(super) tables: minijinja::Value,
    /// How many names it has: each use of it looks at all of them.
    pub(super) names: usize,
}

/// The libraries that a file can use, by name.
#[derive(Default)]
pub(in crate::policy) struct Imports {
    by_name: BTreeMap<String, (Rc<Library>, Span)>,
    /// Whether an import failed, so that names may be missing for a reason that was reported.
    incomplete: bool,
}

impl Imports {
    /// Returns a library by name, or reports that there is none.
    pub(super) fn library(&self, name: &str, span: Span, diags: &mut Diags) -> Option<Rc<Library>> {
        if let Some((library, _)) = self.by_name.get(name) {
            return Some(Rc::clone(library));
        }
        if self.incomplete {
            return None;
        }
        let message = format!("no library `{}` is imported", shown(name));
        let diagnostic = Diagnostic::new(Code::UnknownName, message).at(span, "");
        let help = if crate::policy::builtin_libraries().any(|known| known == name) {
            Some(format!("add `imports: [builtin:{name}]`"))
        } else {
            diags.suggestion(Code::UnknownName, name, self.by_name.keys().map(String::as_str))
        };
        diags.push(help.into_iter().fold(diagnostic, Diagnostic::help));
        None
    }
}

/// The libraries of a run, each read once.
struct Reader<'r, 'a> {
    files: &'r mut Files<'a>,
    diags: &'r mut Diags,
    /// By path; none for those at fault.
    read: BTreeMap<String, Option<Rc<Library>>>,
    /// The paths that are being read, from the policy on.
    chain: Vec<String>,
}

/// Reads all libraries that a policy imports, and those that these import.
pub(in crate::policy) fn imports(
    root: Node<'_>,
    path: &str,
    files: &mut Files<'_>,
    diags: &mut Diags,
) -> Imports {
    let chain = vec![path.to_owned()];
    Reader { files, diags, read: BTreeMap::new(), chain }.imports(root)
}

impl Reader<'_, '_> {
    fn imports(&mut self, root: Node<'_>) -> Imports {
        let mut imports = Imports::default();
        for node in items(root, "imports", self.diags) {
            match self.import(node) {
                Some(library) => self.add(&mut imports, library, node.span()),
                None => imports.incomplete = true,
            }
        }
        imports
    }

    fn add(&mut self, imports: &mut Imports, library: Rc<Library>, span: Span) {
        match imports.by_name.get(&library.name) {
            None => {
                imports.by_name.insert(library.name.clone(), (library, span));
            }
            Some((other, first)) => {
                let same = Rc::ptr_eq(other, &library);
                let message = if same {
                    format!("the library `{}` is imported twice", library.name)
                } else {
                    format!("two libraries have the name `{}`", library.name)
                };
                let diagnostic = Diagnostic::new(Code::BadImport, message).at(span, "");
                self.diags.push(diagnostic.at(*first, "imported first here"));
            }
        }
    }

    fn import(&mut self, node: Node<'_>) -> Option<Rc<Library>> {
        let Ok(raw::Import(written)) = raw::Import::deserialize(node.value) else {
            self.diags.push(wrong_type(node, "an import", "text"));
            return None;
        };
        let path = self.files.resolve(&written, node.span(), self.diags)?;
        if self.chain.contains(&path) || self.chain.len() > MAX_CHAIN {
            self.cycle(&path, node.span());
            return None;
        }
        if let Some(known) = self.read.get(&path) {
            return known.clone();
        }
        self.chain.push(path.clone());
        let library = self.library(&path, node.span()).map(Rc::new);
        self.chain.pop();
        self.read.insert(path, library.clone());
        library
    }

    fn cycle(&mut self, path: &str, span: Span) {
        let message = if self.chain.last().is_some_and(|last| last == path) {
            format!("`{path}` imports itself")
        } else if self.chain.contains(&path.to_owned()) {
            format!("`{path}` imports itself through other files")
        } else {
            format!("more than {MAX_CHAIN} libraries import each other in a chain")
        };
        let from = self.chain.iter().position(|known| known == path).unwrap_or(0);
        let ring = self.chain[from..].iter().map(String::as_str).chain([path]).map(str::to_owned);
        let diagnostic = Diagnostic::new(Code::BadImport, message).at(span, "");
        self.diags.push(diagnostic.note(format!("the chain is {}", listed(ring, " -> "))));
    }

    fn library(&mut self, path: &str, named: Span) -> Option<Library> {
        let document = self.files.document(path, Some(named), self.diags)?;
        let root = document.root();
        if kind(root.value) != Some("library") {
            let message = format!("`{path}` is not a library");
            let diagnostic = Diagnostic::new(Code::BadImport, message).at(named, "");
            self.diags.push(diagnostic.help("a library begins with `library: NAME`"));
            return None;
        }
        let before = self.diags.errors();
        let raw: raw::Library = shape(root, "a library", self.diags)?;
        require(root, "a library", &["library", "rules"], self.diags);
        let name = raw.library.map(|name| name.0)?;
        let span = root.span_of("library");
        check_name("library", &name, &[], span, self.diags);
        for (key, text) in [("description", raw.description), ("source", raw.source)] {
            if let Some(text) = text {
                checked(key, text.0, root.span_of(key), self.diags);
            }
        }
        if let Some(date) = raw.reviewed {
            check_date("reviewed", &date.0, root.span_of("reviewed"), self.diags);
        }
        let imports = self.imports(root);
        let parameters = parameters(root, self.diags);
        self.names(root, "network", "networks", &["any", "none"]);
        self.names(root, "service", "services", RESERVED);
        for name in parameters.keys() {
            if let Some(node) = root.get("networks").and_then(|networks| networks.get(name)) {
                let message = format!("`{name}` is a parameter and a network");
                let diagnostic = Diagnostic::new(Code::RepeatedName, message);
                self.diags.push(diagnostic.at(node.key_span(), ""));
            }
        }
        let tables = super::template::tables(root.get("tables").map(|node| node.value));
        let count = |key| root.get(key).map_or(0, |table| table.members().count());
        let names = ["networks", "services", "parameters"].map(count).iter().sum();
        let sound = self.diags.errors() == before;
        sound.then_some(Library { name, named: span, parameters, imports, tables, names, document })
    }

    fn names(&mut self, root: Node<'_>, what: &str, key: &str, reserved: &[&str]) {
        let Some(table) = table(root, key, self.diags) else { return };
        for (name, node) in table.members() {
            check_name(what, name, reserved, node.key_span(), self.diags);
        }
    }
}
