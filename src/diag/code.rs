//! The stable codes: one entry has the code's name, its severity and its explanation.

use super::Severity;

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $text:literal)*) => {
        /// A stable name for one kind of diagnostic.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $text] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// Gives the code as it is printed: lower case with hyphens.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// Gives the severity that it has unless told otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// Explains what is wrong, why it matters and what to do.
            pub fn explain(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
        }
    };
}

codes! {
    UnknownName "unknown-name" Error
    "A rule or a set refers to a network, service, library, parameter or target that is not declared.\n\nA name that matched nothing would silently empty or widen a rule, so it is an error. The message lists near names."

    EmptySet "empty-set" Error
    "A set of addresses, ports or protocols has no element: for example `except` took away all that `include` gave.\n\nAn empty match is never left out of an artifact, because a rule without it would match everything. Correct the set or remove the rule."

    NothingInCommon "nothing-in-common" Error
    "The source and the destination of a rule share no address family (or the service belongs to the other family), so no packet can match it.\n\nGive both sides addresses of one family."

    NotExpressible "not-expressible" Error
    "A target cannot say what a rule needs, for example a domain name where only addresses can be matched.\n\nA match that a target cannot say is never dropped. Give the rule a fallback, or leave the rule to another target."

    NotProven "not-proven" Error
    "The finished artifact was read back and does not mean what the policy means, or the proof did not end within its budget.\n\nNothing is written. The message shows a packet that the two sides decide differently. Please report it: this is a bug in Portcullis or in a template of your own."

    Fallback "fallback" Note
    "A target cannot enforce the domain names of a rule and uses the addresses of its `fallback:` instead.\n\nThe addresses may be wider than the names: every name behind them is reached."

    PacketSyntax "packet-syntax" Error
    "A packet is not written as one, or leaves out a source port that its answer depends on.\n\nThe form is: direction, protocol, source, `->`, destination, and for ICMP the type: `outbound udp 10.20.0.5:50000 -> 15.193.6.10:3478`."

    TestFailed "test-failed" Error
    "A packet in the policy's `tests:` is decided otherwise than the test expects.\n\nThe message names the rule that decides. Nothing is written until policy and tests agree."

    NoTargets "no-targets" Error
    "A policy without `targets:` asks for no artifact, so there is nothing to compile.\n\nAdd a target: its name, `kind:` and `output:`."

    Decision "decision" Note
    "Says which rule decides the packet that `explain` was asked about."

    Cycle "cycle" Error
    "A network or a service is made of itself, directly or through others.\n\nBreak the circle: one of the names has to be made of addresses or ports."

    FeedSelector "feed-selector" Error
    "A selector of a vendor's feed matches nothing: the service, the region or the border group is not in the feed, or the feed has no row for them together.\n\nA selector that matches nothing would cut off what the rule is for, so it is an error. The message lists near names."

    SourcePorts "source-ports" Error
    "A rule restricts source ports, but its service has protocols without ports.\n\nOnly TCP, UDP and SCTP have ports that a policy can name. Give the other protocols a rule of their own."

    Template "template" Error
    "A template did not render: it names something that the plan does not have, or would print text that is not safe in the target's configuration.\n\nEvery string that a template prints is held against the target's safe alphabet, so that no name or comment can become configuration."
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
