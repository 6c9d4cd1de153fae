//! Policies that are small to write and large to decide, and listings like them.

/// A rule that any policy can have.
pub const RULE: &str =
    "  - { id: r, action: allow, direction: inbound, from: any, to: any, service: tcp/1 }\n";

/// Files by name.
pub type Files = Vec<(String, String)>;

/// A policy alone.
pub fn alone(policy: String) -> Files {
    vec![("policy.yaml".to_owned(), policy)]
}

/// A policy with some tables and rules, and one target.
pub fn policy(tables: &str, rules: &str) -> String {
    format!(
        "policy: p\n{tables}rules:\n{rules}targets:\n  e: {{ kind: nftables, output: e.nft }}\n"
    )
}

fn rule(id: usize, from: &str, service: &str) -> String {
    format!(
        "  - {{ id: r{id}, action: allow, direction: inbound, from: {from}, to: any, service: {service} }}\n"
    )
}

fn networks(lines: impl Iterator<Item = String>) -> String {
    format!("networks:\n{}", lines.collect::<String>())
}

/// Networks, each the next without one address.
pub fn chain(n: usize) -> String {
    let except = |i: usize| format!("10.{}.{}.{}", i >> 15 & 255, i >> 7 & 255, i << 1 & 255);
    let line = |i| format!("  n{i}: {{ include: n{}, except: \"{}\" }}\n", i + 1, except(i));
    let last = std::iter::once(format!("  n{n}: 10.0.0.0/8\n"));
    policy(&networks((0..n).map(line).chain(last)), &rule(0, "n0", "tcp/1"))
}

/// The same with IPv6.
pub fn chain_v6(n: usize) -> String {
    let line =
        |i| format!("  n{i}: {{ include: n{}, except: \"2001:db8::{:x}\" }}\n", i + 1, i * 2);
    let last = std::iter::once(format!("  n{n}: \"2001:db8::/32\"\n"));
    policy(&networks((0..n).map(line).chain(last)), &rule(0, "n0", "tcp/1"))
}

/// Services, each the name of the next.
pub fn services(n: usize) -> String {
    let lines = (0..n).map(|i| format!("  s{i}: s{}\n", i + 1)).collect::<String>();
    policy(&format!("services:\n{lines}  s{n}: tcp/1\n"), &rule(0, "any", "s0"))
}

/// Networks that each name all others.
pub fn mutual(n: usize) -> String {
    let others = |i| (0..n).filter(move |j| *j != i).map(|j| format!("n{j}")).collect::<Vec<_>>();
    let line = |i| format!("  n{i}: [{}]\n", others(i).join(", "));
    policy(&networks((0..n).map(line)), &rule(0, "n0", "tcp/1"))
}

/// Networks, and rules that each misspell one.
pub fn names(n: usize) -> String {
    let rules: String = (0..n).map(|i| rule(i, &format!("net-numbr-{i}"), "tcp/1")).collect();
    policy(&networks((0..n).map(|i| format!("  net-number-{i}: 10.0.0.1\n"))), &rules)
}

/// One line with unknown names.
pub fn faults(n: usize) -> String {
    let list: Vec<_> = (0..n).map(|i| format!("x{i}")).collect();
    policy(&format!("networks:\n  a: [{}]\n", list.join(",")), &rule(0, "a", "tcp/1"))
}

/// Names, each declared twice.
pub fn repeated_keys(n: usize) -> String {
    let lines = (0..n).chain(0..n).map(|i| format!("  k{i}: 10.0.0.1\n"));
    policy(&networks(lines), &rule(0, "k0", "tcp/1"))
}

/// Libraries that each use the next some times; the last one's rule never holds.
pub fn library_bomb(deep: usize, wide: usize) -> Files {
    let mut files = alone(policy("imports: [l0.yaml]\n", &format!("  - {{ use: l0 }}\n{RULE}")));
    for i in 0..deep {
        let rules: String = match i + 1 == deep {
            true => RULE.replace("id: r", "id: r, when: \"false\""),
            false => (0..wide).map(|u| format!("  - {{ use: l{}, id: u{u} }}\n", i + 1)).collect(),
        };
        let import =
            if i + 1 == deep { String::new() } else { format!("imports: [l{}.yaml]\n", i + 1) };
        files.push((format!("l{i}.yaml"), format!("library: l{i}\n{import}rules:\n{rules}")));
    }
    files
}

/// Libraries that import each other in a chain.
pub fn imports(n: usize) -> Files {
    library_bomb(n, 1)
}

/// A library that is used often; its rule begins with `keys`.
pub fn many_uses(n: usize, keys: &str) -> Files {
    let rules: String = (0..n).map(|i| format!("  - {{ use: l, id: u{i} }}\n")).collect();
    let library =
        format!("library: l\nrules:\n{}", RULE.replace("id: r,", &format!("id: r, {keys}")));
    let mut files = alone(policy("imports: [l.yaml]\n", &format!("{rules}{RULE}")));
    files.push(("l.yaml".to_owned(), library));
    files
}

/// Definitions, each twice the one before.
pub fn doubled(define: &str, sign: &str, n: usize) -> String {
    let line = |i| format!("{define}x{i} = {{ {sign}x{}, {sign}x{} }}\n", i - 1, i - 1);
    format!("{define}x0 = 1\n{}", (1..n).map(line).collect::<String>())
}

/// Macros of pf, each twice the one before.
pub fn macros(n: usize) -> String {
    let line = |i| format!("x{i} = $x{} $x{}\n", i - 1, i - 1);
    format!("x0 = \"1\"\n{}pass from {{ $x{} }}\n", (1..n).map(line).collect::<String>(), n - 1)
}
