"""The running ISP. Use it as a context manager: leaving it, however, stops and removes all of it."""

import os
import re
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

from mininet.net import Mininet

from . import plan as p
from . import server, settings, switches
from .paths import EXAMPLES, binary
from .process import TestbedError
from .topology import Isp, configure

# The delay line and two kernels add some tenths; a wrong delay shows as at least one whole delay.
RTT_TOLERANCE_MS = 1.0


@contextmanager
def undisturbed():
    """Holds back what interrupts, so that cleaning up is not cut short."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGALRM
    held = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


class Testbed:
    """Network, daemons and server after `plan`; logs, configuration and capture go to `directory`."""

    __test__ = False

    def __init__(self, directory, plan=None, say=lambda text: None):
        self.directory = Path(directory).resolve()
        self.plan = plan or p.Plan()
        self.say = say
        self.net = None
        self.sockets = None
        self.capture = self.directory / "observer.pcap"
        self.rtt_ms = None

    def __enter__(self):
        if os.geteuid() != 0:
            raise TestbedError("network namespaces and AF_XDP need root: run this as root")
        self.kind = switches.chosen()
        self.directory.mkdir(parents=True, exist_ok=True)
        # Unix socket paths are limited to 107 bytes; a checkout's folder may be longer.
        self.sockets = Path(tempfile.mkdtemp(prefix="mimiq-"))
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def __getitem__(self, name):
        """The node of that name."""
        return self.net[name]

    def _start(self):
        self.start_network()
        self.start_server()
        self.start_control_plane()
        self.start_agents()

    def start_network(self):
        """Namespaces, links, routes, delay line; checks the round-trip time through it."""
        self.say("network namespaces and links")
        # Mininet's own initialisation raises limits of the whole machine for good; a few nodes need none of that.
        Mininet.inited = True
        self.net = Mininet(topo=None, build=False, controller=None)
        self.net.topo = Isp(plan=self.plan, switch_class=self.kind)
        self.net.build()
        configure(self.net, self.plan)
        delay_us = round(self.plan.rtt_ms * 500)
        wan = self.net["wan"]
        edge = self.plan.edge.name
        log = self.directory / "delay-line.log"
        wan.join(binary("mimiq-delay-line"), f"wan-{edge}", "wan-srv", delay_us, self.capture, log)
        self.rtt_ms = self._assert_rtt()

    def _assert_rtt(self):
        """Pings the server from the edge's port, before the switch takes it over."""
        interface = f"{self.plan.edge.name}-wan"
        target = _link_local(self.net["srv"], "srv-wan")
        # Both ends resolve each other in the first exchange; what counts is the best of the following ones.
        ping = "ping", "-6", "-n", "-c", 6, "-i", 0.05, "-W", 2, f"{target}%{interface}"
        # Again on a machine that was too busy.
        for _ in range(10):
            output = self.net[self.plan.edge.name].run(*ping)
            found = re.search(r"= ([\d.]+)/([\d.]+)/", output)
            rtt = float(found[1]) if found else float("nan")
            if abs(rtt - self.plan.rtt_ms) <= RTT_TOLERANCE_MS:
                break
        else:
            raise TestbedError(f"the delay line has an RTT of {rtt:g} ms instead of {self.plan.rtt_ms:g} ms:\n{output}")
        self.say(f"delay line: RTT {rtt:.2f} ms (asked for {self.plan.rtt_ms:g})")
        return rtt

    def start_server(self):
        """The HTTP/3 server outside."""
        if not (EXAMPLES / "http3_server.py").exists():
            raise TestbedError(f"{EXAMPLES} is missing: run scripts/setup.sh")
        hosts = [p.SERVER] + ([p.SERVER_V4] if self.plan.ipv4 else [])
        self.certificate = server.start(self.net["srv"], EXAMPLES, self.directory, hosts)
        self.say(f"HTTP/3 server of aioquic on {', '.join(hosts)}, port {p.SERVER_PORT}")

    def start_control_plane(self):
        """The switches and their controller."""
        self.pki = self.directory / "pki"
        shutil.rmtree(self.pki, ignore_errors=True)
        controller = self.net["c0"]
        controller.run(binary("mimiqctl"), "pki", "init", self.pki)
        state = self.directory / "controller.state"
        state.unlink(missing_ok=True)
        started = [self._start_switch(switch) for switch in self.plan.switches]
        for daemon in started:
            daemon.wait_ready()
        self.say(f"switches {', '.join(s.name for s in self.plan.switches)}: {self.kind.what}")
        document = settings.controller(self.plan, self.pki, state, self.kind.device_config)
        self._controller_config = settings.write(self.directory / "controller.yaml", document)
        self._start_controller()
        self.say("controller: switches programmed")

    def _start_controller(self):
        self._controller = self._daemon(self.net["c0"], "mimiq-controller", self._controller_config)
        self._controller.wait_ready()

    def kill_controller(self):
        """Kills the controller without a warning."""
        self._controller.kill()

    def restart_controller(self):
        """Kills the controller without a warning, if it lives, and starts it again; returns when it is ready."""
        self._controller.kill()
        self._start_controller()

    def restart_switch(self, name):
        """Kills a switch without a warning and starts it again; returns when it serves P4Runtime."""
        switch = next(switch for switch in self.plan.switches if switch.name == name)
        for daemon in self.net[name].daemons:
            daemon.kill()
        self._start_switch(switch).wait_ready()

    def _start_switch(self, switch):
        node = self.net[switch.name]
        node.quiet(*(interface for _, interface, _ in switch.ports))
        return node.launch(switch, self.directory)

    def start_agents(self):
        """One agent for each client, enrolled by the controller's authority."""
        for switch in self.plan.switches:
            for client in switch.clients:
                self.net["c0"].run(binary("mimiqctl"), "pki", "enrol", self.pki, client)
                interface = f"{client}-{switch.name}"
                document = settings.agent(self.plan, interface, self.pki, client, self.socket(client))
                settings.write(self.directory / f"{client}.yaml", document)
        for daemon in [self.start_agent(client) for client in self.plan.clients]:
            daemon.wait_ready()
        self.say(f"agents on {', '.join(self.plan.clients)}")

    def start_agent(self, client):
        """Starts the agent of a client whose configuration is written."""
        return self._daemon(self.net[client], "mimiq-agent", self.directory / f"{client}.yaml")

    def socket(self, client):
        """The path of an agent's local interface."""
        return self.sockets / f"{client}.sock"

    def _daemon(self, node, program, config):
        command = [binary(program), "run", "--config", config]
        return node.spawn(f"{program} on {node.name}", command, self.directory / f"{program}-{node.name}.log")

    def stop(self):
        """Stops and removes everything. Safe at any moment, and more than once."""
        with undisturbed():
            if self.net is not None:
                nodes = self.net.hosts + self.net.switches
                # Agents release their addresses while the controller still listens; switches go last.
                order = {"h": 0, "c": 1}
                for node in sorted(nodes, key=lambda node: order.get(node.name[0], 2)):
                    node.stop_daemons()
                self.net.stop()
                self.net = None
            if self.sockets is not None:
                shutil.rmtree(self.sockets, ignore_errors=True)
                self.sockets = None


def _link_local(node, interface):
    output = node.run("ip", "-6", "-o", "addr", "show", "dev", interface, "scope", "link")
    found = re.search(r"inet6 (fe80:\S+)/", output)
    if not found:
        raise TestbedError(f"{interface} has no link-local address:\n{output}")
    return found[1]
