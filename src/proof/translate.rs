//! From a program to the diagram of what it does with every packet of one family.

use super::diagram::{
    Conjunction, Diagrams, LEFT, MAYBE, Node, OverBudget, UNDECIDED, Value, exchanged, terminal,
};
use super::field;
use super::program::{Base, Clause, Field, Match, Program, Ranges, Then};
use super::ranges::{common, sorted};
use crate::ir::{Placement, Verdict};
use crate::net::Family;
use rustc_hash::FxHashMap;

/// An address family as the diagrams count it.
pub(super) trait Side: Value {
    const FAMILY: Family;
    /// The ranges of an address match, if it is of this family.
    fn addresses(condition: &Match) -> Option<(u8, &Ranges<Self>)>;
    /// The address that a value stands for.
    fn address(value: Self) -> std::net::IpAddr;
    /// The ranges of this family in a set of the rules.
    fn of_set(set: &crate::net::IpSet) -> &[(Self, Self)];
    /// The matches of source and destination addresses in these ranges.
    fn ends(source: Ranges<Self>, destination: Ranges<Self>) -> [Match; 2];
}

impl Side for u32 {
    const FAMILY: Family = Family::V4;

    fn addresses(condition: &Match) -> Option<(u8, &Ranges<u32>)> {
        match condition {
            Match::Source4(ranges) => Some((field::SOURCE, ranges)),
            Match::Destination4(ranges) => Some((field::DESTINATION, ranges)),
            _ => None,
        }
    }

    fn address(value: u32) -> std::net::IpAddr {
        std::net::Ipv4Addr::from_bits(value).into()
    }

    fn of_set(set: &crate::net::IpSet) -> &[(u32, u32)] {
        set.v4.ranges()
    }

    fn ends(source: Ranges<u32>, destination: Ranges<u32>) -> [Match; 2] {
        [Match::Source4(source), Match::Destination4(destination)]
    }
}

impl Side for u128 {
    const FAMILY: Family = Family::V6;

    fn addresses(condition: &Match) -> Option<(u8, &Ranges<u128>)> {
        match condition {
            Match::Source6(ranges) => Some((field::SOURCE, ranges)),
            Match::Destination6(ranges) => Some((field::DESTINATION, ranges)),
            _ => None,
        }
    }

    fn address(value: u128) -> std::net::IpAddr {
        std::net::Ipv6Addr::from_bits(value).into()
    }

    fn of_set(set: &crate::net::IpSet) -> &[(u128, u128)] {
        set.v6.ranges()
    }

    fn ends(source: Ranges<u128>, destination: Ranges<u128>) -> [Match; 2] {
        [Match::Source6(source), Match::Destination6(destination)]
    }
}

/// What a conjunction says: a product of sets and further diagrams, or that no packet fits.
struct Condition<V> {
    sets: Conjunction<V>,
    further: Vec<Node>,
}

struct Translator<'a, V> {
    program: &'a Program,
    others: u32,
    diagrams: &'a mut Diagrams<V>,
    chains: Vec<Option<Node>>,
    fallen: FxHashMap<Node, Node>,
    returned: FxHashMap<Node, Node>,
}

/// Gives the diagram of a program. The program must have passed [`Program::check`].
///
/// The interface that stands for every other one is the last, so a range that reaches it goes on to the
/// field's end.
pub(super) fn program<V: Side>(
    program: &Program,
    placement: &Placement,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let mut translator = Translator::new(program, placement, diagrams);
    let mut all = terminal(Verdict::Accept);
    for base in &program.bases {
        let base = translator.base(base)?;
        all = translator.diagrams.then(all, base)?;
    }
    Ok(all)
}

/// Gives the diagram that accepts the packets of a union of conjunctions, and decides no other.
pub(super) fn union<V: Side>(
    conjunctions: &[Vec<Match>],
    placement: &Placement,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    Translator::new(&Program::default(), placement, diagrams).any_of(conjunctions)
}

/// Behind a jump, a chain that returned or ended has not decided.
fn fall(node: Node) -> Node {
    exchanged(node, LEFT, UNDECIDED)
}

/// Behind a goto, a chain that ended has left the caller as well.
fn leave(node: Node) -> Node {
    exchanged(node, UNDECIDED, LEFT)
}

impl<'a, V: Side> Translator<'a, V> {
    fn new(program: &'a Program, placement: &Placement, diagrams: &'a mut Diagrams<V>) -> Self {
        Translator {
            program,
            others: placement.other_interface().into(),
            diagrams,
            chains: vec![None; program.chains.len()],
            fallen: FxHashMap::default(),
            returned: FxHashMap::default(),
        }
    }

