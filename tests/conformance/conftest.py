"""A mimiq-switch for each test, with one AF_PACKET port whose far end is host1."""

import os
import re
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
P4INFO = ROOT / "p4" / "mimiq.p4info.txtpb"
# What comes with it for BMv2; this switch keeps it and does not look at it.
BMV2_JSON = ROOT / "p4" / "mimiq.json"
DEVICE_ID = 7
PORT = 1
METRICS = "[::1]:9560"
ETH_P_ALL = 3

CONFIG = f"""
device_id: {DEVICE_ID}
listen: "[::1]:0"
backend: af_packet
ports: [{{id: {PORT}, interface: sw1}}]
metrics: "{METRICS}"
"""


class Listener:
    """What leaves at the switch's port."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind(("host1", ETH_P_ALL))
        self.socket.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive(self):
        """The next frame; an error after ten seconds."""
        while True:
            frame, (_, _, kind, *_) = self.socket.recvfrom(65535)
            if kind != socket.PACKET_OUTGOING:
                return frame


@dataclass
class SwitchProcess:
    process: subprocess.Popen
    address: str = ""
    log: list = field(default_factory=list)

    def wait_ready(self):
        deadline = threading.Timer(20, self.process.kill)
        deadline.start()
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"\bready\b.*\blisten=(\S+)", line):
                self.address = found.group(1)
                break
        deadline.cancel()
        assert self.address, "mimiq-switch did not start:\n" + "".join(self.log)
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()

    def send(self, frame: bytes):
        """Sends a frame into the switch's port."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind(("host1", 0))
            sock.send(frame)

    def listen(self):
        return Listener()


@pytest.fixture
def switch(tmp_path):
    config = tmp_path / "switch.yaml"
    config.write_text(CONFIG)
    command = [os.environ["MIMIQ_SWITCH"], "run", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    running = SwitchProcess(process)
    try:
        running.wait_ready()
        yield running
        assert process.poll() is None, "mimiq-switch has ended:\n" + "".join(running.log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0, "".join(running.log)
        assert "panicked" not in "".join(running.log)
    finally:
        process.kill()
        process.wait()
