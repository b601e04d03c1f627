"""What an observer outside can tell from a capture alone: flows, addresses, connection IDs, and what these link.

A flow is one client address and port with one server. Flows are linked when they share an address or a connection ID."""

from collections import defaultdict
from dataclasses import dataclass, field

from . import quic

SHORTEST_ID = 4  # shorter ones would be equal by chance


@dataclass
class Flow:
    """One client address and port."""

    client: tuple[str, int]
    server: tuple[str, int]
    first: float
    last: float = 0.0
    packets: int = 0
    size: int = 0  # bytes
    handshake: bool = False  # the client sent long headers: a connection began here
    ids: set = field(default_factory=set)  # (direction, connection ID)
    component: int = 0


@dataclass
class Component:
    """Flows that the observer can tell belong together."""

    flows: list[Flow]

    @property
    def packets(self):
        return sum(flow.packets for flow in self.flows)

    @property
    def seconds(self):
        return max(flow.last for flow in self.flows) - min(flow.first for flow in self.flows)


@dataclass
class View:
    """Everything the observer knows."""

    flows: list[Flow]
    components: list[Component]

    @property
    def addresses(self):
        """All client addresses, in the order of their appearance."""
        return list(dict.fromkeys(flow.client[0] for flow in self.flows))

    @property
    def addresses_by_id(self):
        """The client addresses at which each connection ID appeared, for those with several."""
        seen = defaultdict(set)
        for flow in self.flows:
            for identifier in flow.ids:
                seen[identifier].add(flow.client[0])
        return {identifier: found for identifier, found in seen.items() if len(found) > 1}

    def without(self, addresses):
        """The view of the other flows alone."""
        return _view([flow for flow in self.flows if flow.client[0] not in addresses])


def observe(datagrams):
    """Looks at the datagrams in their order of time."""
    datagrams = sorted(datagrams, key=lambda datagram: datagram.time)
    parsed = [(datagram, quic.headers(datagram.payload)) for datagram in datagrams]
    lengths = _id_lengths(parsed)
    flows = {}
    for datagram, headers in parsed:
        if not headers:
            continue
        key = datagram.client, datagram.server
        flow = flows.get(key)
        if flow is None:
            flow = flows[key] = Flow(datagram.client, datagram.server, datagram.time)
        flow.last = datagram.time
        flow.packets += 1
        flow.size += datagram.size
        for header in headers:
            flow.handshake |= header.long and datagram.up
            flow.ids |= _ids(header, datagram, lengths)
    return _view(list(flows.values()))


def _id_lengths(parsed):
    """How long the IDs are that each server gives out, and those that its clients do: from the handshakes."""
    lengths = defaultdict(set)
    for datagram, headers in parsed:
        for header in headers:
            if header.long:
                # The source ID of one direction is the destination ID of the other.
                lengths[datagram.server, not datagram.up].add(len(header.source))
    return lengths


def _ids(header, datagram, lengths):
    if header.long:
        pairs = [(datagram.up, header.destination), (not datagram.up, header.source)]
    else:
        # Clients with several lengths: the observer tries each, and so errs on the side of linking.
        known = lengths.get((datagram.server, datagram.up), ())
        pairs = [(datagram.up, header.destination[:length]) for length in known if length <= len(header.destination)]
    return {(direction, identifier) for direction, identifier in pairs if len(identifier) >= SHORTEST_ID}


def _view(flows):
    flows.sort(key=lambda flow: flow.first)
    parent = list(range(len(flows)))

    def root(n):
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    seen = {}
    for n, flow in enumerate(flows):
        for mark in flow.ids | {flow.client[0]}:
            parent[root(n)] = root(seen.setdefault(mark, n))
    members = defaultdict(list)
    for n, flow in enumerate(flows):
        members[root(n)].append(flow)
    components = [Component(found) for found in members.values()]
    for number, component in enumerate(components):
        for flow in component.flows:
            flow.component = number
    return View(flows, components)
