//! Names that nft knows for numbers.

/// ICMP types that nft has a name for and policies have not.
const FURTHER: &[(&str, u32)] = &[
    ("info-request", 15),
    ("info-reply", 16),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
    ("ind-neighbor-solicit", 141),
    ("ind-neighbor-advert", 142),
];

fn find(table: &[(&str, u32)], name: &str) -> Option<u32> {
    table.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// Returns the number of an ICMP type.
pub(super) fn icmp_type(name: &str) -> Option<u32> {
    match name {
        "mld-listener-reduction" => Some(132),
        _ => find(FURTHER, name),
    }
}
