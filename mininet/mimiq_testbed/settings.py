"""Configuration files of the daemons, written from the plan."""

import yaml

from . import plan as p


def write(path, document):
    """Writes a YAML file and returns its path."""
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def switch(switch):
    """Of one `mimiq-switch`."""
    return {
        "device_id": switch.device_id,
        "listen": switch.p4runtime,
        "metrics": f"[{switch.management}]:{p.METRICS_PORT}",
        "backend": "af_xdp",
        "ports": [{"id": number, "interface": interface} for number, interface, _ in switch.ports],
    }


def controller(plan, pki, state, device_config):
    """Of `mimiq-controller`; `pki` is the folder that `mimiqctl pki init` filled, `state` its state file,
    `device_config` the program for the switches, None if they have their own."""
    program = {"device_config": str(device_config)} if device_config else {}
    return {
        "relay": f"[{p.CONTROLLER}]:{p.RELAY_PORT}",
        "state_file": str(state),
        "pki": {"ca": str(pki / "ca.pem"), "certificate": str(pki / "controller.pem"), "key": str(pki / "controller.key")},
        "http": f"[::1]:{p.METRICS_PORT}",
        "pools": [{"name": "demo", "prefix": p.POOL, "codec": "alias", "alias_bits": 16}]
        + ([{"name": "legacy", "prefix": p.POOL_V4, "codec": "naive"}] if plan.ipv4 else []),
        "aliases_per_sid": 16,
        "timing": plan.timing,
        "limits": {"addresses_per_client": 256},
        "switches": [_controlled(plan, switch) | program for switch in plan.switches],
    }


def _controlled(plan, switch):
    everywhere = ["::/0"] + (["0.0.0.0/0"] if plan.ipv4 else [])
    to_router = {"port": 1, "next_hop_mac": p.mac("r1", switch.name)}
    document = {
        "name": switch.name,
        "device_id": switch.device_id,
        "p4runtime": f"http://{switch.p4runtime}",
        "edge": switch.edge,
        "mac": switch.mac,
        "tunnel_addr": switch.tunnel,
        "icmp_addr_v6": switch.tunnel,
        "icmp_addr_v4": "192.0.2.1",
        "fabric_mtu": plan.fabric_mtu,
        "ports": [{"id": number, "role": role} for number, _, role in switch.ports],
    }
    if not switch.edge:
        return document | {"sid": switch.device_id, "routes": [{"prefix": prefix} | to_router for prefix in everywhere]}
    to_server = {"port": 2, "next_hop_mac": p.mac("srv", "wan")}
    upstream = [p.UPSTREAM] + ([p.UPSTREAM_V4] if plan.ipv4 else [])
    return document | {
        "gateways": [{"role": "upstream", "address": address} for address in upstream],
        "routes": [{"prefix": p.INSIDE} | to_router] + [{"prefix": prefix} | to_server for prefix in everywhere],
        "denied_sources": [p.INSIDE],
    }


def agent(plan, interface, pki, client, socket):
    """Of one `mimiq-agent`; `pki` is the folder in which `mimiqctl pki enrol` put the client's certificate."""
    stock = dict(zip(("low", "high"), plan.stock, strict=True))
    return {
        "interface": interface,
        "socket": str(socket),
        "pki": {"ca": str(pki / "ca.pem"), "certificate": str(pki / f"{client}.pem"), "key": str(pki / f"{client}.key")},
        "stock": stock,
        "metrics": f"[::1]:{p.METRICS_PORT}",
    } | ({"stock_ipv4": stock} if plan.ipv4 else {})
