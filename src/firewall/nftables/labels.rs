//! What may stand in an nftables file: identifiers, interface names, comments, log prefixes.

use crate::firewall::Fault;
use crate::firewall::text::{self, fault};
use crate::ir::{Log, Origin};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};

/// Bytes of a rule's comment (measured: 129 is an error in nft 1.0.6).
const COMMENT: usize = 128;
/// Bytes of a log prefix (measured: 128 is an error).
const LOG_PREFIX: usize = 127;
/// Bytes of an interface's name (IFNAMSIZ less the final zero).
const INTERFACE: usize = 15;
/// Bytes of a name that we make; the kernel takes 255.
const NAME: usize = 200;

/// Words that nft reads as a keyword where a table's name should stand: each was refused by nft 1.0.6 or
/// is a keyword of a later one.
const RESERVED: &str = "accept add ah all and arp at auto-merge bridge cgroup chain comment comp \
constant continue count counter cpu create ct day dccp define delete describe destroy device devices \
dnat drop dst dup dynamic ecn element elements eq esp ether exists expires export fib flags flow \
flowtable flush frag fwd gc-interval ge geneve goto gre gretap gt handle hbh hook hour ibriport ibrname \
icmp icmpv6 igmp iif iifgroup iifname iiftype import include index inet inner insert interval ip ip6 \
ipsec jhash jump last le limit list log lshift lt map mark masquerade meta meter mh missing monitor ne \
netdev nftrace not notrack numgen obriport obrname offload oif oifgroup oifname oiftype or osf pkttype \
policy position priority queue quota random redefine redirect reject rename replace reset return rshift \
rt rt0 rt2 rtclassid rule rules ruleset sctp secmark set size skgid skuid snat socket srh symhash \
synproxy table tcp th time timeout tproxy tunnel type typeof udp udplite undefine update vlan vmap \
vxlan xor xt";

/// The characters that may be printed: no quote, no escape, no variable (`$` expands even inside quotes),
/// no `;`, no line break, and no letter-like trick beyond letters and digits.
pub(super) fn safe(c: char) -> bool {
    match c {
        '"' | '\\' | '$' | ';' | '`' => false,
        ' '..='~' => true,
        _ => c.is_alphanumeric(),
    }
}

/// Makes any text safe: one line, unsafe characters replaced by near ones or `?`.
pub(super) fn safe_text(text: &str) -> String {
    if text.chars().all(safe) {
        return text.to_owned();
    }
    let replaced = text.chars().map(|c| match c {
        _ if safe(c) => c,
        '"' | '`' => '\'',
        ';' => ',',
        '\\' => '/',
        _ if c.is_whitespace() => ' ',
        _ => '?',
    });
    replaced.collect()
}

/// Writes something at the end of a text, made safe.
pub(super) fn push_safe(text: &mut String, what: impl Display) {
    let start = text.len();
    // Writing to a text cannot fail.
    let _ = write!(text, "{what}");
    if !text.get(start..).is_some_and(|written| written.chars().all(safe)) {
        let written = text.split_off(start);
        text.push_str(&safe_text(&written));
    }
}

/// Returns a rule's comment: where it comes from, then what the policy says of it.
pub(super) fn comment(origins: &[Origin]) -> String {
    cut(&text::comment(origins, COMMENT))
}

/// Makes a text safe and cuts it, visibly, to what a comment may have.
pub(super) fn cut(text: &str) -> String {
    text::cut(safe_text(text), COMMENT)
}

/// Checks the name of the table, which is the policy's.
pub(super) fn table(name: &str) -> Option<Fault> {
    let legal = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && name.len() <= NAME;
    let said = safe_text(name);
    if !legal {
        return Some(fault(format!("`{said}` cannot be the name of a table"), None, ""));
    }
    if RESERVED.split(' ').any(|word| word == name) {
        let help = format!("name the policy otherwise, for example `{name}-policy`");
        let message = format!("`{said}` is a word of nftables and cannot be the name of a table");
        return Some(fault(message, None, &help));
    }
    None
}

