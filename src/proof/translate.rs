//! From a program to one list of what it does with every packet of a family.
//!
//! Chains that others jump to are written out in place of the jump, so that the list keeps the order in which
//! the text decides. Where a list cannot express that, or would become too long, it contains the chain's
//! diagram instead.

use super::budget::OverBudget;
use super::diagram::Diagrams;
use super::field;
use super::product::Product;
use super::store::{Item, Set};
use super::terminal::{ACCEPT, LEFT, MAYBE, Node, UNDECIDED, exchanged, terminal};
use super::value::Value;
use crate::ir::Placement;
use crate::net::Family;
use crate::program::{Base, Chain, Clause, Field, Match, Program, Ranges, Target};
use rustc_hash::FxHashMap;
use std::rc::Rc;

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

/// When a conjunction holds.
enum Condition {
    /// Inside of one of these products.
    Products(Vec<Product>),
    /// Where all of these accept, and where some do not decide alone, perhaps.
    Guards(Product, Vec<Node>),
}

struct Translator<'a, V> {
    program: &'a Program,
    others: u32,
    diagrams: &'a mut Diagrams<V>,
    chains: Vec<Option<Rc<[Item]>>>,
    fallen: FxHashMap<Node, Node>,
    returned: FxHashMap<Node, Node>,
    /// How many more items may be written out in the place of jumps.
    room: usize,
}

/// Returns the diagram of a program. The program must have passed [`Program::check`].
pub(super) fn program<V: Side>(
    program: &Program,
    placement: &Placement,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    let list = listed(program, placement, diagrams)?;
    diagrams.of_list(&list)
}

/// Returns what a program does as one first-match list, which decides every packet. The program must have
/// passed [`Program::check`].
///
/// The interface that stands for every other one is the last, so a range that reaches it goes on to the
/// field's end.
pub(super) fn listed<V: Side>(
    program: &Program,
    placement: &Placement,
    diagrams: &mut Diagrams<V>,
) -> Result<Vec<Item>, OverBudget> {
    let mut translator = Translator::new(program, placement, diagrams);
    let mut list = Vec::new();
    let mut entries: Vec<Product> = Vec::new();
    for base in &program.bases {
        match translator.alone(base, &entries)? {
            Some((entry, items)) => {
                list.extend(items);
                entries.push(entry);
            }
            None => {
                list.push(translator.diagrams.item(ACCEPT)?);
                let all = translator.diagrams.of_list(&list)?;
                let base = translator.base(base)?;
                let both = translator.diagrams.then(all, base)?;
                list = vec![translator.diagrams.item(both)?];
                // Nothing is apart from a diagram that decides every packet.
                entries = vec![Product::ALL];
            }
        }
    }
    list.push(translator.diagrams.item(ACCEPT)?);
    Ok(list)
}

/// Returns the diagram that accepts the packets of a union of conjunctions, and decides no other.
pub(super) fn union<V: Side>(
    conjunctions: &[Vec<Match>],
    placement: &Placement,
    diagrams: &mut Diagrams<V>,
) -> Result<Node, OverBudget> {
    Translator::new(&Program::default(), placement, diagrams).any_of(conjunctions)
}

/// After a jump, a chain that returned or ended has not decided.
fn fall(node: Node) -> Node {
    exchanged(node, LEFT, UNDECIDED)
}

/// After a goto, a chain that ended has left the caller as well.
fn leave(node: Node) -> Node {
    exchanged(node, UNDECIDED, LEFT)
}

/// The longest chain in which gotos are compared with the clauses after them.
const SHORT: usize = 64;

impl<'a, V: Side> Translator<'a, V> {
    fn new(program: &'a Program, placement: &Placement, diagrams: &'a mut Diagrams<V>) -> Self {
        let clauses: usize = program.chains.iter().map(|chain| chain.clauses.len()).sum();
        Translator {
            program,
            others: placement.other_interface().into(),
            diagrams,
            chains: vec![None; program.chains.len()],
            fallen: FxHashMap::default(),
            returned: FxHashMap::default(),
            room: 4 * clauses + 1000,
        }
    }

    /// Writes a base out, where it meets no packet that an earlier one meets: when it is entered, and its list.
    fn alone(
        &mut self,
        base: &Base,
        earlier: &[Product],
    ) -> Result<Option<(Product, Vec<Item>)>, OverBudget> {
        let Condition::Products(mut entries) = self.condition(&base.when)? else { return Ok(None) };
        let Some(entry) = entries.pop() else { return Ok(Some((Product::ALL, Vec::new()))) };
        if !entries.is_empty() {
            return Ok(None);
        }
        for other in earlier {
            if !self.diagrams.apart(&entry, other)? {
                return Ok(None);
            }
        }
        let policy = terminal(base.policy);
        let mut list = Vec::new();
        for item in self.chain(base.chain)?.iter() {
            let (product, end) = self.diagrams.product_of(*item);
            let item = match end {
                LEFT => self.item(&product, policy)?,
                end if self.leaves(end) => return Ok(None),
                _ => *item,
            };
            list.extend(self.narrowed(&entry, item)?);
        }
        let last = self.diagrams.item(policy)?;
        list.push(self.diagrams.inside(&entry, last)?);
        Ok(Some((entry, list)))
    }

