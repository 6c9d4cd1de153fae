//! The lines of a rule set, one after the other.

use super::interfaces::{self, On};
use super::names;
use super::program::{Action, Rule};
use super::rewrite::Rewrite;
use super::rule::{Draft, Rewrites, exactly};
use super::tables::Tables;
use crate::firewall::pf::syntax::{Cursor, Word, has, refuse};
use crate::firewall::{ReadError, at_hook};
use crate::ir::{Hook, Placement, StateMode, Verdict};
use crate::net::Family;
use crate::net::protocol::TCP;
use crate::program::{Field, Match};

/// Reads the lines.
pub(super) struct Reader<'a, 'w> {
    cursor: Cursor<'a, 'w>,
    placement: &'w Placement,
    state: StateMode,
    tables: &'w Tables,
    /// What pf does not look at.
    skipped: Vec<Rule>,
    /// What `block` alone does.
    block: Answer,
    /// What rules make of packets that other rules ask for.
    rewrites: Vec<Rewrite>,
    pub(super) unclear: Vec<ReadError>,
}

/// What a rule that blocks answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Silence,
    /// A reset to TCP, else "port unreachable".
    Return,
    /// A reset to TCP, else silence.
    Reset,
    /// ICMP with these codes, of IPv4 and of IPv6.
    Icmp(Option<u8>, Option<u8>),
}

/// Settings of how pf works, and how much it holds: not of what becomes of which packet.
const SETTINGS: &str = "optimization ruleset-optimization timeout limit loginterface state-policy fingerprints \
    debug hostid reassemble require-order keepcounters syncookies";

/// Anchors in anchors.
pub(crate) const DEEPEST: usize = 32;

