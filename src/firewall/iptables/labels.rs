//! What may stand in iptables' files: names, comments, log prefixes.

use crate::firewall::Fault;
use crate::firewall::text::{self, fault};
use crate::ir::{Log, Origin, TimeUnit};
use sha2::{Digest, Sha256};

/// Bytes of a comment (`XT_MAX_COMMENT_LEN` 256 with the final zero; longer ones are cut in silence).
const COMMENT: usize = 255;
/// Bytes of a log prefix (30 with the final zero in `xt_log_info`).
const LOG_PREFIX: usize = 29;
/// Bytes of the policy's name in a name of ours: leaves 13 of a chain's 28 bytes for the rest.
const PREFIX: usize = 15;

/// The characters that may be printed: no quote, no escape, no line break, nothing that a shell expands.
pub(super) fn safe(c: char) -> bool {
    match c {
        '"' | '\\' | '$' | ';' | '`' => false,
        ' '..='~' => true,
        _ => c.is_alphanumeric(),
    }
}

/// Returns what every name of a policy begins with.
///
/// It ends in a dot, which no policy's name has, so that no policy's names begin like another's.
pub(super) fn prefix(policy: &str) -> String {
    if policy.len() <= PREFIX {
        return format!("{policy}.");
    }
    let head: String = policy.chars().take(PREFIX - 5).collect();
    format!("{head}-{}.", digest(policy, 4))
}

/// Returns the first hexadecimal digits of a text's SHA-256.
pub(super) fn digest(text: &str, digits: usize) -> String {
    let hex: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    hex.chars().take(digits).collect()
}

/// Returns a rule's comment: where it comes from, then what the policy says of it; cut visibly.
pub(super) fn comment(origins: &[Origin]) -> String {
    let text = text::comment(origins, COMMENT);
    text::cut(text.chars().map(|c| if safe(c) { c } else { '\'' }).collect(), COMMENT)
}

/// How a rule logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct LogWords {
    pub(super) limit: String,
    pub(super) prefix: String,
}

/// Spells how a rule logs.
pub(super) fn log(log: &Log, origin: Option<&Origin>) -> Result<LogWords, Fault> {
    if log.prefix.len() > LOG_PREFIX || !log.prefix.chars().all(safe) {
        let message = format!("the log prefix `{}` is longer than {LOG_PREFIX} bytes", log.prefix);
        return Err(fault(message, origin, "write a shorter `prefix:`"));
    }
    let limit = log.limit.map_or_else(String::new, |limit| {
        let unit = match limit.unit {
            TimeUnit::Second => "sec",
            TimeUnit::Minute => "min",
            TimeUnit::Hour => "hour",
            TimeUnit::Day => "day",
        };
        format!("-m limit --limit {}/{unit} --limit-burst 5 ", limit.count)
    });
    Ok(LogWords { limit, prefix: log.prefix.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_policys_names_begin_like_anothers() {
        let names =
            ["a", "a-b", "a-rather-long-policy-name", "a-rather-long-policy-nome", "a-rather-"];
        let prefixes: Vec<_> = names.iter().map(|name| prefix(name)).collect();
        for (i, one) in prefixes.iter().enumerate() {
            assert!(one.len() <= PREFIX + 1, "{one}");
            for other in &prefixes[i + 1..] {
                assert!(!one.starts_with(other.as_str()) && !other.starts_with(one.as_str()));
            }
        }
    }

    #[test]
    fn comments_are_cut_where_one_sees_it_and_never_inside_a_character() {
        let mut origin = Origin::new(crate::ir::OriginKind::Policy, "r");
        origin.comment = "ü".repeat(200);
        let text = comment(&[origin.clone()]);
        assert!(text.len() <= COMMENT && text.ends_with("..."), "{text}");
        origin.comment = "a\" -j ACCEPT \\".to_owned();
        assert_eq!(comment(&[origin]), "r: a' -j ACCEPT '");
    }
}
