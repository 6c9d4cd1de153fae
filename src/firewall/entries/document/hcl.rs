//! HCL, as Terraform reads it: blocks become the maps that they are in Terraform's JSON.

use super::{DEEPEST, Node, Value, member, refuse};
use crate::firewall::ReadError;
use hcl_edit::Span;
use hcl_edit::expr::{Expression, Object, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Block, Body, Structure};

/// Reads a file: `{ "resource": { TYPE: { NAME: {…} } }, … }`.
pub(in crate::firewall) fn read(text: &str) -> Result<Node, ReadError> {
    shallow(text)?;
    let body = hcl_edit::parser::parse_body(text).map_err(|error| {
        let line = error.location().line();
        refuse(line, error.message().lines().next().unwrap_or("this is no HCL").to_owned())
    })?;
    let reader = Reader { lines: line_starts(text) };
    let mut root = Node { line: 1, value: Value::Map(Vec::new()) };
    for structure in body.iter() {
        match structure {
            Structure::Block(block) => reader.place(&mut root, block)?,
            Structure::Attribute(attribute) => {
                let line = reader.line(attribute.span());
                return Err(refuse(line, "an attribute outside a block"));
            }
        }
    }
    Ok(root)
}

/// Refuses nesting that would be deep for a parser that calls itself, and all that could hide it.
fn shallow(text: &str) -> Result<(), ReadError> {
    let mut depth = 0usize;
    for (number, line) in text.lines().enumerate() {
        if line.len() > 4_000 {
            return Err(refuse(number + 1, "this line is too long"));
        }
        // Templates nest inside quotes.
        if line.contains("${") || line.contains("%{") {
            return Err(refuse(number + 1, "an expression that Terraform would evaluate"));
        }
        for c in outside_quotes(line) {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                // Operators, conditionals and comments nest or hide without brackets, and no artifact has
                // any.
                '?' | '!' | '<' | '>' | '+' | '-' | '*' | '/' | '%' | '&' | '|' => {
                    return Err(refuse(number + 1, format!("`{c}` is not expected here")));
                }
                _ => {}
            }
            if depth > DEEPEST {
                return Err(refuse(number + 1, "this is nested too deep"));
            }
        }
    }
    Ok(())
}