impl<'a, 'w> Reader<'a, 'w> {
    pub(super) fn new(
        words: &'w [Word<'a>],
        placement: &'w Placement,
        state: StateMode,
        tables: &'w Tables,
    ) -> Self {
        Reader {
            cursor: Cursor { words, at: 0 },
            placement,
            state,
            tables,
            skipped: Vec::new(),
            block: Answer::Silence,
            rewrites: Vec::new(),
            unclear: Vec::new(),
        }
    }

    /// Reads everything.
    pub(super) fn read(&mut self) -> Result<Vec<Rule>, ReadError> {
        let rules = self.block_of(0)?;
        let mut rules = [std::mem::take(&mut self.skipped), rules].concat();
        self.tags(&mut rules);
        super::rewrite::apply(&self.rewrites, &mut rules, self.placement);
        match self.state {
            StateMode::Stateless => self.forget_states(&mut rules),
            StateMode::Stateful => self.stateless_passes(&mut rules),
        }
        Ok(rules)
    }

    /// The lines up to the end, or to the brace that ends an anchor.
    fn block_of(&mut self, depth: usize) -> Result<Vec<Rule>, ReadError> {
        let mut rules = Vec::new();
        while let Some(word) = self.cursor.next() {
            let line = word.line;
            match word.text {
                "" => {}
                "}" if depth > 0 => return Ok(rules),
                "pass" | "block" | "match" => self.rule(word, &mut rules)?,
                "anchor" => self.anchor(line, depth, &mut rules)?,
                "antispoof" => {
                    let mut draft = Draft::new(line);
                    draft.incoming = Some(true);
                    draft.quick = self.rest()?.contains(&"quick");
                    draft.may("`antispoof` blocks addresses that are not known".to_owned());
                    self.put(&mut draft, &[(Vec::new(), Action::Block(Verdict::Drop))], &mut rules);
                }
                "set" => self.setting(line, &mut rules)?,
                "include" => {
                    self.rest()?;
                    self.anything(Draft::new(line), "what is included is not given", &mut rules);
                }
                "rdr" | "nat" | "binat" => self.translation(word, &mut rules)?,
                "nat-anchor" | "rdr-anchor" | "binat-anchor" => {
                    self.rest()?;
                    let reason = "the translations of this anchor are not given";
                    self.rewritten(&Draft::new(line), Rewrites::Ends, true);
                    self.unclear.push(refuse(line, reason));
                }
                "ether" => {
                    self.rest()?;
                    self.anything(Draft::new(line), "`ether` is not understood", &mut rules);
                }
                // Tables are read before; the rules of an anchor are asked for where it stands; what is
                // not translated is as it was; the rest puts packets together, and shapes.
                "table" | "load" | "no" | "scrub" | "scrub-anchor" | "dummynet-anchor" | "altq"
                | "queue" | "pipe" | "dnpipe" | "dnqueue" => drop(self.rest()?),
                other => return Err(refuse(line, format!("`{other}` is not understood"))),
            }
        }
        match depth {
            0 => Ok(rules),
            _ => Err(refuse(self.cursor.line(), "this anchor does not end")),
        }
    }

    /// Steps to the end of the line, over lists of several lines.
    fn rest(&mut self) -> Result<Vec<&'a str>, ReadError> {
        let (mut found, mut open) = (Vec::new(), 0usize);
        while let Some(word) = self.cursor.next() {
            match word.text {
                "" if open == 0 => return Ok(found),
                "{" if !word.quoted => open += 1,
                "}" if !word.quoted => {
                    open = open.checked_sub(1).ok_or_else(|| refuse(word.line, "a stray `}`"))?;
                }
                text => found.push(text),
            }
        }
        match open {
            0 => Ok(found),
            _ => Err(refuse(self.cursor.line(), "a list does not end")),
        }
    }

    /// `nat on em0 from 10.0.0.0/8 to any -> 192.0.2.1`: comes before all rules.
    fn translation(&mut self, first: &Word<'a>, rules: &mut Vec<Rule>) -> Result<(), ReadError> {
        let mut draft = Draft::new(first.line);
        if self.cursor.skip("pass") {
            let mut passed = Draft { quick: true, ..Draft::new(first.line) };
            passed.may("what translation passes on is not understood".to_owned());
            self.put(&mut passed, &[(Vec::new(), Action::Skip)], rules);
            if self.cursor.skip("log") {
                super::rule::parenthesised(&mut self.cursor)?;
            }
        }
        let at = self.cursor.at;
        if draft.head(&mut self.cursor, self.placement, self.tables).is_err() {
            self.cursor.at = at;
            draft = Draft::new(first.line);
        }
        self.rest()?;
        draft.incoming = match first.text {
            "nat" => Some(false),
            "rdr" => Some(true),
            _ => None,
        };
        self.rewritten(&draft, Rewrites::Ends, true);
        let reason = format!("rules see what `{}` makes of packets", first.text);
        self.unclear.push(refuse(first.line, reason));
        Ok(())
    }

    /// Takes note of a rule that makes something else of packets.
    fn rewritten(&mut self, draft: &Draft, what: Rewrites, before_all: bool) {
        let line = if before_all { 0 } else { draft.line };
        self.rewrites.push(Rewrite::of(draft, what, line));
    }

    fn setting(&mut self, line: usize, rules: &mut Vec<Rule>) -> Result<(), ReadError> {
        if self.cursor.skip("skip") {
            self.cursor.need("on")?;
            let on = interfaces::read(&mut self.cursor, self.placement)?;
            let mut draft = Draft { quick: true, ..Draft::new(line) };
            if !on.perhaps.is_empty() {
                draft.unclear.push("an interface here is not the policy's".to_owned());
            }
            draft.on = Some(on);
            let mut skipped = std::mem::take(&mut self.skipped);
            self.put(&mut draft, &[(Vec::new(), Action::Skip)], &mut skipped);
            self.skipped = skipped;
        } else if self.cursor.skip("block-policy") {
            self.block = match self.cursor.value()? {
                "return" => Answer::Return,
                _ => Answer::Silence,
            };
        } else if !has(SETTINGS, self.cursor.peek()) {
            let reason = format!("the setting `{}` is not understood", self.cursor.peek());
            self.anything(Draft::new(line), &reason, rules);
        }
        self.rest().map(drop)
    }

    fn rule(&mut self, first: &Word<'a>, rules: &mut Vec<Rule>) -> Result<(), ReadError> {
        let mut draft = Draft { syn: first.text == "pass", ..Draft::new(first.line) };
        let answer = match first.text {
            "block" => Some(self.answer()?),
            _ => None,
        };
        draft.read(&mut self.cursor, self.placement, self.tables)?;
        if let Some(what) = draft.rewrites {
            self.rewritten(&draft, what, false);
        }
        if !self.cursor.peek().is_empty() {
            return Err(refuse(first.line, format!("`{}` is out of place", self.cursor.peek())));
        }
        if first.text == "match" {
            // It decides nothing, but what it sets.
            if draft.tag.is_some() {
                self.put(&mut draft, &[(Vec::new(), Action::Match)], rules);
            } else if draft.rewrites.is_some() {
                self.note(&draft);
            }
            return Ok(());
        }
        if !draft.keeps {
            draft.syn &= draft.asks_syn;
        }
        if draft.syn && self.state == StateMode::Stateless {
            (draft.syn, draft.asks_syn) = (false, false);
            draft.tcp_only(exactly("S", "SA").map_err(|reason| refuse(first.line, reason))?);
        }
        match answer {
            None if draft.limited => {
                // What is beyond the limit is dropped, by this very rule.
                draft.unclear.push("the limit of states may drop instead".to_owned());
                let pass = (vec![Match::Unknown], Action::Pass);
                let block = (Vec::new(), Action::Block(Verdict::Drop));
                let both = if draft.quick { [pass, block] } else { [block, pass] };
                self.put(&mut draft, &both, rules);
            }
            None => self.put(&mut draft, &[(Vec::new(), Action::Pass)], rules),
            Some(answer) => {
                let blocks = blocks(answer, &mut draft);
                self.put(&mut draft, &blocks, rules);
            }
        }
        Ok(())
    }

    /// What stands behind `block`.
    fn answer(&mut self) -> Result<Answer, ReadError> {
        let cursor = &mut self.cursor;
        let words = ["drop", "return", "return-rst", "return-icmp", "return-icmp6"];
        let Some(word) = words.into_iter().find(|word| cursor.skip(word)) else {
            return Ok(self.block);
        };
        let given = super::rule::parenthesised(cursor)?;
        let mut given: Vec<_> = given.into_iter().filter(|word| *word != ",").collect();
        if given.len() > 2 {
            // Not what pf takes: another answer than any that is asked for.
            given.clear();
        }
        let code = |at: usize, ty: u8, v6: bool| {
            given.get(at).and_then(|text| names::icmp_code(text, ty, v6))
        };
        Ok(match word {
            "return" => Answer::Return,
            "return-rst" => Answer::Reset,
            "return-icmp" => Answer::Icmp(code(0, 3, false), code(1, 1, true)),
            "return-icmp6" => Answer::Icmp(None, code(0, 1, true)),
            _ => Answer::Silence,
        })
    }

    /// An anchor: its rules stand here, or may be any.
    fn anchor(
        &mut self,
        line: usize,
        depth: usize,
        rules: &mut Vec<Rule>,
    ) -> Result<(), ReadError> {
        if depth >= DEEPEST {
            return Err(refuse(line, format!("more than {DEEPEST} anchors deep")));
        }
        let word = self.cursor.words.get(self.cursor.at);
        // It may have no name.
        const FIRST: &[&str] =
            &["in", "out", "quick", "on", "inet", "inet6", "proto", "from", "to", "all", "{"];
        if word.is_some_and(|word| word.quoted || !FIRST.contains(&word.text)) {
            self.cursor.value()?;
        }
        let mut draft = Draft::new(line);
        draft.read(&mut self.cursor, self.placement, self.tables)?;
        if !self.cursor.skip("{") {
            self.anything(draft, "the rules of this anchor are not given", rules);
            return Ok(());
        }
        let mut inner = self.block_of(depth + 1)?;
        if draft.quick {
            // Where any of its rules matches, what it decides is final.
            let (quick, behind): (Vec<_>, Vec<_>) = inner.into_iter().partition(|rule| rule.quick);
            let behind = behind.into_iter().rev().map(|rule| Rule { quick: true, ..rule });
            inner = quick.into_iter().chain(behind).collect();
        }
        let mut outer = Vec::new();
        self.put(&mut draft, &[(Vec::new(), Action::Skip)], &mut outer);
        for rule in inner {
            rules.extend(outer.iter().filter_map(|outer| within(outer, &rule)));
        }
        Ok(())
    }

    /// Rules that are not known: they may pass, may block, and may do nothing.
    fn anything(&mut self, mut draft: Draft, reason: &str, rules: &mut Vec<Rule>) {
        draft.quick = true;
        draft.may(reason.to_owned());
        let any = [Action::Skip, Action::Block(Verdict::Drop)].map(|action| (Vec::new(), action));
        self.put(&mut draft, &any, rules);
    }

    /// Adds a rule: one for each thing that it may do, for the interfaces that it surely is for and for
    /// those that it may be for.
    fn put(&mut self, draft: &mut Draft, each: &[(Vec<Match>, Action)], rules: &mut Vec<Rule>) {
        let on = draft.on.take();
        let on = match on {
            None => vec![(Vec::new(), None)],
            Some(On { sure, perhaps }) => {
                let perhaps = (perhaps, Some(Match::Unknown));
                [(sure, None), perhaps].into_iter().filter(|(at, _)| !at.is_empty()).collect()
            }
        };
        for (more, action) in each {
            for (interfaces, perhaps) in &on {
                rules.push(Rule {
                    line: draft.line,
                    action: *action,
                    incoming: draft.incoming,
                    quick: draft.quick,
                    interfaces: interfaces.clone(),
                    when: [draft.when.clone(), more.clone(), perhaps.iter().cloned().collect()]
                        .concat(),
                    tagged: draft.tagged.clone(),
                    tag: draft.tag.clone().filter(|_| !matches!(action, Action::Block(_))),
                    keeps: draft.keeps,
                    syn: draft.syn,
                    asks_syn: draft.asks_syn,
                });
            }
        }
        self.note(draft);
    }

    fn note(&mut self, draft: &Draft) {
        if !draft.unclear.is_empty() {
            let reason = draft.unclear.join("; ");
            self.unclear.push(refuse(draft.line, reason));
        }
    }

    /// Tags stay with a packet from any rule that matches. They are followed where only a rule that ends
    /// the way through the rules sets them, or one that always matches.
    fn tags(&mut self, rules: &mut Vec<Rule>) {
        let plain = |rule: &Rule| rule.when.is_empty() && rule.tagged.is_none() && !rule.quick;
        let followed = |rule: &Rule| match rule.action {
            _ if rule.tag.is_none() => true,
            Action::Pass => rule.quick,
            Action::Match => plain(rule),
            Action::Block(_) | Action::Skip => true,
        };
        if rules.iter().all(followed) {
            return;
        }
        rules.retain(|rule| rule.action != Action::Match);
        for rule in rules {
            if rule.tagged.take().is_some() {
                rule.when.push(Match::Unknown);
                self.unclear.push(refuse(rule.line, "the tags here are not followed"));
            }
        }
    }

    /// A pass without a state lets the one packet by, and says nothing of what is forwarded after it: followed
    /// where it only sets a tag on the way in, or is on the loopback interface.
    fn stateless_passes(&mut self, rules: &mut [Rule]) {
        let followed = |rule: &Rule| {
            let tags = rule.tag.is_some() && rule.incoming == Some(true);
            rule.action != Action::Pass || rule.keeps || tags || rule.interfaces == [0]
        };
        for rule in rules.iter_mut().filter(|rule| !followed(rule)) {
            let own = [Hook::Input, Hook::Output].map(|hook| vec![at_hook(hook)]);
            let forwarded = vec![at_hook(Hook::Forward), Match::Unknown];
            rule.when.push(Match::AnyOf([&own[..], &[forwarded]].concat()));
            let reason = "what a pass without a state lets by is not followed further";
            self.unclear.push(refuse(rule.line, reason));
        }
    }

    /// A target without states says nothing of packets that a state lets pass: any may be one.
    fn forget_states(&mut self, rules: &mut Vec<Rule>) {
        let keeps = |rule: &&Rule| rule.keeps && rule.action == Action::Pass;
        let Some(line) = rules.iter().find(keeps).map(|rule| rule.line) else { return };
        for rule in rules.iter_mut() {
            rule.keeps = false;
        }
        let mut draft = Draft { quick: true, ..Draft::new(line) };
        draft.may("states are kept, and let pass what no rule does".to_owned());
        let mut first = Vec::new();
        self.put(&mut draft, &[(Vec::new(), Action::Skip)], &mut first);
        rules.splice(0..0, first);
    }
}

