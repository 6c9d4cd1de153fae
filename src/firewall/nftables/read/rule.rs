//! A rule's statements, one after the other, up to its verdict.

use super::condition::{Condition, Context, ELEMENT, implied, key};
use super::field::{Look, brought, look, looks, of_words, protocols};
use super::ports::ports_of_any;
use super::writes::{Writes, of_statement, target};
use crate::firewall::nftables::syntax::{
    Cursor, Expression, Rule, Statement, Token, Verdict, What, texts, verdict,
};
use crate::ir;
use crate::net::Family;
use crate::net::protocol::TCP;
use crate::program::{Field, Match};

/// What a rule does with the packets that it matches.
#[derive(Clone, Debug)]
pub(super) enum Act<'a> {
    /// Ends here.
    Decide(ir::Verdict),
    /// Runs a chain, and goes on.
    Jump(&'a str),
    /// Runs a chain instead of the rest of this one.
    Goto(&'a str),
    /// Leaves the chain.
    Return,
    /// Nothing.
    Continue,
    /// Something: any verdict may come of it, or none.
    Anything,
    /// The same, and packets may be others behind it.
    Rewritten,
}

/// Conjunctions in order, and what is done then; the first that holds and does not go on is final.
pub(super) type Acts<'a> = Vec<(Vec<Match>, Act<'a>)>;

/// What a rule says.
pub(super) struct Reading<'a> {
    /// What becomes of packets.
    pub(super) acts: Acts<'a>,
    /// What is not understood of it, if that matters.
    pub(super) unclear: Option<String>,
}

/// Statements that neither decide nor ask, and what they do instead.
const HARMLESS: &[&str] = &[
    // A text for people.
    "comment", // It counts what comes by.
    "counter", // It remembers when something came by.
    "last",
    // It tells somebody of the packet, which goes on meanwhile; a queue that waits for an answer is `queue`.
    "log",
];

/// Reads a rule.
pub(super) fn read<'a>(context: &Context<'_, '_, 'a>, rule: &Rule<'_, 'a>) -> Reading<'a> {
    let mut reader =
        Reader { context, when: Vec::new(), unclear: None, always: None, ports: false, acts: None };
    for statement in &rule.statements {
        reader.statement(statement);
    }
    let acts = reader.acts.take().unwrap_or_else(|| vec![(Vec::new(), Act::Continue)]);
    let acts = reader.under(acts);
    let decides = |(_, act): &(Vec<Match>, Act<'_>)| !matches!(act, Act::Continue);
    let unclear = reader.unclear.filter(|_| acts.iter().any(decides)).or(reader.always);
    Reading { acts, unclear }
}

struct Reader<'c, 't, 'a> {
    context: &'c Context<'c, 't, 'a>,
    when: Vec<Match>,
    unclear: Option<String>,
    /// What matters whatever the rule does.
    always: Option<String>,
    /// Whether ports are read from the header of any protocol.
    ports: bool,
    /// What is done, once a statement says so.
    acts: Option<Acts<'a>>,
}

