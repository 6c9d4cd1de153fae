//! What clouds' lists of rules share: documents and their languages, what tools list of them, services cut
//! into what one entry can say, and what is Amazon's alone.

pub(super) mod aws;
pub(in crate::firewall) mod document;
pub(in crate::firewall) mod listing;
pub(in crate::firewall) mod services;
