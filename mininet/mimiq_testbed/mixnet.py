"""A Loopix network (authority, three layers of one mix, two providers) on one node of the testbed, and people who chat through it
from others. mixnode/testbed has the same for loopback alone."""

import json
import re
import subprocess
import sys
import time

from . import settings
from .paths import binary
from .process import TestbedError

NAME = "testbed"
AUTHORITY_PORT = 9580
# Name and layer; those without are providers.
NODES = {"m1": 1, "m2": 2, "m3": 3, "p1": None, "p2": None}
EPOCH_S = 3600
# The longest path: a provider at each end. The payload that makes a packet fit QUIC's smallest path MTU, bytes.
PACKET = {"hops": 5, "payload": 901}
# Per second: fast, so that a conversation takes seconds.
RATES = {"mu": 50.0, "lambda_p": 20.0, "lambda_l": 2.0, "lambda_d": 2.0, "lambda_m": 2.0, "pull": 10.0, "messages_per_pull": 8}

_FETCH = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


def client_port(provider):
    """The UDP port at which a provider serves its clients."""
    return _port(provider) + 1


def _port(name):
    return 9600 + 10 * list(NODES).index(name)


class MixNetwork:
    """The network; it is stopped with its node."""

    def __init__(self, node, address, directory):
        """On `node` at its IPv6 `address`, with files in `directory`, which is made."""
        self.node, self.address, self.directory = node, address, directory
        directory.mkdir()
        identities = {name: node.run(*_command("node", "init", directory / f"{name}.key")).strip() for name in ("a1", *NODES)}
        self.url = f"http://{self._at(AUTHORITY_PORT)}"
        self.network = {"name": NAME, "threshold": 1, "authorities": [{"identity": identities["a1"], "url": self.url}]}
        # In the middle of an epoch.
        self.epochs = {"genesis": int(time.time()) - EPOCH_S // 2, "length": EPOCH_S}
        self._write("policy", self._policy(identities))
        authority = {"listen": self._at(AUTHORITY_PORT), "policy": "policy.yaml", "key": "a1.key", "data": "a1", "peers": []}
        daemons = [self._start("authority", "a1", authority)]
        daemons += [self._start("node", name, self._node(name)) for name in NODES]
        for daemon in daemons:
            daemon.wait_ready()

    def wait_ready(self, timeout=60.0):
        """Waits until the network's state has all nodes and every mix has had a loop of its own back: then all have links."""
        deadline = time.monotonic() + timeout
        waiting = ["a1", *(name for name, layer in NODES.items() if layer)]
        while waiting := [name for name in waiting if not self._is_ready(name)]:
            if time.monotonic() > deadline:
                logs = "".join(f"\n{daemon.name}:\n{daemon.log_tail()}" for daemon in self.node.daemons)
                raise TestbedError(f"not ready after {timeout:g} s: {', '.join(waiting)}{logs}")
            time.sleep(0.1)

    def state(self):
        """The signed state, as the authority publishes it."""
        return self.node.run(sys.executable, "-c", _FETCH, f"{self.url}/v1/state")

    def client(self, name, provider, agent):
        """Writes the configuration of a client behind the agent with this socket, and returns its path. The client has the
        network's state already: its host has no address of its own from which it could ask the authority."""
        folder = self.directory / name
        folder.mkdir(mode=0o700)
        (folder / "state.json").write_text(self.state())
        document = {"network": self.network, "provider": provider, "folder": name, "timeout_s": 10, "agent": str(agent)}
        return self._write(name, document)

    def _is_ready(self, name):
        try:
            if name == "a1":
                return len(json.loads(json.loads(self.state())["state"])["nodes"]) == len(NODES)
            metrics = self.node.run(sys.executable, "-c", _FETCH, f"http://{self._metrics(name)}/metrics")
        except TestbedError:
            # There is no state yet, or no server.
            return False
        return re.search(r'^mimiq_mix_loops_total\{outcome="in_time"\} [1-9]', metrics, re.MULTILINE) is not None

    def _policy(self, identities):
        layers = [[identities[name]] for name, layer in NODES.items() if layer]
        providers = [{"name": name, "identity": identities[name]} for name, layer in NODES.items() if not layer]
        document = {"network": NAME, "authorities": [identities["a1"]], "threshold": 1, "round": 1, "epochs": self.epochs}
        return document | {"packet": PACKET, "rates": RATES, "layers": layers, "providers": providers}

    def _node(self, name):
        role = {"mix": {"layer": NODES[name]}}
        if not NODES[name]:
            access = {"registration": "open"}
            role = {"provider": {"name": name, "address": self._at(client_port(name)), "access": access}}
        return role | {
            "network": self.network | {"refresh_s": 1},
            "address": self._at(_port(name)),
            "identity": f"{name}.key",
            "data": name,
            "epochs": self.epochs,
            "grace_s": 600,
            "packet": PACKET,
            "limits": {"packets_per_epoch": 1_000_000, "queue": 20_000},
            "metrics": self._metrics(name),
        }

    def _at(self, port):
        return f"[{self.address}]:{port}"

    def _metrics(self, name):
        return f"[::1]:{_port(name) + 2}"

    def _write(self, name, document):
        return settings.write(self.directory / f"{name}.yaml", document)

    def _start(self, kind, name, document):
        command = _command(kind, "run", "--config", self._write(name, document))
        return self.node.spawn(f"mimiq-mix {kind} {name}", command, self.directory / f"{name}.log")


class Chat:
    """`mimiq-mix client chat` on a node: what one person types and sees."""

    def __init__(self, node, config, other):
        """As in the file `config`, with whoever has the address `other`."""
        command = _command("client", "chat", "--config", config, "--with", other)
        self.process = node.spawn(
            f"mimiq-mix chat on {node.name}", command, config.with_suffix(".log"), ready=r"^\* you are ", stdin=subprocess.PIPE
        )

    def say(self, line):
        """Types a line."""
        typed = self.process.process.stdin
        typed.write(f"{line}\n".encode())
        typed.flush()

    def heard(self):
        """The other's lines so far."""
        return self._shown("> (.*)")

    def delivered(self):
        """The numbers of the own lines that were acknowledged so far."""
        return [int(number) for number in self._shown(r"\* (\d+) delivered")]

    def _shown(self, pattern):
        return re.findall(f"^{pattern}$", self.process.log.read_text(), re.MULTILINE)

    def end(self, timeout=60.0):
        """Types the end, and returns the exit status: 0 if it had all acknowledged."""
        self.process.process.stdin.close()
        return self.process.wait(timeout)


def address(node, config):
    """The address of the client with this configuration."""
    return node.run(*_command("client", "address", "--config", config)).strip()


def _command(*arguments):
    return [binary("mimiq-mix"), *arguments]
