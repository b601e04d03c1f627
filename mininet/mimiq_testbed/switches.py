"""The switches: each kind is a Mininet node that starts its own program."""

import os
import shutil

from mininet.node import Switch

from . import settings
from .nodes import Namespace
from .paths import ROOT, binary
from .process import TestbedError


class SwitchNode(Namespace, Switch):
    """A node for one switch. What a kind must say: `what` it is, its `program`, how to `launch` it, and the
    `device_config` that the controller loads into it, if any."""

    device_config = None

    def __init__(self, name, **params):
        # Mininet's switches share the machine's own namespace unless told otherwise.
        super().__init__(name, **params | {"inNamespace": True})

    def quiet(self, *interfaces):
        """Keeps the kernel's IPv6 off the switch's ports: they are the switch's alone."""
        self.sysctl(*(f"net.ipv6.conf.{name}.disable_ipv6=1" for name in interfaces))

    def start(self, controllers):
        """Nothing: the testbed starts the process once its configuration is written."""

    def stop(self, deleteIntfs=True):
        self.stop_daemons()
        super().stop(deleteIntfs)


class MimiqSwitch(SwitchNode):
    """The software switch on AF_XDP."""

    what = "mimiq-switch on AF_XDP"

    @staticmethod
    def program():
        """Its path; raises if it is not there."""
        return binary("mimiq-switch")

    def launch(self, switch, directory):
        """Starts it for `switch` of the plan, with configuration and log in `directory`; says so when it is ready."""
        config = settings.write(directory / f"{self.name}.yaml", settings.switch(switch))
        command = [self.program(), "run", "--config", config]
        return self.spawn(f"mimiq-switch on {self.name}", command, directory / f"mimiq-switch-{self.name}.log")


class Bmv2Switch(SwitchNode):
    """BMv2 on packet sockets. It begins without a program: the controller loads it."""

    what = "BMv2's simple_switch_grpc"
    device_config = ROOT / "p4" / "mimiq.json"

    @staticmethod
    def program():
        """Its path; raises if it is not there."""
        path = shutil.which("simple_switch_grpc")
        if path is None:
            raise Missing("simple_switch_grpc not found")
        return path

    def launch(self, switch, directory):
        """As for `MimiqSwitch`; BMv2 is configured by its command line alone."""
        # Its output is a pipe here, in which a line would wait for others.
        command = ["stdbuf", "-oL", self.program(), "--device-id", switch.device_id, "--no-p4"]
        command += ["--log-console", "--log-level", "warn"]
        for number, interface, _ in switch.ports:
            command += ["--interface", f"{number}@{interface}"]
        command += ["--", "--grpc-server-addr", switch.p4runtime]
        log = directory / f"simple_switch_grpc-{self.name}.log"
        return self.spawn(f"simple_switch_grpc on {self.name}", command, log, ready=r"^Server listening on ")


class Missing(TestbedError):
    """The kind of switch that was asked for is not installed."""


KINDS = {"mimiq": MimiqSwitch, "bmv2": Bmv2Switch}


def chosen():
    """The kind that the environment variable SWITCH names; raises if there is no such kind or it is not installed."""
    name = os.environ.get("SWITCH") or "mimiq"
    if name not in KINDS:
        raise TestbedError(f"SWITCH={name}: no such kind of switch ({', '.join(KINDS)})")
    KINDS[name].program()
    return KINDS[name]
