//! Lists, products and runs against diagrams joined one by one.

use super::budget::Budget;
use super::diagram::Diagrams;
use super::product::Product;
use super::store::Item;
use super::terminal::{ACCEPT, LEFT, MAYBE, Node, UNDECIDED};
use super::value::Value;
use super::{diagrams, field};
use crate::net::Family;
use proptest::prelude::*;

/// A product by its ranges, and what is done inside.
type Plain = (Vec<(u8, Vec<(u128, u128)>)>, Node);

const DROP: Node = ACCEPT << 1;
const RESET: Node = ACCEPT << 2;
const PROHIBITED: Node = ACCEPT << 3;

/// Values that meet often: few, at both ends of a field.
fn range(maximum: u128) -> impl Strategy<Value = (u128, u128)> {
    let value = prop_oneof![0u128..10, (maximum - 6)..=maximum];
    (value.clone(), value).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

fn sets() -> impl Strategy<Value = Vec<(u8, Vec<(u128, u128)>)>> {
    let maxima = field::maxima(Family::V4);
    let set = move |level: u8| {
        let ranges = proptest::collection::vec(range(maxima[usize::from(level)]), 1..4);
        proptest::option::of(ranges).prop_map(move |ranges| ranges.map(|ranges| (level, ranges)))
    };
    let levels = [field::PROTOCOL, field::DESTINATION, field::SOURCE, field::DESTINATION_PORT];
    levels.map(set).prop_map(|sets| sets.into_iter().flatten().collect())
}

fn plain(ends: &'static [Node]) -> impl Strategy<Value = Plain> {
    (sets(), proptest::sample::select(ends))
}

const ENDS: &[Node] = &[ACCEPT, DROP, RESET, PROHIBITED, LEFT, MAYBE, DROP | UNDECIDED];

fn product<V: Value>(sets: &[(u8, Vec<(u128, u128)>)], diagrams: &mut Diagrams<V>) -> Product {
    let mut product = Product::ALL;
    for (level, ranges) in sets {
        let ranges: Vec<_> =
            ranges.iter().map(|(l, h)| (V::from_wide(*l), V::from_wide(*h))).collect();
        let set = diagrams.set(&ranges).expect("small");
        assert!(diagrams.narrow(&mut product, *level, set).expect("small"));
    }
    product
}

fn items<V: Value>(list: &[Plain], diagrams: &mut Diagrams<V>) -> Vec<Item> {
    let mut items = Vec::new();
    for (sets, end) in list {
        let product = product(sets, diagrams);
        let end = diagrams.item(*end).expect("small");
        items.push(diagrams.inside(&product, end).expect("small"));
    }
    items
}

/// The old way: each item over all that come after it.
fn one_by_one<V: Value>(list: &[Item], diagrams: &mut Diagrams<V>) -> Node {
    list.iter().rev().fold(UNDECIDED, |below, item| {
        let own = diagrams.of_list(&[*item]).expect("small");
        diagrams.over(own, below).expect("small")
    })
}

/// Some stretches of a list become one diagram each.
fn with_diagrams<V: Value>(list: &[Item], cuts: &[bool], diagrams: &mut Diagrams<V>) -> Vec<Item> {
    let mut mixed = Vec::new();
    for (stretch, whole) in list.chunks(3).zip(cuts.iter().cycle()) {
        if *whole {
            let node = one_by_one(stretch, diagrams);
            mixed.push(diagrams.item(node).expect("small"));
        } else {
            mixed.extend(stretch);
        }
    }
    mixed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_list_that_is_swept_is_its_items_one_over_the_other(
        list in proptest::collection::vec(plain(ENDS), 0..14),
        cuts in proptest::collection::vec(any::<bool>(), 1..6),
    ) {
        let mut v4: Diagrams<u32> = diagrams(Family::V4, Budget::default());
        let list = items(&list, &mut v4);
        let expected = one_by_one(&list, &mut v4);
        prop_assert_eq!(v4.of_list(&list), Ok(expected));
        let mixed = with_diagrams(&list, &cuts, &mut v4);
        prop_assert_eq!(v4.of_list(&mixed), Ok(expected));
        // In halves, in a place of its own: nothing of it is known there.
        let mut fresh: Diagrams<u32> = diagrams(Family::V4, Budget::default());
        let plain: Vec<_> = list.iter().map(|item| v4.product_of(*item)).collect();
        let again: Vec<_> = plain.iter().map(|(product, end)| {
            let mut own = Product::ALL;
            for (level, set) in product.sets() {
                let ranges = v4.sets.of(set).to_vec();
                own.put(level, fresh.set(&ranges).expect("small"));
            }
            let end = fresh.item(*end).expect("small");
            fresh.inside(&own, end).expect("small")
        }).collect();
        let halved = fresh.halved(&again, 0);
        prop_assert_eq!(halved, Ok(one_by_one(&again, &mut fresh)));
    }

    #[test]
    fn products_that_are_joined_are_the_same_union(
        list in proptest::collection::vec(sets(), 0..12),
    ) {
        let mut v4: Diagrams<u32> = diagrams(Family::V4, Budget::default());
        let products: Vec<_> = list.iter().map(|sets| product(sets, &mut v4)).collect();
        let joined = v4.joined(products.clone()).expect("small");
        prop_assert!(joined.len() <= products.len());
        let accept = v4.item(ACCEPT).expect("small");
        let [before, after] = [&products, &joined].map(|list| {
            let items: Vec<_> =
                list.iter().map(|product| v4.inside(product, accept).expect("small")).collect();
            one_by_one(&items, &mut v4)
        });
        prop_assert_eq!(before, after);
    }

    #[test]
    fn lists_are_alike_when_their_diagrams_are_the_same(
        list in proptest::collection::vec(plain(&[ACCEPT, ACCEPT, DROP, RESET, PROHIBITED]), 1..10),
        swaps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..3),
        lost in proptest::option::of(any::<prop::sample::Index>()),
        parted in any::<bool>(),
    ) {
        let mut v4: Diagrams<u32> = diagrams(Family::V4, Budget::default());
        let mut other = list.clone();
        for (one, two) in swaps {
            let len = other.len();
            other.swap(one.index(len), two.index(len));
        }
        if let Some(lost) = lost {
            other.remove(lost.index(other.len()));
        }
        if parted {
            // Each product as one for each range of its last set.
            other = other.into_iter().flat_map(|(mut sets, end)| match sets.pop() {
                None => vec![(sets, end)],
                Some((level, ranges)) => ranges.iter().map(|range| {
                    let mut own = sets.clone();
                    own.push((level, vec![*range]));
                    (own, end)
                }).collect(),
            }).collect();
        }
        let [mut one, mut other] = [list, other].map(|list| items(&list, &mut v4));
        let default = v4.item(DROP).expect("small");
        one.push(default);
        other.push(default);
        let same = one_by_one(&one, &mut v4) == one_by_one(&other, &mut v4);
        prop_assert_eq!(v4.alike(&one, &other), Ok(same));
    }
}

