//! Text to tokens with lines.

use super::refuse;
use crate::firewall::ReadError;

/// A token and the line that it begins on, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::nftables) struct Token<'a> {
    /// What it is.
    pub(in crate::firewall::nftables) kind: Kind<'a>,
    /// Its line.
    pub(in crate::firewall::nftables) line: usize,
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::nftables) enum Kind<'a> {
    /// A keyword, name, number, address, prefix or range; or `.` or `:` alone; or a character that is none of
    /// these.
    Word(&'a str),
    /// The text between quotes.
    Quoted(&'a str),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// What stands between the braces of `elements = { }`, not split yet, where it is made of words.
    Elements(&'a str),
    /// A line break or `;`.
    End,
}

const SYMBOLS: [&str; 18] = [
    "!=", "==", "<=", ">=", "<<", ">>", "{", "}", "(", ")", ",", "=", "&", "|", "<", ">", "^", "!",
];

impl<'a> Kind<'a> {
    /// Returns the text of a word, symbol or list.
    pub(in crate::firewall::nftables) fn text(self) -> &'a str {
        match self {
            Kind::Word(text) | Kind::Quoted(text) | Kind::Elements(text) => text,
            Kind::Symbol(symbol) => symbol,
            Kind::End => "",
        }
    }
}

/// Splits a text; comments go, and so do repeated ends. Each character becomes part of some token.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ReadError> {
    let mut lexer = Lexer { text, at: 0, line: 1, tokens: Vec::new() };
    while let Some(first) = lexer.rest().bytes().next() {
        lexer.step(first)?;
    }
    lexer.end();
    Ok(lexer.tokens)
}

