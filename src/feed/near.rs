//! Which known names a misspelt one may stand for.

/// The least similarity (0 to 1) at which a name is worth suggesting.
const ENOUGH: f64 = 0.6;
/// The most names that are suggested.
const MOST: usize = 3;

/// Gives the known names nearest to `name`, best first; capitals do not count.
pub(super) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<_> = known
        .map(|known| (similarity(&wanted, &known.to_lowercase()), known))
        .filter(|(score, _)| *score >= ENOUGH)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.into_iter().take(MOST).map(|(_, known)| known.to_owned()).collect()
}

/// A name that contains the other (`connect` in `AMAZON_CONNECT`) is nearer than its letters say.
fn similarity(wanted: &str, known: &str) -> f64 {
    let letters = strsim::normalized_damerau_levenshtein(wanted, known);
    let contained = wanted.len() >= 3 && known.contains(wanted);
    if contained { letters.max(0.9) } else { letters }
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn capitals_letters_and_parts_of_names_are_found() {
        let known = || ["AMAZON", "AMAZON_CONNECT", "CLOUDFRONT", "EC2", "S3"].into_iter();
        assert_eq!(near("ec2", known()), ["EC2"]);
        assert_eq!(near("CONNECT", known()), ["AMAZON_CONNECT"]);
        assert_eq!(near("CLOUD_FRONT", known()), ["CLOUDFRONT"]);
        assert!(near("GITHUB", known()).is_empty());
        assert!(near("", known()).is_empty());
    }
}
