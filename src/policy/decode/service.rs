//! Services: protocols, ports and ICMP types.

use super::Context;
use crate::diag::{Code, Diagnostic, Diags, suggestion};
use crate::net::{Family, PortSet, icmp, protocol};
use crate::policy::ast::{Service, ServiceExpr, Spanned};
use crate::policy::document::{Node, wrong_type};
use crate::policy::text::{is_name, shown};
use crate::source::Span;
use serde_yaml::Value;

/// Words that begin a service and so cannot be the name of one.
pub(in crate::policy) const RESERVED: &[&str] =
    &["any", "tcp", "udp", "sctp", "icmp", "icmpv6", "protocol"];

/// What is wrong with a service and what to write.
type Fault = (String, Option<String>);

/// Reads a set of services; `None` when a fault was reported.
pub(in crate::policy) fn service(node: Node<'_>, context: &mut Context<'_>) -> Option<ServiceExpr> {
    match node.value {
        Value::Null => None,
        Value::String(text) => word(text, node.span(), context),
        Value::Sequence(items) => {
            let list: Vec<_> = node.items().map(|item| service(item, context)).collect();
            let whole = list.len() == items.len();
            let list: Option<Vec<_>> = list.into_iter().collect();
            list.filter(|_| whole).map(|list| ServiceExpr::List(list, node.span()))
        }
        Value::Number(number) => {
            let message = format!("the port {number} has no protocol");
            let diagnostic = Diagnostic::new(Code::BadService, message).at(node.span(), "");
            context.diags.push(diagnostic.help(format!("write `tcp/{number}` or `udp/{number}`")));
            None
        }
        Value::Bool(_) | Value::Mapping(_) | Value::Tagged(_) => {
            context.diags.push(wrong_type(node, "a service", "text or a list"));
            None
        }
    }
}

fn word(text: &str, span: Span, context: &mut Context<'_>) -> Option<ServiceExpr> {
    if text == "any" {
        return Some(ServiceExpr::Any(span));
    }
    if is_name(text, true) && !RESERVED.contains(&text) {
        return context.service_name(text, span).map(ServiceExpr::Name);
    }
    match literal(text) {
        Ok(value) => Some(ServiceExpr::Literal(Spanned { value, span })),
        Err((message, help)) => {
            let diagnostic = Diagnostic::new(Code::BadService, message).at(span, "");
            context.diags.push(help.into_iter().fold(diagnostic, Diagnostic::help));
            None
        }
    }
}

fn literal(text: &str) -> Result<Service, Fault> {
    let Some((head, rest)) = text.split_once('/') else { return Err(not_a_service(text)) };
    match head {
        "tcp" => ports(head, rest).map(|set| Service::Ports(protocol::TCP, set)),
        "udp" => ports(head, rest).map(|set| Service::Ports(protocol::UDP, set)),
        "sctp" => ports(head, rest).map(|set| Service::Ports(protocol::SCTP, set)),
        "icmp" => icmp_words(Family::V4, rest).map(Service::Icmp),
        "icmpv6" => icmp_words(Family::V6, rest).map(Service::Icmpv6),
        "protocol" => protocol_number(rest).map(Service::Protocol),
        _ => Err(not_a_service(text)),
    }
}

fn not_a_service(text: &str) -> Fault {
    let message = format!("`{}` is not a service", shown(text));
    let (head, rest) = text.split_once('/').unwrap_or((text, ""));
    let help = match (head, rest) {
        ("tcp" | "udp" | "sctp" | "icmp" | "icmpv6", _) => format!("write `{head}/any`"),
        ("protocol", _) => "write `protocol/` and a name or number".to_owned(),
        // `443/tcp`, as /etc/services and port scanners write it.
        (port, "tcp" | "udp" | "sctp") => format!("write `{rest}/{}`", shown(port)),
        _ if head != text => {
            let heads = ["tcp", "udp", "sctp", "icmp", "icmpv6", "protocol"];
            suggestion(head, heads).unwrap_or_default()
        }
        _ if text.contains(':') => format!("write `{}`", shown(&text.replace(':', "/"))),
        _ => "write `tcp/443`, `icmp/echo-request`, `any`, or the name of a service".to_owned(),
    };
    (message, Some(help))
}

