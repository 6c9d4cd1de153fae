//! The feeds that are built in, packed by `build.rs`.

use super::Feed;

static AWS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/aws.feed"));

/// Returns the built-in copy of AWS's `ip-ranges.json`.
pub(super) fn aws() -> Feed {
    // The build script has read these bytes back. If they were bad nevertheless, the feed would have no
    // service, and a policy that selects from it would be refused.
    Feed::decode(AWS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Count, Feeds, Selector};
    use crate::net::IpSet;

    fn select(service: &str, regions: &[&str]) -> IpSet {
        let regions = regions.iter().map(|r| (*r).to_owned()).collect();
        let selector =
            Selector { feed: "aws".into(), service: service.into(), regions, ..Default::default() };
        Feeds::bundled().select(&selector).expect("addresses")
    }

    fn spelled(set: &IpSet) -> Vec<String> {
        set.prefixes().map(|prefix| prefix.to_string()).collect()
    }

    /// The figures were counted from the crate's JSON by another program (Python's `ipaddress`).
    #[test]
    fn the_snapshot_is_the_version_of_october_2025_whole() {
        let feeds = Feeds::bundled();
        let aws = feeds.get("aws").expect("bundled");
        assert_eq!((aws.version(), aws.created()), (1_761_894_521, "2025-10-31-07-08-41"));
        assert_eq!(aws.rows(), Count { v4: 9382, v6: 4426 });
        assert_eq!((aws.services().count(), aws.regions().count()), (26, 42));
        assert_eq!(aws.border_groups().count(), 116);
    }

    #[test]
    fn ec2_and_cloudfront_have_the_counted_prefixes() {
        let ec2 = select("EC2", &["GLOBAL", "us-east-1"]);
        assert_eq!((ec2.v4_prefixes().count(), ec2.v6_prefixes().count()), (221, 147));
        let cloudfront = select("CLOUDFRONT", &[]);
        assert_eq!((cloudfront.v4_prefixes().count(), cloudfront.v6_prefixes().count()), (171, 26));
        let global_only = select("CLOUDFRONT", &["GLOBAL"]);
        assert!(global_only.v4.is_subset(&cloudfront.v4) && global_only != cloudfront);
    }

    #[test]
    fn connect_is_global_and_the_region_together() {
        let connect = select("AMAZON_CONNECT", &["GLOBAL", "us-east-1"]);
        assert_eq!(spelled(&connect), ["15.193.0.0/19", "52.55.191.224/27", "2600:f0f2:7100::/40"]);
        let only_region = select("AMAZON_CONNECT", &["us-east-1"]);
        assert_eq!(
            spelled(&only_region),
            ["15.193.6.0/24", "52.55.191.224/27", "2600:f0f2:7101::/48"]
        );
        // A region that Connect has no row in is fine beside GLOBAL, which holds all there is.
        let elsewhere = select("AMAZON_CONNECT", &["GLOBAL", "eu-west-3"]);
        assert_eq!(spelled(&elsewhere), ["15.193.0.0/19", "2600:f0f2:7100::/40"]);
    }

    /// Why a plain selector keeps what is listed under other services too: the endpoints that a
    /// contact control panel calls by HTTPS are API Gateway's, and stand under EC2 as well.
    #[test]
    fn ec2_includes_what_other_services_list() {
        let ec2 = select("EC2", &["GLOBAL", "us-east-1"]);
        assert!(select("API_GATEWAY", &["us-east-1"]).v4.is_subset(&ec2.v4));
    }
}
