//! A rule's statements, one after the other, up to its verdict.

use super::condition::{
    Condition, Context, Look, implied, looks, pass_value, ports_of_any, protocols,
};
use super::elements::{Element, elements, skip_one, value};
use super::ruleset::Rule;
use super::verdict::{Act, VERDICTS, verdict};
use crate::firewall::nftables::read::lex::{Kind, Token};
use crate::firewall::nftables::read::parse::Cursor;
use crate::ir::Verdict;
use crate::net::Family;
use crate::net::protocol::TCP;
use crate::program::{Field, Match};

/// What a rule says.
pub(super) struct Reading<'a> {
    /// Conjunctions in order, and what is done then; the first that holds and does not go on is final.
    pub(super) acts: Vec<(Vec<Match>, Act<'a>)>,
    /// What is not understood of it, if that matters.
    pub(super) unclear: Option<String>,
}

/// What follows a statement.
enum Step<'a> {
    /// The next one.
    Next,
    /// The statement is not understood, for this reason: whether it holds is not known.
    Lost(String),
    /// Nothing: these are the rule's acts, under further conditions.
    Ends(Vec<(Vec<Match>, Act<'a>)>),
}

/// Words that begin a statement which never decides by itself; what it matches may not be understood.
const UNDECIDING: &[&str] = &[
    "meta",
    "ct",
    "fib",
    "rt",
    "socket",
    "ether",
    "vlan",
    "arp",
    "osf",
    "ip",
    "ip6",
    "icmp",
    "icmpv6",
    "igmp",
    "tcp",
    "udp",
    "udplite",
    "sctp",
    "dccp",
    "esp",
    "ah",
    "comp",
    "th",
    "gre",
    "gretap",
    "geneve",
    "vxlan",
    "numgen",
    "jhash",
    "symhash",
    "exthdr",
    "hbh",
    "srh",
    "mh",
    "dst",
    "frag",
    "limit",
    "quota",
    "mark",
    "iifgroup",
    "oifgroup",
    "iiftype",
    "oiftype",
    "iifkind",
    "oifkind",
    "skuid",
    "skgid",
    "cpu",
    "cgroup",
    "pkttype",
    "rtclassid",
    "ipsec",
    "tunnel",
    "meter",
    "dup",
    "set",
    "reset",
    "priority",
    "length",
    "protocol",
    "nfproto",
    "l4proto",
    "last",
    "random",
    "nftrace",
    "ibrname",
    "obrname",
    "match",
    "mangle",
];

/// Reads a rule.
pub(super) fn read<'a>(context: &Context<'_, '_, 'a>, rule: &Rule<'_, 'a>) -> Reading<'a> {
    let cursor = Cursor { tokens: rule.tokens, at: 0 };
    let mut reader =
        Reader { context, cursor, when: Vec::new(), unclear: None, always: None, ports: false };
    let acts = reader.acts();
    let decides = |(_, act): &(Vec<Match>, Act<'_>)| !matches!(act, Act::Continue);
    let unclear = reader.unclear.filter(|_| acts.iter().any(decides)).or(reader.always);
    Reading { acts, unclear }
}

struct Reader<'c, 't, 'a> {
    context: &'c Context<'c, 't, 'a>,
    cursor: Cursor<'t, 'a>,
    when: Vec<Match>,
    unclear: Option<String>,
    /// What matters whatever the rule does.
    always: Option<String>,
    /// Whether ports are read from the header of any protocol.
    ports: bool,
}

