//! The shape of the YAML: what serde decodes and what the JSON Schema is made from. No behaviour.
//!
//! What is one item for messages (a rule, a network, a target) is decoded on its own: containers hold
//! their items as [`Later`], so that one fault does not hide the next.
//!
//! Every field is an `Option`, even where a policy must have it: [`decode`](super::decode) reports all missing
//! keys at once, and `schemars(required)` puts that into the schema.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A value that is decoded later, on its own; its schema is that of `T`.
pub(crate) struct Later<T>(PhantomData<T>);

impl<'de, T> Deserialize<'de> for Later<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Later(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Later<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

macro_rules! text_types {
    ($($(#[$meta:meta])* $name:ident $pattern:literal $most:literal;)*) => {$(
        $(#[$meta])*
        #[derive(serde::Deserialize, JsonSchema)]
        #[schemars(extend("pattern" = $pattern, "maxLength" = $most))]
        pub(crate) struct $name(pub(crate) String);
    )*};
}

text_types! {
    /// The policy's name: a lower-case letter, then lower-case letters, digits and hyphens.
    PolicyName "^[a-z][a-z0-9-]*$" 64;
    /// A name: a lower-case letter, then lower-case letters, digits, `-` and `_`.
    Name "^[a-z][a-z0-9_-]*$" 64;
    /// One line of printable text without `"` and `\`.
    Text "^[^\"\\\\\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{2029}]*$" 200;
    /// A day: YYYY-MM-DD.
    Date "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" 10;
    /// An interface's name.
    InterfaceName "^[A-Za-z0-9_.][A-Za-z0-9_.-]*$" 15;
    /// `iana` (49152-65535), `linux` (32768-60999), `any` (1024-65535) or a range such as `40000-50000`.
    EphemeralPorts "^(iana|linux|any|[0-9]{1,5}-[0-9]{1,5})$" 11;
    /// A number and a unit: `10/second`, `10/minute`, `10/hour` or `10/day`.
    RateLimit "^[0-9]{1,9}/(second|minute|hour|day)$" 16;
    /// What each log line begins with: letters, digits, spaces and `-_.:/`.
    LogPrefix "^[A-Za-z0-9 _.:/-]*$" 64;
    /// `builtin:NAME`, or the path of a library relative to this file.
    Import "^[^/\\\\]" 1024;
    /// A path relative to this file, with `/`.
    Path "^[^/\\\\]" 1024;
    /// A path below the output folder; for several files a folder that ends in `/`.
    Output "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/?$" 200;
    /// A domain name; `*` may be the whole first label or a part of it.
    Domain "^[A-Za-z0-9_*.-]+$" 253;
    /// An expression over the library's parameters and `tables`.
    Condition "" 1000;
}

/// A name, or an address or prefix of either family.
const ADDRESSES: &str = concat!(
    "^([a-z][a-z0-9_-]{0,63}",
    r"|((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(/(3[0-2]|[12]?[0-9]))?",
    "|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$"
);

/// A name, or a protocol with its ports or type.
const SERVICE: &str = concat!(
    "^([a-z][a-z0-9_-]{0,63}",
    "|(tcp|udp|sctp)/(any|[0-9]{1,5}(-[0-9]{1,5})?)",
    "|(icmp|icmpv6)/[a-z0-9/-]+|protocol/[A-Za-z0-9.-]+)$"
);

/// One value or a list of several.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(#[schemars(length(min = 1))] Vec<T>),
}

/// A firewall policy.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Policy {
    /// The policy's name; names in artifacts begin with it.
    #[schemars(required)]
    pub(crate) policy: Option<PolicyName>,
    /// What the policy is for.
    pub(crate) description: Option<Text>,
    /// Who answers for it.
    pub(crate) owner: Option<Text>,
    /// What applies where no rule says otherwise.
    pub(crate) defaults: Option<Later<Defaults>>,
    /// Rule libraries that rules can `use`.
    pub(crate) imports: Option<Later<Vec<Import>>>,
    /// Address sets by name.
    pub(crate) networks: Option<Later<BTreeMap<Name, Network>>>,
    /// Services by name.
    pub(crate) services: Option<Later<BTreeMap<Name, Service>>>,
    /// The rules in order; the first that matches decides.
    #[schemars(required)]
    pub(crate) rules: Option<Later<Vec<RuleOrUse>>>,
    /// Packets and what the policy must do with them, checked on every compile.
    pub(crate) tests: Option<Later<Vec<Test>>>,
    /// What must hold for every packet, whatever the rules say; decided on every compile.
    pub(crate) invariants: Option<Later<Vec<Invariant>>>,
    /// The level of each finding, by code.
    pub(crate) checks: Option<Later<BTreeMap<String, Level>>>,
    /// The artifacts to write, by name.
    pub(crate) targets: Option<Later<BTreeMap<Name, Target>>>,
}

/// What applies where no rule says otherwise.
#[derive(serde::Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Defaults {
    /// What happens to flows towards the protected side.
    #[schemars(extend("enum" = ["allow", "drop", "reject"], "default" = "drop"))]
    pub(crate) inbound: Option<String>,
    /// What happens to flows away from the protected side.
    #[schemars(extend("enum" = ["allow", "drop", "reject"], "default" = "drop"))]
    pub(crate) outbound: Option<String>,
    /// The ports that clients open flows from.
    #[schemars(extend("default" = "iana"))]
    pub(crate) ephemeral: Option<EphemeralPorts>,
    /// What the network itself needs, such as neighbour discovery.
    #[schemars(extend("enum" = ["standard", "strict", "none"], "default" = "standard"))]
    pub(crate) baseline: Option<String>,
}

