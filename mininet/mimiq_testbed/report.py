"""The demo's result: the observer's view from the capture, crossed with what the clients say they did."""

import json
import math
import statistics
from collections import Counter
from dataclasses import dataclass

HOPS_AT_LEAST = 10  # per client: fewer would show nothing


@dataclass
class Fetch:
    """What one client's `mimiq-get` says: the truth that the observer does not have."""

    client: str
    hopping: bool
    requests: int
    ok: int
    hops: int
    addresses: list[str]  # in the order of their use
    latencies_ms: list[float]
    errors: list[str]

    @property
    def name(self):
        return self.client if self.hopping else f"{self.client} without hops"

    @classmethod
    def load(cls, path, hopping):
        """From the report that `mimiq-get` wrote."""
        document = json.loads(path.read_text())
        requests = document["requests"]
        return cls(
            client=document["client"],
            hopping=hopping,
            requests=len(requests),
            ok=sum(request["ok"] for request in requests),
            hops=len(document["hops"]),
            addresses=[used["address"] for used in document["addresses"]],
            latencies_ms=[request["latency_us"] / 1000 for request in requests if request["ok"]],
            errors=[request["error"] for request in requests if request["error"]],
        )


@dataclass
class Property:
    """Something that must hold, and whether it did."""

    name: str
    held: bool
    detail: str


def percentile(values, share):
    """The smallest value that `share` of all values do not exceed; None without values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else None


def latency(fetches):
    """Median and p99 of all requests, ms."""
    values = [value for fetch in fetches for value in fetch.latencies_ms]
    if not values:
        return {"median": None, "p99": None}
    return {"median": round(statistics.median(values), 2), "p99": round(percentile(values, 0.99), 2)}


def shared(fetches):
    """Addresses that two clients' connections used."""
    users = Counter(address for fetch in fetches for address in set(fetch.addresses))
    return sorted(address for address, count in users.items() if count > 1)


def kept_ports(view, fetches):
    """Hops after which a client's flow still had the port of the flow before."""
    ports = {flow.client[0]: flow.client[1] for flow in view.flows}
    pairs = [pair for fetch in fetches for pair in zip(fetch.addresses, fetch.addresses[1:])]
    return sum(1 for old, new in pairs if old in ports and ports[old] == ports.get(new))


def longest(view):
    """The longest sequence that the observer can link."""
    if not view.components:
        return {"packets": 0, "seconds": 0.0, "flows": 0}
    component = max(view.components, key=lambda component: component.packets)
    return {"packets": component.packets, "seconds": round(component.seconds, 3), "flows": len(component.flows)}


def evaluate(view, capture, fetches, *, requests_at_least):
    """Returns the report as a dictionary, and the properties."""
    hopping = [fetch for fetch in fetches if fetch.hopping]
    control = [fetch for fetch in fetches if not fetch.hopping]
    fixed = {address for fetch in control for address in fetch.addresses}
    hidden = view.without(fixed)
    known = {address for fetch in fetches for address in fetch.addresses}
    strangers = sorted(set(view.addresses) - known)
    connections = sum(flow.handshake for flow in hidden.flows)
    several = hidden.addresses_by_id
    several_of_all = view.addresses_by_id
    both = shared(fetches)
    linked = longest(hidden)
    document = {
        "requests_total": sum(fetch.requests for fetch in fetches),
        "requests_ok": sum(fetch.ok for fetch in fetches),
        "hops": sum(fetch.hops for fetch in fetches),
        "addresses_seen": len(view.addresses),
        "addresses_shared": len(both),
        "ids_on_several_addresses": len(several_of_all),
        "ports_kept_over_a_hop": kept_ports(view, hopping),
        "latency_ms": {"hopping": latency(hopping), "control": latency(control)},
        "longest_linkable": {"hopping": linked, "control": longest(view.without(set(hidden.addresses)))},
        "observer": {
            "frames": capture.frames,
            "quic_packets": sum(flow.packets for flow in view.flows),
            "flows": len(view.flows),
            "connections_begun": sum(flow.handshake for flow in view.flows),
            "addresses_no_client_knows": len(strangers),
        },
        "fetches": [
            {
                "client": fetch.client,
                "hopping": fetch.hopping,
                "requests": fetch.requests,
                "ok": fetch.ok,
                "hops": fetch.hops,
                "addresses": len(fetch.addresses),
                "latency_ms": latency([fetch]),
                "errors": fetch.errors[:10],
            }
            for fetch in fetches
        ],
    }
    failed = document["requests_total"] - document["requests_ok"]
    few = [f"{fetch.name}: {fetch.requests}" for fetch in fetches if fetch.requests < requests_at_least]
    still = [f"{fetch.name}: {fetch.hops}" for fetch in hopping if fetch.hops < HOPS_AT_LEAST]
    seen_hops = len(hidden.addresses) - connections
    said_hops = sum(fetch.hops for fetch in hopping)
    longest_flow = max((flow.packets for flow in hidden.flows), default=0)
    properties = [
        Property("every request succeeded", failed == 0, f"{failed} of {document['requests_total']} failed"),
        Property("every client sent its requests", not few, "; ".join(few) or f"{requests_at_least} or more each"),
        Property("one connection each", connections == len(hopping), f"{connections} begun by {len(hopping)} hopping clients"),
        Property("every client hopped", not still, "; ".join(still) or f"{said_hops} hops"),
        Property("the capture shows every hop", seen_hops == said_hops, f"{seen_hops} in the capture, {said_hops} by the clients"),
        Property("no address used by two clients", not both, ", ".join(both) or "0 shared"),
        Property("no address that no client knows", not strangers, ", ".join(strangers) or "0 unknown"),
        Property("no connection ID on two addresses", not several_of_all, _describe(several_of_all)),
        Property("no port kept over a hop", document["ports_kept_over_a_hop"] == 0, f"{document['ports_kept_over_a_hop']} kept"),
        Property(
            "no two flows linkable",
            linked["packets"] == longest_flow and not several,
            f"longest sequence {linked['packets']} packets in {linked['flows']} flow(s)",
        ),
        Property("the capture is whole", not capture.truncated, "truncated" if capture.truncated else f"{capture.frames} frames"),
    ]
    document["properties"] = [vars(entry) for entry in properties]
    document["ok"] = all(entry.held for entry in properties)
    return document, properties


def _describe(several):
    if not several:
        return "0 seen on several"
    (up, identifier), addresses = next(iter(several.items()))
    giver = "server" if up else "client"
    return f"{len(several)}, such as {identifier.hex()} (given by the {giver}) on {', '.join(sorted(addresses))}"