/// Returns the signs of a line that are in no quotes and no comment, those left out that make a number
/// negative or are part of a name.
fn outside_quotes(line: &str) -> impl Iterator<Item = char> {
    let mut chars = line.chars().peekable();
    let (mut quoted, mut word, mut before) = (false, None, ' ');
    std::iter::from_fn(move || {
        loop {
            let c = chars.next()?;
            if quoted {
                match c {
                    '\\' => drop(chars.next()),
                    '"' => quoted = false,
                    _ => {}
                }
                continue;
            }
            let named = c == '-' && word.is_some_and(|first: char| !first.is_ascii_digit());
            let negative = c == '-'
                && "=[(,{:".contains(before)
                && chars.peek().is_some_and(char::is_ascii_digit);
            if c.is_alphanumeric() || c == '_' || named {
                word = word.or(Some(c));
            } else {
                word = None;
            }
            if !c.is_whitespace() {
                before = c;
            }
            match c {
                '#' => return None,
                '"' => quoted = true,
                _ if named || negative => {}
                c => return Some(c),
            }
        }
    })
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

struct Reader {
    lines: Vec<usize>,
}

impl Reader {
    fn line(&self, span: Option<std::ops::Range<usize>>) -> usize {
        let at = span.map_or(0, |span| span.start);
        self.lines.partition_point(|start| *start <= at)
    }

    /// Puts a block where Terraform's JSON has it: below its type and its labels.
    fn place(&self, root: &mut Node, block: &Block) -> Result<(), ReadError> {
        let line = self.line(block.span());
        let mut path = vec![block.ident.as_str()];
        path.extend(block.labels.iter().map(|label| label.as_str()));
        let mut at = root;
        while path.len() > 1 {
            let key = path.remove(0);
            let Value::Map(members) = &mut at.value else {
                return Err(refuse(line, "a block stands in another's place"));
            };
            let index = members.iter().position(|(known, _)| known == key);
            let index = index.unwrap_or_else(|| {
                members.push((key.to_owned(), Node { line, value: Value::Map(Vec::new()) }));
                members.len() - 1
            });
            at = match members.get_mut(index) {
                Some((_, node)) => node,
                None => return Err(refuse(line, "a block without a place")),
            };
        }
        let node = Node { line, value: self.body(&block.body)? };
        match (&mut at.value, path.first()) {
            (Value::Map(members), Some(key)) => member(members, (*key).to_owned(), node),
            _ => Err(refuse(line, "a block without a place")),
        }
    }

    /// The members of a block; blocks inside are lists, as in Terraform's JSON.
    fn body(&self, body: &Body) -> Result<Value, ReadError> {
        let mut members = Vec::new();
        let mut blocks: Vec<(String, Node)> = Vec::new();
        for structure in body.iter() {
            match structure {
                Structure::Attribute(attribute) => {
                    let line = self.line(attribute.span());
                    let value = self.value(&attribute.value, line)?;
                    member(&mut members, attribute.key.as_str().to_owned(), Node { line, value })?;
                }
                Structure::Block(block) => {
                    let line = self.line(block.span());
                    if !block.labels.is_empty() {
                        return Err(refuse(line, "a block with labels inside another"));
                    }
                    let node = Node { line, value: self.body(&block.body)? };
                    let name = block.ident.as_str();
                    match blocks.iter_mut().find(|(known, _)| known == name) {
                        Some((_, Node { value: Value::List(list), .. })) => list.push(node),
                        _ => blocks
                            .push((name.to_owned(), Node { line, value: Value::List(vec![node]) })),
                    }
                }
            }
        }
        for (name, list) in blocks {
            member(&mut members, name, list)?;
        }
        Ok(Value::Map(members))
    }

    fn value(&self, expression: &Expression, line: usize) -> Result<Value, ReadError> {
        Ok(match expression {
            Expression::Null(_) => Value::Null,
            Expression::Bool(value) => Value::Bool(*value.value()),
            Expression::Number(number) => {
                let number = number.value().as_i64();
                Value::Number(number.ok_or_else(|| refuse(line, "this is no whole number"))?)
            }
            Expression::String(text) => Value::Text(text.value().clone()),
            Expression::Array(items) => {
                let item = |item: &Expression| {
                    let line = self.line(item.span());
                    Ok(Node { line, value: self.value(item, line)? })
                };
                Value::List(items.iter().map(item).collect::<Result<_, ReadError>>()?)
            }
            Expression::Object(object) => self.object(object, line)?,
            Expression::Variable(name) => Value::Reference(name.as_str().to_owned()),
            Expression::Traversal(traversal) => Value::Reference(reference(traversal, line)?),
            Expression::UnaryOp(_) => self.negative(expression, line)?,
            _ => return Err(refuse(line, "an expression that Terraform would evaluate")),
        })
    }

    /// `-1`, which HCL reads as an operator on 1.
    fn negative(&self, expression: &Expression, line: usize) -> Result<Value, ReadError> {
        match expression {
            Expression::UnaryOp(op)
                if *op.operator.value() == hcl_edit::expr::UnaryOperator::Neg =>
            {
                match self.value(&op.expr, line)? {
                    Value::Number(number) if number >= 0 => Ok(Value::Number(-number)),
                    _ => Err(refuse(line, "an expression that Terraform would evaluate")),
                }
            }
            _ => Err(refuse(line, "an expression that Terraform would evaluate")),
        }
    }

    fn object(&self, object: &Object, line: usize) -> Result<Value, ReadError> {
        let mut members = Vec::new();
        for (key, value) in object.iter() {
            let name = match key {
                ObjectKey::Ident(name) => name.as_str().to_owned(),
                ObjectKey::Expression(Expression::Variable(name)) => name.as_str().to_owned(),
                ObjectKey::Expression(Expression::String(text)) => text.value().clone(),
                ObjectKey::Expression(_) => return Err(refuse(line, "a key that is evaluated")),
            };
            let at = self.line(value.expr().span());
            let value = self.value(value.expr(), at)?;
            member(&mut members, name, Node { line: at, value })?;
        }
        Ok(Value::Map(members))
    }
}

/// `a.b.c`, and nothing that is computed.
fn reference(traversal: &Traversal, line: usize) -> Result<String, ReadError> {
    let computed = || refuse(line, "a reference that is computed");
    let Expression::Variable(first) = &traversal.expr else { return Err(computed()) };
    let mut name = first.as_str().to_owned();
    for operator in &traversal.operators {
        let TraversalOperator::GetAttr(part) = operator.value() else { return Err(computed()) };
        name.push('.');
        name.push_str(part.as_str());
    }
    Ok(name)
}
