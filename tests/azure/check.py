"""Holds templates of network security groups against the models of Azure's own SDK and against what these miss,
and decides packets by them as Azure documents it.

Usage: check.py check TEMPLATE...           nothing may be wrong with any of them
       check.py mutants TEMPLATE            makes mutants of one, of which each must be found
       check.py decide TEMPLATE PACKETS     PACKETS has a JSON object a line: a packet and its verdict

Shares nothing with Portcullis. Azure itself is asked nothing.
"""

import copy
import datetime
import enum
import ipaddress
import json
import re
import sys
import typing

from azure.mgmt.network import models


class Wrong(Exception):
    pass


def need(holds, message):
    if not holds:
        raise Wrong(message)


# --- The models, walked strictly: they validate nothing when they are merely made.


def walk(value, kind, where):
    """Holds a value of JSON against an annotation of a model."""
    if typing.get_origin(kind) is typing.Union:
        arms = [arm for arm in typing.get_args(kind) if arm is not type(None)]
        enums = [arm for arm in arms if isinstance(arm, type) and issubclass(arm, enum.Enum)]
        if enums:
            known = [member.value for arm in enums for member in arm]
            return need(value in known, f"{where}: {value!r} is none of {known}")
        return walk(value, arms[0], where)
    if typing.get_origin(kind) is list:
        need(isinstance(value, list), f"{where}: not a list")
        for index, item in enumerate(value):
            walk(item, typing.get_args(kind)[0], f"{where}[{index}]")
    elif isinstance(kind, type) and kind.__module__.startswith("azure.mgmt"):
        walk_model(value, kind, where)
    elif typing.get_origin(kind) is dict:
        need(isinstance(value, dict), f"{where}: not a map")
    else:
        exact = type(value) is kind
        need(exact, f"{where}: {value!r} is no {getattr(kind, '__name__', kind)}")


def walk_model(value, model, where):
    need(isinstance(value, dict), f"{where}: not a map")
    model({})  # Models find their fields when the first one is made.
    fields, known = model._attr_to_rest_field, {}
    kinds = typing.get_type_hints(model, {**vars(models), "_models": models})
    for name, field in fields.items():
        known[field._rest_name_input] = (kinds[name], field._visibility)
        optional = type(None) in typing.get_args(kinds[name])
        there = field._rest_name_input in value
        need(there or optional, f"{where}: {field._rest_name_input} is missing")
    for key, item in value.items():
        need(key in known, f"{where}: {key} is not known")
        kind, visibility = known[key]
        # The template's own words stand in read-only places too.
        need(visibility is None or "create" in visibility or key in ("name", "type"),
             f"{where}: {key} is read-only")
        walk(item, kind, f"{where}.{key}")


# --- What the models miss.

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?")
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")


