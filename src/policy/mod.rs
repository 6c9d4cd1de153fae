//! The policy language: YAML text to a checked [`ast::Policy`] whose names are still names.
//!
//! This room may not know what a rule does to packets, nor how any firewall writes it; it knows targets
//! only by the [`crate::firewall::Spec`] that a policy asks for.
//!
//! [`load`] reads the policy, then the libraries that it imports, then decodes item by item and expands
//! `use:`. Every fault of every file is reported in one run.

pub mod ast;
mod builtin;
mod decode;
mod document;
mod files;
pub mod language;
mod library;
mod options;
mod prefixes;
mod raw;
mod root;
mod schema;
mod text;

/// The limits of the language.
pub(crate) mod limits {
    pub(crate) use super::files::{MAX_LIST, MAX_YAML};
    pub(crate) use super::library::{
        FUEL, FUEL_OF_ONE, LONGEST, MAX_CHAIN, MOST_MADE, MOST_VALUES,
    };
    pub(crate) use super::text::{NAME, TEXT};
}

/// How the names of manifests end, which list what a compile wrote; no output may have such a name.
pub const MANIFEST: &str = ".portcullis.json";

pub use builtin::names as builtin_libraries;
pub use files::Loader;
pub use schema::{FileKind, schema};

use crate::diag::{Code, Diagnostic, Diags};
use crate::source::SourceMap;
use crate::timing::phase;

/// Reads a policy and all that it imports.
///
/// `path` is the path that the loader reads the policy by and that messages show; paths in the policy
/// are relative to it. `None` when there is an error, which is in `diags`, as warnings are.
pub fn load(
    path: &str,
    loader: &dyn Loader,
    sources: &mut SourceMap,
    diags: &mut Diags,
) -> Option<ast::Policy> {
    let before = diags.errors();
    let mut files = files::Files::new(loader, sources);
    let document = files.document(path, None, diags)?;
    let node = document.root();
    if files::kind(node.value) == Some("library") && !node.has("policy") {
        let message = "this is a library, not a policy";
        let diagnostic = Diagnostic::new(Code::WrongType, message).at(node.key_of("library"), "");
        diags.push(diagnostic.help("import it into a policy and write `use:`"));
        return None;
    }
    let imports = library::imports(node, path, &mut files, diags);
    let mut context = decode::Context { diags, files, scope: decode::Scope::default(), before };
    let policy = phase("  decode", || root::policy(node, &imports, &mut context));
    policy.filter(|_| diags.errors() == before)
}

/// Reads tests and invariants from a file of their own and adds them to a policy, whose names they use;
/// tells whether the file is without fault.
pub fn load_tests(
    path: &str,
    policy: &mut ast::Policy,
    loader: &dyn Loader,
    sources: &mut SourceMap,
    diags: &mut Diags,
) -> bool {
    let before = diags.errors();
    let mut files = files::Files::new(loader, sources);
    let Some(document) = files.document(path, None, diags) else { return false };
    let node = document.root();
    let _: Option<raw::TestFile> = document::shape(node, "a file of tests", diags);
    let mut context = decode::Context { diags, files, scope: decode::Scope::default(), before };
    policy.tests.extend(decode::tests(node, &mut context));
    policy.invariants.extend(decode::invariants(node, &mut context));
    diags.errors() == before
}