/// What a rule that blocks does to which packets.
fn blocks(answer: Answer, draft: &mut Draft) -> Vec<(Vec<Match>, Action)> {
    let all = |verdict| vec![(Vec::new(), Action::Block(verdict))];
    let tcp = Match::Field(Field::Protocol, vec![(TCP.into(), TCP.into())]);
    let others = Match::Field(Field::Protocol, vec![(0, 5), (7, 255)]);
    let apart = |verdict| {
        vec![
            (vec![tcp], Action::Block(Verdict::RejectReset)),
            (vec![others], Action::Block(verdict)),
        ]
    };
    let mut other_answer = |with: &str| {
        draft.unclear.push(format!(
            "this answers {with}, which no policy asks for: taken as administratively prohibited"
        ));
    };
    match answer {
        Answer::Silence => all(Verdict::Drop),
        Answer::Reset | Answer::Return if draft.protocols == [TCP] => all(Verdict::RejectReset),
        Answer::Reset => apart(Verdict::Drop),
        Answer::Return => {
            other_answer("port unreachable");
            apart(Verdict::RejectProhibited)
        }
        Answer::Icmp(v4, v6) => {
            let (four, six) = (v4 == Some(13), v6 == Some(1));
            let exact = match draft.family {
                Some(Family::V4) => four,
                Some(Family::V6) => six,
                None => four && six,
            };
            if !exact {
                other_answer("another ICMP error");
            }
            all(Verdict::RejectProhibited)
        }
    }
}

/// A rule of an anchor, with what the anchor asks for; `None` when no packet can meet both.
fn within(outer: &Rule, inner: &Rule) -> Option<Rule> {
    let incoming = match (outer.incoming, inner.incoming) {
        (Some(a), Some(b)) if a != b => return None,
        (a, b) => a.or(b),
    };
    let tagged = match (&outer.tagged, &inner.tagged) {
        (Some(a), Some(b)) if a != b => return None,
        (a, b) => a.clone().or_else(|| b.clone()),
    };
    let interfaces: Vec<u16> = match (outer.interfaces.is_empty(), inner.interfaces.is_empty()) {
        (true, _) => inner.interfaces.clone(),
        (_, true) => outer.interfaces.clone(),
        _ => {
            let both = inner.interfaces.iter().filter(|at| outer.interfaces.contains(at));
            let both: Vec<u16> = both.copied().collect();
            if both.is_empty() {
                return None;
            }
            both
        }
    };
    let when = [outer.when.clone(), inner.when.clone()].concat();
    Some(Rule { incoming, tagged, interfaces, when, ..inner.clone() })
}
