//! Puts the values of `define`d names in their places.

use super::lex::{Kind, Token};
use super::refuse;
use crate::firewall::ReadError;
use std::collections::HashMap;

/// Tokens that a text may grow to, and that all definitions may hold; names that stand for names could grow
/// it without end.
pub(crate) const MOST: usize = 4_000_000;

const TOO_MUCH: &str = "the definitions stand for too much";

/// Replaces each `$name`; a name that is not defined stays, and is not understood later.
pub(super) fn expand(tokens: Vec<Token<'_>>) -> Result<Vec<Token<'_>>, ReadError> {
    let defines = |token: &Token<'_>| matches!(token.kind, Kind::Word("define" | "redefine"));
    if !tokens.iter().any(defines) {
        return Ok(tokens);
    }
    let mut known: HashMap<&str, Vec<Token<'_>>> = HashMap::new();
    let mut done: Vec<Token<'_>> = Vec::with_capacity(tokens.len());
    let (mut at, mut held) = (0, 0);
    while let Some(token) = tokens.get(at) {
        let begins =
            done.last().is_none_or(|last| matches!(last.kind, Kind::End | Kind::Symbol("{" | "}")));
        if begins && defines(token) {
            let end = end_of(&tokens, at);
            let (name, value) = definition(tokens.get(at..end).unwrap_or_default())?;
            let mut put = Vec::new();
            for token in value {
                substitute(*token, &known, &mut put)?;
            }
            held += put.len();
            if held > MOST {
                return Err(refuse(token.line, TOO_MUCH));
            }
            known.insert(name, put);
            at = end;
            continue;
        }
        substitute(*token, &known, &mut done)?;
        at += 1;
    }
    Ok(done)
}

/// Returns where the statement that begins at a token ends.
fn end_of(tokens: &[Token<'_>], from: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.kind {
            Kind::Symbol("{") => depth += 1,
            Kind::Symbol("}") if depth == 0 => return at,
            Kind::Symbol("}") => depth -= 1,
            Kind::End if depth == 0 => return at,
            _ => {}
        }
    }
    tokens.len()
}

/// Splits `define NAME = VALUE`.
fn definition<'t, 'a>(tokens: &'t [Token<'a>]) -> Result<(&'a str, &'t [Token<'a>]), ReadError> {
    match tokens {
        [
            _,
            Token { kind: Kind::Word(name), .. },
            Token { kind: Kind::Symbol("="), .. },
            value @ ..,
        ] => Ok((name, value)),
        _ => {
            let line = tokens.first().map_or(1, |token| token.line);
            Err(refuse(line, "a definition is not understood"))
        }
    }
}

fn substitute<'a>(
    token: Token<'a>,
    known: &HashMap<&str, Vec<Token<'a>>>,
    done: &mut Vec<Token<'a>>,
) -> Result<(), ReadError> {
    let name = match token.kind {
        Kind::Word(word) => word.strip_prefix('$'),
        _ => None,
    };
    let Some(value) = name.and_then(|name| known.get(name)) else {
        done.push(token);
        return Ok(());
    };
    // A list in a list is one list.
    let listed = matches!(
        done.iter().rev().find(|token| token.kind != Kind::End).map(|token| token.kind),
        Some(Kind::Symbol("{" | ","))
    );
    let value = match value.as_slice() {
        [
            Token { kind: Kind::Symbol("{"), .. },
            inner @ ..,
            Token { kind: Kind::Symbol("}"), .. },
        ] if listed => inner,
        all => all,
    };
    if done.len() + value.len() > MOST {
        return Err(refuse(token.line, TOO_MUCH));
    }
    done.extend(value.iter().map(|part| Token { line: token.line, ..*part }));
    Ok(())
}
