//! What statements look at, and values.

use super::Expression;
use super::cursor::Cursor;
use super::elements::{self, Elements};
use super::lex::{Kind, Token};

/// Headers, each with one word behind it for a field.
const HEADERS: &[&str] = &[
    "ether", "vlan", "arp", "ip", "ip6", "icmp", "icmpv6", "igmp", "tcp", "udp", "udplite", "sctp",
    "dccp", "esp", "ah", "comp", "th", "hbh", "dst", "frag", "mh", "rt0", "rt2", "rt4", "srh",
    "exthdr",
];

/// Keys of `meta` that stand without it.
const PLAIN: &[&str] = &[
    "mark",
    "iif",
    "iifname",
    "iiftype",
    "oif",
    "oifname",
    "oiftype",
    "skuid",
    "skgid",
    "nftrace",
    "rtclassid",
    "pkttype",
    "cpu",
    "iifgroup",
    "oifgroup",
    "cgroup",
    "iifkind",
    "oifkind",
    "ibrname",
    "obrname",
];

/// Words that begin a verdict or another statement: no value is one of them.
const RESERVED: &[&str] = &[
    "accept", "drop", "return", "continue", "jump", "goto", "reject", "queue", "notrack", "vmap",
    "map", "set", "xt", ".", ":", "/", "-",
];

/// What joins two expressions; the words are those of older versions.
const OPERATORS: &[&str] = &["&", "|", "^", "<<", ">>", "and", "or", "xor", "lshift", "rshift"];

/// Expressions in expressions.
const DEEPEST: usize = 16;

/// Reads what a statement looks at: fields with their masks, joined by dots.
pub(super) fn looked<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<Expression<'t, 'a>> {
    let one = |cursor: &mut Cursor<'t, 'a>| {
        let field = Expression::Of(field(cursor, 0)?);
        operations(cursor, field, 0)
    };
    let looked = concatenation(cursor, one)?;
    if !cursor.next_is(Kind::Word("map")) {
        return Some(looked);
    }
    Some(Expression::Map(Box::new((looked, listed(cursor)?))))
}

/// Reads what is compared with: a value, several with commas, a set.
pub(super) fn compared<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<Expression<'t, 'a>> {
    if cursor.peek() == Some(Kind::Symbol("{")) {
        return listed(cursor);
    }
    let first = constant(cursor)?;
    let several = several(cursor, first)?;
    if !cursor.next_is(Kind::Word("/")) {
        return Some(several);
    }
    let mask = constant(cursor)?;
    Some(binary("/", several, self::several(cursor, mask)?))
}

fn several<'t, 'a>(
    cursor: &mut Cursor<'t, 'a>,
    first: Expression<'t, 'a>,
) -> Option<Expression<'t, 'a>> {
    if cursor.peek() != Some(Kind::Symbol(",")) {
        return Some(first);
    }
    let mut list = vec![first];
    while cursor.next_is(Kind::Symbol(",")) {
        list.push(constant(cursor)?);
    }
    Some(Expression::List(list))
}

