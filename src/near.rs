//! Names that may have been meant. It knows nothing about what they name, so every room may name it.

/// The most bytes of a name that is treated as misspelt.
pub(crate) const LONGEST: usize = 100;
/// The most names of about the right letters that one name is compared with.
pub(crate) const COMPARED: usize = 1_000;

/// Returns the known names that are nearest to what was written, the best first and at most `most`.
///
/// A name is near if it is the same but for case and `_` for `-`, if at most two of five letters change (optimal
/// string alignment distance, which counts a swap of neighbours as one), or if all of what was written is in it
/// (`connect` in `AMAZON_CONNECT`).
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    if written.is_empty() || written.len() > LONGEST {
        return Vec::new();
    }
    let written = plain(written);
    let far = (written.chars().count() * 2 / 5).max(1);
    let mut found: Vec<_> = known
        .into_iter()
        // Lengths and letters are compared first: alignment costs a hundred times more.
        .filter(|name| lettered(&written, name, far) || within(&written, name))
        .take(COMPARED)
        .filter_map(|name| Some((distance(&written, name, far)?, name)))
        .collect();
    found.sort_unstable();
    found.truncate(most);
    found.into_iter().map(|(_, name)| name).collect()
}

fn plain(text: &str) -> String {
    text.to_lowercase().replace('_', "-")
}

/// How far a name is from what was written; none when it is too far.
fn distance(written: &str, name: &str, far: usize) -> Option<usize> {
    let distance = strsim::osa_distance(written, &plain(name));
    let near = distance <= far && distance < name.len();
    near.then_some(distance).or_else(|| within(written, name).then_some(far))
}

/// Tells whether a name has in it what was written.
fn within(written: &str, name: &str) -> bool {
    written.len() >= 3
        && (written.len()..=LONGEST).contains(&name.len())
        && plain(name).contains(written)
}

/// Tells whether a name has about the letters of what was written: as a change of one letter changes two
/// counts at most, more are needed where the counts differ by more.
fn lettered(written: &str, name: &str, far: usize) -> bool {
    if !written.is_ascii() || !name.is_ascii() {
        return written.chars().count().abs_diff(name.chars().count()) <= far;
    }
    if written.len().abs_diff(name.len()) > far {
        return false;
    }
    let mut counts = [0_i16; 128];
    written.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    for byte in name.bytes() {
        let byte = if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        counts[usize::from(byte)] -= 1;
    }
    let differ: usize = counts.iter().map(|count| usize::from(count.unsigned_abs())).sum();
    differ <= 2 * far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["agents", "office", "us-east-1", "lan"];
        let one = |written: &str| nearest(written, known, 1);
        assert_eq!(one("agnets"), ["agents"]);
        assert_eq!(one("Agents"), ["agents"]);
        assert_eq!(one("us_east_1"), ["us-east-1"]);
        assert_eq!(one("lna"), ["lan"]);
        assert!(one("printer").is_empty() && one("").is_empty());
        assert!(nearest("x", ["y"], 1).is_empty());
        assert_eq!(nearest("größe", ["grosse", "größen"], 1), ["größen"]);
    }

    #[test]
    fn capitals_letters_and_parts_of_names_are_found() {
        let known = ["AMAZON", "AMAZON_CONNECT", "CLOUDFRONT", "EC2", "S3"];
        let near = |written: &str| nearest(written, known, 3);
        assert_eq!(near("ec2"), ["EC2"]);
        assert_eq!(near("CONNECT"), ["AMAZON_CONNECT"]);
        assert_eq!(near("CLOUD_FRONT"), ["CLOUDFRONT"]);
        assert!(near("GITHUB").is_empty());
    }

    #[test]
    fn letters_never_hide_a_name_that_is_near() {
        let names = ["ab", "abc", "acb", "xbc", "a-b-c", "aabbcc", "cba", "abcd", "bcda", "dcba"];
        for (written, name) in names.iter().flat_map(|a| names.map(|b| (*a, b))) {
            for far in 0..4 {
                let near = strsim::osa_distance(written, name) <= far;
                assert!(!near || lettered(written, name, far), "{written} {name} {far}");
            }
        }
    }
}