/// A set of addresses: `any`, a prefix or address, the name of a network, a list of these, or a map.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used: the parts are decoded one by one")]
#[schemars(transform = super::options::network_by_shape)]
pub(crate) enum Network {
    /// `any`, `10.0.0.0/8`, `2001:db8::1`, or the name of a network.
    Text(#[schemars(regex(pattern = ADDRESSES))] String),
    /// The union of several.
    List(#[schemars(length(min = 1))] Vec<Network>),
    Except(Except),
    File(PrefixFile),
    Feed(Feed),
    Domains(Domains),
}

/// Some addresses without others.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Except {
    /// The addresses to begin with.
    #[schemars(required)]
    pub(crate) include: Option<Later<Network>>,
    /// The addresses to leave out of them.
    pub(crate) except: Option<Later<Network>>,
}

/// Prefixes from a file: one a line, `#` begins a comment.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrefixFile {
    /// The file's path, relative to the file that names it.
    #[schemars(required)]
    pub(crate) file: Option<Path>,
}

/// Prefixes that a vendor publishes.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Feed {
    /// The vendor's feed, such as `aws`.
    #[schemars(required)]
    pub(crate) feed: Option<String>,
    /// The service's name in the feed, such as `EC2`.
    #[schemars(required)]
    pub(crate) service: Option<String>,
    /// One region or several.
    #[schemars(extend("x-default" = "every region"))]
    pub(crate) region: Option<OneOrMany<String>>,
    /// One network border group or several.
    #[schemars(extend("x-default" = "every group"))]
    pub(crate) border_group: Option<OneOrMany<String>>,
}

/// Domain names, which the compiler never resolves.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`fallback` is decoded by key")]
pub(crate) struct Domains {
    /// One name or several.
    #[schemars(required)]
    pub(crate) domains: Option<OneOrMany<Domain>>,
    /// The addresses that targets use if they cannot enforce names.
    pub(crate) fallback: Option<Later<Network>>,
}

