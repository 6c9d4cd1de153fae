//! Expressions of the JSON, spelled; `None` for one that is not known as a whole.

use super::only;
use serde_json::Value;

/// Returns the values of an object's keys, unless it has others.
pub(super) fn fields<'v, const N: usize>(
    value: &'v Value,
    known: [&str; N],
) -> Option<[Option<&'v Value>; N]> {
    let object = value.as_object()?;
    let all = object.iter().all(|(key, inner)| known.contains(&key.as_str()) || inner.is_null());
    all.then(|| known.map(|key| object.get(key).filter(|inner| !inner.is_null())))
}

/// Returns a text.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// Returns a name, which must be one word.
pub(super) fn name(text: &str) -> Option<String> {
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
    let named = !text.is_empty() && text.bytes().all(of_name) && text.len() < 1_000;
    named.then(|| text.to_owned())
}

/// Returns words, each of them a name.
fn names(text: &str) -> Option<String> {
    Some(text.split(' ').map(name).collect::<Option<Vec<_>>>()?.join(" "))
}

/// Puts a text between quotes; what would end or break it is replaced.
pub(super) fn quoted(text: &str) -> String {
    let safe = |c: char| if c == '"' || c.is_control() { '\'' } else { c };
    format!("\"{}\"", text.chars().map(safe).collect::<String>())
}

/// Spells an element of a set, or a key and what it is mapped to.
pub(super) fn element(value: &Value) -> Option<String> {
    match value.as_array().map(Vec::as_slice) {
        Some([key, data]) => Some(format!("{} : {}", spell(key)?, spell(data)?)),
        Some(_) => None,
        None => spell(value),
    }
}

/// Spells an expression.
pub(super) fn spell(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(word(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("exists".to_owned()),
        Value::Bool(false) => Some("missing".to_owned()),
        Value::Array(list) => joined(list, ","),
        Value::Object(_) => {
            let (key, inner) = only(value)?;
            object(key, inner)
        }
        Value::Null => None,
    }
}

/// A word as it is, and what is none between quotes.
fn word(text: &str) -> String {
    let of_word = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/@*".contains(&b);
    let simple = !text.ends_with(':') || text.ends_with("::");
    let begins =
        text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b"@*:".contains(&b));
    let verdict = ["accept", "drop", "return", "continue", "queue", "vmap", "map", "set"];
    let plain = simple && begins && text.bytes().all(of_word) && !verdict.contains(&text);
    if plain { text.to_owned() } else { quoted(text) }
}

fn joined(list: &[Value], between: &str) -> Option<String> {
    Some(list.iter().map(spell).collect::<Option<Vec<_>>>()?.join(between))
}

/// Spells flags as one value: `(fin | syn)`.
pub(super) fn bits(value: &Value) -> Option<String> {
    match value {
        Value::Array(list) => Some(format!("({})", joined(list, " | ")?)),
        _ if is_operation(value) => Some(format!("({})", spell(value)?)),
        other => spell(other),
    }
}

/// Tells whether a value is made of others by an operator.
pub(super) fn is_operation(value: &Value) -> bool {
    only(value).is_some_and(|(key, _)| ["&", "|", "^", "<<", ">>"].contains(&key))
}

fn object(key: &str, inner: &Value) -> Option<String> {
    let list = || inner.as_array().map(Vec::as_slice);
    match key {
        "concat" => joined(list()?, " . "),
        "set" => {
            let items = list()?.iter().map(element).collect::<Option<Vec<_>>>()?;
            Some(format!("{{ {} }}", items.join(", ")))
        }
        "map" => {
            let [key, data] = fields(inner, ["key", "data"])?;
            Some(format!("{} map {}", spell(key?)?, spell(data?)?))
        }
        "prefix" => {
            let [address, length] = fields(inner, ["addr", "len"])?;
            Some(format!("{}/{}", spell(address?)?, length?.as_u64()?))
        }
        "range" => match list()? {
            [low, high] => Some(format!("{}-{}", spell(low)?, spell(high)?)),
            _ => None,
        },
        "&" | "|" | "^" | "<<" | ">>" => {
            // Operators are read from the left.
            let (first, rest) = list()?.split_first().filter(|(_, rest)| !rest.is_empty())?;
            let rest = rest.iter().map(bits).collect::<Option<Vec<_>>>()?;
            let parted = format!(" {key} ");
            Some([vec![spell(first)?], rest].concat().join(&parted))
        }
        "elem" => elem(inner),
        "accept" | "drop" | "return" | "continue" if inner.is_null() => Some(key.to_owned()),
        "jump" | "goto" => {
            let [target] = fields(inner, ["target"])?;
            Some(format!("{key} {}", name(text(target?)?)?))
        }
        _ => looked(key, inner),
    }
}

