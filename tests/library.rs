//! The facts of `rules/amazon-connect.yaml`, read without the compiler's own decoder: which names and
//! ranges each way of access asks for, held against the vendor's tables and the built-in feed.

#![expect(clippy::expect_used, reason = "a test may panic to say what is wrong")]

use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use portcullis::feed::{Feeds, Selector};
use std::collections::{BTreeMap, BTreeSet};

type Yaml = serde_yaml::Value;

const LIBRARY: &str = include_str!("../rules/amazon-connect.yaml");

fn library() -> Yaml {
    serde_yaml::from_str(LIBRARY).expect("YAML")
}

fn text(value: &Yaml) -> &str {
    value.as_str().expect("a text")
}

fn keys(value: &Yaml) -> BTreeSet<String> {
    let map = value.as_mapping().expect("a map");
    map.keys().map(|key| text(key).to_owned()).collect()
}

fn values(parameter: &Yaml) -> BTreeSet<String> {
    let list = parameter["values"].as_sequence().expect("a list");
    list.iter().map(|value| text(value).to_owned()).collect()
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

/// The arguments of a use, over the defaults of the parameters.
fn arguments(library: &Yaml, given: &[(&str, &str)]) -> Value {
    let mut arguments = BTreeMap::new();
    for (name, parameter) in library["parameters"].as_mapping().expect("a map") {
        if let Some(default) = parameter.get("default") {
            arguments.insert(text(name).replace('-', "_"), Value::from(Serde(default)));
        }
    }
    for (name, value) in given {
        let value = match *value {
            "true" => Value::from(true),
            "false" => Value::from(false),
            other => Value::from(other),
        };
        arguments.insert(name.replace('-', "_"), value);
    }
    arguments.insert("tables".to_owned(), Value::from(Serde(&library["tables"])));
    Value::from_pairs(arguments)
}

/// What a use allows: destination (a name, or a network of the library) and service.
fn allowed(given: &[(&str, &str)]) -> Result<BTreeSet<(String, String)>, minijinja::Error> {
    let (library, environment) = (library(), environment());
    let with = arguments(&library, given);
    let mut found = BTreeSet::new();
    for rule in library["rules"].as_sequence().expect("a list") {
        let when = rule.get("when").map_or("true", text);
        if !environment.compile_expression(when)?.eval(&with)?.is_true() {
            continue;
        }
        assert_eq!(
            (text(&rule["action"]), text(&rule["direction"]), text(&rule["from"])),
            ("allow", "outbound", "clients")
        );
        environment.render_str(text(&rule["ephemeral"]), &with)?;
        let service = text(&rule["service"]).to_owned();
        let names = match rule["to"].get("domains") {
            Some(names) => names.as_sequence().expect("a list").iter().map(text).collect(),
            None => vec![text(&rule["to"])],
        };
        for name in names {
            found.insert((environment.render_str(name, &with)?, service.clone()));
        }
    }
    Ok(found)
}

fn expect(given: &[(&str, &str)], rows: &[(&str, &str)]) {
    let rows = rows.iter().map(|(to, service)| ((*to).to_owned(), (*service).to_owned())).collect();
    assert_eq!(allowed(given).expect("a good use"), rows, "{given:?}");
}

#[test]
fn ranges_are_the_three_rows_of_option_2() {
    let us = ("region", "us-east-1");
    let https = [("cloudfront", "https"), ("ec2", "https")];
    expect(&[us], &[https[0], https[1], ("connect", "turn")]);
    expect(&[us, ("media", "false")], &https);
    expect(
        &[us, ("resolvers", "dns-servers")],
        &[https[0], https[1], ("connect", "turn"), ("resolvers", "dns")],
    );
    // Option 2 asks no table of hosts: every region works.
    for region in values(&library()["parameters"]["region"]) {
        assert_eq!(allowed(&[("region", &region)]).expect("ranges").len(), 3, "{region}");
    }
}

#[test]
fn names_are_the_six_rows_of_option_1() {
    let acme = ("instance", "acme");
    let us = ("region", "us-east-1");
    let common = [
        ("rtc.connect-telecom.us-east-1.amazonaws.com", "https"),
        ("acme.awsapps.com", "https"),
        ("*.execute-api.us-east-1.amazonaws.com", "https"),
        ("participant.connect.us-east-1.amazonaws.com", "https"),
        ("*.transport.connect.us-east-1.amazonaws.com", "https"),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&common[..], more].concat();
    let all = ("*.cloudfront.net", "https");
    let any_turn = ("TurnNlb-*.elb.us-east-1.amazonaws.com", "turn");
    expect(&[us, acme, ("access", "domains")], &with(&[all, any_turn]));
    expect(&[us, acme, ("access", "domains"), ("media", "false")], &with(&[all]));
    expect(&[us, acme, ("access", "hybrid")], &with(&[all, ("connect", "turn")]));
    expect(
        &[us, acme, ("access", "domains"), ("turn", "nlb"), ("static-assets", "table")],
        &with(&[
            ("dd401jc05x2yk.cloudfront.net", "https"),
            ("d1f0uslncy85vb.cloudfront.net", "https"),
            ("TurnNlb-d76454ac48d20c1e.elb.us-east-1.amazonaws.com", "turn"),
        ]),
    );
}

#[test]
fn the_table_of_telecom_hosts_wins_and_a_missing_region_is_an_error() {
    let names = |region| allowed(&[("region", region), ("instance", "acme"), ("access", "hybrid")]);
    for region in ["eu-west-2", "ap-southeast-1"] {
        let host = format!("rtc.cell-1.prod.{region}.prod.connect.aws.a2z.com");
        assert!(names(region).expect(region).contains(&(host, "https".to_owned())));
    }
    for region in ["ap-south-1", "ca-central-1"] {
        assert!(names(region).is_err(), "{region}");
    }
}

/// Seven regions have telecom and media hosts, eight have CloudFront's, and what is used as a host
/// name of a region says so itself.
#[test]
fn the_tables_hold_together() {
    let library = library();
    let tables = &library["tables"];
    let regions = values(&library["parameters"]["region"]);
    assert_eq!(keys(&tables["telecom"]).len(), 7);
    assert_eq!(keys(&tables["telecom"]), keys(&tables["nlb"]));
    let mut assets = keys(&tables["assets"]);
    assert!(assets.remove("ap-south-1"));
    assert_eq!(keys(&tables["telecom"]), assets);
    assert_eq!(values(&library["parameters"]["client-os"]), keys(&tables["ephemeral"]));
    for table in ["telecom", "nlb"] {
        for (region, host) in tables[table].as_mapping().expect("a map") {
            assert!(text(host).contains(&format!(".{}.", text(region))), "{host:?}");
            assert!(regions.contains(text(region)));
        }
    }
    let hosts: Vec<_> = tables["assets"].as_mapping().expect("a map").values().collect();
    let hosts: Vec<_> = hosts.iter().flat_map(|h| h.as_sequence().expect("two hosts")).collect();
    assert_eq!(hosts.len(), 16);
    assert_eq!(hosts.iter().map(|host| text(host)).collect::<BTreeSet<_>>().len(), 16);
}

#[test]
fn the_regions_are_those_of_the_tables_and_of_the_feed() {
    let (library, feeds) = (library(), Feeds::bundled());
    let ask = |region: &str| {
        let (feed, service) = ("aws".to_owned(), "AMAZON_CONNECT".to_owned());
        let regions = vec![region.to_owned()];
        feeds.select(&Selector { feed, service, regions, ..Default::default() })
    };
    let aws = feeds.get("aws").expect("bundled");
    let mut expected = keys(&library["tables"]["assets"]);
    let regions = aws.regions().map(|(region, _)| region);
    expected.extend(regions.filter(|r| *r != "GLOBAL" && ask(r).is_ok()).map(str::to_owned));
    assert_eq!(values(&library["parameters"]["region"]), expected);
}

#[test]
fn every_network_is_in_the_feed_for_every_region() {
    let (library, environment, feeds) = (library(), environment(), Feeds::bundled());
    for region in values(&library["parameters"]["region"]) {
        let with = arguments(&library, &[("region", &region)]);
        for (name, network) in library["networks"].as_mapping().expect("a map") {
            let regions = network.get("region").map(|list| list.as_sequence().expect("a list"));
            let regions = regions.into_iter().flatten();
            let selector = Selector {
                feed: text(&network["feed"]).to_owned(),
                service: text(&network["service"]).to_owned(),
                regions: regions
                    .map(|r| environment.render_str(text(r), &with).expect("a region"))
                    .collect(),
                ..Default::default()
            };
            let set = feeds.select(&selector).unwrap_or_else(|e| panic!("{name:?}: {e}"));
            assert!(!set.v4.is_empty() && !set.v6.is_empty(), "{name:?} in {region}");
        }
    }
}

#[test]
fn warnings_are_said_when_they_apply() {
    let (library, environment) = (library(), environment());
    let said = |given: &[(&str, &str)]| {
        let with = arguments(&library, given);
        let warnings = library["warnings"].as_sequence().expect("a list").iter();
        let applies = |warning: &&Yaml| {
            let when =
                environment.compile_expression(text(&warning["when"])).expect("an expression");
            when.eval(&with).expect("a value").is_true()
        };
        let render = |w: &Yaml| environment.render_str(text(&w["message"]), &with).expect("a text");
        warnings.filter(applies).map(render).collect::<Vec<_>>()
    };
    let south = [("region", "ap-south-1"), ("instance", "acme")];
    assert!(said(&south).is_empty());
    assert_eq!(said(&[&south[..], &[("access", "hybrid")]].concat()).len(), 1);
    let all = said(&[&south[..], &[("access", "domains"), ("turn", "nlb")]].concat());
    assert_eq!(all.len(), 3);
    assert!(all[0].contains("acme.awsapps.com") && all[2].contains("ap-south-1"));
    assert!(all.iter().all(|message| !message.contains('\n')), "{all:?}");
}

/// Comments go into artifacts: nftables takes 128 characters and cannot escape a quotation mark.
#[test]
fn comments_fit_every_target_and_ids_are_unique() {
    let library = library();
    let rules = library["rules"].as_sequence().expect("a list");
    let ids: BTreeSet<_> = rules.iter().map(|rule| text(&rule["id"])).collect();
    assert_eq!(ids.len(), rules.len());
    for rule in rules {
        let comment = text(&rule["comment"]);
        assert!(
            comment.len() <= 128 && !comment.contains(['"', '\\', '\'', '$', '`']),
            "{comment}"
        );
    }
}

#[test]
fn the_examples_use_the_library_as_it_declares() {
    let library = library();
    let examples = [
        include_str!("../examples/amazon-connect/policy.yaml"),
        include_str!("../examples/contact-center/policy.yaml"),
    ];
    for example in examples {
        let policy: Yaml = serde_yaml::from_str(example).expect("YAML");
        let rules = policy["rules"].as_sequence().expect("a list");
        let uses: Vec<_> = rules.iter().filter(|rule| rule.get("use").is_some()).collect();
        assert_eq!(uses.len(), 1);
        let given = keys(&uses[0]["with"]);
        for (name, parameter) in library["parameters"].as_mapping().expect("a map") {
            let needed = parameter.get("default").is_none();
            assert!(!needed || given.contains(text(name)), "{name:?} is missing");
            if let (Some(value), Some(_)) = (uses[0]["with"].get(name), parameter.get("values")) {
                assert!(values(parameter).contains(text(value)), "{value:?}");
            }
        }
        assert!(given.is_subset(&keys(&library["parameters"])), "{given:?}");
    }
}