/// A service (`tcp/443`, `udp/1000-2000`, `icmp/echo-request`, `protocol/gre`, `any`), the name of one,
/// or a list of these.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used: the parts are decoded one by one")]
#[schemars(transform = super::options::service_by_shape)]
pub(crate) enum Service {
    /// One service or its name.
    Text(#[schemars(regex(pattern = SERVICE))] String),
    /// The union of several.
    List(#[schemars(length(min = 1))] Vec<Service>),
}

/// A rule, or the rules of a library.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used: the key `use` decides")]
#[schemars(transform = super::options::rule_by_shape)]
pub(crate) enum RuleOrUse {
    Rule(Rule),
    Use(Use),
}

/// One rule. Nothing is implied: any is spelled `any`.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Rule {
    /// The rule's name in reports and artifacts; unique.
    #[schemars(required)]
    pub(crate) id: Option<Name>,
    /// In a library: write the rule only when this holds for the arguments.
    pub(crate) when: Option<Condition>,
    /// What the rule does.
    #[schemars(required, extend("enum" = ["allow", "drop", "reject"]))]
    pub(crate) action: Option<String>,
    /// Which way the flow is opened, seen from the protected side.
    #[schemars(required, extend("enum" = ["inbound", "outbound"]))]
    pub(crate) direction: Option<String>,
    /// The source: who opens the flow.
    #[schemars(required)]
    pub(crate) from: Option<Later<Network>>,
    /// The destination.
    #[schemars(required)]
    pub(crate) to: Option<Later<Network>>,
    /// The protocol, with its ports or type.
    #[schemars(required)]
    pub(crate) service: Option<Later<Service>>,
    /// The initiator's ports, where they are fixed: `53`, `1024-65535`, or a list.
    #[schemars(extend("x-default" = "any"))]
    pub(crate) source_ports: Option<Later<OneOrMany<Port>>>,
    /// The initiator's ports that replies come back to on a stateless firewall.
    #[schemars(extend("x-default" = "that of `defaults`"))]
    pub(crate) ephemeral: Option<EphemeralPorts>,
    /// Whether matches are logged.
    #[schemars(extend("default" = false))]
    pub(crate) log: Option<Later<Log>>,
    /// What the rule is for; written into artifacts.
    pub(crate) comment: Option<Text>,
    /// Who answers for it.
    pub(crate) owner: Option<Text>,
    /// The ticket that asked for it.
    pub(crate) ticket: Option<Text>,
    /// The last day on which the rule is valid.
    pub(crate) expires: Option<Date>,
    /// Findings of `check` to suppress on this rule.
    pub(crate) ignore: Option<Later<Vec<Ignore>>>,
}

/// A finding to suppress, and why.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ignore {
    /// The finding's code, such as `over-broad`.
    #[schemars(required)]
    pub(crate) finding: Option<String>,
    /// Why the finding is intended.
    #[schemars(required)]
    pub(crate) reason: Option<Text>,
}

/// The rules of a library with arguments.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Use {
    /// The library's name; it must be imported.
    #[schemars(required)]
    pub(crate) r#use: Option<Name>,
    /// The first part of its rules' ids.
    #[schemars(extend("x-default" = "the library's name"))]
    pub(crate) id: Option<Name>,
    /// In a library: use it only when this holds for the arguments.
    pub(crate) when: Option<Condition>,
    /// The arguments by parameter.
    pub(crate) with: Option<Later<BTreeMap<String, Argument>>>,
}

/// An argument: text, a boolean, or a network.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used: the parameter's type decides")]
pub(crate) enum Argument {
    Flag(bool),
    Network(Network),
}

/// A port or a range of ports.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used")]
pub(crate) enum Port {
    Number(#[schemars(range(min = 1))] u16),
    Text(#[schemars(regex(pattern = "^(any|[0-9]{1,5}(-[0-9]{1,5})?)$"))] String),
}

/// Whether matches are logged, and how.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used")]
pub(crate) enum Log {
    Flag(bool),
    Options(LogOptions),
}

/// How matches are logged.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogOptions {
    /// The beginning of each line.
    #[schemars(extend("x-default" = "the rule's id"))]
    pub(crate) prefix: Option<LogPrefix>,
    /// The most lines per unit of time.
    #[schemars(extend("x-default" = "every packet"))]
    pub(crate) limit: Option<RateLimit>,
}

/// A packet and what the policy must do with it.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    /// What the policy must do.
    #[schemars(required, extend("enum" = ["allow", "drop", "reject"]))]
    pub(crate) expect: Option<String>,
    /// The packet, such as `outbound udp 10.20.0.5:50000 -> 15.193.6.10:3478`.
    #[schemars(required)]
    pub(crate) packet: Option<String>,
}

/// The level of a finding.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the schema is used: levels are decoded as words")]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// An error.
    Error,
    /// A warning.
    Warn,
    /// Not reported.
    Off,
}

/// What must hold for every packet: one of `never`, `always` and `only`.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the parts are decoded by key")]
#[schemars(transform = super::options::one_kind_of_invariant)]
pub(crate) struct Invariant {
    /// None of this traffic is allowed.
    pub(crate) never: Option<Later<Bounds>>,
    /// All of this traffic is allowed.
    pub(crate) always: Option<Later<Bounds>>,
    /// Nothing else is allowed: inbound to `to`, outbound from `from`.
    pub(crate) only: Option<Later<Bounds>>,
    /// What it is for.
    pub(crate) comment: Option<Text>,
}