/// Reads a set or map, with a name or without one.
pub(super) fn listed<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<Expression<'t, 'a>> {
    if cursor.peek() == Some(Kind::Symbol("{")) {
        let empty = |tokens: &[Token<'_>]| tokens.iter().all(|token| token.kind == Kind::End);
        return match elements::braces(cursor)? {
            Elements::Tokens(inside) if empty(inside) => None,
            elements => Some(Expression::Set(elements)),
        };
    }
    let name = cursor.word_ahead(0).strip_prefix('@').filter(|name| !name.is_empty())?;
    cursor.at += 1;
    Some(Expression::Named(name))
}

/// Reads a constant, several joined by dots.
pub(super) fn constant<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<Expression<'t, 'a>> {
    concatenation(cursor, |cursor| {
        let first = atom(cursor, 0)?;
        operations(cursor, first, 0)
    })
}

/// Reads what a field is set to: a field or a constant, perhaps looked up in a map.
pub(super) fn written<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<Expression<'t, 'a>> {
    let one = |cursor: &mut Cursor<'t, 'a>| {
        let start = cursor.at;
        let first = match field(cursor, 0) {
            Some(words) => Expression::Of(words),
            None => {
                cursor.at = start;
                atom(cursor, 0)?
            }
        };
        operations(cursor, first, 0)
    };
    let value = concatenation(cursor, one)?;
    if cursor.next_is(Kind::Word("map")) {
        return Some(Expression::Map(Box::new((value, listed(cursor)?))));
    }
    several(cursor, value)
}

fn concatenation<'t, 'a>(
    cursor: &mut Cursor<'t, 'a>,
    one: impl Fn(&mut Cursor<'t, 'a>) -> Option<Expression<'t, 'a>>,
) -> Option<Expression<'t, 'a>> {
    let first = one(cursor)?;
    if cursor.peek() != Some(Kind::Word(".")) {
        return Some(first);
    }
    let mut list = vec![first];
    while cursor.next_is(Kind::Word(".")) {
        list.push(one(cursor)?);
    }
    Some(Expression::Concatenation(list))
}

fn binary<'t, 'a>(
    operator: &'a str,
    left: Expression<'t, 'a>,
    right: Expression<'t, 'a>,
) -> Expression<'t, 'a> {
    Expression::Binary(operator, Box::new((left, right)))
}

/// Reads the operators behind a first operand.
fn operations<'t, 'a>(
    cursor: &mut Cursor<'t, 'a>,
    first: Expression<'t, 'a>,
    depth: usize,
) -> Option<Expression<'t, 'a>> {
    let (mut all, mut count) = (first, 0);
    while let Some(kind) = cursor.peek().filter(|kind| OPERATORS.contains(&kind.text())) {
        if matches!(kind, Kind::Quoted(_)) {
            break;
        }
        count += 1;
        cursor.at += 1;
        if count > 4 * DEEPEST {
            return None;
        }
        all = binary(kind.text(), all, atom(cursor, depth)?);
    }
    Some(all)
}

/// Reads a word, a quoted text or range, or what stands between parentheses.
fn atom<'t, 'a>(cursor: &mut Cursor<'t, 'a>, depth: usize) -> Option<Expression<'t, 'a>> {
    if depth > DEEPEST {
        return None;
    }
    if cursor.next_is(Kind::Symbol("(")) {
        let first = atom(cursor, depth + 1)?;
        let inside = operations(cursor, first, depth + 1)?;
        let list = several(cursor, inside)?;
        return cursor.next_is(Kind::Symbol(")")).then_some(list);
    }
    if let Some(Kind::Word(word)) = cursor.peek()
        && RESERVED.contains(&word)
    {
        return None;
    }
    if let Some(Kind::Word(name)) = cursor.peek()
        && name.starts_with('@')
    {
        return listed(cursor);
    }
    let value = Expression::Value(cursor.value()?);
    if cursor.next_is(Kind::Word("-")) {
        return Some(binary("-", value, Expression::Value(cursor.value()?)));
    }
    Some(value)
}

/// Passes what names something of a packet or its connection.
fn field<'t, 'a>(cursor: &mut Cursor<'t, 'a>, depth: usize) -> Option<&'t [Token<'a>]> {
    let start = cursor.at;
    let second = cursor.word_ahead(1);
    match cursor.word_ahead(0) {
        "meta" => words(cursor, 2)?,
        "ct" => {
            words(cursor, 1)?;
            cursor.one_of(&["original", "reply"]);
            cursor.one_of(&["ip", "ip6"]);
            words(cursor, 1)?;
        }
        "fib" => lookup(cursor)?,
        "rt" => {
            words(cursor, 1)?;
            cursor.one_of(&["ip", "ip6"]);
            words(cursor, 1)?;
        }
        "socket" if second == "cgroupv2" => words(cursor, 4)?,
        "socket" => words(cursor, 2)?,
        "osf" => {
            words(cursor, 1)?;
            option(cursor, "ttl")?;
            words(cursor, 1)?;
        }
        "ipsec" => {
            words(cursor, 2)?;
            option(cursor, "spnum")?;
            cursor.one_of(&["ip", "ip6"]);
            words(cursor, 1)?;
        }
        "numgen" => {
            words(cursor, 2)?;
            modulus(cursor)?;
        }
        "symhash" => {
            words(cursor, 1)?;
            modulus(cursor)?;
        }
        "jhash" if depth < DEEPEST => {
            words(cursor, 1)?;
            field(cursor, depth + 1)?;
            while cursor.next_is(Kind::Word(".")) {
                field(cursor, depth + 1)?;
            }
            modulus(cursor)?;
        }
        "tcp" | "ip" if second == "option" => header_option(cursor)?,
        "sctp" if second == "chunk" => header_option(cursor)?,
        "arp" if matches!(second, "saddr" | "daddr") => words(cursor, 3)?,
        "@ll" | "@nh" | "@th" | "@ih" => raw(cursor)?,
        word if HEADERS.contains(&word) => words(cursor, 2)?,
        word if PLAIN.contains(&word) => words(cursor, 1)?,
        _ => return None,
    }
    Some(cursor.since(start))
}

fn words(cursor: &mut Cursor<'_, '_>, count: usize) -> Option<()> {
    for _ in 0..count {
        let word = cursor.word().ok()?;
        if RESERVED.contains(&word.text) {
            return None;
        }
    }
    Some(())
}

fn option(cursor: &mut Cursor<'_, '_>, key: &str) -> Option<()> {
    if cursor.one_of(&[key]).is_some() { words(cursor, 1) } else { Some(()) }
}

/// Passes `fib saddr . iif oif`.
fn lookup(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    words(cursor, 2)?;
    while cursor.next_is(Kind::Word(".")) {
        words(cursor, 1)?;
    }
    cursor.one_of(&["type", "oif", "oifname"]).map(|_| ())
}

fn modulus(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.one_of(&["mod"])?;
    words(cursor, 1)?;
    option(cursor, "seed")?;
    option(cursor, "offset")
}

/// Passes `tcp option maxseg size`; whether there is one has no field.
fn header_option(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    words(cursor, 3)?;
    let next = cursor.word_ahead(0);
    let field = next.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if field && !matches!(next, "exists" | "missing") && !RESERVED.contains(&next) {
        cursor.at += 1;
    }
    Some(())
}

/// Passes `@th,0,16`.
fn raw(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    words(cursor, 1)?;
    for _ in 0..2 {
        cursor.next_is(Kind::Symbol(",")).then_some(())?;
        words(cursor, 1)?;
    }
    Some(())
}