/// Reads ports: `443`, `1000-2000` or `any`.
pub(super) fn ports(head: &str, text: &str) -> Result<PortSet, Fault> {
    if text == "any" {
        return Ok(PortSet::all());
    }
    let prefix = if head.is_empty() { String::new() } else { format!("{head}/") };
    if text.contains(',') {
        let list: Vec<_> = text.split(',').map(|p| format!("{prefix}{}", p.trim())).collect();
        let message = format!("`{prefix}{}` lists several services in one", shown(text));
        return Err((message, Some(format!("write a list: `[{}]`", shown(&list.join(", "))))));
    }
    let Some((low, high)) = text.split_once('-').or_else(|| text.split_once(':')) else {
        return match port(text)? {
            0 => Err((
                "port 0 is reserved and should never be used".to_owned(),
                Some(format!("write `{prefix}any` for every port")),
            )),
            port => Ok(PortSet::one(port)),
        };
    };
    let (low, high) = (port(low)?, port(high)?);
    if text.contains(':') {
        let message = format!("`{}` is not a range", shown(text));
        return Err((message, Some(format!("write `{prefix}{low}-{high}`"))));
    }
    if low > high {
        let message = format!("the range {low}-{high} is reversed");
        return Err((message, Some(format!("write `{prefix}{high}-{low}`"))));
    }
    Ok(PortSet::range(low, high))
}

fn port(text: &str) -> Result<u16, Fault> {
    match number(text, u64::from(u16::MAX)) {
        Number::Good(port) => Ok(u16::try_from(port).unwrap_or(u16::MAX)),
        Number::TooLarge => Err((
            format!("port {} is greater than 65535", shown(text)),
            Some("ports are 1-65535".into()),
        )),
        Number::None => {
            let message = format!("`{}` is not a port", shown(text));
            Err((message, Some("write ports as numbers, such as `tcp/443`".to_owned())))
        }
    }
}

enum Number {
    Good(u64),
    TooLarge,
    None,
}

/// Reads a decimal number without sign and leading zeros.
fn number(text: &str, most: u64) -> Number {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Number::None;
    }
    match text.parse::<u64>() {
        Ok(number) if number <= most => Number::Good(number),
        _ => Number::TooLarge,
    }
}

/// Reads `any`, a type by name or number, or a type and a code: `3/4`.
fn icmp_words(family: Family, text: &str) -> Result<PortSet, Fault> {
    if text == "any" {
        return Ok(PortSet::all());
    }
    let (ty, code) = match text.split_once('/') {
        Some((ty, code)) => (ty, Some(code)),
        None => (text, None),
    };
    let ty = match icmp::number(family, ty) {
        Some(number) => number,
        None => octet(ty, "ICMP type", || suggestion(ty, icmp::names(family).collect::<Vec<_>>()))?,
    };
    match code {
        None => Ok(icmp::all_codes(ty)),
        Some(code) => {
            let code = octet(code, "ICMP code", || Some("codes are 0-255".to_owned()))?;
            Ok(PortSet::one(icmp::word(ty, code)))
        }
    }
}

fn octet(text: &str, what: &str, help: impl Fn() -> Option<String>) -> Result<u8, Fault> {
    match number(text, 255) {
        Number::Good(value) => Ok(u8::try_from(value).unwrap_or(u8::MAX)),
        Number::TooLarge => Err((format!("{what} {} is greater than 255", shown(text)), None)),
        Number::None => Err((format!("`{}` is not an {what}", shown(text)), help())),
    }
}

fn protocol_number(text: &str) -> Result<u8, Fault> {
    if text == "any" {
        return Err((
            "`protocol/any` means every protocol".to_owned(),
            Some("write `any`".to_owned()),
        ));
    }
    match protocol::number(text) {
        Some(number) => Ok(number),
        None => {
            octet(text, "IP protocol", || suggestion(text, protocol::names().collect::<Vec<_>>()))
        }
    }
}