#[test]
fn values_at_the_ends_of_a_field_are_cut_off_rightly() {
    let mut v6: Diagrams<u128> = diagrams(Family::V6, Budget::default());
    let list: Vec<Plain> = vec![
        (vec![(field::SOURCE, vec![(0, 0), (u128::MAX, u128::MAX)])], ACCEPT),
        (vec![(field::SOURCE, vec![(1, u128::MAX - 1)])], DROP),
    ];
    let list = items(&list, &mut v6);
    let node = v6.of_list(&list).expect("small");
    let edges: Vec<_> = v6.edges(node).expect("a node").1.collect();
    assert_eq!(edges, [(0, ACCEPT), (u128::MAX - 1, DROP), (u128::MAX, ACCEPT)]);
}

#[test]
fn rules_between_large_groups_that_allow_and_refuse_in_turn_stay_small() {
    // Each rule between dense halves of 400 hosts: the diagram of the list has a node for each pair.
    let mut seed = 1u64;
    let mut half = || {
        let mut hosts = Vec::new();
        for host in 0..400u128 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if seed >> 63 == 1 {
                hosts.push((2 * host, 2 * host));
            }
        }
        hosts
    };
    let rules: Vec<Plain> = (0..40u128)
        .map(|rule| {
            let sets = vec![
                (field::DESTINATION, half()),
                (field::SOURCE, half()),
                (field::DESTINATION_PORT, vec![(rule, 60_000 - rule)]),
            ];
            (sets, if rule % 2 == 0 { DROP } else { ACCEPT })
        })
        .collect();
    // The other side has every rule in two, one for each half of the ports.
    let parted: Vec<Plain> = rules
        .iter()
        .flat_map(|(sets, end)| {
            let (low, high) = sets[2].1[0];
            [(low, 30_000), (30_001, high)].map(|ports| {
                let mut own = sets.clone();
                own[2].1 = vec![ports];
                (own, *end)
            })
        })
        .collect();
    let budget = Budget { bytes: 4 << 20, ..Budget::default() };
    let mut v4: Diagrams<u32> = diagrams(Family::V4, budget);
    let [one, other] = [rules, parted].map(|list| items(&list, &mut v4));
    assert_eq!(v4.alike(&one, &other), Ok(true));
    let mut changed = other.clone();
    changed.remove(21);
    let region = v4.unlike(&one, &changed).expect("as small as a rule");
    assert_ne!(region, UNDECIDED);
    // A list that refuses all at its end refuses all of the last run.
    let [drop, accept] = [DROP, ACCEPT].map(|end| v4.item(end).expect("small"));
    let refusing: Vec<_> = one.iter().copied().filter(|item| v4.end(*item) == DROP).collect();
    assert_eq!(v4.alike(&[refusing.clone(), vec![drop]].concat(), &[drop]), Ok(true));
    assert_eq!(v4.alike(&[refusing[0], accept], &[accept]), Ok(false));
    assert!(v4.of_list(&one).is_err(), "the whole list is larger than that");
}
