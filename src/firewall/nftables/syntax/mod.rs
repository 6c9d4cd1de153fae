//! The language that nft's tools print, as a tree: commands, tables, chains and sets, rules, statements,
//! expressions.
//!
//! Nothing is lost: each statement keeps its words, and one that the grammar does not know is
//! [`What::Unknown`] up to the end of its rule, for nobody can tell where it would end. What any of it means
//! is not known here. Lists of elements stay text until somebody asks for them: there can be a million.

mod command;
mod cursor;
mod define;
mod elements;
mod expression;
mod json;
mod lex;
mod statement;

use crate::firewall::ReadError;
use crate::program::Place;
pub(super) use command::commands;
pub(super) use cursor::Cursor;
pub(crate) use define::MOST;
pub(super) use elements::{Element, Elements};
pub(super) use json::spell;
pub(super) use lex::{Kind, Token};
pub(super) use statement::verdict;
use std::collections::HashSet;

/// A word or quoted text and its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word<'a> {
    /// The text.
    pub(super) text: &'a str,
    /// The line, from 1.
    pub(super) line: usize,
}

/// A table's family and name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TableName<'a> {
    /// `inet` and its like.
    pub(super) family: &'a str,
    /// Its name.
    pub(super) name: &'a str,
}

/// A command: in a listing there are only tables that are added.
#[derive(Debug)]
pub(super) struct Command<'t, 'a> {
    /// Its line.
    pub(super) line: usize,
    /// `add` and its like.
    pub(super) verb: &'a str,
    /// What it is about.
    pub(super) object: Object<'t, 'a>,
}

/// What a command is about.
#[derive(Debug)]
pub(super) enum Object<'t, 'a> {
    /// All tables, or those of a family.
    Ruleset(Option<&'a str>),
    /// A table, and what stands in its braces.
    Table(TableName<'a>, Option<Vec<Item<'t, 'a>>>),
    /// A chain.
    Chain(TableName<'a>, Chain<'t, 'a>),
    /// A rule of a chain.
    Rule(TableName<'a>, Word<'a>, Rule<'t, 'a>),
    /// A set or map.
    Set(TableName<'a>, Set<'t, 'a>),
    /// Elements of a set or map.
    Elements(TableName<'a>, Word<'a>, Elements<'t, 'a>),
    /// An object that rules name: a counter, a flowtable. What it is does not matter here.
    Other,
}

/// What stands in a table.
#[derive(Debug)]
pub(super) enum Item<'t, 'a> {
    /// A chain.
    Chain(Chain<'t, 'a>),
    /// A set or map.
    Set(Set<'t, 'a>),
    /// Something that the table is.
    Property(Property<'t, 'a>),
    /// An object that rules name.
    Other(&'t [Token<'a>]),
}

/// What a table, chain or set says of itself: `flags dormant`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property<'t, 'a> {
    /// The first word.
    pub(super) key: Word<'a>,
    /// The others.
    pub(super) words: &'t [Token<'a>],
}

/// A chain.
#[derive(Debug)]
pub(super) struct Chain<'t, 'a> {
    /// Its name.
    pub(super) name: Word<'a>,
    /// What it says of itself.
    pub(super) properties: Vec<Property<'t, 'a>>,
    /// Its rules.
    pub(super) rules: Vec<Rule<'t, 'a>>,
}

/// A set or map.
#[derive(Debug)]
pub(super) struct Set<'t, 'a> {
    /// Its name.
    pub(super) name: Word<'a>,
    /// What it says of itself.
    pub(super) properties: Vec<Property<'t, 'a>>,
    /// Its elements, one list after the other.
    pub(super) elements: Vec<Elements<'t, 'a>>,
}

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct Rule<'t, 'a> {
    /// Where it begins.
    pub(super) place: Place,
    /// Where among the others it is to stand, if that is said.
    pub(super) position: bool,
    /// Its statements, in order.
    pub(super) statements: Vec<Statement<'t, 'a>>,
}

/// A statement with its words.
#[derive(Clone, Debug)]
pub(super) struct Statement<'t, 'a> {
    /// All of them.
    pub(super) words: &'t [Token<'a>],
    /// What they are.
    pub(super) what: What<'t, 'a>,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub(super) enum What<'t, 'a> {
    /// `ip saddr != 10.0.0.1`: what is looked at, how it is compared, with what.
    Match(Expression<'t, 'a>, &'a str, Expression<'t, 'a>),
    /// `tcp dport vmap { … }`.
    VerdictMap(Expression<'t, 'a>, Expression<'t, 'a>),
    /// `meta mark set …`.
    Write(&'t [Token<'a>], Expression<'t, 'a>),
    /// `add @set { … }`: the set, and what becomes an element.
    Update(&'a str, &'t [Token<'a>], Expression<'t, 'a>),
    /// `accept` and its like.
    Verdict(Verdict<'a>),
    /// A statement with options of its own, by its first word: `counter`, `log`, `limit`, `reject`.
    Keyword(&'a str),
    /// None that the grammar knows: the rest of the rule.
    Unknown,
}

/// What happens to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict<'a> {
    /// `accept`.
    Accept,
    /// `drop`.
    Drop,
    /// `return`.
    Return,
    /// `continue`.
    Continue,
    /// `jump NAME`.
    Jump(&'a str),
    /// `goto NAME`.
    Goto(&'a str),
}

/// What is looked at, or a value.
#[derive(Clone, Debug)]
pub(super) enum Expression<'t, 'a> {
    /// `ip saddr`, `ct original bytes`, `fib daddr . iif type`: something of a packet or its connection.
    Of(&'t [Token<'a>]),
    /// A value.
    Value(Word<'a>),
    /// A named set or map.
    Named(&'a str),
    /// A set or map without a name.
    Set(Elements<'t, 'a>),
    /// Several, joined by dots.
    Concatenation(Vec<Expression<'t, 'a>>),
    /// `established,related`.
    List(Vec<Expression<'t, 'a>>),
    /// `a | b`, a mask, a shift, a range of texts.
    Binary(&'a str, Box<(Expression<'t, 'a>, Expression<'t, 'a>)>),
    /// `ip saddr map { … }`.
    Map(Box<(Expression<'t, 'a>, Expression<'t, 'a>)>),
}

/// Makes the error for a line, from 1.
pub(super) fn refuse(line: usize, reason: impl Into<String>) -> ReadError {
    ReadError { place: Place { file: 0, line }, reason: reason.into() }
}

/// Splits a text, and puts the values of `define`d names in their places.
///
/// # Errors
/// A quote that is not closed, and definitions that stand for too much.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ReadError> {
    lex::tokens(text).and_then(define::expand)
}

/// Returns the texts of words; symbols are words here.
pub(super) fn texts<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    tokens.iter().filter(|token| token.kind != Kind::End).map(|token| token.kind.text()).collect()
}

impl<'a> Expression<'_, 'a> {
    /// Adds the names of all sets in it.
    pub(super) fn names(&self, found: &mut HashSet<&'a str>) {
        match self {
            Expression::Named(name) => {
                found.insert(name);
            }
            Expression::Concatenation(list) | Expression::List(list) => {
                list.iter().for_each(|one| one.names(found));
            }
            Expression::Binary(_, pair) | Expression::Map(pair) => {
                pair.0.names(found);
                pair.1.names(found);
            }
            Expression::Of(_) | Expression::Value(_) | Expression::Set(_) => {}
        }
    }
}
