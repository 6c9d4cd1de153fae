//! A network namespace with TUN devices and raw sockets: packets go in, and what became of each comes out.
//!
//! A table ahead of the filter notes each packet's connection state, one behind it notes what got
//! through; both know a packet by its IPv4 identification or IPv6 flow label.

use crate::ways::{interfaces, onward};
use crate::wire::{self, Came, Probe};
use portcullis::ir::{Hook, Packet, Placement, State, StateMode};
use portcullis::net::Family;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use tappers::{Interface, Tun};

/// What became of one packet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Observation {
    /// What connection tracking said where the filter begins; `None` when it never came there.
    pub state: Option<State>,
    /// Whether it got through the filter.
    pub passed: bool,
    /// Which interface it came out of.
    pub came_out: Option<usize>,
    /// A reset or an ICMP error that came back.
    pub answer: Option<Came>,
    /// Why the machine refused to send it, if it did.
    pub unsent: Option<String>,
}

/// How packets are marked that the bench sends from the machine itself: by its interface, and over
/// loopback to be noted where they leave, or where they arrive again.
const MARKS: [(&str, u32); 3] = [("wan0", 0x50), ("lo", 0x51), ("lo", 0x52)];
/// Ids that one batch may use; the noting sets are as large.
const MOST: usize = 60_000;

/// How many packets back one may come out late.
const LATE: usize = 256;
/// How long the last ones are waited for.
const QUIET: std::time::Duration = std::time::Duration::from_millis(20);

/// The machine under test, seen from its network interfaces.
pub struct Bench {
    placement: Placement,
    tuns: Vec<Tun>,
    raw: Vec<[Socket; 2]>,
    notes: String,
}

impl Bench {
    /// Sets up the interfaces and routes of a namespace that nothing else uses.
    pub fn new(placement: &Placement) -> Self {
        refuse_own_namespace();
        let names = interfaces(placement);
        sysctl_all("default");
        let tuns = names.iter().map(|name| tun(name)).collect::<Vec<_>>();
        sysctl_all("all");
        names.iter().for_each(|name| sysctl_all(name));
        sysctls(placement);
        run("ip", &["-batch", "-"], &routes(placement, &names, "-4"));
        run("ip", &["-6", "-batch", "-"], &routes(placement, &names, "-6"));
        let raw = match placement {
            Placement::Host => MARKS.map(|(device, mark)| raw(device, mark)).into(),
            Placement::Gateway { .. } => Vec::new(),
        };
        Bench { placement: placement.clone(), tuns, raw, notes: String::new() }
    }

    /// Says whether what is loaded tracks connections; to be called before packets are sent.
    pub fn note(&mut self, state: StateMode) {
        self.notes = table(&self.placement, state);
    }

    /// The same where packets may be refused anywhere on their way: what leaves is what got through.
    pub fn note_ends(&mut self) {
        self.notes = ends(&self.placement);
    }

    /// Sends packets one by one and says what became of each.
    pub fn send(&mut self, probes: &[Probe]) -> Vec<Observation> {
        probes.chunks(MOST).flat_map(|batch| self.batch(batch)).collect()
    }

    fn batch(&mut self, probes: &[Probe]) -> Vec<Observation> {
        // New sets rather than flushed ones: those shrink, and while they grow again under a burst of
        // packets the kernel refuses elements.
        run("nft", &["-f", "-"], &self.notes);
        let mut seen = vec![Observation::default(); probes.len()];
        let mut sent = VecDeque::with_capacity(LATE);
        for (at, probe) in probes.iter().enumerate() {
            let id = u16::try_from(at + 1).expect("a batch is smaller than the ids");
            let bytes = wire::bytes(probe, id);
            if let Err(error) = self.inject(&probe.packet, &bytes) {
                // The filter's own refusal is what is measured, not a failure to send.
                if error.kind() != io::ErrorKind::PermissionDenied {
                    seen[at].unsent = Some(error.to_string());
                }
            }
            if sent.len() == LATE {
                sent.pop_back();
            }
            sent.push_front((bytes, id));
            self.read_back(&sent, &mut seen);
        }
        // A busy machine forwards the last ones when it comes to it.
        std::thread::sleep(QUIET);
        self.read_back(&sent, &mut seen);
        notes(probes, &mut seen);
        seen
    }

    fn inject(&self, packet: &Packet, bytes: &[u8]) -> io::Result<usize> {
        let sockets = match (packet.hook, packet.incoming, packet.outgoing) {
            (Hook::Output, _, 0) => 1,
            (Hook::Input, 0, _) => 2,
            (Hook::Output, ..) => 0,
            // Interface numbers count `lo` as 0; the TUN devices are the others.
            _ => return self.tuns[usize::from(packet.incoming) - 1].send(bytes),
        };
        let socket = &self.raw[sockets][usize::from(packet.family() == Family::V6)];
        socket.send_to(bytes, &SocketAddr::new(packet.destination, 0).into())
    }

