//! What a policy must do: tests of single packets, and invariants for all of them.

use super::rule::DIRECTIONS;
use super::{ACTIONS, Context, choose, items, network, service};
use crate::diag::{Code, Diagnostic, Diags};
use crate::policy::ast::{Invariant, InvariantKind, NetworkExpr, PacketTest, ServiceExpr, Spanned};
use crate::policy::document::{Node, require, shape};
use crate::policy::raw;
use crate::policy::text::checked;

/// Reads the tests of a file.
pub(in crate::policy) fn tests(root: Node<'_>, context: &mut Context<'_>) -> Vec<PacketTest> {
    let nodes = items(root, "tests", context.diags);
    let read = |node| {
        let test = test(node, context.diags);
        context.kept(test, node)
    };
    nodes.into_iter().filter_map(read).collect()
}

fn test(node: Node<'_>, diags: &mut Diags) -> Option<PacketTest> {
    let raw: raw::Test = shape(node, "a test", diags)?;
    require(node, "a test", &["expect", "packet"], diags);
    let span = node.span_of("expect");
    let expect = raw.expect.and_then(|word| choose("expect", &word, ACTIONS, span, diags));
    Some(PacketTest {
        expect: Spanned { value: expect?, span },
        packet: Spanned { value: raw.packet?, span: node.span_of("packet") },
    })
}

/// Reads the invariants of a file.
pub(in crate::policy) fn invariants(root: Node<'_>, context: &mut Context<'_>) -> Vec<Invariant> {
    let nodes = items(root, "invariants", context.diags);
    let read = |node| {
        let invariant = invariant(node, context);
        context.kept(invariant, node)
    };
    nodes.into_iter().filter_map(read).collect()
}

const KINDS: [(&str, InvariantKind); 3] = [
    ("never", InvariantKind::Never),
    ("always", InvariantKind::Always),
    ("only", InvariantKind::Only),
];

fn invariant(node: Node<'_>, context: &mut Context<'_>) -> Option<Invariant> {
    let raw: raw::Invariant = shape(node, "an invariant", context.diags)?;
    let comment =
        raw.comment.map(|text| checked("comment", text.0, node.span_of("comment"), context.diags));
    let said: Vec<_> = KINDS.iter().filter(|(key, _)| node.has(key)).collect();
    let [(key, kind)] = said.as_slice() else {
        let message = "an invariant has exactly one of `never`, `always` and `only`";
        let diagnostic = Diagnostic::new(Code::MissingKey, message).at(node.span(), "");
        context.diags.push(diagnostic.help("write each as an item of its own"));
        return None;
    };
    let bounds = node.get(key)?;
    let raw: raw::Bounds = shape(bounds, &format!("`{key}`"), context.diags)?;
    require(bounds, &format!("`{key}`"), &["direction"], context.diags);
    let span = bounds.span_of("direction");
    let direction =
        raw.direction.and_then(|word| choose("direction", &word, DIRECTIONS, span, context.diags));
    let from = side(bounds, "from", "except-from", context);
    let to = side(bounds, "to", "except-to", context);
    let service = match bounds.get("service") {
        Some(node) => service(node, context),
        None => Some(ServiceExpr::Any(bounds.span())),
    };
    Some(Invariant {
        span: node.span(),
        kind: *kind,
        direction: direction?,
        from: from?,
        to: to?,
        service: service?,
        comment: comment.unwrap_or_default(),
    })
}

/// Reads some addresses without others; `any` where there are none.
fn side(node: Node<'_>, key: &str, except: &str, context: &mut Context<'_>) -> Option<NetworkExpr> {
    let read = |node: Option<Node<'_>>, context: &mut Context<'_>| match node {
        Some(node) => network(node, context).map(Some),
        None => Some(None),
    };
    let (some, without) = (read(node.get(key), context), read(node.get(except), context));
    let include = some?.unwrap_or(NetworkExpr::Any(node.span()));
    Some(match without? {
        Some(except) => {
            let span = node.span_of(key);
            NetworkExpr::Except { include: Box::new(include), except: Box::new(except), span }
        }
        None => include,
    })
}