/// Checks an interface's name: a final `*` would match every name that begins so.
pub(super) fn interface(name: &str) -> Option<Fault> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-@:+".contains(&b);
    if !name.is_empty() && name.len() <= INTERFACE && name.bytes().all(legal) && name != "lo" {
        return None;
    }
    let message = format!("`{}` cannot be the name of a gateway's interface", safe_text(name));
    let help = format!(
        "a name has 1 to {INTERFACE} letters, digits and `._-@:+`, without wildcard, and is not `lo`"
    );
    Some(fault(message, None, &help))
}

/// Checks what a rule's log lines begin with, and how many there may be.
pub(super) fn log(log: &Log, origin: Option<&Origin>) -> Option<Fault> {
    if log.prefix.len() > LOG_PREFIX || !log.prefix.chars().all(safe) {
        let message = format!(
            "the log prefix `{}` is longer than {LOG_PREFIX} bytes or has a character that nftables \
             cannot print",
            safe_text(&log.prefix)
        );
        return Some(fault(message, origin, "use letters, digits, spaces and `-_.:/`"));
    }
    if log.limit.is_some_and(|limit| limit.count == 0) {
        return Some(fault(
            "a log limit of 0 would never log".to_owned(),
            origin,
            "leave out `log`",
        ));
    }
    None
}

/// Names that are unique in the table.
#[derive(Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
    last: BTreeMap<String, u32>,
}

impl Names {
    /// Makes a readable name from parts: letters, digits and `_`, numbered when it is taken.
    ///
    /// The last part is ours (`src_v4`), so no name can be a keyword.
    pub(super) fn unique(&mut self, from: &str, part: &str) -> String {
        let mut base: String = from
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .take(NAME - part.len().min(NAME / 2))
            .collect();
        if !base.starts_with(|c: char| c.is_ascii_alphabetic()) {
            base.insert_str(0, "set_");
        }
        let base = format!("{base}_{part}");
        let number = self.last.entry(base.clone()).or_insert(0);
        loop {
            *number += 1;
            let name = if *number == 1 { base.clone() } else { format!("{base}_{number}") };
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::OriginKind;
    use proptest::prelude::*;

    fn origin(rule: &str, comment: &str) -> Origin {
        Origin {
            kind: OriginKind::Policy,
            rule: rule.to_owned(),
            index: None,
            comment: comment.to_owned(),
        }
    }

    #[test]
    fn a_comment_says_origin_and_reason_and_is_cut_where_it_shows() {
        assert_eq!(comment(&[origin("crm", "")]), "crm");
        assert_eq!(comment(&[origin("crm", "see #412")]), "crm: see #412");
        assert_eq!(comment(&[origin("a", "x"), origin("b", "x")]), "a, b: x");
        let long = comment(&[origin("crm", &"é".repeat(100))]);
        assert!(long.len() <= 128 && long.ends_with("é..."), "{long}");
        let many: Vec<_> = (0..10_000).map(|i| origin(&format!("rule-{i}"), "")).collect();
        assert!(comment(&many).ends_with("..."));
    }

    #[test]
    fn names_stay_apart_and_begin_with_a_letter() {
        let mut names = Names::default();
        assert_eq!(names.unique("amazon-connect/media", "dst_v4"), "amazon_connect_media_dst_v4");
        assert_eq!(names.unique("amazon_connect.media", "dst_v4"), "amazon_connect_media_dst_v4_2");
        assert_eq!(names.unique("7", "src_v6"), "set_7_src_v6");
        assert!(names.unique(&"x".repeat(900), "src_v6").len() < 255);
    }

    #[test]
    fn a_table_is_not_named_like_a_keyword() {
        assert!(table("contact-center").is_none());
        for name in ["table", "policy", "ip", "a b", "", "9a", "a;b", "a\nb", &"a".repeat(300)] {
            assert!(table(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn interfaces_have_no_wildcards() {
        for name in ["eth0", "wan0.5", "lan@if3", "br-1_x", "a234567890abcde"] {
            assert!(interface(name).is_none(), "{name}");
        }
        for name in ["eth*", "", "lo", "a b", "a\"b", "a234567890abcdef", "é"] {
            assert!(interface(name).is_some(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_safe(text in any::<String>()) {
            prop_assert!(safe_text(&text).chars().all(safe));
            let comment = comment(&[origin(&text, &text)]);
            prop_assert!(comment.len() <= 128 && comment.chars().all(safe));
        }
    }
}
