"""The command itself: what it leaves behind when it ends, is interrupted, or is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(out, *arguments):
    """`make demo` without the build, with fewer requests."""
    command = [ROOT / "scripts/demo.sh", "--out", out, "--requests", "60", *arguments]
    # Whatever it starts has this environment; and temporary files have a place of their own.
    environment = os.environ | {"TMPDIR": str(out)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def traces(out):
    """What a run with its results in `out` may leave on the machine: programs, their network namespaces, links, routes,
    sockets."""

    def output(*command):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    spaces = set()
    programs = []
    mark = f"TMPDIR={out}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                spaces.add(os.readlink(process / "ns/net"))
                programs.append((process.name, (process / "cmdline").read_bytes().split(b"\0")[0]))
        except OSError:
            continue
    links = [link["ifname"] for link in json.loads(output("ip", "-json", "link"))]
    return {
        "namespaces": sorted(spaces),
        "named": output("ip", "netns", "list"),
        "links": sorted(links),
        "routes": output("ip", "-6", "route", "show", "table", "all"),
        "programs": sorted(programs),
        "sockets": sorted(str(path) for path in out.glob("mimiq-*")),
    }


def nothing_left(out, before, timeout=10.0):
    """Waits until the machine is as before; the kernel takes namespaces down in its own time."""
    deadline = time.monotonic() + timeout
    while (now := traces(out)) != before:
        assert time.monotonic() < deadline, {key: (before[key], now[key]) for key in before if before[key] != now[key]}
        time.sleep(0.1)


def test_report_and_a_second_run(tmp_path):
    before = traces(tmp_path)
    for _ in range(2):
        demo = start(tmp_path)
        output, _ = demo.communicate(timeout=120)
        assert demo.returncode == 0, output
        document = json.loads((tmp_path / "report.json").read_text())
        assert document["requests_total"] == document["requests_ok"] == 4 * 60
        assert document["hops"] >= 3 * 10
        assert document["addresses_seen"] == document["hops"] + 4
        assert document["addresses_shared"] == document["ids_on_several_addresses"] == 0
        assert document["latency_ms"]["hopping"]["median"] >= document["rtt_ms"]
        assert (document["switches"], document["clients"]) == (3, 3)
        assert (tmp_path / "picture.svg").stat().st_size > 1000
        nothing_left(tmp_path, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["network namespaces", "delay line", "switches", "agents on", "fetch"])
def test_interrupted_at_any_moment(tmp_path, moment, number):
    before = traces(tmp_path)
    demo = start(tmp_path)
    for line in demo.stdout:
        if moment in line:
            break
    demo.send_signal(number)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output
    nothing_left(tmp_path, before)


def test_killed(tmp_path):
    """SIGKILL leaves no process and no namespace; a folder with sockets may stay."""
    before = traces(tmp_path)
    demo = start(tmp_path)
    for line in demo.stdout:
        if "fetch" in line:
            break
    demo.kill()
    demo.communicate(timeout=60)
    before["sockets"] = traces(tmp_path)["sockets"]
    nothing_left(tmp_path, before)


def test_without_root_it_says_so(tmp_path):
    command = [ROOT / "target/venv/testbed/bin/python", "-m", "mimiq_testbed", "demo", "--out", tmp_path / "out"]
    environment = {"PYTHONPATH": str(ROOT / "mininet"), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    tmp_path.chmod(0o777)
    code = "import os, sys; os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "need root" in done.stderr