/// Traffic; whatever is left out is any.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Bounds {
    /// Which way the flow is opened, seen from the protected side.
    #[schemars(required, extend("enum" = ["inbound", "outbound"]))]
    pub(crate) direction: Option<String>,
    /// The source: who opens the flow.
    pub(crate) from: Option<Later<Network>>,
    /// Addresses to leave out of `from`.
    pub(crate) except_from: Option<Later<Network>>,
    /// The destination.
    pub(crate) to: Option<Later<Network>>,
    /// Addresses to leave out of `to`.
    pub(crate) except_to: Option<Later<Network>>,
    /// The protocol, with its ports or type.
    pub(crate) service: Option<Later<Service>>,
}

/// Tests and invariants in a file of their own.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct TestFile {
    /// Packets and what the policy must do with them.
    pub(crate) tests: Option<Later<Vec<Test>>>,
    /// What must hold for every packet.
    pub(crate) invariants: Option<Later<Vec<Invariant>>>,
}

/// An artifact to write.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = super::options::options_by_kind)]
pub(crate) struct Target {
    /// The kind of firewall.
    #[schemars(required, extend("enum" = crate::firewall::Kind::words().collect::<Vec<_>>()))]
    pub(crate) kind: Option<String>,
    /// Where the firewall is: on the machine itself (`host`) or between networks (`gateway`).
    #[schemars(extend("enum" = ["host", "gateway"], "default" = "host"))]
    pub(crate) placement: Option<String>,
    /// A gateway's interfaces to the protected side.
    #[schemars(length(min = 1))]
    pub(crate) inside: Option<Vec<InterfaceName>>,
    /// A gateway's interfaces to the rest.
    #[schemars(length(min = 1))]
    pub(crate) outside: Option<Vec<InterfaceName>>,
    /// Whether it tracks connections, where the kind has a choice.
    #[schemars(extend("enum" = ["stateful", "stateless"], "default" = "stateful"))]
    pub(crate) state: Option<String>,
    /// Where the artifact is written.
    #[schemars(required)]
    pub(crate) output: Option<Output>,
}

/// Text or several texts by key.
type Table = BTreeMap<String, OneOrMany<String>>;

/// A library of rules with parameters.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Library {
    /// The library's name.
    #[schemars(required)]
    pub(crate) library: Option<Name>,
    /// What the library is for.
    pub(crate) description: Option<Text>,
    /// Where its facts come from.
    pub(crate) source: Option<Text>,
    /// The day on which its facts were last compared with the source.
    pub(crate) reviewed: Option<Date>,
    /// Other libraries that its rules can `use`.
    pub(crate) imports: Option<Later<Vec<Import>>>,
    /// Its parameters, by name.
    pub(crate) parameters: Option<Later<BTreeMap<Name, Parameter>>>,
    /// Tables for expressions, such as host names by region: `tables.NAME[KEY]`.
    pub(crate) tables: Option<Later<BTreeMap<Name, Table>>>,
    /// Warnings about certain arguments.
    pub(crate) warnings: Option<Later<Vec<Warning>>>,
    /// Address sets by name.
    pub(crate) networks: Option<Later<BTreeMap<Name, Network>>>,
    /// Services by name.
    pub(crate) services: Option<Later<BTreeMap<Name, Service>>>,
    /// The rules in order.
    #[schemars(required)]
    pub(crate) rules: Option<Later<Vec<RuleOrUse>>>,
}

/// A parameter of a library.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Parameter {
    /// A `network`, one of some values (`choice`), a `boolean`, or `text` (lower-case letters, digits, `-`).
    #[schemars(required, extend("enum" = ["network", "choice", "boolean", "text"]))]
    pub(crate) r#type: Option<String>,
    /// The values of a `choice`.
    #[schemars(length(min = 1))]
    pub(crate) values: Option<Vec<String>>,
    /// The value if none is given; without a default, one must be given. For a network also `none`.
    pub(crate) default: Option<Later<Argument>>,
    /// What it is for.
    pub(crate) description: Option<Text>,
}

/// Warnings about certain arguments.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the parts are decoded by key")]
pub(crate) struct Warning {
    /// When the warning applies.
    #[schemars(required)]
    pub(crate) when: Option<Condition>,
    /// The text of the warning.
    #[schemars(required)]
    pub(crate) message: Option<String>,
}