    /// Returns the diagram of a base: undecided where it is not entered.
    fn base(&mut self, base: &Base) -> Result<Node, OverBudget> {
        let chain = self.chain(base.chain)?;
        let chain = self.diagrams.of_list(&chain)?;
        let chain = self.diagrams.replace(chain, fall, &mut self.fallen)?;
        let decided = self.diagrams.over(chain, terminal(base.policy))?;
        let condition = self.condition(&base.when)?;
        self.guarded(condition, decided)
    }

    fn chain(&mut self, index: usize) -> Result<Rc<[Item]>, OverBudget> {
        if let Some(Some(list)) = self.chains.get(index) {
            return Ok(Rc::clone(list));
        }
        let program = self.program;
        let mut list = Vec::new();
        if let Some(chain) = program.chains.get(index) {
            for (at, clause) in chain.clauses.iter().enumerate() {
                self.clause(chain, at, clause, &mut list)?;
            }
        }
        let list: Rc<[Item]> = list.into();
        if let Some(known) = self.chains.get_mut(index) {
            *known = Some(Rc::clone(&list));
        }
        Ok(list)
    }

    fn clause(
        &mut self,
        chain: &Chain,
        at: usize,
        clause: &Clause,
        list: &mut Vec<Item>,
    ) -> Result<(), OverBudget> {
        let (then, called) = match clause.then {
            Target::Continue => return Ok(()),
            Target::Return => (LEFT, None),
            Target::Decide(verdict) => (terminal(verdict), None),
            Target::Jump(called) => (UNDECIDED, Some(self.chain(called)?)),
            Target::Goto(called) => (LEFT, Some(self.chain(called)?)),
        };
        let condition = self.condition(&clause.when)?;
        let Some(called) = called else { return self.decided(condition, then, list) };
        if let Condition::Products(products) = &condition
            && self.fits(products, &called, then == LEFT)
        {
            for product in products {
                for item in called.iter() {
                    list.extend(self.narrowed(product, *item)?);
                }
                if then == LEFT && !self.is_last(chain, at, product)? {
                    list.push(self.item(product, LEFT)?);
                }
            }
            return Ok(());
        }
        let called = self.diagrams.of_list(&called)?;
        let called = match then {
            LEFT => self.diagrams.replace(called, leave, &mut self.returned)?,
            _ => self.diagrams.replace(called, fall, &mut self.fallen)?,
        };
        let node = self.guarded(condition, called)?;
        list.push(self.diagrams.item(node)?);
        Ok(())
    }

    /// Tells whether a chain can be written out in the place of a jump: none of its packets comes back early,
    /// and there is room.
    fn fits(&mut self, products: &[Product], called: &[Item], goes: bool) -> bool {
        if !goes && called.iter().any(|item| self.leaves(self.diagrams.end(*item))) {
            return false;
        }
        let room = self.room.checked_sub(products.len().saturating_mul(called.len()));
        self.room = room.unwrap_or(self.room);
        room.is_some()
    }

    /// Tells whether a diagram has packets that leave the chain.
    fn leaves(&self, node: Node) -> bool {
        self.diagrams.outcomes(node) & LEFT != 0
    }

