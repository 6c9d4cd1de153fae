//! What a rule does with the packets that it matches.

use crate::firewall::nftables::read::lex::Kind;
use crate::firewall::nftables::read::parse::Cursor;
use crate::ir::Verdict;
use crate::net::{Family, protocol};
use crate::program::{Field, Match};

/// What a rule does.
#[derive(Clone, Debug)]
pub(super) enum Act<'a> {
    /// Ends here, for packets of which the conditions hold too.
    Decide(Verdict, Vec<Match>),
    /// Runs a chain, and goes on.
    Jump(&'a str),
    /// Runs a chain instead of the rest of this one.
    Goto(&'a str),
    /// Leaves the chain.
    Return,
    /// Nothing.
    Continue,
    /// Something: it may accept, drop, or do nothing.
    Anything,
}

/// Words that begin a verdict, which no value or name can be.
pub(super) const VERDICTS: [&str; 14] = [
    "accept",
    "drop",
    "return",
    "continue",
    "jump",
    "goto",
    "reject",
    "queue",
    "notrack",
    "synproxy",
    "fwd",
    "dnat",
    "snat",
    "masquerade",
];

/// Reads a verdict, with what about it is not exact.
pub(super) fn verdict<'a>(cursor: &mut Cursor<'_, 'a>) -> (Act<'a>, Option<String>) {
    let Ok(word) = cursor.word() else {
        return (Act::Anything, Some("a verdict is not understood".to_owned()));
    };
    let decide = |verdict| (Act::Decide(verdict, Vec::new()), None);
    match word.text {
        "accept" => decide(Verdict::Accept),
        // The first packet of a flow gets other addresses and goes on.
        "dnat" | "snat" | "masquerade" | "redirect" => decide(Verdict::Accept),
        "drop" => decide(Verdict::Drop),
        "return" => (Act::Return, None),
        "continue" => (Act::Continue, None),
        "reject" => reject(cursor),
        "jump" | "goto" => match name(cursor) {
            Some(name) if word.text == "jump" => (Act::Jump(name), None),
            Some(name) => (Act::Goto(name), None),
            None => (Act::Anything, Some("the chain of a jump is not understood".to_owned())),
        },
        other => (Act::Anything, Some(format!("what `{other}` does to packets is not known here"))),
    }
}

fn name<'a>(cursor: &mut Cursor<'_, 'a>) -> Option<&'a str> {
    match cursor.peek() {
        Some(Kind::Quoted(name)) => Some(name),
        Some(Kind::Word(name)) => Some(name),
        _ => None,
    }
}

fn reject<'a>(cursor: &mut Cursor<'_, 'a>) -> (Act<'a>, Option<String>) {
    if !cursor.next_is(Kind::Word("with")) {
        return prohibited(Vec::new(), "port-unreachable");
    }
    let answer = cursor.word().map_or("", |word| word.text);
    if answer == "tcp" {
        let tcp = u32::from(protocol::TCP);
        let when = vec![Match::Field(Field::Protocol, vec![(tcp, tcp)])];
        return (Act::Decide(Verdict::RejectReset, when), None);
    }
    cursor.next_is(Kind::Word("type"));
    let code = cursor.word().map_or("", |word| word.text);
    match (answer, code) {
        ("icmpx", "3") | ("icmp", "13") | ("icmpv6", "1") => prohibited(of(answer), PROHIBITED),
        _ => prohibited(of(answer), code),
    }
}

/// What policies mean by a refusal that is told.
const PROHIBITED: &str = "admin-prohibited";

/// The family that an answer is for.
fn of(answer: &str) -> Vec<Match> {
    match answer {
        "icmp" => vec![Match::Family(Family::V4)],
        "icmpv6" => vec![Match::Family(Family::V6)],
        _ => Vec::new(),
    }
}

fn prohibited<'a>(when: Vec<Match>, code: &str) -> (Act<'a>, Option<String>) {
    let other = (code != PROHIBITED)
        .then(|| format!("the answer is ICMP `{code}`, which is read as `{PROHIBITED}`"));
    (Act::Decide(Verdict::RejectProhibited, when), other)
}
