"""Both systems together: people who chat through a Loopix network, whose connections to their providers hop from address to address."""

from conftest import at_least
from mimiq_testbed import capture, mixnet, observer, plan, settings
from mimiq_testbed.mixnet import Chat, MixNetwork
from mimiq_testbed.testbed import Testbed

ROUNDS = 12
# h1 and h3 are on different switches. Each has its own provider, so the observer's view of a provider's port is one client's.
PROVIDERS = {"h1": "p1", "h3": "p2"}
# Clients' packets are at most 1280 bytes, the least that IPv6 allows: there, too, a Sphinx packet fits right after a hop.
PLAN = plan.Plan(fabric_mtu=1320)
# UDP payload of a datagram with a Sphinx packet of 1136 bytes, at least; handshakes and path validation have 1200.
SPHINX = range(1136, 1200)


def hopping(agent):
    """`settings.agent` with a policy for mix clients."""

    def settings_of(*arguments):
        policy = {"random_time": {"min": "200ms", "max": "400ms"}}
        return agent(*arguments) | {"policies": [{"application": "mimiq-mix", "policy": policy}]}

    return settings_of


def converse(one, other):
    """Each line is answered. Both know in the end that all they said has arrived."""
    for number in range(1, ROUNDS + 1):
        for speaker, listener, line in ((one, other, f"question {number}"), (other, one, f"answer {number}")):
            speaker.say(line)
            at_least(number, lambda listener=listener: len(listener.heard()), timeout=60)
    for chat in (one, other):
        at_least(ROUNDS, lambda chat=chat: len(chat.delivered()), timeout=60)


def unasked(captured):
    """The clients' addresses from which a Sphinx packet left before a word from the provider: they did not wait for the path's
    validation, and such a packet fits where nothing is known of the path."""
    answered, found = set(), set()
    for datagram in sorted(captured.datagrams, key=lambda datagram: datagram.time):
        if not datagram.up:
            answered.add(datagram.client)
        elif len(datagram.payload) in SPHINX and datagram.client not in answered:
            found.add(datagram.client)
    return found


def test_two_people_chat_while_their_connections_hop(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "agent", hopping(settings.agent))
    with Testbed(tmp_path, PLAN) as testbed:
        network = MixNetwork(testbed["srv"], plan.SERVER, tmp_path / "mixnet")
        network.wait_ready()
        configs = {client: network.client(client, provider, testbed.socket(client)) for client, provider in PROVIDERS.items()}
        addresses = {client: mixnet.address(testbed[client], config) for client, config in configs.items()}
        chats = [Chat(testbed[client], configs[client], addresses[other]) for client, other in (("h1", "h3"), ("h3", "h1"))]
        for chat in chats:
            chat.process.wait_ready(timeout=60)
        converse(*chats)
        assert [chat.end() for chat in chats] == [0, 0]
        for chat, word in zip(chats, ("answer", "question"), strict=True):
            # Each once, and in this order, as one waited for the other.
            assert chat.heard() == [f"{word} {number}" for number in range(1, ROUNDS + 1)]
            assert sorted(chat.delivered()) == list(range(1, ROUNDS + 1))
    views, at_once = [], set()
    for provider in PROVIDERS.values():
        captured = capture.read(tmp_path / "observer.pcap", mixnet.client_port(provider))
        assert not captured.truncated
        views.append(observer.observe(captured.datagrams))
        at_once |= unasked(captured)
    for view in views:
        # One connection, at many addresses. No two of its flows can be linked: neither by an address, nor a connection ID, nor a port.
        assert sum(flow.handshake for flow in view.flows) == 1
        assert len(view.addresses) >= 10
        assert not view.addresses_by_id
        assert len(view.components) == len(view.flows) == len(view.addresses)
        assert len({flow.client[1] for flow in view.flows}) == len(view.flows)
    assert not set(views[0].addresses) & set(views[1].addresses)
    assert at_once
