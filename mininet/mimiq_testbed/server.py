"""The server outside: aioquic's HTTP/3 example, which nobody here wrote. GET /N answers with N bytes."""

import datetime
import ipaddress
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import plan as p
from .process import TestbedError

NAME = "server.example"


def write_certificate(directory):
    """Writes a self-signed certificate for `NAME` and the server's address, and its key. Returns both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    addresses = (p.SERVER, p.SERVER_V4)
    names = [x509.DNSName(NAME), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = directory / "server.pem", directory / "server.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(*encoding))
    return certificate_path, key_path


def start(node, examples, directory, hosts):
    """Starts one for each of `hosts`, addresses of `node`, from aioquic's `examples` folder. Returns the certificate's path."""
    certificate, key = write_certificate(directory)
    for number, host in enumerate(hosts):
        command = [sys.executable, "http3_server.py", "--certificate", certificate, "--private-key", key]
        command += ["--host", host, "--port", p.SERVER_PORT, "demo:app"]
        log = directory / f"http3-server{number or ''}.log"
        _wait_listening(node, host, node.spawn("http3-server", command, log, cwd=examples))
    return certificate


def _wait_listening(node, host, daemon, timeout=20.0):
    """Its log says nothing when it is ready, and the kernel has no event for a bound UDP socket: so this looks."""
    deadline = time.monotonic() + timeout
    where = f"[{host}]" if ":" in host else host
    while not node.run("ss", "-Hlun", f"src {where}:{p.SERVER_PORT}").strip():
        if not daemon.alive() or time.monotonic() > deadline:
            raise TestbedError(f"the HTTP/3 server does not listen; the end of {daemon.log}:\n{daemon.log_tail()}")
        time.sleep(0.05)