    /// Reads what came out of the interfaces: of the packet that was sent last, or of one before it that a
    /// busy machine was late with.
    fn read_back(&self, sent: &VecDeque<(Vec<u8>, u16)>, seen: &mut [Observation]) {
        let mut buffer = [0; 2048];
        for (index, tun) in self.tuns.iter().enumerate() {
            while let Ok(length) = tun.recv(&mut buffer) {
                let read = &buffer[..length];
                let of =
                    sent.iter().find_map(|(bytes, id)| Some((wire::came(read, bytes, *id)?, id)));
                let Some((came, id)) = of else { continue };
                let seen = &mut seen[usize::from(*id) - 1];
                match came {
                    Came::Packet(_) => seen.came_out = Some(index),
                    answer => seen.answer = Some(answer),
                }
            }
        }
    }
}

fn tun(name: &str) -> Tun {
    let interface = Interface::new(name).expect("an interface name");
    let mut tun = Tun::new_named(interface).expect("a TUN device");
    tun.set_nonblocking(true).expect("a TUN device that does not block");
    tun
}

/// Sockets for IPv4 and IPv6 whose packets bring their own IP header (IPPROTO_RAW).
fn raw(device: &str, mark: u32) -> [Socket; 2] {
    [Domain::IPV4, Domain::IPV6].map(|domain| {
        let protocol = Some(Protocol::from(255));
        let socket = Socket::new(domain, Type::RAW, protocol).expect("a raw socket");
        socket.set_mark(mark).expect("a mark");
        socket.bind_device(Some(device.as_bytes())).expect("an interface to send by");
        if domain == Domain::IPV4 {
            socket.set_broadcast(true).expect("broadcasts");
        }
        socket
    })
}

fn refuse_own_namespace() {
    let own = std::fs::read_link("/proc/self/ns/net").expect("a network namespace");
    let first = std::fs::read_link("/proc/1/ns/net").ok();
    let outer = std::env::var("PORTCULLIS_KERNEL_OUTER").expect("the name of the outer namespace");
    assert!(
        Some(&own) != first.as_ref() && own.to_string_lossy() != outer,
        "these tests never touch the machine's own network namespace"
    );
}

fn sysctl(path: &str, value: &str) {
    // Some of these are not in every kernel; what matters shows as a difference.
    let _ = std::fs::write(format!("/proc/sys/net/{path}"), value);
}

fn sysctl_all(device: &str) {
    for (name, value) in [
        ("rp_filter", "0"),
        ("accept_local", "1"),
        ("route_localnet", "1"),
        ("send_redirects", "0"),
        ("accept_redirects", "0"),
        ("log_martians", "0"),
    ] {
        sysctl(&format!("ipv4/conf/{device}/{name}"), value);
    }
    for (name, value) in [
        ("accept_ra", "0"),
        ("accept_dad", "0"),
        ("accept_redirects", "0"),
        ("router_solicitations", "0"),
        ("addr_gen_mode", "1"),
    ] {
        sysctl(&format!("ipv6/conf/{device}/{name}"), value);
    }
}

fn sysctls(placement: &Placement) {
    let forwarding = if *placement == Placement::Host { "0" } else { "1" };
    for (path, value) in [
        ("ipv4/ip_forward", forwarding),
        ("ipv6/conf/all/forwarding", forwarding),
        ("ipv4/icmp_ratelimit", "0"),
        ("ipv4/icmp_ratemask", "0"),
        ("ipv4/icmp_echo_ignore_all", "1"),
        ("ipv4/icmp_msgs_per_sec", "1000000"),
        ("ipv4/icmp_msgs_burst", "1000000"),
        ("ipv6/icmp/ratelimit", "0"),
        ("ipv6/icmp/ratemask", "2"),
        ("ipv6/icmp/echo_ignore_all", "1"),
        ("ipv6/auto_flowlabels", "0"),
        ("netfilter/nf_conntrack_tcp_loose", "1"),
        ("netfilter/nf_conntrack_checksum", "1"),
    ] {
        sysctl(path, value);
    }
}

/// Routes by the interface that a packet came by, so that any address goes the way that is tested.
fn routes(placement: &Placement, names: &[String], family: &str) -> String {
    let mut lines = Vec::new();
    if family == "-4" {
        lines.push("link set lo up".to_owned());
        for (at, name) in names.iter().enumerate() {
            lines.push(format!("link set {name} up txqueuelen 10000"));
            lines.push(format!("addr add 198.18.255.{}/32 dev {name}", at + 1));
            lines.push(format!("addr add fdff:ffff:ffff::{}/128 dev {name} nodad", at + 1));
        }
    }
    match placement {
        Placement::Host => {
            // The local table is where the kernel looks for addresses that it may answer from.
            for table in ["101", "local"] {
                lines.push(format!("route add local default dev wan0 table {table}"));
            }
            lines.push("route add local default dev lo table 91".to_owned());
            for (_, mark) in &MARKS[1..] {
                lines.push(format!("rule add pref 5 fwmark {mark} lookup 91"));
            }
        }
        Placement::Gateway { .. } => {
            for at in 1..=names.len() {
                let onward = onward(placement, u16::try_from(at).expect("few interfaces"));
                let name = &names[usize::from(onward) - 1];
                lines.push(format!("route add default dev {name} table {}", 100 + at));
            }
        }
    }
    for (at, name) in names.iter().enumerate() {
        lines.push(format!("rule add pref 10 iif {name} lookup {}", 101 + at));
    }
    // What the machine itself sends leaves to the outside.
    lines.push(format!("route add default dev {} table 90", names[names.len().saturating_sub(2)]));
    lines.push("rule add pref 20 iif lo lookup 90".to_owned());
    lines.push("rule add pref 100 lookup local".to_owned());
    lines.push("rule del pref 0".to_owned());
    lines.join("\n") + "\n"
}

