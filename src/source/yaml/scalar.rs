//! What an unquoted scalar is: the core schema of YAML 1.2 (chapter 10.3), as serde_yaml reads it.

use serde_yaml::{Number, Value};

/// Returns the value of an unquoted scalar; the empty one is null.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text) {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_owned()),
        },
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Ok(value) = text.parse::<u64>() {
        return Some(value.into());
    }
    if let Ok(value) = text.parse::<i64>() {
        return Some(value.into());
    }
    radix(digits).map(Into::into).or_else(|| float(text, digits).map(Into::into))
}

fn radix(digits: &str) -> Option<u64> {
    let (digits, radix) = match digits.get(..2)? {
        "0x" => (&digits[2..], 16),
        "0o" => (&digits[2..], 8),
        "0b" => (&digits[2..], 2),
        _ => return None,
    };
    u64::from_str_radix(digits, radix).ok()
}

fn float(text: &str, digits: &str) -> Option<f64> {
    match digits {
        ".inf" | ".Inf" | ".INF" => Some(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        _ if digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) => {
            text.parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_serde_yaml_takes_them_for() {
        let texts = [
            "~",
            "null",
            "Null",
            "true",
            "True",
            "false",
            "1",
            "-1",
            "+1",
            "1.5",
            "1e3",
            ".5",
            ".inf",
            "0x1f",
            "0o17",
            "any",
            "yes",
            "no",
            "on",
            "10.0.0.0/8",
            "10.0.0.1",
            "2001:db8::1",
            "tcp/443",
            "2027-06-30",
            "10/minute",
            "80-90",
            "a-b",
            "+",
            ".",
            "..",
            "1.",
            "-9223372036854775808",
            "1_000",
            "0b11",
            "1e",
            "e1",
            "1-2",
        ];
        for text in texts {
            let theirs: Value = serde_yaml::from_str(&format!("k: {text}")).expect(text);
            assert_eq!(Some(&resolve(text)), theirs.get("k"), "{text}");
        }
    }
}
