"""Lets a UDP client that knows nothing of SOCKS use a SOCKS5 proxy (RFC 1928 §7).

usage: socks_udp.py PROXY TARGET    (each IPV4:PORT); prints the port for the client to send to.
"""

import ipaddress
import select
import socket
import sys


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def read(stream, count):
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        if not piece:
            sys.exit("the proxy closed the connection")
        data += piece
    return data


proxy, target = address(sys.argv[1]), address(sys.argv[2])
control = socket.create_connection(proxy)
control.sendall(b"\x05\x01\x00")
assert read(control, 2) == b"\x05\x00"
control.sendall(b"\x05\x03\x00\x01" + bytes(6))
reply = read(control, 10)
assert reply[:4] == b"\x05\x00\x00\x01", reply
bound = str(ipaddress.IPv4Address(reply[4:8])), int.from_bytes(reply[8:10], "big")

header = b"\x00\x00\x00\x01" + ipaddress.IPv4Address(target[0]).packed + target[1].to_bytes(2, "big")
inside, outside = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
inside.bind(("127.0.0.1", 0))
outside.connect(bound)
print(inside.getsockname()[1], flush=True)
client = None
while True:
    for ready in select.select([inside, outside, control], [], [])[0]:
        if ready is control:
            sys.exit("the association ended")
        if ready is inside:
            packet, client = inside.recvfrom(65535)
            outside.send(header + packet)
        else:
            packet = outside.recv(65535)
            assert packet.startswith(header), packet[:10]
            inside.sendto(packet[len(header) :], client)