    /// Tells whether no clause behind one matches a packet of a product, so that leaving is the same as ending.
    fn is_last(&mut self, chain: &Chain, at: usize, product: &Product) -> Result<bool, OverBudget> {
        if chain.clauses.len() > SHORT {
            return Ok(false);
        }
        for later in &chain.clauses[at + 1..] {
            let Condition::Products(others) = self.condition(&later.when)? else {
                return Ok(false);
            };
            for other in &others {
                if !self.diagrams.apart(product, other)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Adds what is decided under a condition.
    fn decided(
        &mut self,
        condition: Condition,
        then: Node,
        list: &mut Vec<Item>,
    ) -> Result<(), OverBudget> {
        match condition {
            Condition::Products(products) => {
                for product in &products {
                    list.push(self.item(product, then)?);
                }
            }
            guards @ Condition::Guards(..) => {
                let node = self.guarded(guards, then)?;
                list.push(self.diagrams.item(node)?);
            }
        }
        Ok(())
    }

    fn item(&mut self, product: &Product, node: Node) -> Result<Item, OverBudget> {
        let end = self.diagrams.item(node)?;
        self.diagrams.inside(product, end)
    }

    /// Returns an item inside of a product; `None` when no packet is left.
    fn narrowed(&mut self, product: &Product, item: Item) -> Result<Option<Item>, OverBudget> {
        let first = self.diagrams.level(item);
        if product.sets().all(|(level, _)| level < first) {
            return self.diagrams.inside(product, item).map(Some);
        }
        let (mut own, mut end) = self.diagrams.product_of(item);
        let first = self.diagrams.edges(end).map_or(u8::MAX, |(level, _)| level);
        let mut within = Product::ALL;
        for (level, set) in product.sets() {
            let part = if level < first { &mut own } else { &mut within };
            if !self.diagrams.narrow(part, level, set)? {
                return Ok(None);
            }
        }
        if within != Product::ALL {
            end = self.guarded(Condition::Products(vec![within]), end)?;
        }
        if end == UNDECIDED { Ok(None) } else { self.item(&own, end).map(Some) }
    }

    /// Returns a diagram where a condition holds; undecided elsewhere.
    fn guarded(&mut self, condition: Condition, then: Node) -> Result<Node, OverBudget> {
        let (products, guards) = match condition {
            Condition::Products(products) => (products, Vec::new()),
            Condition::Guards(product, guards) => (vec![product], guards),
        };
        let mut node = then;
        for guard in guards {
            node = self.diagrams.guard(guard, node)?;
        }
        let mut list = Vec::with_capacity(products.len());
        // A terminal below every level can stand at the end of a product; anything else is guarded.
        let is_end = self.diagrams.edges(node).is_none();
        for product in &products {
            list.push(self.item(product, if is_end { node } else { ACCEPT })?);
        }
        let inside = self.diagrams.of_list(&list)?;
        if is_end { Ok(inside) } else { self.diagrams.guard(inside, node) }
    }

    /// Reads a conjunction.
    fn condition(&mut self, when: &[Match]) -> Result<Condition, OverBudget> {
        let mut product = Product::ALL;
        let (mut several, mut guards) = (None, Vec::new());
        for one in when {
            match one {
                Match::Unknown => guards.push(MAYBE),
                Match::AnyOf(alternatives) if several.is_none() && flat(alternatives) => {
                    several = Some(alternatives);
                }
                Match::AnyOf(alternatives) => guards.push(self.any_of(alternatives)?),
                plain if self.narrow(&mut product, plain)? => {}
                _ => return Ok(Condition::Products(Vec::new())),
            }
        }
        if !guards.is_empty() {
            if let Some(alternatives) = several {
                guards.push(self.any_of(alternatives)?);
            }
            return Ok(Condition::Guards(product, guards));
        }
        let Some(alternatives) = several else { return Ok(Condition::Products(vec![product])) };
        let mut products = Vec::with_capacity(alternatives.len());
        for alternative in alternatives {
            let mut own = product;
            let mut some = true;
            for one in alternative {
                some = some && self.narrow(&mut own, one)?;
            }
            if some {
                products.push(own);
            }
        }
        self.diagrams.joined(products).map(Condition::Products)
    }

    /// Narrows a product by a plain condition; false when no packet of the family fits.
    fn narrow(&mut self, product: &mut Product, one: &Match) -> Result<bool, OverBudget> {
        let (level, set) = match one {
            Match::Family(family) => return Ok(*family == V::FAMILY),
            Match::Field(name @ (Field::Incoming | Field::Outgoing), ranges) => {
                let open = |end: u32| if end >= self.others { u16::MAX.into() } else { end };
                let ranges: Ranges<u32> = ranges.iter().map(|(l, h)| (*l, open(*h))).collect();
                (field::level(*name), self.values(&ranges)?)
            }
            Match::Field(name, ranges) => (field::level(*name), self.values(ranges)?),
            address => match V::addresses(address) {
                Some((level, ranges)) => (level, self.diagrams.set(ranges)?),
                None => return Ok(false),
            },
        };
        self.diagrams.narrow(product, level, set)
    }

    fn values(&mut self, ranges: &[(u32, u32)]) -> Result<Set, OverBudget> {
        let value = |(low, high): &(u32, u32)| (V::from_field(*low), V::from_field(*high));
        match ranges {
            [one] => self.diagrams.set(&[value(one)]),
            several => self.diagrams.set(&several.iter().map(value).collect::<Ranges<V>>()),
        }
    }

    /// The union of conjunctions.
    fn any_of(&mut self, alternatives: &[Vec<Match>]) -> Result<Node, OverBudget> {
        let mut list = Vec::with_capacity(alternatives.len());
        for alternative in alternatives {
            let condition = self.condition(alternative)?;
            self.decided(condition, ACCEPT, &mut list)?;
        }
        self.diagrams.of_list(&list)
    }
}

/// Tells whether alternatives are plain conditions only.
fn flat(alternatives: &[Vec<Match>]) -> bool {
    let plain = |one: &Match| !matches!(one, Match::Unknown | Match::AnyOf(_));
    alternatives.iter().flatten().all(plain)
}