impl<'t, 'a> Reader<'_, 't, 'a> {
    /// Puts acts under what was matched before.
    fn under(&mut self, acts: Acts<'a>) -> Acts<'a> {
        let mut when = std::mem::take(&mut self.when);
        if self.ports {
            let (parted, doubt) = ports_of_any(when);
            when = parted;
            self.note(doubt.then(|| "ports are read from the header of any protocol".to_owned()));
        }
        let mut acts: Acts<'a> = acts;
        if let [(further, _)] = acts.as_mut_slice() {
            when.append(further);
            *further = when;
            return acts;
        }
        acts.into_iter().map(|(further, act)| ([when.clone(), further].concat(), act)).collect()
    }

    fn lose(&mut self, why: impl Into<String>) {
        self.when.push(Match::Unknown);
        self.note(Some(why.into()));
    }

    fn note(&mut self, why: Option<String>) {
        if let Some(why) = why {
            self.unclear.get_or_insert(why);
        }
    }

    fn take(&mut self, condition: Condition) {
        self.when.extend(condition.when);
        self.note(condition.unclear);
    }

    fn statement(&mut self, statement: &Statement<'t, 'a>) {
        let harmless = matches!(statement.what, What::Keyword(word) if HARMLESS.contains(&word));
        if harmless {
            return;
        }
        if self.acts.is_some() {
            self.acts = None;
            return self.foreign("a statement behind a verdict");
        }
        let silent = Writes::MARK | Writes::LATE | Writes::TRANSLATION;
        if of_statement(statement).without(silent) != Writes::NOTHING {
            let said = statement.words.first().map_or("", |token| token.kind.text());
            let why = format!("what `{said}` writes is not known by what looks at it elsewhere");
            self.always.get_or_insert(why);
        }
        match &statement.what {
            What::Match(left, operator, right) => {
                self.ports |= looks(left).is_some_and(|looks| looks.iter().any(Look::any_header))
                    || matches!(left, Expression::Of(words) if texts(words).first() == Some(&"@th"));
                let read = self.context.condition(statement.words, (left, operator, right));
                self.take(read);
            }
            What::VerdictMap(key, map) => self.map(key, map),
            What::Write(words, value) => self.write(words, value),
            What::Update(_, further, key) => self.update(further, key),
            What::Verdict(verdict) => self.acts = Some(vec![(Vec::new(), act(*verdict))]),
            What::Keyword(word) => self.keyword(word, statement.words),
            What::Unknown => {
                let word = statement.words.first().map_or("", |token| token.kind.text());
                self.foreign(&format!("`{word}`"));
            }
        }
    }

    /// A statement that nobody here knows: it may decide anything.
    fn foreign(&mut self, what: &str) {
        self.note(Some(format!("what {what} does to packets is not known here")));
        self.acts = Some(vec![(Vec::new(), Act::Rewritten)]);
    }

    fn keyword(&mut self, word: &str, words: &[Token<'a>]) {
        let decide = |verdict| Some(vec![(Vec::new(), Act::Decide(verdict))]);
        match word {
            "limit" | "quota" | "ct" => self.lose(format!("how often `{word}` holds is not known")),
            "notrack" if self.context.stage.tracking => self.acts = decide(ir::Verdict::Untrack),
            "notrack" if !self.context.stage.tracked => {}
            "notrack" => {
                let why = "`notrack` comes too late here: invalid packets become untracked ones";
                self.always.get_or_insert_with(|| why.to_owned());
            }
            "reject" => self.reject(words),
            // The first packet of a connection gets other addresses and goes on, if there is a value for it.
            "snat" | "dnat" | "masquerade" | "redirect" => {
                let looks = |token: &Token<'_>| matches!(token.kind.text(), "map" | "{" | "mod");
                if words.iter().any(looks) {
                    self.lose("whether a packet is translated is not known");
                }
                self.acts = decide(ir::Verdict::Accept);
            }
            // That established connections pass by is read with the chains.
            "flow" => {}
            "reset" => self.lose("which packets have the option is not known"),
            "xt" => self.extension(words),
            _ => self.foreign(&format!("`{word}`")),
        }
    }

    /// Reads what nft lists of rules that iptables made and that it has no words for.
    fn extension(&mut self, words: &[Token<'a>]) {
        let texts = texts(words);
        let ["xt", "target", name] = texts.as_slice() else {
            return self.lose("a match of iptables is not listed");
        };
        if *name == "REJECT" {
            self.note(Some("how `REJECT` of iptables answers is not listed".to_owned()));
            let reset = vec![Match::Unknown, protocols(&[TCP])];
            self.acts = Some(vec![
                (reset, Act::Decide(ir::Verdict::RejectReset)),
                (Vec::new(), Act::Decide(ir::Verdict::RejectProhibited)),
            ]);
        } else if target(name) == Some(Writes::TRANSLATION) {
            self.lose("whether a packet is translated is not known");
            self.acts = Some(vec![(Vec::new(), Act::Decide(ir::Verdict::Accept))]);
        } else if target(name).is_none() {
            self.foreign(&format!("the target `{name}` of iptables"));
        }
    }

    fn reject(&mut self, words: &[Token<'a>]) {
        let texts = texts(words);
        let (answer, code) = match texts.as_slice() {
            ["reject", "with", "tcp", "reset"] => {
                self.when.push(protocols(&[TCP]));
                self.acts = Some(vec![(Vec::new(), Act::Decide(ir::Verdict::RejectReset))]);
                return;
            }
            ["reject", "with", answer, "type", code] | ["reject", "with", answer, code] => {
                (*answer, *code)
            }
            _ => ("", "port-unreachable"),
        };
        match answer {
            "icmp" => self.when.push(Match::Family(Family::V4)),
            "icmpv6" => self.when.push(Match::Family(Family::V6)),
            _ => {}
        }
        let same = matches!((answer, code), ("icmpx", "3") | ("icmp", "13") | ("icmpv6", "1"));
        if code != PROHIBITED && !same {
            self.note(Some(format!(
                "the answer is ICMP `{code}`, which is read as `{PROHIBITED}`"
            )));
        }
        self.acts = Some(vec![(Vec::new(), Act::Decide(ir::Verdict::RejectProhibited))]);
    }

    /// Reads `add @set { ip saddr }`: it never decides, but packets without the field do not match, a set
    /// that is full takes no element, and what counts in the element may hold or not.
    fn update(&mut self, further: &[Token<'a>], key: &Expression<'t, 'a>) {
        match looks(key) {
            Some(looks) => self.when.extend(implied(&looks)),
            None => self.when.extend(brought(key)),
        }
        let why = match further.is_empty() {
            true => "whether the set takes the element is not known",
            false => "how often an element matches is not known",
        };
        self.lose(why);
    }

    /// Reads `meta mark set ct mark` and its like: packets without what is changed, or without the value that
    /// is put there, do not match.
    fn write(&mut self, words: &[Token<'a>], value: &Expression<'t, 'a>) {
        let texts = texts(words);
        match texts.as_slice() {
            ["meta" | "ct", _] | ["mark" | "priority" | "nftrace"] => {}
            ["ct", "original" | "reply", "zone"] => {}
            ["ip" | "ip6", field] if *field != "option" => self.when.extend(of_words(words)),
            _ if look(words).is_some() => self.when.extend(of_words(words)),
            _ => self.lose("which packets have what is changed is not known"),
        }
        match lack(value) {
            Lack::Connection => {
                // New, established and related packets have a connection.
                let has = Match::Field(Field::State, vec![(0, 2)]);
                self.when.push(Match::AnyOf(vec![vec![has], vec![Match::Unknown]]));
                self.note(Some("whether packets have the value is not known".to_owned()));
            }
            Lack::Never => {}
            Lack::Perhaps => self.lose("whether packets have the value is not known"),
        }
    }

    /// Keys of a map are disjoint, so their acts may stand in any order; `*` stands for every other key.
    fn map(&mut self, key: &Expression<'t, 'a>, map: &Expression<'t, 'a>) {
        let looks = looks(key);
        let read = match &looks {
            Some(looks) => self.entries(looks, map),
            None => self.any_entry(key, map),
        };
        self.acts = Some(read.unwrap_or_else(|why| {
            self.note(Some(why));
            vec![(Vec::new(), Act::Anything)]
        }));
        self.ports |= looks.is_some_and(|looks| looks.iter().any(Look::any_header));
    }

    fn entries(&mut self, looks: &[Look], map: &Expression<'t, 'a>) -> Result<Acts<'a>, String> {
        let context = self.context;
        let lists = context.lists(looks, map)?;
        let (mut acts, mut rest, mut single) = (Acts::new(), None, Some(Vec::new()));
        let mut notes = Vec::new();
        lists.each(|element| {
            let parts = key(element).unwrap_or_default();
            let (done, why) = data(element.data);
            notes.extend(why);
            if let [Expression::Value(word)] = parts
                && word.text == "*"
            {
                rest = Some(done);
                return true;
            }
            single = match (single.take(), parts) {
                (Some(mut all), [Expression::Value(word)]) => {
                    all.push(*word);
                    Some(all)
                }
                _ => None,
            };
            let condition = context.parts(looks, parts, true);
            notes.extend(condition.unclear);
            let (when, doubt) = match looks.iter().any(Look::any_header) {
                true => ports_of_any([self.when.clone(), condition.when].concat()),
                false => (condition.when, false),
            };
            notes
                .extend(doubt.then(|| "ports are read from the header of any protocol".to_owned()));
            acts.push((when, done));
            true
        });
        if let Some(done) = rest {
            let condition = match (looks, single) {
                ([look], Some(words)) => context.of_words(look, &words, true),
                _ => Condition::unclear(Vec::new(), "the other keys of a map are not understood"),
            };
            notes.extend(condition.unclear);
            acts.push((condition.when, done));
        }
        notes.into_iter().for_each(|why| self.note(Some(why)));
        Ok(acts)
    }

    /// A map whose keys are not understood: any of its verdicts may be the one.
    fn any_entry(
        &mut self,
        key: &Expression<'t, 'a>,
        map: &Expression<'t, 'a>,
    ) -> Result<Acts<'a>, String> {
        self.when.extend(brought(key));
        self.note(Some("which key of a map a packet has is not known".to_owned()));
        let mut acts = Acts::new();
        self.context.lists(&[], map)?.each(|element| {
            acts.push((vec![Match::Unknown], data(element.data).0));
            true
        });
        Ok(acts)
    }
}

/// What policies mean by a refusal that is told.
const PROHIBITED: &str = "admin-prohibited";

fn act(verdict: Verdict<'_>) -> Act<'_> {
    match verdict {
        Verdict::Accept => Act::Decide(ir::Verdict::Accept),
        Verdict::Drop => Act::Decide(ir::Verdict::Drop),
        Verdict::Return => Act::Return,
        Verdict::Continue => Act::Continue,
        Verdict::Jump(name) => Act::Jump(name),
        Verdict::Goto(name) => Act::Goto(name),
    }
}

/// Returns what the data of a map's element does.
fn data<'a>(tokens: &[Token<'a>]) -> (Act<'a>, Option<String>) {
    let words = texts(tokens).len();
    let mut cursor = Cursor::new(tokens);
    let read = verdict(&mut cursor);
    match read {
        Some(verdict @ (Verdict::Jump(_) | Verdict::Goto(_))) if words == 2 => (act(verdict), None),
        Some(verdict) if words == 1 => (act(verdict), None),
        _ => (Act::Anything, Some(ELEMENT.to_owned())),
    }
}

/// Which packets lack a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lack {
    Never,
    /// Those that belong to no connection.
    Connection,
    Perhaps,
}

/// Returns which packets lack a value: none a constant or a mark.
fn lack(value: &Expression<'_, '_>) -> Lack {
    match value {
        Expression::Value(_) => Lack::Never,
        Expression::Of(words) => match texts(words).as_slice() {
            ["meta", "mark" | "priority"] | ["mark"] => Lack::Never,
            ["ct", "mark"] => Lack::Connection,
            _ => Lack::Perhaps,
        },
        Expression::Binary(_, pair) => lack(&pair.0).max(lack(&pair.1)),
        Expression::List(list) => list.iter().map(lack).max().unwrap_or(Lack::Perhaps),
        _ => Lack::Perhaps,
    }
}