/// Splits a list of elements that is made of words.
pub(super) fn words<'a>(text: &'a str, line: usize, tokens: &mut Vec<Token<'a>>) {
    let taken = std::mem::take(tokens);
    let mut lexer = Lexer { text, at: 0, line, tokens: taken };
    while let Some(first) = lexer.rest().bytes().next() {
        // Only a quote can fail, and there is none.
        if lexer.step(first).is_err() {
            break;
        }
    }
    *tokens = lexer.tokens;
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self, first: u8) -> Result<(), ReadError> {
        let rest = self.rest();
        match first {
            b' ' | b'\t' => self.at += 1,
            b'\r' if rest.starts_with("\r\n") => self.at += 1,
            b'\n' => {
                self.end();
                self.line += 1;
                self.at += 1;
            }
            b'\\' if rest.starts_with("\\\n") => {
                self.line += 1;
                self.at += 2;
            }
            b';' => {
                self.end();
                self.at += 1;
            }
            // A match of xtables that nft has no words for; some versions list it so, in a rule's middle.
            b'#' if rest.starts_with("# xt_") => self.at += 2,
            b'#' => self.at += rest.bytes().position(|b| b == b'\n').unwrap_or(rest.len()),
            b'"' => self.quoted(rest)?,
            _ => self.token(rest),
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind<'a>, length: usize) {
        self.tokens.push(Token { kind, line: self.line });
        self.at += length;
    }

    fn end(&mut self) {
        if !matches!(self.tokens.last(), None | Some(Token { kind: Kind::End, .. })) {
            self.push(Kind::End, 0);
        }
    }

    fn quoted(&mut self, rest: &'a str) -> Result<(), ReadError> {
        let inside = rest.get(1..).unwrap_or_default();
        let close = inside.bytes().position(|b| matches!(b, b'"' | b'\n'));
        match close.filter(|at| inside.as_bytes().get(*at) == Some(&b'"')) {
            Some(close) => {
                self.push(Kind::Quoted(inside.get(..close).unwrap_or_default()), close + 2);
                Ok(())
            }
            None => Err(refuse(self.line, "a quote is not closed")),
        }
    }

    fn token(&mut self, rest: &'a str) {
        let of_word = |b: &u8| b.is_ascii_alphanumeric() || b"_-.:/@*$%+~?[]'`".contains(b);
        let length = rest.bytes().take_while(of_word).count();
        if length > 0 {
            return self.word(rest.get(..length).unwrap_or_default());
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            self.push(Kind::Symbol(symbol), symbol.len());
            if symbol == "{" && self.opens_elements() {
                self.elements();
            }
            return;
        }
        let length = rest.chars().next().map_or(1, char::len_utf8);
        self.push(Kind::Word(rest.get(..length).unwrap_or_default()), length);
    }

    /// Pushes a word; `80:accept` is a key of a map, a colon and a verdict.
    fn word(&mut self, word: &'a str) {
        let verdicts = ["", "accept", "drop", "return", "continue", "jump", "goto", "queue"];
        let split = word.rsplit_once(':').filter(|(key, verdict)| {
            !key.is_empty() && verdicts.contains(verdict) && !key.ends_with(':')
        });
        let Some((key, verdict)) = split else { return self.push(Kind::Word(word), word.len()) };
        self.push(Kind::Word(key), key.len());
        self.push(Kind::Word(":"), 1);
        if !verdict.is_empty() {
            self.push(Kind::Word(verdict), verdict.len());
        }
    }

    /// Tells whether the last tokens are `elements = {`.
    fn opens_elements(&self) -> bool {
        let last = self.tokens.last_chunk::<3>().map(|last| last.map(|token| token.kind));
        last == Some([Kind::Word("elements"), Kind::Symbol("="), Kind::Symbol("{")])
    }

    /// Takes a list as a whole, unless something in it is no plain word.
    fn elements(&mut self) {
        let rest = self.rest();
        let odd = rest.bytes().position(|b| b"}{\"#$\\;".contains(&b));
        if let Some(end) = odd.filter(|at| rest.as_bytes().get(*at) == Some(&b'}')) {
            let inside = rest.get(..end).unwrap_or_default();
            self.push(Kind::Elements(inside), end);
            self.line += inside.bytes().filter(|b| *b == b'\n').count();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind::{Elements, End, Quoted, Symbol, Word};

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        tokens(text).expect(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn a_line_becomes_words_symbols_and_an_end() {
        let text = "\t::/0 . { 80,443 } : a\"x ; #\" # gone\n\n;;\nb";
        let braces = [Symbol("{"), Word("80"), Symbol(","), Word("443"), Symbol("}")];
        let after = [Word(":"), Word("a"), Quoted("x ; #"), End, Word("b"), End];
        assert_eq!(kinds(text), [&[Word("::/0"), Word(".")][..], &braces, &after].concat());
        assert_eq!(kinds("a != b\n").len(), 4);
        assert_eq!(tokens("a\n\nb").expect("words").last().map(|t| t.line), Some(3));
    }

    #[test]
    fn nothing_is_lost() {
        let words =
            |texts: &[&'static str]| texts.iter().map(|text| Word(text)).collect::<Vec<_>>();
        let first = words(&["a", "80", ":", "accept", "fe80::1", "é"]);
        let second = [Quoted("$"), Word("xt_owner"), Word("drop"), End, Word("b"), Symbol(">=")];
        assert_eq!(
            kinds("a \\\n80:accept fe80::1 é \"$\" # xt_owner drop # gone \\\nb >= $c"),
            [&first[..], &second, &[Word("$c"), End]].concat()
        );
        assert_eq!(kinds("a\u{a0}\r\0\r\n").len(), 5);
        assert!(tokens("\"open").is_err() && tokens("\"open\n\"").is_err());
    }

    #[test]
    fn lists_of_words_are_taken_as_a_whole() {
        let open = [Word("elements"), Symbol("="), Symbol("{")];
        let whole = kinds("elements = { a,\nb }");
        assert_eq!(whole, [&open[..], &[Elements(" a,\nb "), Symbol("}"), End]].concat());
        assert_eq!(tokens("elements = { a,\nb }").expect("tokens").last().map(|t| t.line), Some(2));
        for odd in ["{ \"}\" }", "{ a # }\n }", "{ $a }", "{ a "] {
            let text = format!("elements = {odd}");
            assert!(!kinds(&text).iter().any(|kind| matches!(kind, Elements(_))), "{odd}");
        }
    }
}
