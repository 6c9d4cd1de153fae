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

            /// Returns the severity that it has unless told otherwise.
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
    YamlSyntax "yaml-syntax" Error
    "The text is not well-formed YAML, so nothing after this place can be read.\n\nMost often a quote or bracket is not closed, a tab indents, or a value contains `: `. Quote values that contain punctuation."

    YamlNotAccepted "yaml-not-accepted" Error
    "The text uses a part of YAML that policies do not have: tags, anchors and aliases, merge keys, several documents in a file, keys that are not text, or very deep nesting.\n\nYAML readers disagree about these, and some drop them in silence: `from: !lan` would lose its value and open a rule. Declare a named network or service instead of an anchor."

    YamlCharacter "yaml-character" Error
    "The text has a character that some readers take for a line break and others do not (U+0085, U+2028, U+2029, a lone carriage return), that shows text in another order than it has (bidirectional formatting), or that is a control character.\n\nWith such a character a policy could be reviewed as one thing and compiled as another. Remove it; comments are not exempt."

    QuoteIt "quote-it" Error
    "An IPv6 address that begins with `:` inside brackets, or that ends in `::`, is a map to YAML.\n\nPut it in double quotes: `\"::/0\"`, `\"2001:db8::\"`."

    EmptyValue "empty-value" Error
    "A key or list item has no value.\n\nA forgotten value must never read as *any*. Write `any` if everything is meant, or remove the key."

    RepeatedKey "repeated-key" Error
    "A map has the same key twice.\n\nYAML readers differ in which of the two they keep, so a network could be replaced unseen. Keep one."

    EmptyFile "empty-file" Error
    "A file has nothing in it.\n\nA policy must say something: it begins with `policy: NAME`. A list of prefixes must have at least one."

    FileNotRead "file-not-read" Error
    "A file could not be read: it is not there, is not UTF-8, or is too large.\n\nPaths in a policy are relative to the file that names them. Policies and libraries are at most 16 MiB, lists of prefixes at most 64 MiB."

    BadPath "bad-path" Error
    "A path is absolute or has characters that are not portable, so it would mean another file on another machine.\n\nWrite a relative path with `/`, of letters, digits and `._-`. What is written (`output`) must also stay below the output folder: without `..`, without another target's output in it, without hidden parts (`.github/`) and without the name of a manifest (`.portcullis.json`)."

