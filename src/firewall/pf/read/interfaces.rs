//! Which of the placement's interfaces a name means.

use crate::firewall::ReadError;
use crate::firewall::pf::syntax::Cursor;
use crate::ir::Placement;

/// The interfaces that a rule is for.
#[derive(Clone, Default, Debug)]
pub(super) struct On {
    /// Indices of those that are meant.
    pub(super) sure: Vec<u16>,
    /// Indices of those that may be meant.
    pub(super) perhaps: Vec<u16>,
}

/// Reads what stands behind `on`.
pub(super) fn read(cursor: &mut Cursor<'_, '_>, placement: &Placement) -> Result<On, ReadError> {
    let mut found = On::default();
    if !cursor.skip("{") {
        one(cursor, placement, &mut found)?;
    } else {
        while !cursor.skip("}") {
            if !cursor.skip(",") && !cursor.skip("") {
                one(cursor, placement, &mut found)?;
            }
        }
    }
    found.perhaps.retain(|at| !found.sure.contains(at));
    Ok(found)
}

fn one(
    cursor: &mut Cursor<'_, '_>,
    placement: &Placement,
    found: &mut On,
) -> Result<(), ReadError> {
    let negated = cursor.skip("!");
    let name = cursor.item()?;
    let mut on = named(name, placement);
    if name == "rdomain" {
        cursor.value()?;
        on = On { sure: Vec::new(), perhaps: all(placement).collect() };
    }
    if negated {
        on.sure =
            all(placement).filter(|at| !on.sure.contains(at) && !on.perhaps.contains(at)).collect();
    }
    found.sure.extend(on.sure);
    found.perhaps.extend(on.perhaps);
    Ok(())
}

fn all(placement: &Placement) -> impl Iterator<Item = u16> {
    0..=placement.other_interface()
}

/// An interface, or a group: each driver's name is one, and people make others.
pub(super) fn named(name: &str, placement: &Placement) -> On {
    let sure = |sure: Vec<u16>| On { sure, perhaps: Vec::new() };
    let known = placement.interface(name).filter(|at| *at > 0);
    match (name, known) {
        ("any", _) => sure(all(placement).collect()),
        ("lo" | "lo0", _) => sure(vec![0]),
        (_, Some(at)) => sure(vec![at]),
        _ if name.ends_with(|c: char| c.is_ascii_digit()) => {
            On { sure: Vec::new(), perhaps: vec![placement.other_interface()] }
        }
        _ => {
            let driver = |at: &u16| {
                let names = placement.interfaces();
                let full = names.get(usize::from(*at)).copied().unwrap_or_default();
                full.trim_end_matches(|c: char| c.is_ascii_digit()) == name
            };
            let (sure, perhaps) = all(placement).skip(1).partition(driver);
            On { sure, perhaps }
        }
    }
}
