"""Mininet nodes. Each has its own network namespace, so nothing appears in the machine's own and no names collide."""

import subprocess

from mininet.node import Node

from .process import Daemon, TestbedError, die_with_parent

# No node needs duplicate address detection: the addresses are fixed, and waiting for it costs a second each.
_SYSCTLS = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]
# veth leaves checksums and segmentation to hardware that does not exist; a switch in userspace would forward
# frames with wrong checksums.
_OFFLOADS = ["tx", "off", "gso", "off", "gro", "off"]


class Namespace(Node):
    """A node whose commands raise when they fail and whose processes end when this process does."""

    def __init__(self, name, **params):
        super().__init__(name, **params)
        self.daemons = []
        self.sysctl(*_SYSCTLS)
        self.ip("link set lo up")

    def _popen(self, cmd, **params):
        return super()._popen(cmd, preexec_fn=die_with_parent, **params)

    def run(self, *command, stdin=None, timeout=30.0):
        """Runs a command in the node and returns its output. Raises `TestbedError` with what it said if it fails."""
        process = self.popen([str(part) for part in command], stdin=subprocess.PIPE)
        try:
            output, errors = process.communicate(stdin.encode() if stdin else None, timeout)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode != 0:
            said = (errors or output).decode(errors="replace").strip()
            raise TestbedError(f"{self.name}: `{' '.join(map(str, command))}` failed with {process.returncode}: {said}\n{stdin or ''}")
        return output.decode(errors="replace")

    def ip(self, *lines):
        """Runs `ip -6` with each line as its arguments."""
        self.run("ip", "-6", "-batch", "-", stdin="\n".join(lines) + "\n")

    def sysctl(self, *settings):
        """Sets kernel parameters of this namespace, as `name=value`."""
        self.run("sysctl", "-qw", *settings)

    def prepare(self, mtus):
        """Sets the MTU of each interface in `mtus` (name: bytes), its offloads off, and brings it up."""
        for name in mtus:
            self.run("ethtool", "-K", name, *_OFFLOADS)
        self.ip(*(f"link set {name} mtu {mtu} up" for name, mtu in mtus.items()))

    def spawn(self, name, command, log, **popen):
        """Starts a daemon in the node; it is stopped with the node."""
        daemon = Daemon(self, name, command, log, **popen)
        self.daemons.append(daemon)
        return daemon

    def stop_daemons(self):
        """Stops what `spawn` started, the last first."""
        while self.daemons:
            self.daemons[-1].stop()
            self.daemons.pop()

    def terminate(self):
        self.stop_daemons()
        super().terminate()


class Client(Namespace):
    """A client: only a link-local address and the gateway that every client-facing switch answers for."""

    def attach(self, interface, gateway):
        """Sets the default route by `gateway` (link-local)."""
        self.ip(f"route add default via {gateway} dev {interface}")


class Router(Namespace):
    """A plain Linux IPv6 router."""

    def __init__(self, name, **params):
        super().__init__(name, **params)
        self.sysctl("net.ipv6.conf.all.forwarding=1")


class DelayLine(Namespace):
    """Joins two interfaces with a fixed delay and captures what passes the first: the observer."""

    def __init__(self, name, **params):
        super().__init__(name, **params)
        # It carries others' frames only; its kernel has nothing to say.
        self.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")

    def join(self, binary, a, b, delay_us, capture, log):
        """Starts the line between `a`, the observer's side, and `b`; `delay_us` each way."""
        command = [binary, "--a", a, "--b", b, "--delay-us", delay_us, "--capture", capture]
        line = self.spawn(self.name, command, log)
        line.wait_ready()
        return line
