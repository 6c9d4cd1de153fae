//! Names that may have been meant.

/// Gives the known name that is nearest to what was written, if one is near enough.
///
/// Near is: the same but for case and `_` for `-`, or at most a third of the letters to change
/// (optimal string alignment distance, which counts a swap of neighbours as one).
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    if written.len() > 100 {
        return None;
    }
    let written = plain(written);
    let most = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&written, &plain(name)), name))
        .filter(|(distance, name)| *distance <= most && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Says what may have been meant: the nearest name, or all of them when they are few.
pub fn suggestion<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(name) = nearest(written, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let mut names: Vec<_> = known.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    match names.len() {
        0 => None,
        1..=24 => Some(format!("known are {}", enumerate(&names))),
        more => Some(format!("known are {} and {} more", enumerate(&names[..20]), more - 20)),
    }
}

/// Writes names in backticks with commas between them.
pub fn enumerate<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["agents", "office", "us-east-1", "lan"];
        assert_eq!(nearest("agnets", known), Some("agents"));
        assert_eq!(nearest("Agents", known), Some("agents"));
        assert_eq!(nearest("us_east_1", known), Some("us-east-1"));
        assert_eq!(nearest("lna", known), Some("lan"));
        assert_eq!(nearest("printer", known), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(suggestion("printer", ["b", "a"]).as_deref(), Some("known are `a`, `b`"));
    }
}