/// Reads the initiator's ports of a rule: a number, a range, `any`, or a list.
pub(super) fn source_ports(node: Node<'_>, diags: &mut Diags) -> Option<PortSet> {
    let set = match node.value {
        Value::Sequence(items) => {
            let sets: Vec<_> = node.items().map(|item| source_ports(item, diags)).collect();
            let whole = !items.is_empty() && sets.len() == items.len();
            let sets: Option<Vec<_>> = sets.into_iter().collect();
            if items.is_empty() {
                let message = "`source-ports` is an empty list";
                let diagnostic = Diagnostic::new(Code::EmptySet, message).at(node.span(), "");
                diags.push(diagnostic.help("remove it if you mean every port"));
            }
            return sets.filter(|_| whole).map(|sets| PortSet::union_all(&sets));
        }
        Value::Number(number) => ports("", &number.to_string()),
        Value::String(text) => ports("", text),
        _ => {
            diags.push(wrong_type(node, "`source-ports`", "a port, a range or a list"));
            return None;
        }
    };
    set.map_err(|(message, help)| {
        let diagnostic = Diagnostic::new(Code::BadService, message).at(node.span(), "");
        diags.push(help.into_iter().fold(diagnostic, Diagnostic::help));
    })
    .ok()
}

/// Reads `iana`, `linux`, `any` or a range.
pub(super) fn ephemeral(text: &str, span: Span, diags: &mut Diags) -> Option<PortSet> {
    match text {
        "iana" => return Some(PortSet::range(49152, u16::MAX)),
        "linux" => return Some(PortSet::range(32768, 60999)),
        "any" => return Some(PortSet::range(1024, u16::MAX)),
        _ => {}
    }
    let fault = match ports("", text) {
        Ok(set) if text.contains('-') => return Some(set),
        Err(fault) if text.starts_with(|c: char| c.is_ascii_digit()) => fault,
        _ => (
            format!("`{}` is not a range of ephemeral ports", shown(text)),
            suggestion(text, ["iana", "linux", "any"])
                .filter(|help| help.starts_with("did"))
                .or_else(|| {
                    Some("write `iana`, `linux`, `any`, or a range such as `40000-50000`".into())
                }),
        ),
    };
    let diagnostic = Diagnostic::new(Code::BadService, fault.0).at(span, "");
    diags.push(fault.1.into_iter().fold(diagnostic, Diagnostic::help));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read() {
        let port = |low, high| PortSet::range(low, high);
        for (text, expected) in [
            ("tcp/443", Service::Ports(6, port(443, 443))),
            ("udp/1000-2000", Service::Ports(17, port(1000, 2000))),
            ("sctp/0-65535", Service::Ports(132, PortSet::all())),
            ("tcp/any", Service::Ports(6, PortSet::all())),
            ("tcp/65535", Service::Ports(6, port(65535, 65535))),
            ("icmp/echo-request", Service::Icmp(port(0x800, 0x8ff))),
            ("icmp/3", Service::Icmp(port(0x300, 0x3ff))),
            ("icmp/3/4", Service::Icmp(port(0x304, 0x304))),
            ("icmp/any", Service::Icmp(PortSet::all())),
            ("icmpv6/packet-too-big", Service::Icmpv6(port(0x200, 0x2ff))),
            ("protocol/gre", Service::Protocol(47)),
            ("protocol/47", Service::Protocol(47)),
            ("protocol/0", Service::Protocol(0)),
        ] {
            assert_eq!(literal(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn faults_say_what_to_write() {
        for (text, help) in [
            ("tcp/30-20", "write `tcp/20-30`"),
            ("tcp/70000", "ports are 1-65535"),
            ("tcp/0", "write `tcp/any` for every port"),
            ("tcp/80,443", "write a list: `[tcp/80, tcp/443]`"),
            ("tcp/80:90", "write `tcp/80-90`"),
            ("443/tcp", "write `tcp/443`"),
            ("tcp", "write `tcp/any`"),
            ("tpc/80", "did you mean `tcp`?"),
            ("icmp/echo-requets", "did you mean `echo-request`?"),
            ("protocol/any", "write `any`"),
            ("tcp/0443", "write ports as numbers, such as `tcp/443`"),
        ] {
            let fault = literal(text).expect_err(text);
            assert_eq!(fault.1.as_deref(), Some(help), "{text}");
        }
        for text in [
            "tcp/",
            "tcp/-",
            "tcp/1-",
            "tcp/-1",
            "icmp/256",
            "icmp/3/4/5",
            "icmp/3/",
            "protocol/256",
            "protocol/x",
            "tcp/99999999999999999999",
            "tcp/+1",
            "/",
            "",
        ] {
            assert!(literal(text).is_err(), "{text}");
        }
    }
}
