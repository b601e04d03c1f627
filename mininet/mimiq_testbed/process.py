"""Processes inside nodes: they log to files, say when they are ready, and die with this process."""

import ctypes
import json
import re
import signal
import subprocess
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_READY = r"\bready\b"


class TestbedError(Exception):
    """What went wrong with the testbed, for people."""

    __test__ = False


def die_with_parent():
    """Runs in the child between fork and exec: SIGKILL for it when the thread that made it ends, whatever ends it."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_ready(line, pattern=_READY):
    """Whether a log line, JSON or text, has a message with `pattern`."""
    try:
        record = json.loads(line)
    except ValueError:
        return bool(re.search(pattern, line))
    if not isinstance(record, dict):
        return False
    message = record.get("message", record.get("fields", {}).get("message", ""))
    return bool(re.search(pattern, str(message)))


class Daemon:
    """A process in a node whose output goes to a log file."""

    def __init__(self, node, name, command, log, ready=_READY, stdin=subprocess.DEVNULL, **popen):
        """`command`: list of arguments; `log`: where its output goes; `ready`: what it says, as a pattern, when it is;
        `stdin` and `popen`: further arguments for `Popen`."""
        self.name = name
        self._pattern = ready
        self.log = Path(log)
        self._ready = threading.Event()
        self._was_ready = False
        self.process = node.popen(
            [str(part) for part in command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **popen,
        )
        self._reader = threading.Thread(target=self._read, name=f"log of {name}", daemon=True)
        self._reader.start()

    def _read(self):
        with self.log.open("wb") as log, self.process.stdout as output:
            for line in output:
                log.write(line)
                log.flush()
                if not self._was_ready and is_ready(line.decode(errors="replace"), self._pattern):
                    self._was_ready = True
                    self._ready.set()
        self._ready.set()

    def wait_ready(self, timeout=20.0):
        """Waits until the log says so. Raises with the log's end if it does not within `timeout` seconds."""
        self._ready.wait(timeout)
        if not self._was_ready:
            code = self.process.poll()
            state = f"not ready after {timeout:g} s" if code is None else f"ended with status {code}"
            raise TestbedError(f"{self.name}: {state}; the end of {self.log}:\n{self.log_tail()}")

    def wait(self, timeout):
        """Waits for the end and returns the exit status. Raises if it takes longer than `timeout` seconds."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TestbedError(f"{self.name}: not done after {timeout:g} s; the end of {self.log}:\n{self.log_tail()}") from None
        self._reader.join()
        return status

    def log_tail(self, lines=15):
        """The last lines of the log, indented."""
        if not self.log.exists():
            return "    (empty)"
        text = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(f"    {line}" for line in text) or "    (empty)"

    def alive(self):
        """Whether it still runs."""
        return self.process.poll() is None

    def kill(self):
        """Ends it without a warning."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def stop(self, timeout=5.0):
        """Ends it: SIGTERM, and SIGKILL if it is still there after `timeout` seconds. Returns its exit status."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(timeout)
        return self.process.returncode
