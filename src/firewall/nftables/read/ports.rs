//! Ports that are read from the header of any protocol (`th dport`).

use super::field::protocols;
use crate::net::protocol;
use crate::program::{self, Match};

/// Tells whether a conjunction holds only for protocols with ports.
fn with_ports(when: &[Match]) -> bool {
    when.iter().any(|condition| match condition {
        Match::Field(program::Field::Protocol, ranges) => ranges.iter().all(|(low, high)| {
            (*low..=*high).all(|p| u8::try_from(p).is_ok_and(protocol::has_ports))
        }),
        _ => false,
    })
}

/// Ports are read from any header: what stands there is a port only for some protocols, and for the others
/// the match may hold. Tells too whether that is in question.
pub(super) fn ports_of_any(when: Vec<Match>) -> (Vec<Match>, bool) {
    if with_ports(&when) {
        return (when, false);
    }
    let of_port = |one: &Match| {
        use program::Field::{DestinationPort, SourcePort};
        matches!(one, Match::Field(SourcePort | DestinationPort, _))
    };
    let (ports, rest): (Vec<_>, Vec<_>) = when.into_iter().partition(of_port);
    let mut doubt = !ports.is_empty();
    let mut inside = |one| match one {
        Match::AnyOf(list) => {
            let mut each = |when| {
                let (when, more) = ports_of_any(when);
                doubt |= more;
                when
            };
            Match::AnyOf(list.into_iter().map(&mut each).collect())
        }
        other => other,
    };
    let mut rest: Vec<_> = rest.into_iter().map(&mut inside).collect();
    if !ports.is_empty() {
        let ported = protocols(&protocol::WITH_PORTS);
        let others: Vec<u8> =
            (0..=u8::MAX).filter(|number| !protocol::has_ports(*number)).collect();
        let ports = [vec![ported], ports].concat();
        rest.push(Match::AnyOf(vec![ports, vec![protocols(&others), Match::Unknown]]));
    }
    (rest, doubt)
}
