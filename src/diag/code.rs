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

            /// Returns the code as it is printed: lower case with hyphens.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// Returns the severity that it has by default.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// Returns what is wrong, why it matters and what to do.
            pub fn explain(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
        }
    };
}

codes! {
    YamlSyntax "yaml-syntax" Error
    "The text is not well-formed YAML, so nothing after this place can be read.\n\nThe usual causes are an unclosed quote or bracket, a tab used for indentation, or a value that contains `: `. Quote values that contain punctuation."

    YamlNotAccepted "yaml-not-accepted" Error
    "The text uses a feature of YAML that policies do not allow: tags, anchors and aliases, merge keys, several documents in a file, keys that are not text, or very deep nesting.\n\nYAML readers disagree about these, and some drop them silently: `from: !lan` would lose its value and open a rule. Declare a named network or service instead of an anchor."

    YamlCharacter "yaml-character" Error
    "The text has a character that some readers treat as a line break and others do not (U+0085, U+2028, U+2029, a lone carriage return), that changes the order in which text is displayed (bidirectional formatting), or that is a control character.\n\nWith such a character a policy could look like one thing in review and compile to another. Remove it, even from comments."

    QuoteIt "quote-it" Error
    "An IPv6 address that begins with `:` inside brackets, or that ends in `::`, is a map to YAML.\n\nPut it in double quotes: `\"::/0\"`, `\"2001:db8::\"`."

    EmptyValue "empty-value" Error
    "A key or list item has no value.\n\nA forgotten value must never be read as *any*. Write `any` if you mean everything, or remove the key."

    RepeatedKey "repeated-key" Error
    "A map has the same key twice.\n\nYAML readers differ in which of the two they keep, so a network could be replaced without anyone noticing. Keep one."

    EmptyFile "empty-file" Error
    "A file is empty.\n\nA policy begins with `policy: NAME`. A list of prefixes must have at least one."

    FileNotRead "file-not-read" Error
    "A file could not be read: it does not exist, is not UTF-8, or is too large.\n\nPaths in a policy are relative to the file that names them. Policies and libraries may have up to 16 MiB, lists of prefixes up to 64 MiB."

    BadPath "bad-path" Error
    "A path is absolute, or has characters that are not portable, so it could mean a different file on another machine.\n\nWrite a relative path with `/`, using letters, digits and `._-`. An `output` must also stay below the output folder: no `..`, not inside another target's output, no hidden parts (`.github/`), and not the name of a manifest (`.portcullis.json`)."

    OutputTaken "output-taken" Error
    "The path of an output is taken by something that must not be overwritten: a file that Portcullis did not make from this policy, a file that the policy reads, an artifact of another policy, a symbolic link, or a folder.\n\nNothing was written. Choose another `output`, or remove what is there. `--force` overwrites files that others made, and nothing else."

    UnknownKey "unknown-key" Error
    "A map has a key that does not belong there.\n\nIf a misspelt key were ignored, a restriction could be lost silently. The message suggests similar names."

    MissingKey "missing-key" Error
    "A map lacks required keys.\n\nNothing is implied in a rule: `action`, `direction`, `from`, `to` and `service` must all be written, and *any* is spelled `any`."

    WrongType "wrong-type" Error
    "A value has the wrong type, for example a list where text is expected, or a number that should be quoted.\n\nValues are never converted silently, because YAML readers disagree about what `010` or `no` means."

    UnknownValue "unknown-value" Error
    "A value is not one that the key accepts.\n\nThe message suggests similar values, or lists the allowed ones."

    UnknownName "unknown-name" Error
    "A rule or a set refers to a network, service, library, parameter or target that is not declared.\n\nA name that matched nothing would silently empty or widen a rule, so it is an error. The message suggests similar names."

    BadName "bad-name" Error
    "A name is malformed or reserved.\n\nNames begin with a lower-case letter and continue with lower-case letters, digits, `-` or `_` (no `_` in the policy's own name), up to 64 characters. They become names in firewall configuration, so nothing else is allowed. `any` and `none` are reserved for networks; `any` and the names of protocols for services."

    RepeatedName "repeated-name" Error
    "Two rules have the same id, or a library is imported or used twice under the same name.\n\nReports, tests and artifacts refer to rules by their ids, so each must be unique. Give the second use of a library an `id` of its own."

    BadAddress "bad-address" Error
    "A text is not an address or prefix, or different systems would read it differently: host bits to the right of the prefix length, leading zeros (octal to some), IPv4 in IPv6 notation, or a zone.\n\nThe message says what to write. Nothing is ever corrected silently."

    BadService "bad-service" Error
    "A text is not a service.\n\nServices are `tcp/443`, `udp/1000-2000`, `sctp/any`, `icmp/echo-request`, `icmp/3`, `icmp/3/4`, `icmpv6/packet-too-big`, `protocol/gre`, `protocol/47`, `any`, a name, or a list of these. Ports are 1-65535 (0 is reserved and accepted only as the start of a range)."

    BadDomain "bad-domain" Error
    "A text is not a domain name.\n\nLabels are letters, digits and hyphens, at most 63 characters each and 253 in all (RFC 1123). `*` may stand for the whole first label or part of it."

    BadDate "bad-date" Error
    "A date is not a real day in the form YYYY-MM-DD.\n\nDates are ISO 8601 calendar dates: `2027-06-30`."

    BadInterface "bad-interface" Error
    "A gateway's interfaces are invalid: a name is not 1 to 15 letters, digits and `_.-`, is `lo`, or is listed twice.\n\nA gateway needs at least one inside and one outside interface, and no interface may be both."

    BadLimit "bad-limit" Error
    "A rate limit is not a number and a unit.\n\nWrite `10/second`, `10/minute`, `10/hour` or `10/day`."

    UnsafeText "unsafe-text" Error
    "A text that goes into artifacts is not one line of printable characters.\n\nComments, descriptions, owners and tickets are written into firewall configuration. They must be one line of at most 200 characters, without `\"` and `\\`, and without control, bidirectional or other invisible characters, so that no text can become configuration. Log prefixes are letters, digits, spaces and `-_.:/`, at most 64."

    OtherKindsOption "other-kinds-option" Error
    "A target has an option that only another kind of target has.\n\nIf it were ignored, the target would not do what was asked. Remove it, or change the target's `kind`."

    BadImport "bad-import" Error
    "A file cannot be imported: it is not a library, imports itself (directly or through others), or is imported twice.\n\nPolicies import rule libraries: files that begin with `library: NAME`, or `builtin:NAME`."

    Limit "limit" Error
    "Something is larger, deeper or more expensive than Portcullis accepts: rule libraries that multiply, networks made of very many others, an artifact larger than any firewall would load.\n\nWithout such limits a small file could take hours or use up all memory. The message names the limit; docs/limits.md lists them all with their reasons."

    BadArgument "bad-argument" Error
    "An argument of a library is missing, has the wrong type, or is not among the values that its parameter allows.\n\nThe message suggests similar values, or lists the allowed ones."

    BadTemplate "bad-template" Error
    "An expression of a library cannot be evaluated with the given arguments, for example because a table has no entry for a region.\n\nAn expression must have a value: nothing is left out silently."

    LibraryWarning "library-warning" Warning
    "A library has a warning about the arguments that it was used with.\n\nThe library's author wrote the message; the rules are compiled as they are."

    EmptySet "empty-set" Error
    "A set of addresses, ports or protocols is empty: for example, `except` removed everything that `include` gave.\n\nAn empty match is never left out of an artifact, because a rule without it would match everything. Correct the set or remove the rule."

    NothingInCommon "nothing-in-common" Error
    "The source and the destination of a rule share no address family (or the service belongs to the other family), so no packet can match it.\n\nUse addresses of the same family on both sides."

    NotExpressible "not-expressible" Error
    "A target cannot express what a rule needs, for example a domain name where only addresses can be matched.\n\nA condition that a target cannot express is never dropped. Give the rule a fallback, or leave the rule to another target."

    Quota "quota" Error
    "A policy needs more than a service allows: entries of a network ACL, rules of a security group.\n\nThe message says how many are needed and by which rules. Nothing is written, because the service would refuse half of it."

    Wider "wider" Warning
    "A kind of firewall cannot match something that a rule needs (source ports, TCP flags), so its artifact lets in more than the policy.\n\nThe message shows a packet that gets in. The artifact is proven to let in everything that the policy allows, and beyond that exactly what was reported. Put a firewall that can match it behind this one, or accept it."

    NotProven "not-proven" Error
    "The finished artifact was read back and does not mean what the policy means, or a proof did not finish within its budget (`--proof-memory`).\n\nNothing is written. The message shows a packet that the two sides decide differently. Please report it: it is a bug in Portcullis, or in a template of your own."

    Fallback "fallback" Note
    "A target cannot enforce the domain names of a rule and uses the addresses of its `fallback:` instead.\n\nThe addresses may be wider than the names: every name that is served from them becomes reachable."

    PacketSyntax "packet-syntax" Error
    "A packet is malformed, or leaves out a source port that the answer depends on.\n\nThe form is: direction, protocol, source, `->`, destination, and for ICMP the type: `outbound udp 10.20.0.5:50000 -> 15.193.6.10:3478`."

    TestFailed "test-failed" Error
    "The policy does not do what one of its `tests:` expects.\n\nThe message names the rule that decides the packet. Nothing is written until policy and tests agree."

    InvariantBroken "invariant-broken" Error
    "An invariant of the policy (`never`, `always`, `only`) does not hold: the message shows a packet that it forbids and the policy allows, or the reverse.\n\nInvariants are decided over all packets. Nothing is written until rules and invariants agree."

    NoTargets "no-targets" Error
    "A policy without `targets:` produces no artifact, so there is nothing to compile.\n\nAdd a target: its name, `kind:` and `output:`."

    Decision "decision" Note
    "Names the rule that decides the packet that `explain` was asked about.\n\nIt points at the rule in the policy; the command's own output has the line in each artifact."

    Cycle "cycle" Error
    "A network or a service is defined in terms of itself, directly or through others.\n\nBreak the cycle: one of the names must be made of addresses or ports."

    FeedSelector "feed-selector" Error
    "A selector of a vendor's feed matches nothing: the service, the region or the border group is not in the feed, or no row of the feed has them together.\n\nA selector that matches nothing would cut off what the rule is for, so it is an error. The message suggests similar names."

    SourcePorts "source-ports" Error
    "A rule restricts source ports, but its service includes protocols without ports.\n\nOnly TCP, UDP and SCTP have ports that a policy can name. Give the other protocols a rule of their own."

    Expired "expired" Error
    "A rule's `expires:` date has passed, as of the day given by `--as-of`.\n\nAn expired rule is never dropped automatically: a deny that vanished would open traffic. Extend the date, or remove the rule."

    ShadowedRule "shadowed-rule" Warning
    "Earlier rules decide every packet of a rule, so it never matches. Found by `check`.\n\nThe message names the rules that together hide it. If it was meant to win, move it up; otherwise remove it."

    RedundantRule "redundant-rule" Warning
    "Without a rule, every packet would be decided the same way, with the same logging and the same replies. Found by `check`.\n\nThe message names what would decide its packets instead. Each rule that is reported as redundant or shadowed can be removed alone, and all of them together."

    UnusedName "unused-name" Warning
    "No rule uses a network or a service, not even through another name. Found by `check`.\n\nOften a rule was removed, or names a different set from the one that was meant. Remove it or use it."

    ContradictingRules "contradicting-rules" Warning
    "Earlier rules that do the opposite decide every packet of a rule, so it has no effect. Found by `check`.\n\nOne of them is wrong. If the later rule was meant as an exception, move it up; otherwise remove it."

    OverlappingRules "overlapping-rules" Note
    "An earlier rule that does the opposite decides some packets of a rule. Found by `check`.\n\nExceptions are written like this, so it is only a note. It shows a packet that both rules match and the earlier one decides. Change its level with `checks:` or `-D overlapping-rules`."

    UndecidedRules "undecided-rules" Warning
    "The search for rules that change nothing, or that overlap, stopped before it was finished. Found by `check`.\n\nAll other rules were checked in full, but these may be shadowed, redundant or overlapping without being reported. Raise `--steps`, or split the policy: many rules that overlap in several fields at once make the search long."

    OverBroad "over-broad" Warning
    "A rule lets everyone on the other side use every service, or every port of a protocol. Found by `check`.\n\nNarrow the service or the addresses. Where it is intended, suppress it on the rule, with a reason: `ignore: [{ finding: over-broad, reason: ... }]`."

    Expiring "expiring" Warning
    "A rule's `expires:` date is near, as of the day given by `--as-of`. Found by `check`.\n\nFrom the day after that date, it is an error. Extend the date, or remove the rule. `--soon DAYS` says what is near (30 by default)."

    MissingOwner "missing-owner" Warning
    "A rule has no `owner:`, and neither has the policy. Found by `check`, where the policy, `-W` or `-D` asks for it.\n\nSomebody has to answer when the rule is reviewed or expires."

    ClientPorts "client-ports" Warning
    "A library's rules expect replies on different ports from those that the policy's clients use, and a target is stateless. Found by `check`.\n\nA stateless firewall would drop the replies to such clients. Tell the library which system the clients run (`client-os:`), or set the ports under `defaults: { ephemeral: ... }`."

    UnusedIgnore "unused-ignore" Warning
    "A rule's `ignore:` names a finding that the rule does not have. Found by `check`.\n\nThe finding is gone, or was never there: remove the entry, so that it does not hide the next one."

    Opens "opens" Error
    "A firewall lets through packets that the policy refuses. Found by `verify`, over all packets.\n\nThe message says who can reach whom with which service, and shows one of the packets, the line of the firewall that lets it through, and what the policy says about it. Load the artifact again, or make the change in the policy."

    Shuts "shuts" Error
    "A firewall refuses packets that the policy lets through. Found by `verify`, over all packets.\n\nThe message says who is cut off from whom, and shows one of the packets, the line of the firewall that refuses it, and the policy's rule. Load the artifact again, or make the change in the policy."

    MayOpen "may-open" Error
    "A firewall may let through packets that the policy refuses: it depends on conditions that are not understood, such as an owner, a rate or a set that changes. Found by `verify`.\n\nNothing is guessed: look at the lines that are named, and at those reported as `not-understood`."

    MayShut "may-shut" Error
    "A firewall may refuse packets that the policy lets through: it depends on conditions that are not understood, such as an owner, a rate or a set that changes. Found by `verify`.\n\nNothing is guessed: look at the lines that are named, and at those reported as `not-understood`."

    Tracks "tracks" Error
    "A firewall does not track connections that the policy's target tracks, or the reverse. Found by `verify`.\n\nReplies pass a stateful firewall because their connection is tracked. Without tracking they are cut off, unless a rule of their own lets them through. Look for `notrack` and `CT --notrack`."

    Answers "answers" Error
    "A firewall refuses packets as the policy does, but answers them differently: it drops instead of rejecting, or the reverse. Found by `verify`.\n\nNobody gets in or is cut off by this; clients may wait longer, or learn that a firewall is there."

    NotUnderstood "not-understood" Note
    "A line of a firewall has a condition or an action that is not understood, so it may or may not apply. Found by `verify` and `diff`.\n\nWhere the outcome for a packet depends on it, both outcomes are considered: `may-open`, `may-shut`."

    ListingNotRead "listing-not-read" Error
    "A live listing could not be read: it is not in the format of the target's kind, or lacks a part without which nothing can be said.\n\nUse the output of the firewall's own tools: `portcullis targets` names the commands for each kind."

    TrafficChanged "traffic-changed" Note
    "A change to the policy, or to a feed, opens or closes traffic. Reported by `diff` in the formats `github` and `sarif`, at the rule that decides.\n\nThe other formats list the same changes together."

    ArtifactMissing "artifact-missing" Error
    "A file that a target writes does not exist, so there is nothing to verify.\n\nRun `portcullis compile`, or give the files as arguments."

    Template "template" Error
    "A template could not be rendered: it names something that the plan does not have, or would print text that is not safe in the target's configuration.\n\nEvery string that a template prints is checked against the target's safe alphabet, so that no name or comment can become configuration."
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