impl<'t, 'a> Reader<'_, 't, 'a> {
    fn acts(&mut self) -> Vec<(Vec<Match>, Act<'a>)> {
        loop {
            self.cursor.ends();
            let Some(kind) = self.cursor.peek() else {
                return self.under(vec![(Vec::new(), Act::Continue)]);
            };
            match self.statement(kind) {
                Step::Next => {}
                Step::Ends(acts) => return self.under(acts),
                Step::Lost(why) => {
                    self.lose(why);
                    let acts = self.rest();
                    return self.under(acts);
                }
            }
        }
    }

    /// Puts acts under what was matched before.
    fn under(&mut self, acts: Vec<(Vec<Match>, Act<'a>)>) -> Vec<(Vec<Match>, Act<'a>)> {
        let when = std::mem::take(&mut self.when);
        let when = if self.ports { ports_of_any(when) } else { when };
        acts.into_iter().map(|(further, act)| ([when.clone(), further].concat(), act)).collect()
    }

    fn lose(&mut self, why: String) {
        self.when.push(Match::Unknown);
        self.unclear.get_or_insert(why);
    }

    fn note(&mut self, why: Option<String>) {
        if let Some(why) = why {
            self.unclear.get_or_insert(why);
        }
    }

    fn statement(&mut self, kind: Kind<'a>) -> Step<'a> {
        let Kind::Word(word) = kind else { return self.foreign("a statement") };
        match word {
            "comment" => self.pass(2),
            "counter" => self.counter(),
            "log" => self.log(),
            "flow" => self.pass(3),
            "add" | "update" | "delete" => self.update(),
            "notrack" if self.context.stage.tracking => {
                Step::Ends(vec![(Vec::new(), Act::Decide(Verdict::Untrack, Vec::new()))])
            }
            "notrack" => self.pass(1),
            "xt" => self.extension(),
            _ if word.starts_with("xt_") => self.old_extension(word),
            "redirect" => self.verdict(),
            _ if VERDICTS.contains(&word) => self.verdict(),
            _ => self.expression(word),
        }
    }

    fn pass(&mut self, tokens: usize) -> Step<'a> {
        self.cursor.at = self.cursor.tokens.len().min(self.cursor.at + tokens);
        Step::Next
    }

    fn verdict(&mut self) -> Step<'a> {
        let (act, why) = verdict(&mut self.cursor);
        self.note(why);
        Step::Ends(vec![(Vec::new(), act)])
    }

    fn counter(&mut self) -> Step<'a> {
        self.cursor.at += 1;
        match self.cursor.peek() {
            Some(Kind::Word("packets")) => self.pass(4),
            Some(Kind::Word("name")) => self.pass(2),
            Some(Kind::Quoted(_)) => self.pass(1),
            _ => Step::Next,
        }
    }

    fn log(&mut self) -> Step<'a> {
        self.cursor.at += 1;
        loop {
            match self.cursor.peek() {
                Some(Kind::Word("prefix" | "level" | "group" | "snaplen" | "queue-threshold")) => {
                    self.pass(2);
                }
                Some(Kind::Word("flags")) => {
                    self.pass(1);
                    if let Some(Kind::Word("tcp" | "ip")) = self.cursor.peek() {
                        self.pass(1);
                    }
                    value(&mut self.cursor);
                    while self.cursor.next_is(Kind::Symbol(",")) {
                        value(&mut self.cursor);
                    }
                }
                _ => return Step::Next,
            }
        }
    }

    /// Reads `add @set { ip saddr }`: it never decides, but packets without the field do not match, and what
    /// counts in the element may not.
    fn update(&mut self) -> Step<'a> {
        let start = self.cursor.at;
        self.pass(2);
        skip_one(&mut self.cursor);
        let tokens = self.cursor.tokens.get(start..self.cursor.at).unwrap_or_default();
        let counts =
            |kind: Kind<'_>| matches!(kind, Kind::Word("limit" | "quota" | "count" | "over"));
        if tokens.iter().any(|token| counts(token.kind)) {
            return Step::Lost("how often an element matches is not known".to_owned());
        }
        let mut inside = Cursor { tokens, at: 3 };
        let looked = looks(&mut inside);
        match (looked, inside.peek()) {
            (
                Some(looks),
                Some(Kind::Symbol("}") | Kind::Word("timeout" | "expires" | "comment")),
            ) => {
                self.when.extend(implied(&looks));
            }
            _ => self.lose("which packets have the element is not known".to_owned()),
        }
        Step::Next
    }

    /// Reads what nft lists of rules that iptables made and that it has no words for.
    fn extension(&mut self) -> Step<'a> {
        match self.cursor.tokens.get(self.cursor.at + 1).map(|token| token.kind) {
            Some(Kind::Word("match")) => {
                self.lose("a match of iptables is not listed".to_owned());
                self.pass(3)
            }
            Some(Kind::Word("target")) if self.rejects() => {
                self.note(Some("how `REJECT` of iptables answers is not listed".to_owned()));
                let reset = vec![Match::Unknown, protocols(&[TCP])];
                Step::Ends(vec![
                    (reset, Act::Decide(Verdict::RejectReset, Vec::new())),
                    (Vec::new(), Act::Decide(Verdict::RejectProhibited, Vec::new())),
                ])
            }
            _ => self.foreign("xt"),
        }
    }

    fn rejects(&self) -> bool {
        let third = self.cursor.tokens.get(self.cursor.at + 2).map(|token| token.kind);
        matches!(third, Some(Kind::Quoted("REJECT") | Kind::Word("REJECT")))
    }

    fn old_extension(&mut self, word: &str) -> Step<'a> {
        if word.bytes().any(|b| b.is_ascii_uppercase()) {
            return self.foreign(word);
        }
        Step::Lost(format!("what `{word}` matches is not listed"))
    }

    /// A statement that nobody here knows: it may decide anything.
    fn foreign(&mut self, what: &str) -> Step<'a> {
        self.note(Some(format!("`{what}` is not understood")));
        Step::Ends(vec![(Vec::new(), Act::Anything)])
    }

    fn expression(&mut self, word: &'a str) -> Step<'a> {
        if let Some(length) = self.mangled() {
            return self.mangle(length);
        }
        let start = self.cursor.at;
        if let Some(looks) = looks(&mut self.cursor) {
            if self.cursor.next_is(Kind::Word("vmap")) {
                return self.map(&looks);
            }
            if let Some(condition) = self.context.condition(&looks, &mut self.cursor) {
                self.ports |= matches!(looks.as_slice(), [one] if one.any_header());
                self.take(condition);
                return Step::Next;
            }
        }
        self.cursor.at = start;
        if !(UNDECIDING.contains(&word) || word.starts_with('@')) {
            return self.foreign(word);
        }
        let second = match self.cursor.tokens.get(start + 1).map(|token| token.kind) {
            Some(Kind::Word(second)) if !VERDICTS.contains(&second) => format!(" {second}"),
            _ => String::new(),
        };
        let why = format!("what `{word}{second}` matches is not known here");
        if self.pass_simple(word) {
            self.lose(why);
            return Step::Next;
        }
        Step::Lost(why)
    }

    /// Passes `meta skuid != 1000` and its like, where it is plain which words are the value; a word that
    /// were left over would be a statement that nobody knows.
    fn pass_simple(&mut self, word: &str) -> bool {
        let start = self.cursor.at;
        let second = self.cursor.tokens.get(start + 1).map(|token| token.kind);
        let keys = ["mark", "status", "direction", "zone", "id", "label"];
        self.cursor.at += match (word, second) {
            ("meta", Some(Kind::Word(_))) => 2,
            ("ct", Some(Kind::Word(key))) if keys.contains(&key) => 2,
            ("mark" | "skuid" | "skgid" | "pkttype", _) => 1,
            ("fib", _) => match self.fib() {
                Some(length) => length,
                None => return false,
            },
            _ => return false,
        };
        if let Some(Kind::Symbol("!=" | "==" | "<" | ">" | "<=" | ">=")) = self.cursor.peek() {
            self.cursor.at += 1;
        }
        let simple = self.value_and_more();
        if !simple {
            self.cursor.at = start;
        }
        simple
    }

    /// How many words `fib saddr . iif oif` and its like have: what is looked up, then what is found.
    fn fib(&self) -> Option<usize> {
        let kind = |at: usize| self.cursor.tokens.get(self.cursor.at + at).map(|token| token.kind);
        let mut at = 1;
        while kind(at + 1) == Some(Kind::Word(".")) {
            at += 2;
        }
        matches!(kind(at + 1), Some(Kind::Word("type" | "oif" | "oifname"))).then_some(at + 2)
    }

    /// Passes one value, several with commas, a range or a list.
    fn value_and_more(&mut self) -> bool {
        if self.cursor.peek() == Some(Kind::Symbol("{")) {
            skip_one(&mut self.cursor);
            return true;
        }
        loop {
            match value(&mut self.cursor) {
                Some(word) if word.text != "vmap" && !VERDICTS.contains(&word.text) => {}
                _ => return false,
            }
            if !(self.cursor.next_is(Kind::Symbol(",")) || self.cursor.next_is(Kind::Word("-"))) {
                break;
            }
        }
        !matches!(self.cursor.peek(), Some(Kind::Symbol(_) | Kind::Word("/" | "." | "vmap")))
    }

    fn take(&mut self, condition: Condition) {
        self.when.extend(condition.when);
        self.note(condition.unclear);
    }

    /// Returns where the word `set` stands in `meta mark set …` and its like.
    fn mangled(&self) -> Option<usize> {
        let word = |at: usize| match self.cursor.tokens.get(self.cursor.at + at)?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        };
        let most = match (word(0)?, word(1)?) {
            ("tcp", "option") => 4,
            ("ct", "zone") => 3,
            _ => 2,
        };
        (1..=most).find(|at| word(*at) == Some("set"))
    }

    /// Reads `meta mark set ct mark` and its like: packets without what is changed, or without the value that
    /// is put there, do not match.
    fn mangle(&mut self, length: usize) -> Step<'a> {
        let looked = looks(&mut Cursor { tokens: self.cursor.tokens, at: self.cursor.at });
        let first = self.cursor.peek();
        match (looked, first) {
            (Some(looks), _) => {
                let why = "the rules behind this one see a changed packet";
                self.always.get_or_insert_with(|| why.to_owned());
                self.when.extend(implied(&looks));
            }
            (None, Some(Kind::Word("ip"))) => self.when.push(Match::Family(Family::V4)),
            (None, Some(Kind::Word("ip6"))) => self.when.push(Match::Family(Family::V6)),
            (None, Some(Kind::Word("meta" | "ct" | "mark" | "priority" | "nftrace"))) => {}
            _ => self.lose("which packets have what is changed is not known".to_owned()),
        }
        self.pass(length + 1);
        let start = self.cursor.at;
        pass_value(&mut self.cursor);
        let value = self.cursor.tokens.get(start..self.cursor.at).unwrap_or_default();
        self.when_it_has(value);
        Step::Next
    }

    /// Takes into account that not every packet has a value; a single word is a constant.
    fn when_it_has(&mut self, value: &[Token<'a>]) {
        let why = || "whether packets have the value is not known".to_owned();
        match value {
            [Token { kind: Kind::Word("ct"), .. }, _, rest @ ..] if !rest.iter().any(may_lack) => {
                // New, established and related packets have a connection.
                let has = Match::Field(Field::State, vec![(0, 2)]);
                self.when.push(Match::AnyOf(vec![vec![has], vec![Match::Unknown]]));
                self.note(Some(why()));
            }
            // JSON that has no spelling.
            [Token { kind: Kind::Quoted(json), .. }] if json.starts_with('{') => self.lose(why()),
            [_, _, ..] if value.iter().any(may_lack) => self.lose(why()),
            _ => {}
        }
    }

    /// Reads what stands behind `vmap`.
    fn entries<T>(
        &mut self,
        with: impl FnOnce(&mut Self, &[Element<'t, 'a>]) -> T,
    ) -> Result<T, String> {
        if self.cursor.peek() == Some(Kind::Symbol("{")) {
            let list = elements(&mut self.cursor).map_err(|error| error.reason)?;
            return Ok(with(self, &list));
        }
        let name = value(&mut self.cursor).and_then(|word| word.text.strip_prefix('@'));
        let name = name.ok_or_else(|| "a verdict map is not understood".to_owned())?;
        let context = self.context;
        let set = context.set(name)?;
        Ok(with(self, &set.elements))
    }

    fn map(&mut self, looks: &[Look]) -> Step<'a> {
        match self.entries(|reader, list| reader.keys(looks, list)) {
            Ok(acts) => Step::Ends(acts),
            Err(why) => {
                self.note(Some(why));
                Step::Ends(vec![(Vec::new(), Act::Anything)])
            }
        }
    }

    /// Keys of a map are disjoint, so their acts may stand in any order; `*` stands for every other key.
    fn keys(&mut self, looks: &[Look], list: &[Element<'t, 'a>]) -> Vec<(Vec<Match>, Act<'a>)> {
        let (rest, keys): (Vec<_>, Vec<_>) =
            list.iter().partition(|element| element.key.iter().all(|word| word.text == "*"));
        let mut acts = Vec::with_capacity(list.len());
        for element in keys.iter().copied() {
            let condition = self.context.key(looks, element);
            self.note(condition.unclear);
            acts.push((condition.when, self.data(element)));
        }
        for element in rest {
            let condition = self.other_keys(looks, &keys);
            self.note(condition.unclear);
            acts.push((condition.when, self.data(element)));
        }
        acts
    }

    fn other_keys(&self, looks: &[Look], keys: &[&Element<'t, 'a>]) -> Condition {
        let single = keys.iter().all(|element| !element.unclear && element.key.len() == 1);
        match looks {
            [look] if single => {
                let words: Vec<_> = keys.iter().flat_map(|element| element.key.clone()).collect();
                self.context.of_words(look, &words, true)
            }
            _ => Condition {
                when: vec![Match::Unknown],
                unclear: Some("the other keys of a map are not understood".to_owned()),
            },
        }
    }

    fn data(&mut self, element: &Element<'t, 'a>) -> Act<'a> {
        let (act, why) = verdict(&mut Cursor { tokens: element.data, at: 0 });
        self.note(why);
        act
    }

    /// Finds the verdict behind what is not understood. No value is spelled like one of its words.
    fn rest(&mut self) -> Vec<(Vec<Match>, Act<'a>)> {
        while let Some(kind) = self.cursor.peek() {
            match kind {
                Kind::Word("vmap") => {
                    self.cursor.at += 1;
                    return self.any_entry();
                }
                Kind::Word("notrack") if !self.context.stage.tracking => self.cursor.at += 1,
                Kind::Word("notrack") => {
                    return vec![(Vec::new(), Act::Decide(Verdict::Untrack, Vec::new()))];
                }
                // These are also words for what happened to a connection.
                Kind::Word("dnat" | "snat" | "masquerade") => self.cursor.at += 1,
                Kind::Word(word) if VERDICTS.contains(&word) => {
                    let (act, why) = verdict(&mut self.cursor);
                    self.note(why);
                    return vec![(Vec::new(), act)];
                }
                Kind::Word("xt" | "tproxy") => return vec![(Vec::new(), Act::Anything)],
                _ => skip_one(&mut self.cursor),
            }
        }
        vec![(Vec::new(), Act::Continue)]
    }

    /// A map whose keys are not understood: any of its verdicts may be the one.
    fn any_entry(&mut self) -> Vec<(Vec<Match>, Act<'a>)> {
        let read = self.entries(|reader, list| {
            list.iter().map(|element| (vec![Match::Unknown], reader.data(element))).collect()
        });
        read.unwrap_or_else(|_| vec![(Vec::new(), Act::Anything)])
    }
}

/// Tells whether a rule writes another value into packets: `ip daddr set …`, `tcp dport set …`.
pub(super) fn changes(rule: &Rule<'_, '_>) -> bool {
    let sets = |(at, token): (usize, &Token<'_>)| {
        token.kind == Kind::Word("set")
            && at.checked_sub(2).is_some_and(|at| {
                looks(&mut Cursor { tokens: rule.tokens, at })
                    .is_some_and(|l| l.iter().any(Look::is_of_packet))
            })
    };
    rule.tokens.iter().enumerate().any(sets)
}

/// Tells whether a word of a value is of something that not every packet has.
fn may_lack(token: &Token<'_>) -> bool {
    const SAFE: [&str; 7] = ["meta", "mark", "and", "or", "xor", "lshift", "rshift"];
    let named = |word: &str| word.starts_with(|c: char| c.is_ascii_alphabetic());
    matches!(token.kind, Kind::Word(word) if named(word) && !SAFE.contains(&word))
}
