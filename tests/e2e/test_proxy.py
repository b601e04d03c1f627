"""Applications behind the proxy: the whole way from curl, by agent, switches and exit, to a server of IPv6."""

import hashlib
import secrets
import sys

from mimiq_testbed import capture, observer, plan, settings
from mimiq_testbed.paths import binary
from mimiq_testbed.server import NAME
from mimiq_testbed.testbed import Testbed

EXIT_PORT = 4443
ORIGIN_PORT = 8080
SOCKS_PORT = 1080
HTTP_PORT = 8118
SIZE = 100_000
REQUESTS = 40


def with_proxy(agent, certificate, token_file):
    """`settings.agent` with a proxy that hops fast."""

    def settings_of(*arguments):
        entry = {"address": f"[{plan.SERVER}]:{EXIT_PORT}", "name": NAME, "ca": str(certificate), "token_file": str(token_file)}
        listen = {"socks": f"[::1]:{SOCKS_PORT}", "http": f"[::1]:{HTTP_PORT}"}
        policies = [{"application": "mimiq-proxy", "policy": {"random_time": {"min": "40ms", "max": "60ms"}}}]
        return agent(*arguments) | {"policies": policies, "proxy": listen | {"exit": entry, "connections": 1}}

    return settings_of


def start_exit(testbed, token):
    """The exit, on the server's host; so its targets there must be allowed."""
    document = {
        "listen": f"[{plan.SERVER}]:{EXIT_PORT}",
        "tls": {"certificate": str(testbed.certificate), "key": str(testbed.certificate.with_suffix(".key"))},
        "users": [{"name": "h1", "token_sha256": hashlib.sha256(token.encode()).hexdigest()}],
        "destinations": {"allow": [f"{plan.SERVER}/128"]},
        "metrics": f"[::1]:{plan.METRICS_PORT}",
    }
    config = settings.write(testbed.directory / "exit.yaml", document)
    command = [binary("mimiq-exit"), "run", "--config", config]
    testbed["srv"].spawn("mimiq-exit", command, testbed.directory / "exit.log").wait_ready()


def test_curl_through_the_proxy_while_the_connection_hops(tmp_path, monkeypatch):
    token = secrets.token_hex(32)
    (tmp_path / "token").write_text(token)
    certificate = tmp_path / "server.pem"
    monkeypatch.setattr(settings, "agent", with_proxy(settings.agent, certificate, tmp_path / "token"))
    (tmp_path / "www").mkdir()
    content = secrets.token_bytes(SIZE)
    (tmp_path / "www" / "file").write_bytes(content)
    with Testbed(tmp_path, plan.Plan(rtt_ms=10.0)) as testbed:
        start_exit(testbed, token)
        serve = [sys.executable, "-u", "-m", "http.server", "--bind", plan.SERVER, "--directory", tmp_path / "www", ORIGIN_PORT]
        testbed["srv"].spawn("http.server", serve, tmp_path / "origin.log", ready="Serving HTTP").wait_ready()
        url = f"http://[{plan.SERVER}]:{ORIGIN_PORT}/file"
        for number, proxy in enumerate([f"socks5h://[::1]:{SOCKS_PORT}", f"http://[::1]:{HTTP_PORT}"]):
            # Two seconds.
            curl = ["curl", "--silent", "--show-error", "--fail", "--rate", "20/s", "--output", tmp_path / f"{number}-#1"]
            testbed["h1"].run(*curl, "--proxy", proxy, f"{url}?[1-{REQUESTS}]")
            assert all((tmp_path / f"{number}-{n}").read_bytes() == content for n in range(1, REQUESTS + 1))
    captured = capture.read(tmp_path / "observer.pcap", EXIT_PORT)
    view = observer.observe(captured.datagrams)
    assert not captured.truncated
    assert sum(flow.handshake for flow in view.flows) == 1
    assert len(view.addresses) >= 20
    assert not view.addresses_by_id
    # No two of its flows can be linked: neither by an address nor by a connection ID.
    assert len(view.components) == len(view.flows) == len(view.addresses)