def literal(value, where):
    """Refuses what the Resource Manager would evaluate."""
    if isinstance(value, str):
        need(not value.startswith("["), f"{where}: an expression")
    elif isinstance(value, dict):
        for key, item in value.items():
            literal(item, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            literal(item, where)


def one_of(rule, one, several, where):
    """What is said by one of two members, as a list."""
    need((one in rule) != (several in rule), f"{where}: exactly one of {one} and {several}")
    if one in rule:
        return [rule[one]]
    need(len(rule[several]) > 0, f"{where}: {several} is empty")
    need("*" not in rule[several], f"{where}: `*` in a list")
    return rule[several]


def networks(items, where):
    """The prefixes of one end; none where any is meant."""
    found = []
    for item in items:
        if item == "*":
            continue
        try:
            found.append(ipaddress.ip_network(item, strict=True))
        except ValueError as error:
            raise Wrong(f"{where}: {error}") from None
        need("/" in item, f"{where}: {item} has no length")
        need(str(found[-1]) == item, f"{where}: {item} is not canonical")
        need(found[-1].prefixlen > 0, f"{where}: {item} is one family or both")
    for family in (4, 6):
        own = sorted(net for net in found if net.version == family)
        for before, net in zip(own, own[1:]):
            need(not before.overlaps(net), f"{where}: {before} and {net} overlap")
    return found


def port_range(text, where):
    need(re.fullmatch(r"\d{1,5}(-\d{1,5})?", text), f"{where}: {text} is no range of ports")
    low, _, high = text.partition("-")
    low, high = int(low), int(high or low)
    need(low <= high <= 65535, f"{where}: {text} is no range of ports")
    return low, high


def ranges(items, where):
    if items == ["*"]:
        return None
    found = sorted(port_range(item, where) for item in items)
    for (_, high), (low, _) in zip(found, found[1:]):
        need(high < low, f"{where}: ranges of ports overlap")
    return found


def check_rule(name, rule, where, sums):
    need(NAME.fullmatch(name), f"{where}: {name} is no name")
    need(len(name) <= 65, f"{where}: flow logs may cut {name}")
    need(len(rule.get("description", "").encode()) <= 140, f"{where}: the description is too long")
    need(100 <= rule["priority"] <= 4096, f"{where}: the priority is from 100 to 4096")
    families = set()
    for end in ("source", "destination"):
        prefixes = one_of(rule, f"{end}AddressPrefix", f"{end}AddressPrefixes", where)
        ports = one_of(rule, f"{end}PortRange", f"{end}PortRanges", where)
        families |= {net.version for net in networks(prefixes, where)}
        said = ranges(ports, where)
        need(said is None or rule["protocol"] in ("Tcp", "Udp"), f"{where}: ports of {rule['protocol']}")
        sums[end, "addresses"] = sums.get((end, "addresses"), 0) + len(prefixes)
        sums[end, "ports"] = sums.get((end, "ports"), 0) + len(ports)
    need(len(families) < 2, f"{where}: both families in one rule")
    need(rule["protocol"] != "Icmp" or families == {4}, f"{where}: Icmp is for IPv4")


def closes(rule):
    ends = ("sourceAddressPrefix", "sourcePortRange", "destinationAddressPrefix", "destinationPortRange")
    return rule["priority"] == 4096 and all(rule.get(key) == "*" for key in (*ends, "protocol"))


def group_of(template):
    need(template.get("$schema", "").endswith("/2019-04-01/deploymentTemplate.json#"), "no template")
    need(re.fullmatch(r"\d+\.\d+\.\d+\.\d+", template.get("contentVersion", "")), "no contentVersion")
    known = {"$schema", "contentVersion", "metadata", "parameters", "resources", "outputs"}
    need(set(template) <= known, f"{set(template) - known} is not known")
    need(len(template["resources"]) == 1, "not one resource")
    return template["resources"][0]


def check(template):
    group = dict(group_of(template))
    version = group.pop("apiVersion", "")
    need(VERSION.fullmatch(version), "no apiVersion")
    datetime.date.fromisoformat(version)
    need(version >= "2019-11-01", f"{version} does not know all that is written")
    need(group.get("type") == "Microsoft.Network/networkSecurityGroups", "no group")
    need(group.get("location"), "the location is missing")
    walk_model(group, models.NetworkSecurityGroup, "group")
    need(NAME.fullmatch(group["name"]), "the group has no name")
    need(set(group["properties"]) == {"securityRules"}, "the group says more than its rules")
    literal(group["properties"], "group")
    rules = group["properties"]["securityRules"]
    need(len(rules) <= 1000, "more than 1000 rules")
    names, priorities, sums, closed = set(), set(), {}, set()
    for one in rules:
        need(set(one) == {"name", "properties"}, f"a rule has {set(one)}")
        name, rule = one["name"], one["properties"]
        check_rule(name, rule, name, sums)
        need(name.lower() not in names, f"{name} is there twice")
        place = rule["direction"], rule["priority"]
        need(place not in priorities, f"{place} is there twice")
        names.add(name.lower())
        priorities.add(place)
        if closes(rule):
            closed.add(rule["direction"])
    need(closed == {"Inbound", "Outbound"}, "a direction is not closed")
    for (end, what), count in sums.items():
        need(count <= 4000, f"{count} {end} {what}")
    return rules


# --- Mutants, of which each must be found.


def rule_with(template, key):
    """The first rule that says something."""
    for one in group_of(template)["properties"]["securityRules"]:
        if key in one["properties"]:
            return one["properties"]
    sys.exit(f"no rule has {key}: another template, please")


def mutants():
    """Names, and functions that change a template in place."""

    def put(key, value, of=None):
        return lambda t: rule_with(t, of or key).update({key: value})

    def lose(key):
        return lambda t: rule_with(t, key).pop(key)

    def group(change):
        return lambda t: change(group_of(t))

    def rules(change):
        return lambda t: change(group_of(t)["properties"]["securityRules"])

    def both(key, value, gone):
        def change(template):
            rule = rule_with(template, gone)
            rule.pop(gone)
            rule[key] = value
        return change

    many = [f"10.{i}.{j}.0/32" for i in range(20) for j in range(0, 256)]
    one, several = "sourceAddressPrefix", "destinationAddressPrefixes"
    return {
        "an unknown key of the group": group(lambda g: g.update(colour="red")),
        "an unknown key of the properties": group(lambda g: g["properties"].update(rules=[])),
        "no location": group(lambda g: g.pop("location")),
        "no apiVersion": group(lambda g: g.pop("apiVersion")),
        "an old apiVersion": group(lambda g: g.update(apiVersion="2015-06-15")),
        "another type": group(lambda g: g.update(type="Microsoft.Network/virtualNetworks")),
        "tags that are a list": group(lambda g: g.update(tags=[])),
        "a read-only key": group(lambda g: g["properties"].update(resourceGuid="1")),
        "a child resource": lambda t: t["resources"].append(dict(group_of(t))),
        "rules that are a map": group(lambda g: g["properties"].update(securityRules={})),
        "an unknown key of a rule": put("colour", "red", of="priority"),
        "no protocol": lose("protocol"),
        "no access": lose("access"),
        "no direction": lose("direction"),
        "no priority": lose("priority"),
        "no source": lose(one),
        "no ports": lose("sourcePortRange"),
        "a priority that is text": put("priority", "1000"),
        "a priority below 100": put("priority", 99),
        "a priority above 4096": put("priority", 4097),
        "a priority twice": rules(lambda r: r[1]["properties"].update(
            priority=r[0]["properties"]["priority"], direction=r[0]["properties"]["direction"])),
        "a protocol in capitals": put("protocol", "TCP"),
        "a protocol's number": put("protocol", "6"),
        "ICMPv6": put("protocol", "Icmpv6"),
        "an access that is not known": put("access", "Permit"),
        "a direction that is not known": put("direction", "In"),
        "Any": put(one, "Any"),
        "a service tag": put(one, "Internet"),
        "a service tag in a list": lambda t: rule_with(t, several)[several].append("VirtualNetwork"),
        "* in a list": lambda t: rule_with(t, several)[several].append("*"),
        "host bits": put(one, "10.0.0.1/8"),
        "an address without a length": put(one, "10.0.0.1"),
        "0.0.0.0/0": put(one, "0.0.0.0/0"),
        "no prefix": put(one, "10.0.0.0/33"),
        "both prefix and prefixes": put("sourceAddressPrefixes", ["10.0.0.0/8"], of=one),
        "a prefix twice": lambda t: rule_with(t, several)[several].append(
            rule_with(t, several)[several][0]),
        "prefixes that overlap": both(several, ["10.0.0.0/8", "10.1.0.0/16"], several),
        "both families in a list": both(several, ["10.0.0.0/8", "2001:db8::/32"], several),
        "both families over both ends": lambda t: rule_with(t, several).update(
            {"sourceAddressPrefix": "2001:db8::/32"})
            if ":" not in rule_with(t, several)[several][0]
            else rule_with(t, several).update({"sourceAddressPrefix": "10.0.0.0/8"}),
        "a list that is empty": both(several, [], several),
        "more than 4000 addresses": both(several, many, several),
        "ports with a comma": put("destinationPortRange", "80,443"),
        "ports upside down": put("destinationPortRange", "90-80"),
        "a port above 65535": put("destinationPortRange", "65536"),
        "a port that is a number": put("destinationPortRange", 443),
        "* in a list of ports": both("sourcePortRanges", ["1", "*"], "sourcePortRange"),
        "ranges of ports that overlap": both("sourcePortRanges", ["1-5", "5-9"], "sourcePortRange"),
        "ports of every protocol": rules(lambda r: r[-1]["properties"].update(sourcePortRange="1")),
        "a name twice but for case": rules(lambda r: r[1].update(name=r[0]["name"].upper())),
        "a name that is too long": rules(lambda r: r[0].update(name="a" * 81)),
        "a name with a blank": rules(lambda r: r[0].update(name="a b")),
        "a name that ends in a dash": rules(lambda r: r[0].update(name="a-")),
        "a description that is too long": put("description", "d" * 141, of="priority"),
        "a description that is evaluated": put("description", "[resourceGroup().name]", of="priority"),
        "a prefix that is evaluated": put(one, "[parameters('location')]"),
        "inbound open": rules(lambda r: r.remove(next(
            one for one in r if closes(one["properties"]) and one["properties"]["direction"] == "Inbound"))),
        "outbound open": rules(lambda r: r.remove(next(
            one for one in r if closes(one["properties"]) and one["properties"]["direction"] == "Outbound"))),
        "too many rules": rules(lambda r: r.extend(copy.deepcopy(r[0]) for _ in range(1001))),
    }


def check_mutants(template):
    check(template)
    missed = []
    for name, change in mutants().items():
        mutant = copy.deepcopy(template)
        change(mutant)
        try:
            check(mutant)
        except Wrong:
            continue
        missed.append(name)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")
    print(f"{len(mutants())} mutants found")


# --- What Azure does with a packet.

NUMBERS = {"Tcp": 6, "Udp": 17, "Icmp": 1, "Esp": 50, "Ah": 51}


def builtin(vnet):
    """The six rules that every group has, for one meaning of `VirtualNetwork`; `Internet` is the rest."""
    balancer = [ipaddress.ip_network("168.63.129.16/32")]

    def rule(direction, priority, source, destination, access):
        return {"direction": direction, "priority": priority, "access": access,
                "protocol": "*", "ends": [(source, None), (destination, None)]}

    internet = None if vnet is None else ("outside", vnet)
    return [
        rule("Inbound", 65000, vnet, vnet, "Allow"),
        rule("Inbound", 65001, balancer, None, "Allow"),
        rule("Inbound", 65500, None, None, "Deny"),
        rule("Outbound", 65000, vnet, vnet, "Allow"),
        rule("Outbound", 65001, None, internet, "Allow"),
        rule("Outbound", 65500, None, None, "Deny"),
    ]


def understood(one):
    rule, ends = one["properties"], []
    for end in ("source", "destination"):
        prefixes = one_of(rule, f"{end}AddressPrefix", f"{end}AddressPrefixes", one["name"])
        ports = one_of(rule, f"{end}PortRange", f"{end}PortRanges", one["name"])
        nets = None if prefixes == ["*"] else networks(prefixes, one["name"])
        ends.append((nets, ranges(ports, one["name"])))
    return {**rule, "ends": ends}


def within(address, nets):
    if nets is None:
        return True
    if isinstance(nets, tuple):
        return not within(address, nets[1])
    return any(address in net for net in nets)


def matches(rule, packet):
    if rule["direction"] != packet["direction"]:
        return False
    if rule["protocol"] != "*" and NUMBERS[rule["protocol"]] != packet["protocol"]:
        return False
    for (nets, ports), end in zip(rule["ends"], ("source", "destination")):
        if not within(ipaddress.ip_address(packet[end]), nets):
            return False
        port = packet[f"{end}_port"]
        if ports is not None and not any(low <= port <= high for low, high in ports):
            return False
    return True


def decide(rules, packet):
    return next(rule["access"] for rule in rules if matches(rule, packet))


def check_decisions(template, lines):
    own = [understood(one) for one in check(template)]
    nets = [ipaddress.ip_network(text) for text in ("10.20.0.0/16", "2001:db8:20::/48")]
    count = {"Allow": 0, "Deny": 0}
    # A closed group decides alike whatever the service tags stand for.
    for vnet in (nets, None):
        rules = sorted(own + builtin(vnet), key=lambda rule: rule["priority"])
        for line in lines:
            packet = json.loads(line)
            found = decide(rules, packet)
            need(found == packet["expect"], f"{found}, not {packet['expect']}: {line.strip()}")
            count[found] += 1
    print(f"{count['Allow']} allowed, {count['Deny']} denied")


def main():
    what, path, *more = sys.argv[1:]
    with open(path) as file:
        template = json.load(file)
    if what == "mutants":
        return check_mutants(template)
    if what == "decide":
        with open(more[0]) as file:
            return check_decisions(template, file.readlines())
    for path in (path, *more):
        with open(path) as file:
            try:
                print(f"{path}: {len(check(json.load(file)))} rules")
            except Wrong as error:
                sys.exit(f"{path}: {error}")


try:
    main()
except Wrong as error:
    sys.exit(str(error))