/// The table that notes: ahead of every artifact's filter chains, and behind them.
fn table(placement: &Placement, state: StateMode) -> String {
    let mut text = noting_sets();
    let hooks: &[(&str, &str)] = match placement {
        Placement::Host => &[
            ("input", "iifname . meta mark { wan0 . 0, lo . 0x52 } "),
            ("output", "meta mark { 0x50, 0x51 } "),
        ],
        Placement::Gateway { .. } => &[("forward", "")],
    };
    for (hook, when) in hooks {
        text += &noting(hook, -149, when, "state", " . ct state");
        text += &noting(hook, 300, when, "passed", "");
    }
    if *placement == Placement::Host && state == StateMode::Stateful {
        text += OWN;
    }
    text + "}\n"
}

/// The table that notes right behind connection tracking, and where a host's packets end.
fn ends(placement: &Placement) -> String {
    const ARRIVING: &str = "iifname . meta mark { wan0 . 0, lo . 0x52 } ";
    const LEAVING: &str = "meta mark { 0x50, 0x51 } ";
    let mut text = noting_sets();
    if *placement == Placement::Host {
        text += &noting("prerouting", -199, ARRIVING, "state", " . ct state");
        text += &noting("output", -199, LEAVING, "state", " . ct state");
        text += &noting("input", 400, ARRIVING, "passed", "");
        text += &noting("postrouting", 400, LEAVING, "passed", "");
        text += OWN;
    } else {
        text += &noting("prerouting", -199, "", "state", " . ct state");
    }
    text + "}\n"
}

/// The machine's own resets would close the tracked flows that the replies are tested on; what the filter
/// answers is attached to the flow it refuses, so it can be told apart.
const OWN: &str = " chain own {\n  type filter hook output priority -310;\n  meta mark != 0 accept\n  \
                   ct state related accept\n  drop\n }\n";

fn noting_sets() -> String {
    let mut text =
        String::from("table inet bench {}\ndelete table inet bench\ntable inet bench {\n");
    for (name, of) in [
        ("state4", "ip id . ct state"),
        ("state6", "ip6 flowlabel . ct state"),
        ("passed4", "ip id"),
        ("passed6", "ip6 flowlabel"),
    ] {
        text += &format!(" set {name} {{ typeof {of}; size 65536; flags dynamic; }}\n");
    }
    text
}

/// A chain that notes packets in one of the sets.
fn noting(hook: &str, priority: i32, when: &str, set: &str, key: &str) -> String {
    format!(
        " chain {set}_{hook} {{\n  type filter hook {hook} priority {priority};\n  \
         {when}add @{set}4 {{ ip id{key} }}\n  {when}add @{set}6 {{ ip6 flowlabel{key} }}\n }}\n"
    )
}

/// Reads the noting sets.
fn notes(probes: &[Probe], seen: &mut [Observation]) {
    let listed = run("nft", &["-j", "-n", "list", "table", "inet", "bench"], "");
    let listed: Value = serde_json::from_str(&listed).expect("JSON from nft");
    for item in listed["nftables"].as_array().into_iter().flatten() {
        let Some(name) = item["set"]["name"].as_str() else { continue };
        let v4 = name.ends_with('4');
        for element in item["set"]["elem"].as_array().into_iter().flatten() {
            let id = element["concat"].get(0).unwrap_or(element).as_u64().expect("an id");
            let at = usize::try_from(id).expect("small").wrapping_sub(1);
            // Packets that the machine itself sent may have any id.
            if probes.get(at).is_none_or(|probe| probe.packet.source.is_ipv4() != v4) {
                continue;
            }
            match element["concat"].get(1) {
                Some(state) => seen[at].state = Some(state_of(state.as_u64())),
                None => seen[at].passed = true,
            }
        }
    }
}

/// The kernel's bits for connection states (`nft describe ct state`).
fn state_of(bit: Option<u64>) -> State {
    match bit {
        Some(1) => State::Invalid,
        Some(2) => State::Established,
        Some(4) => State::Related,
        Some(8) => State::New,
        Some(64) => State::Untracked,
        other => panic!("an unknown connection state: {other:?}"),
    }
}

/// Runs a command, gives its standard output, and fails with what it said.
pub fn run(command: &str, arguments: &[&str], input: &str) -> String {
    match try_run(command, arguments, input) {
        Ok(output) => output,
        Err(error) => panic!("{command} {}: {error}\n{input}", arguments.join(" ")),
    }
}

/// Runs a command and gives its standard output, or what it said when it failed.
pub fn try_run(command: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let text = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let _ = writer.join();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