/// Spells what a statement looks at.
fn looked(key: &str, inner: &Value) -> Option<String> {
    let word = |value: Option<&Value>| value.and_then(text).and_then(name);
    let number = |key: &str, value: Option<&Value>| match value {
        None => Some(String::new()),
        Some(value) => Some(format!(" {key} {}", value.as_u64()?)),
    };
    let before = |value: Option<&Value>| match value {
        None => Some(String::new()),
        Some(value) => Some(name(text(value)?)? + " "),
    };
    Some(match key {
        "payload" if inner.get("base").is_some() => {
            let [base, offset, length] = fields(inner, ["base", "offset", "len"])?;
            format!("@{},{},{}", word(base)?, offset?.as_u64()?, length?.as_u64()?)
        }
        "payload" => {
            let [protocol, field] = fields(inner, ["protocol", "field"])?;
            format!("{} {}", word(protocol)?, names(text(field?)?)?)
        }
        "meta" => {
            let [key] = fields(inner, ["key"])?;
            match word(key)?.as_str() {
                key @ ("iif" | "iifname" | "oif" | "oifname") => key.to_owned(),
                key => format!("meta {key}"),
            }
        }
        "ct" => {
            let [key, family, direction] = fields(inner, ["key", "family", "dir"])?;
            format!("ct {}{}{}", before(direction)?, before(family)?, names(text(key?)?)?)
        }
        "tcp option" | "ip option" | "sctp chunk" => {
            let [option, field] = fields(inner, ["name", "field"])?;
            let field = before(field)?;
            format!("{key} {} {field}", word(option)?).trim_end().to_owned()
        }
        "exthdr" => {
            let [header, field] = fields(inner, ["name", "field"])?;
            match field {
                Some(field) => format!("{} {}", word(header)?, name(text(field)?)?),
                None => format!("exthdr {}", word(header)?),
            }
        }
        "rt" => {
            let [key, family] = fields(inner, ["key", "family"])?;
            format!("rt {}{}", before(family)?, word(key)?)
        }
        "fib" => {
            let [result, flags] = fields(inner, ["result", "flags"])?;
            let flags = match flags? {
                Value::Array(list) => joined(list, " . ")?,
                flag => name(text(flag)?)?,
            };
            format!("fib {flags} {}", word(result)?)
        }
        "socket" => {
            let [key] = fields(inner, ["key"])?;
            format!("socket {}", word(key)?)
        }
        "osf" => {
            let [key, ttl] = fields(inner, ["key", "ttl"])?;
            let ttl = before(ttl)?;
            let ttl = if ttl.is_empty() { ttl } else { format!("ttl {ttl}") };
            format!("osf {ttl}{}", word(key)?)
        }
        "ipsec" => {
            let [key, family, direction, number] =
                fields(inner, ["key", "family", "dir", "spnum"])?;
            let spnum = number.map_or(Some(0), Value::as_u64)?;
            format!("ipsec {} spnum {spnum} {}{}", word(direction)?, before(family)?, word(key)?)
        }
        "numgen" => {
            let [mode, modulus, offset] = fields(inner, ["mode", "mod", "offset"])?;
            let modulus = modulus?.as_u64()?;
            format!("numgen {} mod {modulus}{}", word(mode)?, number("offset", offset)?)
        }
        "symhash" => {
            let [modulus, offset] = fields(inner, ["mod", "offset"])?;
            format!("symhash mod {}{}", modulus?.as_u64()?, number("offset", offset)?)
        }
        "jhash" => {
            let [of, modulus, seed, offset] = fields(inner, ["expr", "mod", "seed", "offset"])?;
            let further = number("seed", seed)? + &number("offset", offset)?;
            format!("jhash {} mod {}{further}", spell(of?)?, modulus?.as_u64()?)
        }
        _ => return None,
    })
}

fn elem(inner: &Value) -> Option<String> {
    let [val, timeout, expires, comment, counter] =
        fields(inner, ["val", "timeout", "expires", "comment", "counter"])?;
    let mut text = spell(val?)?;
    for (what, seconds) in [("timeout", timeout), ("expires", expires)] {
        if let Some(seconds) = seconds {
            text += &format!(" {what} {}s", seconds.as_u64()?);
        }
    }
    if let Some(comment) = comment {
        text += &format!(" comment {}", quoted(comment.as_str()?));
    }
    Some(if counter.is_some() { text + " counter" } else { text })
}
