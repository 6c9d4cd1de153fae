//! The ways that packets take through the machine under test.

use portcullis::ir::{Direction, Hook, Interface, Packet, Placement};

/// Where a packet meets the filter: the hook, the interface it comes by and the one it leaves by.
pub type Way = (Hook, Interface, Interface);

/// An interface of a gateway that no policy names.
pub const OTHER: &str = "oth0";

/// The names of the TUN devices, in the order of their numbers in the placement (`lo` is 0).
pub fn interfaces(placement: &Placement) -> Vec<String> {
    match placement {
        Placement::Host => vec!["wan0".to_owned()],
        Placement::Gateway { inside, outside } => {
            inside.iter().chain(outside).cloned().chain([OTHER.to_owned()]).collect()
        }
    }
}

/// Returns the interface that a gateway sends packets on by which came by another.
///
/// Each side's interfaces take turns; what comes by an interface of neither side goes inside.
pub fn onward(placement: &Placement, incoming: Interface) -> Interface {
    let Placement::Gateway { inside, outside } = placement else { return 0 };
    let at = usize::from(incoming).saturating_sub(1);
    let onward = if at < inside.len() {
        inside.len() + at % outside.len()
    } else {
        (at - inside.len()) % inside.len()
    };
    Interface::try_from(onward + 1).expect("few interfaces")
}

/// Returns every way of a direction that a policy speaks of.
pub fn governed(placement: &Placement, direction: Direction) -> Vec<Way> {
    let index = |name: &String| placement.interface(name).expect("a name of the placement");
    match (placement, direction) {
        (Placement::Host, Direction::Inbound) => {
            vec![(Hook::Input, placement.other_interface(), 0)]
        }
        (Placement::Host, Direction::Outbound) => {
            vec![(Hook::Output, 0, placement.other_interface())]
        }
        (Placement::Gateway { inside, outside }, _) => {
            let side = if direction == Direction::Inbound { outside } else { inside };
            let way = |name| (Hook::Forward, index(name), onward(placement, index(name)));
            side.iter().map(way).collect()
        }
    }
}

/// Returns a way that a policy does not speak of: over loopback, or from an interface of neither side.
pub fn aside(placement: &Placement, direction: Direction) -> Way {
    match (placement, direction) {
        (Placement::Host, Direction::Inbound) => (Hook::Input, 0, 0),
        (Placement::Host, Direction::Outbound) => (Hook::Output, 0, 0),
        (Placement::Gateway { .. }, _) => {
            let other = placement.other_interface();
            (Hook::Forward, other, onward(placement, other))
        }
    }
}

/// Returns the way of an answer to a packet.
pub fn back(placement: &Placement, packet: &Packet) -> Way {
    match packet.hook {
        Hook::Input => governed(placement, Direction::Outbound)[0],
        Hook::Forward => (Hook::Forward, packet.outgoing, onward(placement, packet.outgoing)),
        _ => governed(placement, Direction::Inbound)[0],
    }
}