    fn base(&mut self, base: &Base) -> Result<Node, OverBudget> {
        let Some(condition) = self.condition(&base.when)? else { return Ok(UNDECIDED) };
        let chain = self.chain(base.chain)?;
        let chain = self.diagrams.replace(chain, fall, &mut self.fallen)?;
        let decided = self.diagrams.over(chain, terminal(base.policy))?;
        self.inside(condition, decided)
    }

    fn chain(&mut self, index: usize) -> Result<Node, OverBudget> {
        if let Some(Some(node)) = self.chains.get(index) {
            return Ok(*node);
        }
        let program = self.program;
        let clauses = program.chains.get(index).map(|chain| chain.clauses.as_slice());
        let mut list = Vec::new();
        for clause in clauses.unwrap_or_default() {
            list.push(self.clause(clause)?);
        }
        let node = self.diagrams.first_match(&list)?;
        if let Some(known) = self.chains.get_mut(index) {
            *known = Some(node);
        }
        Ok(node)
    }

    fn clause(&mut self, clause: &Clause) -> Result<Node, OverBudget> {
        let then = match clause.then {
            Then::Continue => return Ok(UNDECIDED),
            Then::Return => LEFT,
            Then::Decide(verdict) => terminal(verdict),
            Then::Jump(chain) => {
                let chain = self.chain(chain)?;
                self.diagrams.replace(chain, fall, &mut self.fallen)?
            }
            Then::Goto(chain) => {
                let chain = self.chain(chain)?;
                self.diagrams.replace(chain, leave, &mut self.returned)?
            }
        };
        match self.condition(&clause.when)? {
            Some(condition) => self.inside(condition, then),
            None => Ok(UNDECIDED),
        }
    }

    fn inside(&mut self, condition: Condition<V>, then: Node) -> Result<Node, OverBudget> {
        let mut node = then;
        for further in condition.further {
            node = self.diagrams.guard(further, node)?;
        }
        // A terminal below every level can stand at the end of the product; anything else is guarded.
        if self.diagrams.edges(node).is_none() {
            return self.diagrams.product(&condition.sets, node);
        }
        let sets = self.diagrams.product(&condition.sets, terminal(Verdict::Accept))?;
        self.diagrams.guard(sets, node)
    }

    /// Reads a conjunction; `None` when no packet of the family fits.
    fn condition(&mut self, when: &[Match]) -> Result<Option<Condition<V>>, OverBudget> {
        let mut condition = Condition { sets: Vec::new(), further: Vec::new() };
        for one in when {
            let (level, ranges) = match one {
                Match::Family(family) if *family == V::FAMILY => continue,
                Match::Family(_) => return Ok(None),
                Match::AnyOf(alternatives) => {
                    condition.further.push(self.any_of(alternatives)?);
                    continue;
                }
                Match::Unknown => {
                    condition.further.push(MAYBE);
                    continue;
                }
                Match::Field(name @ (Field::Incoming | Field::Outgoing), ranges) => {
                    let open = |end: u32| if end >= self.others { u16::MAX.into() } else { end };
                    let ranges: Ranges<u32> = ranges.iter().map(|(l, h)| (*l, open(*h))).collect();
                    (field::level(*name), values(&ranges))
                }
                Match::Field(name, ranges) => (field::level(*name), values(ranges)),
                address => match V::addresses(address) {
                    Some((level, ranges)) => (level, sorted(ranges)),
                    None => return Ok(None),
                },
            };
            if !restrict(&mut condition.sets, level, ranges) {
                return Ok(None);
            }
        }
        Ok(Some(condition))
    }

    /// The union of conjunctions.
    fn any_of(&mut self, alternatives: &[Vec<Match>]) -> Result<Node, OverBudget> {
        let mut list = Vec::with_capacity(alternatives.len());
        for alternative in alternatives {
            if let Some(condition) = self.condition(alternative)? {
                list.push(self.inside(condition, terminal(Verdict::Accept))?);
            }
        }
        self.diagrams.first_match(&list)
    }
}

fn values<V: Value>(ranges: &Ranges<u32>) -> Ranges<V> {
    let ranges: Ranges<V> =
        ranges.iter().map(|(low, high)| (V::from_field(*low), V::from_field(*high))).collect();
    sorted(&ranges)
}

/// Adds a set to a product; false when nothing is left.
pub(super) fn restrict<V: Value>(sets: &mut Conjunction<V>, level: u8, ranges: Ranges<V>) -> bool {
    match sets.binary_search_by_key(&level, |(level, _)| *level) {
        Ok(at) => {
            sets[at].1 = common(&sets[at].1, &ranges);
            !sets[at].1.is_empty()
        }
        Err(at) => {
            let some = !ranges.is_empty();
            sets.insert(at, (level, ranges));
            some
        }
    }
}
