"""The ISP on paper: names, links, addresses. Interfaces are called NODE-PEER; documentation prefixes outside (RFC 3849),
unique local addresses inside (RFC 4193)."""

from dataclasses import dataclass, field

GATEWAY = "fe80::6d:696d:6971"
P4RUNTIME_PORT = 9559
RELAY_PORT = 54172
METRICS_PORT = 9090

POOL = "2001:db8:6d00::/48"
UPSTREAM = "2001:db8:ff::1"
SERVER = "2001:db8:ff::2"
SERVER_PORT = 4433
POOL_V4 = "198.18.0.0/22"
UPSTREAM_V4 = "203.0.113.1"
SERVER_V4 = "203.0.113.2"
INSIDE = "fd00:6d69::/32"
CONTROLLER = "fd00:6d69:c::2"
ROUTER = "fd00:6d69:c::1"

CLIENT_MTU = 1500
LINK_MTU = 1600  # of veths inside; what the switches use is `Plan.fabric_mtu`


@dataclass(frozen=True)
class Switch:
    """One switch: `clients` are the names of the hosts on its ports; an edge switch has none."""

    name: str
    device_id: int
    clients: tuple[str, ...] = ()

    @property
    def edge(self):
        return not self.clients

    @property
    def tunnel(self):
        """Its internal address."""
        return f"fd00:6d69:0:{self.device_id}::1"

    @property
    def management(self):
        """Its address on the controller's link to it."""
        return f"fd00:6d69:a:{self.device_id}::1"

    @property
    def p4runtime(self):
        """Where its P4Runtime server listens."""
        return f"[{self.management}]:{P4RUNTIME_PORT}"

    @property
    def management_peer(self):
        """The controller's address on that link."""
        return f"fd00:6d69:a:{self.device_id}::2"

    @property
    def mac(self):
        """Source of its frames."""
        return f"02:00:00:00:{self.device_id:02x}:00"

    @property
    def ports(self):
        """Port number, interface and role of each port."""
        ports = [(1, f"{self.name}-r1", "fabric")]
        if self.edge:
            ports.append((2, f"{self.name}-wan", "upstream"))
        return ports + [(10 + n, f"{self.name}-{client}", "client") for n, client in enumerate(self.clients)]


@dataclass(frozen=True)
class Plan:
    """What may differ between experiments."""

    rtt_ms: float = 20.0
    # The largest IP packet in the fabric, bytes: a client's full-size packet and 40 bytes of outer header.
    fabric_mtu: int = CLIENT_MTU + 40
    # Whether clients and the server have IPv4 as well, over the same fabric.
    ipv4: bool = False
    # How many free addresses each agent keeps, of either family.
    stock: tuple[int, int] = (16, 48)
    # Lifetimes, in the controller's words.
    timing: dict = field(
        default_factory=lambda: {
            "t_ip": {"min": "20s", "max": "30s"},
            "t_remove": "2s",
            "t_sid": "10s",
            "k": 5,
            "cool_down": "60s",
        }
    )
    switches: tuple[Switch, ...] = (
        Switch("s1", 1, ("h1", "h2")),
        Switch("s2", 2, ("h3",)),
        Switch("e1", 3),
    )

    @property
    def clients(self):
        """Names of all clients."""
        return [client for switch in self.switches for client in switch.clients]

    @property
    def edge(self):
        """The edge switch."""
        return next(switch for switch in self.switches if switch.edge)

    @property
    def client_mtu(self):
        """The largest packet of a client, bytes."""
        return min(CLIENT_MTU, self.fabric_mtu - 40)


def mac(node, peer):
    """The MAC of NODE's interface to PEER: fixed, so that routes can name next hops, and legible in a capture."""
    number = {"r1": 0x10, "c0": 0x20, "srv": 0x30, "wan": 0x40}
    head = number.get(node) or 0x50 + ord(node[0]) - ord("a")
    tail = number.get(peer) or 0x50 + ord(peer[0]) - ord("a")
    digits = [int("".join(c for c in name if c.isdigit()) or 0) for name in (node, peer)]
    return f"02:00:{head:02x}:{digits[0]:02x}:{tail:02x}:{digits[1]:02x}"
