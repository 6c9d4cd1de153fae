//! Names of services, as listings print them for ports and people write them.

/// Name and port, from the IANA registry "Service Name and Transport Protocol Port Number", and the older
/// names of `/etc/services`.
const NAMES: &[(&str, u16)] = &[
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("mail", 25),
    ("time", 37),
    ("whois", 43),
    ("nicname", 43),
    ("tacacs", 49),
    ("domain", 53),
    ("bootps", 67),
    ("dhcps", 67),
    ("bootpc", 68),
    ("dhcpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("kerberos-sec", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("portmap", 111),
    ("portmapper", 111),
    ("auth", 113),
    ("ident", 113),
    ("nntp", 119),
    ("ntp", 123),
    ("epmap", 135),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap", 143),
    ("imap2", 143),
    ("snmp", 161),
    ("snmptrap", 162),
    ("snmp-trap", 162),
    ("xdmcp", 177),
    ("bgp", 179),
    ("irc", 194),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("kpasswd", 464),
    ("kpasswd5", 464),
    ("submissions", 465),
    ("smtps", 465),
    ("isakmp", 500),
    ("exec", 512),
    ("login", 513),
    ("who", 513),
    ("shell", 514),
    ("syslog", 514),
    ("printer", 515),
    ("router", 520),
    ("route", 520),
    ("dhcpv6-client", 546),
    ("dhcpv6-server", 547),
    ("rtsp", 554),
    ("nntps", 563),
    ("submission", 587),
    ("ipp", 631),
    ("ldaps", 636),
    ("domain-s", 853),
    ("rsync", 873),
    ("ftps-data", 989),
    ("ftps", 990),
    ("telnets", 992),
    ("imaps", 993),
    ("pop3s", 995),
    ("socks", 1080),
    ("openvpn", 1194),
    ("ms-sql-s", 1433),
    ("ms-sql-m", 1434),
    ("l2tp", 1701),
    ("l2f", 1701),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("nfsd", 2049),
    ("nfs", 2049),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("rdp", 3389),
    ("stun", 3478),
    ("turn", 3478),
    ("svn", 3690),
    ("ipsec-msft", 4500),
    ("ipsec-nat-t", 4500),
    ("sip", 5060),
    ("sips", 5061),
    ("sip-tls", 5061),
    ("mdns", 5353),
    ("stuns", 5349),
    ("turns", 5349),
    ("postgresql", 5432),
    ("amqp", 5672),
    ("x11", 6000),
    ("redis", 6379),
    ("ircs-u", 6697),
    ("http-alt", 8080),
    ("https-alt", 8443),
    ("bacula-dir", 9101),
    ("bacula-fd", 9102),
    ("bacula-sd", 9103),
];

/// Returns the port of a service's name, or the number itself.
pub fn port(text: &str) -> Option<u16> {
    let known = NAMES.iter().find(|(name, _)| *name == text).map(|(_, port)| *port);
    known.or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_of_the_systems_table() {
        let Ok(table) = std::fs::read_to_string("/etc/services") else {
            eprintln!("SKIPPED: no /etc/services to hold the names against");
            return;
        };
        let rows = table.lines().filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let name = words.next()?.to_owned();
            Some((name, words.next()?.split_once('/')?.0.parse::<u16>().ok()?))
        });
        let rows: Vec<_> = rows.collect();
        assert!(!rows.is_empty());
        for (name, _) in NAMES {
            let mut known = rows.iter().filter(|(row, _)| row == name).peekable();
            let right =
                known.peek().is_none() || known.any(|(_, number)| Some(*number) == port(name));
            assert!(right, "{name}");
        }
    }
}
