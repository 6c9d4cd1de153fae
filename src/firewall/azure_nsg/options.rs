//! What a policy can choose of network security groups.

use crate::firewall::entries::aws::{MAX_ENTRIES, MEMBERS, WIDEN};
use crate::firewall::options::{OptionSpec, Setting, Settings, Values};

/// The first priority unless the policy says another: Azure's own policies put rules of theirs from 100 on
/// (Azure/aks-engine#2106).
const FIRST_PRIORITY: u16 = 1000;

/// The options.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "format",
        Values::Format(&[
            ("arm", &[".json"]),
            ("terraform", &[".tf"]),
            ("terraform-json", &[".tf.json"]),
        ]),
        "What the file is written in.",
    )
    .required(),
    MEMBERS,
    OptionSpec::new(
        "name",
        Values::Name(80),
        "The group's name in Azure; the policy's and the target's names unless said.",
    ),
    OptionSpec::new(
        "first-priority",
        Values::Number(100, 4000),
        "The priority of the first rule; the lower ones are left to Azure's own policies.",
    )
    .or(Setting::Number(FIRST_PRIORITY)),
    MAX_ENTRIES,
    WIDEN,
];

/// The languages in which a group is handed to Azure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// A template of the Azure Resource Manager.
    Arm,
    /// HCL for Terraform.
    Terraform,
    /// JSON for Terraform.
    TerraformJson,
}

/// What was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Options {
    /// What the file is written in.
    pub(super) format: Format,
    /// The group's name in Azure, where it is said.
    pub(super) name: Option<String>,
    /// The priority of the first rule.
    pub(super) first_priority: u16,
    /// Whether address sets may grow.
    pub(super) grows: bool,
}

impl Options {
    pub(super) fn of(settings: &Settings) -> Self {
        Options {
            format: match settings.word("format") {
                "terraform" => Format::Terraform,
                "terraform-json" => Format::TerraformJson,
                _ => Format::Arm,
            },
            name: settings.name("name").map(str::to_owned),
            first_priority: settings.number("first-priority").unwrap_or(FIRST_PRIORITY),
            grows: settings.number("max-entries").is_some(),
        }
    }
}
