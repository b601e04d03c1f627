"""An HTTP/3 client of the exit, with aioquic. Prints the name of each scenario that went as it should.

usage: client.py PORT CA TOKEN TCP_ECHO_PORT UDP_ECHO_PORT CLOSED_PORT
"""

import asyncio
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection, Setting
from aioquic.h3.events import DataReceived, DatagramReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamReset

PORT, CA, TOKEN, TCP, UDP, CLOSED = sys.argv[1:]
H3_DATAGRAM_ERROR = 0x33


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = None
        self.events = asyncio.Queue()

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        if isinstance(event, (ConnectionTerminated, StreamReset)):
            self.events.put_nowait(event)
        for each in self.http.handle_event(event) if self.http else []:
            self.events.put_nowait(each)

    async def event(self):
        return await asyncio.wait_for(self.events.get(), 10)

    def request(self, *headers, token=TOKEN, end=False):
        stream = self._quic.get_next_available_stream_id()
        if token is not None:
            headers += ((b"proxy-authorization", b"Bearer " + token.encode()),)
        self.http.send_headers(stream, list(headers), end)
        self.transmit()
        return stream

    def connect_tcp(self, target, **more):
        return self.request((b":method", b"CONNECT"), (b":authority", target.encode()), **more)

    def connect_udp(self, path, **more):
        return self.request(
            (b":method", b"CONNECT"),
            (b":protocol", b"connect-udp"),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", path.encode()),
            (b"capsule-protocol", b"?1"),
            **more,
        )

    def send(self, stream, data, end=False):
        self.http.send_data(stream, data, end)
        self.transmit()

    async def headers(self, stream):
        event = await self.event()
        assert isinstance(event, HeadersReceived) and event.stream_id == stream, event
        return event

    async def answer(self, stream):
        return dict((await self.headers(stream)).headers)

    async def refused(self, stream, status, error=None):
        event = await self.headers(stream)
        headers = dict(event.headers)
        assert headers[b":status"] == status, headers
        if error is not None:
            assert error in headers[b"proxy-status"], headers
        if not event.stream_ended:
            assert await self.data(stream) == b""
        return headers

    async def data(self, stream):
        data, ended = b"", False
        while not ended:
            event = await self.event()
            assert isinstance(event, DataReceived) and event.stream_id == stream, event
            data, ended = data + event.data, event.stream_ended
        return data


def client():
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, max_datagram_frame_size=65536, server_name="localhost"
    )
    configuration.load_verify_locations(CA)
    return connect("127.0.0.1", int(PORT), configuration=configuration, create_protocol=Client)


def done(name):
    print(name, flush=True)


async def main():
    udp_path = f"/.well-known/masque/udp/127.0.0.1/{UDP}/"
    async with client() as c:
        stream = c.connect_tcp(f"localhost:{TCP}")
        assert (await c.answer(stream))[b":status"] == b"200"
        settings = c.http.received_settings
        assert settings[Setting.ENABLE_CONNECT_PROTOCOL] == 1 and settings[Setting.H3_DATAGRAM] == 1, settings
        done("settings")
        c.send(stream, b"a" * 100000)
        c.send(stream, b"z", end=True)
        assert await c.data(stream) == b"a" * 100000 + b"z"
        done("connect")
        headers = await c.refused(c.connect_tcp("localhost:80", token=None), b"407")
        assert headers[b"proxy-authenticate"].startswith(b"Bearer"), headers
        done("no token")
        await c.refused(c.connect_udp(udp_path, token="wrong"), b"407")
        done("wrong token")
        get = (b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", b"/")
        await c.refused(c.request(*get, end=True), b"404")
        done("not CONNECT")
        await c.refused(c.connect_udp("/.well-known/masque/udp/127.0.0.1/0/"), b"400", b"http_request_error")
        done("no such target")
        await c.refused(c.connect_tcp("10.255.0.1:80"), b"403", b"destination_ip_prohibited")
        done("private address")
        await c.refused(c.connect_tcp(f"127.0.0.1:{CLOSED}"), b"502", b"connection_refused")
        done("closed port")

        stream = c.connect_udp(udp_path)
        assert (await c.answer(stream))[b"capsule-protocol"] == b"?1"
        c.http.send_datagram(stream, b"\x07unknown context")
        c.http.send_datagram(stream + 400, b"\x00another's")
        c.http.send_datagram(stream, b"\x00hello")
        c.transmit()
        event = await c.event()
        assert isinstance(event, DatagramReceived) and (event.stream_id, event.data) == (stream, b"\x00hello"), event
        done("udp datagrams")
        c.send(stream, b"\x17\x03xyz\x00")  # an unknown capsule, and the start of one
        c.send(stream, b"\x06\x00again")
        event = await c.event()
        assert isinstance(event, DatagramReceived) and event.data == b"\x00again", event
        done("udp capsules")
        c.send(stream, b"", end=True)
        assert await c.data(stream) == b""
        done("udp end")

        stream = c.connect_udp(udp_path)
        await c.answer(stream)
        c.send(stream, b"\x00\x80\x01\x00\x00")
        event = await c.event()
        assert isinstance(event, StreamReset) and event.error_code == H3_DATAGRAM_ERROR, event
        done("capsule too large")

        # Two that are under way when the connection ends.
        for _ in range(2):
            await c.answer(c.connect_udp(udp_path))
        c._quic.send_datagram_frame(b"\xff" * 9)
        c.transmit()
        event = await c.event()
        assert isinstance(event, ConnectionTerminated) and event.error_code == H3_DATAGRAM_ERROR, event
        done("datagram of no stream")


asyncio.run(main())
