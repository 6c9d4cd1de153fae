//! From rules to chains: one for each direction, interface and tag.

use crate::firewall::ReadError;
use crate::firewall::pf::syntax::refuse;
use crate::ir::{Hook, Placement, StateMode, Verdict};
use crate::net::protocol::TCP;
use crate::program::Program;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Target};

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Pass,
    /// Sets a tag and decides nothing.
    Match,
    Block(Verdict),
    /// Passes without a state where none is needed: pf does not look at the packet.
    Skip,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) line: usize,
    pub(super) action: Action,
    /// `Some(true)` is in, `Some(false)` is out.
    pub(super) incoming: Option<bool>,
    pub(super) quick: bool,
    /// Indices of interfaces; empty is every one.
    pub(super) interfaces: Vec<u16>,
    /// What it matches beside direction, interface and tag.
    pub(super) when: Vec<Match>,
    pub(super) tagged: Option<String>,
    pub(super) tag: Option<String>,
    /// Whether it keeps state; only of rules that pass.
    pub(super) keeps: bool,
    /// Whether TCP has to begin with a SYN: what rules that pass ask for unless they say otherwise.
    pub(super) syn: bool,
    /// Whether the rule itself says so.
    pub(super) asks_syn: bool,
}

/// A way that packets take through the rules: in or out, by which interface, with which tag.
#[derive(Clone, PartialEq, Eq)]
struct Hop {
    incoming: bool,
    interface: u16,
    tag: Option<String>,
    /// Whether a packet that passes goes on to the rules of the way out.
    forwarded: bool,
}

struct Builder<'a> {
    rules: &'a [Rule],
    state: StateMode,
    /// The index that stands for any other interface.
    last: u16,
    hops: Vec<Hop>,
    program: Program,
}

/// Builds the program.
pub(super) fn build(
    rules: &[Rule],
    placement: &Placement,
    state: StateMode,
) -> Result<Program, ReadError> {
    let last = placement.other_interface();
    let mut builder = Builder { rules, state, last, hops: Vec::new(), program: Program::default() };
    for hook in [Hook::Input, Hook::Output, Hook::Forward] {
        builder.base(hook)?;
    }
    Ok(builder.program)
}

fn one(field: Field, value: u32) -> Match {
    Match::Field(field, vec![(value, value)])
}

