"""The plan as a Mininet topology, and the kernel's part of it: addresses, routes, MTUs, offloads."""

from mininet.topo import Topo

from . import plan as p
from .nodes import Client, DelayLine, Namespace, Router


class Isp(Topo):
    """Clients h*, client-facing switches s*, router r1, edge e1, controller c0, delay line wan, server srv."""

    def build(self, plan, switch_class):
        for name, kind in (("r1", Router), ("c0", Namespace), ("wan", DelayLine), ("srv", Namespace)):
            self.addHost(name, cls=kind, ip=None)
        for switch in plan.switches:
            self.addSwitch(switch.name, cls=switch_class)
            self._join(switch.name, "r1")
            self._join("c0", switch.name)
            for client in switch.clients:
                self.addHost(client, cls=Client, ip=None)
                self._join(client, switch.name)
        self._join("c0", "r1")
        self._join(plan.edge.name, "wan")
        self._join("wan", "srv")

    def _join(self, one, other):
        names = {"intfName1": f"{one}-{other}", "intfName2": f"{other}-{one}"}
        self.addLink(one, other, addr1=p.mac(one, other), addr2=p.mac(other, one), **names)


def configure(net, plan):
    """Gives the nodes addresses and routes. Everything but the switches' own ports works afterwards."""
    for node in net.hosts + net.switches:
        inside = p.CLIENT_MTU if isinstance(node, Client) or node.name == "srv" else p.LINK_MTU
        node.prepare({name: inside for name in node.nameToIntf if name != "lo"})
    for switch in plan.switches:
        _switch(net, switch)
        for client in switch.clients:
            # The switch's end of a client's link takes what the client may send.
            net[switch.name].ip(f"link set {switch.name}-{client} mtu {p.CLIENT_MTU}")
            net[client].attach(f"{client}-{switch.name}", p.GATEWAY)
    _router(net, plan)
    net["c0"].ip(
        f"addr add {p.CONTROLLER}/64 dev c0-r1",
        *(f"route add {switch.tunnel} via {p.ROUTER}" for switch in plan.switches),
    )
    net["srv"].ip(f"addr add {p.SERVER}/64 dev srv-wan", f"route add {p.POOL} via {p.UPSTREAM}")
    if plan.ipv4:
        _ipv4(net, plan)


def _ipv4(net, plan):
    """Inside there are no IPv4 addresses: next hops are IPv6 ones."""
    for switch in plan.switches:
        for client in switch.clients:
            net[client].run(*f"ip -4 route add default via inet6 {p.GATEWAY} dev {client}-{switch.name}".split())
    edge = plan.edge
    for name in ("all", "default", *(f"r1-{switch.name}" for switch in plan.switches)):
        # What clients send comes in where no route leads back.
        net["r1"].sysctl(f"net.ipv4.conf.{name}.rp_filter=0")
    net["r1"].sysctl("net.ipv4.ip_forward=1")
    net["r1"].run(*f"ip -4 route add default via inet6 {edge.tunnel} dev r1-{edge.name}".split())
    net["srv"].run(*f"ip addr add {p.SERVER_V4}/24 dev srv-wan".split())
    net["srv"].run(*f"ip route add {p.POOL_V4} via {p.UPSTREAM_V4}".split())


def _switch(net, switch):
    net[switch.name].ip(f"addr add {switch.management}/64 dev {switch.name}-c0")
    net["c0"].ip(f"addr add {switch.management_peer}/64 dev c0-{switch.name}")


def _router(net, plan):
    lines = [f"addr add {p.ROUTER}/64 dev r1-c0"]
    lines += [f"route add {switch.tunnel} dev r1-{switch.name}" for switch in plan.switches]
    edge = plan.edge
    lines += [f"route add {prefix} via {edge.tunnel} dev r1-{edge.name}" for prefix in (p.POOL, "default")]
    net["r1"].ip(*lines)
