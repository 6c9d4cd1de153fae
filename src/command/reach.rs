//! Questions about a whole policy: who can reach something, and where something can go.

use super::Session;
use super::phrases::unproven;
use crate::analysis::{Names, Reach};
use crate::diag::{Code, Diagnostic, Diags};
use crate::ir::Direction;
use crate::ir::flow::Traffic;
use crate::policy::{self, Loader, ast::Policy};
use crate::source::SourceMap;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    /// Who can reach something.
    Who,
    /// Where something can go.
    Where,
}

/// Traffic that is allowed, in the policy's words.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Answer {
    /// Which way it is opened.
    pub direction: Direction,
    /// By whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// With what.
    pub service: String,
}

/// What is allowed of the traffic that was asked about.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Answers {
    /// All of it, unless there is more.
    pub list: Vec<Answer>,
    /// Whether there is more than what is listed.
    pub more: bool,
}

/// The name of the file that a question becomes. The user did not write that file, so no place in it is shown.
pub const FILE: &str = "the question";

/// The most boxes of a direction and family.
const BOXES: usize = 256;

/// Tells whether a text is a question, not a packet.
pub fn is_question(text: &str) -> bool {
    split(text).is_some()
}

/// Splits a question: what is asked, about what, and with which service.
fn split(text: &str) -> Option<(Question, &str, &str)> {
    let text = text.trim().trim_end_matches('?').trim_end();
    let (question, rest) = match text.strip_prefix("who can reach ") {
        Some(rest) => (Question::Who, rest),
        None => (Question::Where, text.strip_prefix("where can ")?),
    };
    let (of, service) = match rest.rsplit_once(" on ") {
        Some((of, service)) => (of, service.trim()),
        None => (rest, "any"),
    };
    let of = of.trim();
    let of = if question == Question::Where { of.strip_suffix(" go")?.trim_end() } else { of };
    Some((question, of, service))
}

/// A question as a file of invariants, so that it may use all that the language has: names, prefixes,
/// lists.
struct Text(String);

impl Loader for Text {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// Adds the question `who can reach NETWORK [on SERVICE]` or `where can NETWORK go [on SERVICE]` to a policy,
/// in place of its tests and invariants; `None` when it is not understood, which is reported.
pub fn asking(
    policy: &Policy,
    text: &str,
    sources: &mut SourceMap,
    diags: &mut Diags,
) -> Option<Policy> {
    let (question, of, service) = split(text)?;
    let key = if question == Question::Who { "to" } else { "from" };
    let (of, service) = (quoted(of), quoted(service));
    let text = format!(
        "invariants:\n  - never: {{ direction: inbound, {key}: {of}, service: {service} }}\n"
    );
    let mut asked = Policy { invariants: Vec::new(), tests: Vec::new(), ..policy.clone() };
    policy::load_tests(FILE, &mut asked, &Text(text), sources, diags).then_some(asked)
}

/// Answers the question of a policy that is [`asking`]; `None` when that is not possible, which is reported.
pub fn reach(session: &mut Session<'_>, diags: &mut Diags) -> Option<Answers> {
    let mut answers = Answers { list: Vec::new(), more: false };
    let asked: Vec<_> = session.resolved.invariants.iter().flat_map(|must| &must.traffic).collect();
    let both = Direction::BOTH.into_iter().flat_map(|way| asked.iter().map(move |t| (way, *t)));
    for (direction, traffic) in both {
        let traffic = Traffic { direction, ..traffic.clone() };
        let Ok((reach, whole)) = session.asked.reach(&traffic, BOXES) else {
            let message = "the question could not be answered";
            diags.push(unproven(Diagnostic::new(Code::NotProven, message)));
            return None;
        };
        answers.more |= !whole;
        answers.list.extend(reach.iter().map(|one| answer(direction, one, session.names())));
    }
    Some(answers)
}

fn answer(direction: Direction, reach: &Reach, names: &Names) -> Answer {
    Answer {
        direction,
        from: names.addresses(&reach.source),
        to: names.addresses(&reach.destination),
        service: names.services(&reach.services),
    }
}

/// Quotes what the user wrote for YAML; a list stays a list.
fn quoted(text: &str) -> String {
    let one = |item: &str| serde_json::Value::from(item.trim()).to_string();
    match text.contains(',') {
        true => format!("[{}]", text.split(',').map(one).collect::<Vec<_>>().join(", ")),
        false => one(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{Question, split};

    #[test]
    fn questions_are_taken_apart() {
        assert_eq!(
            split("who can reach servers on tcp/5432?"),
            Some((Question::Who, "servers", "tcp/5432"))
        );
        assert_eq!(
            split("where can 10.0.0.0/8, agents go"),
            Some((Question::Where, "10.0.0.0/8, agents", "any"))
        );
        assert_eq!(split("where can agents go on dns"), Some((Question::Where, "agents", "dns")));
        assert_eq!(split("where can agents stay"), None);
        assert_eq!(split("outbound udp 10.0.0.1 -> 10.0.0.2:53"), None);
    }
}