impl Builder<'_> {
    fn clause(&self, line: usize, when: Vec<Match>, then: Target) -> Clause {
        Clause { when, then, place: Place { file: 0, line } }
    }

    fn new_chain(&mut self, name: String) -> usize {
        self.program.chains.push(Chain { name, clauses: Vec::new() });
        self.program.chains.len() - 1
    }

    fn put(&mut self, chain: usize, clauses: Vec<Clause>) {
        if let Some(chain) = self.program.chains.get_mut(chain) {
            chain.clauses = clauses;
        }
    }

    fn base(&mut self, hook: Hook) -> Result<(), ReadError> {
        let entry = self.new_chain(hook.word().to_owned());
        let incoming = hook.has_incoming();
        let mut clauses = Vec::new();
        if self.state == StateMode::Stateful {
            // A state passes its packets, and the errors about it, before any rule.
            let known = Match::Field(Field::State, vec![(1, 2)]);
            clauses.push(self.clause(1, vec![known], Target::Decide(Verdict::Accept)));
        }
        for interface in 0..=self.last {
            let hop = Hop { incoming, interface, tag: None, forwarded: hook == Hook::Forward };
            let field = if incoming { Field::Incoming } else { Field::Outgoing };
            let chain = self.hop(hop)?;
            clauses.push(self.clause(1, vec![one(field, interface.into())], Target::Goto(chain)));
        }
        self.put(entry, clauses);
        let at = Hook::ALL.iter().position(|known| *known == hook).unwrap_or_default();
        self.program.bases.push(Base {
            when: vec![one(Field::Hook, u32::try_from(at).unwrap_or_default())],
            chain: entry,
            // What no rule matches passes.
            policy: Verdict::Accept,
            place: Place { file: 0, line: 1 },
        });
        Ok(())
    }

    /// Returns the chain of a hop; its place in `hops` is its number among the chains that hops have.
    fn hop(&mut self, hop: Hop) -> Result<usize, ReadError> {
        let name = name(&hop);
        if self.hops.contains(&hop) {
            let known = self.program.chains.iter().position(|chain| chain.name == name);
            return known.ok_or_else(|| refuse(1, "a chain is lost"));
        }
        self.hops.push(hop.clone());
        let chain = self.new_chain(name);
        let mut hop = hop;
        let mut clauses = Vec::new();
        let rules = self.rules;
        // Quick rules come before all that follows them; the others behind it.
        let mut behind = Vec::new();
        for rule in rules.iter().filter(|rule| applies(rule, &hop)).collect::<Vec<_>>() {
            if rule.action == Action::Match {
                tagging(rule, &mut hop)?;
                continue;
            }
            if rule.tagged.is_some() && rule.tagged != hop.tag {
                continue;
            }
            let clause = self.rule(rule, &hop)?;
            if rule.quick { clauses.extend(clause) } else { behind.push(clause) }
        }
        clauses.extend(behind.into_iter().rev().flatten());
        let passed = self.passed(&hop, &hop.tag.clone())?;
        clauses.push(self.clause(1, Vec::new(), passed));
        self.put(chain, clauses);
        Ok(chain)
    }

    /// What becomes of a packet that a hop lets pass.
    fn passed(&mut self, hop: &Hop, tag: &Option<String>) -> Result<Target, ReadError> {
        if !(hop.incoming && hop.forwarded) {
            return Ok(Target::Decide(Verdict::Accept));
        }
        let name = format!("out with {}", tag.as_deref().unwrap_or("no tag"));
        let known = self.program.chains.iter().position(|chain| chain.name == name);
        if let Some(known) = known {
            return Ok(Target::Goto(known));
        }
        let chain = self.new_chain(name);
        let mut clauses = Vec::new();
        for interface in 0..=self.last {
            let hop = Hop { incoming: false, interface, tag: tag.clone(), forwarded: true };
            let next = self.hop(hop)?;
            let when = vec![one(Field::Outgoing, interface.into())];
            clauses.push(self.clause(1, when, Target::Goto(next)));
        }
        self.put(chain, clauses);
        Ok(Target::Goto(chain))
    }

    fn rule(&mut self, rule: &Rule, hop: &Hop) -> Result<Vec<Clause>, ReadError> {
        let clause = |when: Vec<Match>, then| Clause {
            when,
            then,
            place: Place { file: 0, line: rule.line },
        };
        if rule.asks_syn && self.state == StateMode::Stateless {
            return Err(refuse(rule.line, "`flags S/SA` is understood with states only"));
        }
        let when = rule.when.clone();
        let state = |ranges| Match::Field(Field::State, ranges);
        let new = [when.clone(), vec![state(vec![(0, 0), (4, 4)])]].concat();
        if let Action::Block(verdict) = rule.action {
            let when = if rule.syn && self.state == StateMode::Stateful { new } else { when };
            return Ok(vec![clause(when, Target::Decide(verdict))]);
        }
        let tag = rule.tag.clone().or_else(|| hop.tag.clone());
        if rule.action == Action::Skip {
            return Ok(vec![clause(when, self.passed(hop, &tag)?)]);
        }
        let staged = hop.incoming && rule.tag.is_some();
        let loopback = rule.interfaces == [0];
        let then = match (rule.keeps, self.state) {
            (true, StateMode::Stateless) => {
                return Err(refuse(rule.line, "a stateless target keeps no state"));
            }
            // Tags on the way in, and a loopback that passes both ways, need no state.
            (false, StateMode::Stateful) if !staged && !loopback => {
                Target::Decide(Verdict::Untrack)
            }
            _ => self.passed(hop, &tag)?,
        };
        if !rule.keeps {
            return Ok(vec![clause(when, then)]);
        }
        let mut clauses = vec![clause(new, then)];
        if !rule.syn {
            let tcp = one(Field::Protocol, TCP.into());
            clauses.push(clause([when, vec![state(vec![(3, 3)]), tcp]].concat(), then));
        }
        Ok(clauses)
    }
}

fn name(hop: &Hop) -> String {
    let way = if hop.incoming { "in" } else { "out" };
    let tag = hop.tag.as_deref().unwrap_or("no tag");
    format!(
        "{way} by {} with {tag}{}",
        hop.interface,
        if hop.forwarded { ", forwarded" } else { "" }
    )
}

fn applies(rule: &Rule, hop: &Hop) -> bool {
    rule.incoming.is_none_or(|incoming| incoming == hop.incoming)
        && (rule.interfaces.is_empty() || rule.interfaces.contains(&hop.interface))
}

/// A match rule sets its tag at once; understood where it looks at nothing else.
fn tagging(rule: &Rule, hop: &mut Hop) -> Result<(), ReadError> {
    if !rule.when.is_empty() || rule.quick || rule.tagged.is_some() {
        return Err(refuse(rule.line, "a match rule is understood where it only sets a tag"));
    }
    hop.tag = rule.tag.clone().or_else(|| hop.tag.take());
    Ok(())
}
