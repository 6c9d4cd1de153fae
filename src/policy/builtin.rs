//! The rule libraries that are built in.

/// What the path of a built-in library begins with.
pub(super) const SCHEME: &str = "builtin:";

/// Name and text of each.
const LIBRARIES: &[(&str, &str)] =
    &[("amazon-connect", include_str!("../../rules/amazon-connect.yaml"))];

/// Returns the text of a built-in library by its path: `builtin:NAME`.
pub(super) fn text(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix(SCHEME)?;
    LIBRARIES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Returns the names of the built-in libraries.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    LIBRARIES.iter().map(|(name, _)| *name)
}
