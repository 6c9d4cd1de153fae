//! What every kind writes of a rule: where it comes from, cut to what a comment holds; and the fault of a
//! rule that it cannot say.

use super::Fault;
use crate::diag::Code;
use crate::ir::Origin;

/// Makes the fault of a rule that a kind cannot say.
pub(super) fn fault(message: impl Into<String>, origin: Option<&Origin>, help: &str) -> Fault {
    let (message, help) = (message.into(), help.to_owned());
    Fault { code: Code::NotExpressible, message, origin: origin.cloned(), help }
}

/// Returns where a rule comes from, then what the policy says of it, each once. Names beyond `most` bytes
/// are left out, for they would be cut.
pub(super) fn comment(origins: &[Origin], most: usize) -> String {
    let mut text = String::new();
    for origin in origins {
        if text.len() > most {
            return text;
        }
        let comma = if text.is_empty() { "" } else { ", " };
        text += &format!("{comma}{origin}");
    }
    let mut said: Vec<&str> = Vec::new();
    for comment in origins.iter().map(|origin| origin.comment.as_str()) {
        if !comment.is_empty() && !said.contains(&comment) {
            said.push(comment);
        }
    }
    if said.is_empty() { text } else { format!("{text}: {}", said.join("; ")) }
}

/// Returns a text of at most so many bytes, cut so that one sees it and never inside a character.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most.saturating_sub(3)).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::OriginKind;

    #[test]
    fn comments_name_every_rule_and_each_comment_once() {
        let origin = |rule: &str, comment: &str| Origin {
            comment: comment.to_owned(),
            ..Origin::new(OriginKind::Policy, rule)
        };
        let origins =
            [origin("a", "web"), origin("b", ""), origin("c", "mail"), origin("d", "web")];
        assert_eq!(comment(&origins, 100), "a, b, c, d: web; mail");
        assert_eq!(comment(&origins[1..2], 100), "b");
        assert_eq!(comment(&origins, 3), "a, b");
    }

    #[test]
    fn texts_are_cut_where_one_sees_it() {
        assert_eq!(cut("abcdef".to_owned(), 6), "abcdef");
        assert_eq!(cut("abcdefg".to_owned(), 6), "abc...");
        let cut = cut("ü".repeat(200), 255);
        assert!(cut.len() <= 255 && cut.ends_with("ü..."), "{cut}");
    }
}
