//! Rules that differ in one field only, as a list of ports makes them, and are asked together.

use super::plane::{Difference, Plane};
use super::work::{TooMuch, Work};

/// The rules that meet a run in each plane, ascending.
pub(super) type Near = Vec<Vec<usize>>;

/// Parts some rules, ascending, into runs: neighbours that differ in the same one field.
pub(super) fn runs<'r>(planes: &[Box<dyn Plane + '_>], rules: &'r [usize]) -> Vec<&'r [usize]> {
    let mut runs = Vec::new();
    let mut rest = rules;
    while let Some(first) = rest.first() {
        let mut field = None;
        let fits = |other: &&usize| {
            planes.iter().all(|plane| match plane.difference(*first, **other) {
                Difference::Absent => true,
                Difference::In(differs) => *field.get_or_insert(differs) == differs,
                Difference::Other => false,
            })
        };
        let (run, after) = rest.split_at(1 + rest[1..].iter().take_while(fits).count());
        runs.push(run);
        rest = after;
    }
    runs
}

/// Returns those of the wanted rules that meet a run; none where each of its rules has to be asked for itself,
/// because who decides a packet may hang on the field in which they differ, or on where they stand.
pub(super) fn near(
    planes: &[Box<dyn Plane + '_>],
    run: &[usize],
    wanted: impl Fn(usize) -> bool,
    work: &mut Work,
) -> Result<Option<Near>, TooMuch> {
    let mut all = Near::new();
    for plane in planes {
        let mut near = plane.near(run, work)?;
        near.retain(|other| wanted(*other));
        let between = |other: &usize| run[0] < *other && *other < run[run.len() - 1];
        if run.len() > 1 && (near.iter().any(between) || !plane.are_one(run, &near)) {
            return Ok(None);
        }
        all.push(near);
    }
    Ok(Some(all))
}