OutputTaken "output-taken" Error
    "Something stands in the place of an output that may not be written over: a file that this program did not make from this policy, a file that the policy reads, an artifact of another policy, a symbolic link, or a folder.\n\nNothing was written. Choose another `output`, or remove what is there; `--force` writes over files that others made, and over nothing else."

        UnknownKey "unknown-key" Error
    "A map has a key that does not belong there.\n\nA misspelt key that was ignored would silently lose a restriction. The message lists near names."

    MissingKey "missing-key" Error
    "A map lacks keys that it must have.\n\nIn a rule nothing is implied: `action`, `direction`, `from`, `to` and `service` must all be written, and *any* is spelled `any`."

    WrongType "wrong-type" Error
    "A value is of another type than is expected there, for example a list instead of text, or a number that should be quoted.\n\nValues are never converted in silence, because YAML readers disagree about what `010` or `no` is."

    UnknownValue "unknown-value" Error
    "A value is not one of those that the key accepts.\n\nThe message lists near or allowed values."

    UnknownName "unknown-name" Error
    "A rule or a set refers to a network, service, library, parameter or target that is not declared.\n\nA name that matched nothing would silently empty or widen a rule, so it is an error. The message lists near names."

    BadName "bad-name" Error
    "A name is not well formed or is reserved.\n\nNames begin with a lower-case letter and continue with lower-case letters, digits, `-` or `_` (the policy's own name without `_`), at most 64 characters. They become names in firewall configuration, so nothing else is allowed. `any` and `none` are reserved for networks; `any` and the names of protocols for services."

    RepeatedName "repeated-name" Error
    "Two rules have one id, or a library is imported or used twice under one name.\n\nIds are how reports, tests and artifacts name rules, so each must be unique. Give the second use of a library an `id` of its own."

    BadAddress "bad-address" Error
    "A text is not an address or prefix, or would be read differently by different systems: host bits to the right of the prefix length, leading zeros (octal to some), IPv4 in IPv6 notation, or a zone.\n\nThe message says what to write. Nothing is ever corrected in silence."

    BadService "bad-service" Error
    "A text is not a service.\n\nServices are `tcp/443`, `udp/1000-2000`, `sctp/any`, `icmp/echo-request`, `icmp/3`, `icmp/3/4`, `icmpv6/packet-too-big`, `protocol/gre`, `protocol/47`, `any`, a name, or a list of these. Ports are 1-65535 (0 is reserved and only accepted as the start of a range)."

    BadDomain "bad-domain" Error
    "A text is not a domain name.\n\nLabels are letters, digits and hyphens, at most 63 characters each and 253 in all (RFC 1123). `*` may stand for a whole first label or inside it."

    BadDate "bad-date" Error
    "A date is not a real day in the form YYYY-MM-DD.\n\nDates are ISO 8601 calendar dates: `2027-06-30`."

    BadInterface "bad-interface" Error
    "A gateway's interfaces are not well formed: a name is not 1 to 15 letters, digits and `_.-`, is `lo`, or stands twice.\n\nA gateway needs at least one inside and one outside interface, and no interface may be both."

    BadLimit "bad-limit" Error
    "A rate limit is not a number and a unit.\n\nWrite `10/second`, `10/minute`, `10/hour` or `10/day`."

    UnsafeText "unsafe-text" Error
    "A text that goes into artifacts is not one line of printable characters.\n\nComments, descriptions, owners and tickets are written into firewall configuration. They are one line of at most 200 characters, without `\"` and `\\`, and without control, bidirectional or other invisible characters, so that no text can become configuration. Log prefixes are letters, digits, spaces and `-_.:/`, at most 64."

    OtherKindsOption "other-kinds-option" Error
    "A target has an option that only another kind of target has.\n\nAn option that was ignored would not do what was asked. Remove it, or change the target's `kind`."

    BadImport "bad-import" Error
    "A file cannot be imported: it is not a library, imports itself through others, or is imported twice.\n\nPolicies import rule libraries: files that begin with `library: NAME`, or `builtin:NAME`."

    Limit "limit" Error
    "Something is larger or deeper, or costs more, than Portcullis takes: rule libraries that multiply, networks that are made of very many others, an artifact of more bytes than a firewall would load.\n\nWithout such limits a small file could take hours or all of the memory. The message says which limit it is; docs/limits.md lists them all with their reasons."

    BadArgument "bad-argument" Error
    "An argument of a library is missing, or is not of the type or among the values that its parameter allows.\n\nThe message lists near or allowed values."

    BadTemplate "bad-template" Error
    "An expression of a library cannot be evaluated with the given arguments, for example because a table has no entry for a region.\n\nAn expression must have a value: nothing is left out in silence."

    LibraryWarning "library-warning" Warning
    "A library has something to say about the arguments that it was used with.\n\nThe library's author wrote the message; the rules are compiled as they are."

    EmptySet "empty-set" Error
    "A set of addresses, ports or protocols has no element: for example `except` took away all that `include` gave.\n\nAn empty match is never left out of an artifact, because a rule without it would match everything. Correct the set or remove the rule."

    NothingInCommon "nothing-in-common" Error
    "The source and the destination of a rule share no address family (or the service belongs to the other family), so no packet can match it.\n\nGive both sides addresses of one family."

    NotExpressible "not-expressible" Error
    "A target cannot say what a rule needs, for example a domain name where only addresses can be matched.\n\nA match that a target cannot say is never dropped. Give the rule a fallback, or leave the rule to another target."

    Quota "quota" Error
    "A policy needs more than a service lets one have: entries of a network ACL, rules of a security group.\n\nThe message says how many are needed and by which rules. Nothing is written, for the service would refuse half of it."

    Wider "wider" Warning
    "A kind of firewall cannot look at something that a rule needs (source ports, TCP flags), so its artifact lets in more than the policy.\n\nThe message shows a packet that gets in. The artifact is proven to let in exactly what was reported and all that the policy allows. Put a firewall that can look at it behind this one, or accept it."

    NotProven "not-proven" Error
    "The finished artifact was read back and does not mean what the policy means; or a proof did not end within its budget (`--proof-memory`).\n\nNothing is written. The message shows a packet that the two sides decide differently: please report it, for that is a bug in Portcullis or in a template of your own."

    Fallback "fallback" Note
    "A target cannot enforce the domain names of a rule and uses the addresses of its `fallback:` instead.\n\nThe addresses may be wider than the names: every name behind them is reached."

    PacketSyntax "packet-syntax" Error
    "A packet is not written as one, or leaves out a source port that its answer depends on.\n\nThe form is: direction, protocol, source, `->`, destination, and for ICMP the type: `outbound udp 10.20.0.5:50000 -> 15.193.6.10:3478`."

    TestFailed "test-failed" Error
    "A packet in the policy's `tests:` is decided otherwise than the test expects.\n\nThe message names the rule that decides. Nothing is written until policy and tests agree."

    InvariantBroken "invariant-broken" Error
    "An invariant of the policy (`never`, `always`, `only`) does not hold: the message shows a packet that it forbids and that the policy allows, or the reverse.\n\nInvariants are decided over all packets. Nothing is written until rules and invariants agree."

    NoTargets "no-targets" Error
    "A policy without `targets:` asks for no artifact, so there is nothing to compile.\n\nAdd a target: its name, `kind:` and `output:`."

    Decision "decision" Note
    "Says which rule decides the packet that `explain` was asked about.\n\nIt points at the rule in the policy; the command's own output has the line in each artifact."

    Cycle "cycle" Error
    "A network or a service is made of itself, directly or through others.\n\nBreak the circle: one of the names has to be made of addresses or ports."

    FeedSelector "feed-selector" Error
    "A selector of a vendor's feed matches nothing: the service, the region or the border group is not in the feed, or the feed has no row for them together.\n\nA selector that matches nothing would cut off what the rule is for, so it is an error. The message lists near names."

    SourcePorts "source-ports" Error
    "A rule restricts source ports, but its service has protocols without ports.\n\nOnly TCP, UDP and SCTP have ports that a policy can name. Give the other protocols a rule of their own."

    Expired "expired" Error
    "A rule's `expires:` day is over, judged as of the day that `--as-of` gives.\n\nAn expired rule is never dropped by itself: a deny that vanished would open traffic. Renew the day, or remove the rule."

    ShadowedRule "shadowed-rule" Warning
    "Earlier rules decide every packet of a rule, so it never matches. Found by `check`.\n\nThe message names the rules that hide it together. If it was meant to win, move it up; else remove it."

    RedundantRule "redundant-rule" Warning
    "Without a rule every packet would be decided alike, with the same log and the same replies. Found by `check`.\n\nThe message names what decides in its stead. Each rule that is reported as redundant or shadowed may be removed alone, and all of them together."

    UnusedName "unused-name" Warning
    "No rule uses a network or a service, not even through another name. Found by `check`.\n\nOften a rule was removed, or names another set than was meant. Remove it or use it."

    ContradictingRules "contradicting-rules" Warning
    "Earlier rules that do the opposite decide every packet of a rule: what it asks for never happens. Found by `check`.\n\nOne of them is wrong. If the later rule was meant as an exception, move it up; else remove it."

    OverlappingRules "overlapping-rules" Note
    "An earlier rule that does the opposite decides some packets of a rule. Found by `check`.\n\nExceptions are written like this, so it is a note. It shows a packet that both match and the earlier rule decides. Give it another level with `checks:` or `-D overlapping-rules`."

    UndecidedRules "undecided-rules" Warning
    "The search for rules that change nothing, or that overlap, stopped before it came to an end. Found by `check`.\n\nOf all other rules everything is known, but these may be shadowed, redundant or overlapping without being reported. Give the search more `--steps`, or part the policy: many rules that overlap in several fields at once make it long."

    OverBroad "over-broad" Warning
    "A rule lets everyone on the other side use every service, or every port of a protocol. Found by `check`.\n\nNarrow the service or the addresses. Where it is meant, say so on the rule: `ignore: [{ finding: over-broad, reason: ... }]`."

    Expiring "expiring" Warning
    "A rule's `expires:` day is near, as of the day that `--as-of` gives. Found by `check`.\n\nFrom the day after, it is an error. Renew the day, or remove the rule. `--soon DAYS` says what is near (30 unless said)."

    MissingOwner "missing-owner" Warning
    "A rule has no `owner:`, and the policy has none that would stand for it. Found by `check` where the policy or `-W`, `-D` asks for it.\n\nSomebody has to answer when the rule is reviewed or expires."

    ClientPorts "client-ports" Warning
    "A library's rules expect the replies at other ports than the policy's clients use, and a target keeps no state. Found by `check`.\n\nOn a stateless firewall the replies to such clients would be dropped. Give the library the clients' system (`client-os:`), or say the ports under `defaults: { ephemeral: ... }`."

    UnusedIgnore "unused-ignore" Warning
    "A rule's `ignore:` names a finding that the rule does not have. Found by `check`.\n\nWhat it excused is gone, or never was: remove it, so that it does not hide the next one."

    Opens "opens" Error
    "A firewall lets through packets that the policy refuses. Found by `verify`, over all packets.\n\nThe message says who reaches whom with what, shows one of the packets, the firewall's line that lets it through, and what the policy says of it. Load the artifact again, or bring the change into the policy."

    Shuts "shuts" Error
    "A firewall refuses packets that the policy lets through. Found by `verify`, over all packets.\n\nThe message says who is cut off from whom, shows one of the packets, the firewall's line that refuses it, and the policy's rule. Load the artifact again, or bring the change into the policy."

    MayOpen "may-open" Error
    "A firewall may let through packets that the policy refuses: that hangs on conditions that are not understood, such as an owner, a rate or a set that changes. Found by `verify`.\n\nNothing is guessed: look at the lines that are named, and at those reported as `not-understood`."

    MayShut "may-shut" Error
    "A firewall may refuse packets that the policy lets through: that hangs on conditions that are not understood, such as an owner, a rate or a set that changes. Found by `verify`.\n\nNothing is guessed: look at the lines that are named, and at those reported as `not-understood`."

    Tracks "tracks" Error
    "A firewall does not track connections that the policy's target tracks, or the reverse. Found by `verify`.\n\nReplies pass a stateful firewall because their connection is tracked: without that they are cut off, wherever no rule of their own lets them through. Look for `notrack` and `CT --notrack`."

    Answers "answers" Error
    "A firewall refuses packets as the policy does, but answers them otherwise: it drops instead of rejecting, or the reverse. Found by `verify`.\n\nNobody gets in or is cut off by this; clients may wait longer, or learn that a firewall is there."

    NotUnderstood "not-understood" Note
    "A line of a firewall has a condition or an action that is not understood, so it may hold or not. Found by `verify` and `diff`.\n\nWhere a packet's fate hangs on it, the answer is given both ways: `may-open`, `may-shut`."

    ListingNotRead "listing-not-read" Error
    "What a firewall lists of itself could not be read: it is not the format of the target's kind, or a part is missing without which nothing can be said.\n\nGive what the firewall's own tools print: `portcullis targets` says which they are, by kind."

    TrafficChanged "traffic-changed" Note
    "A change of the policy, or of a feed, opens or closes traffic. Said by `diff` in the formats `github` and `sarif`, at the rule that decides.\n\nThe other formats list the same changes together."

    ArtifactMissing "artifact-missing" Error
    "A file that a target writes is not there, so there is nothing to verify.\n\nRun `portcullis compile`, or give the files as arguments."

    Template "template" Error
    "A template did not render: it names something that the plan does not have, or would print text that is not safe in the target's configuration.\n\nEvery string that a template prints is held against the target's safe alphabet, so that no name or comment can become configuration."
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
