"""What the specification's own messages see: the arbitration matrix, pipeline configuration, canonical byte strings,
atomicity, meters."""

import queue

import google.protobuf.text_format
import grpc
import pytest
from conftest import BMV2_JSON, DEVICE_ID, P4INFO
from google.rpc import code_pb2, status_pb2
from p4.v1 import p4runtime_pb2 as p4
from p4.v1 import p4runtime_pb2_grpc

CLIENT_V4 = 0x02000005
METER = 0x14000001
SET = p4.SetForwardingPipelineConfigRequest


class Controller:
    """A StreamChannel and nothing else."""

    def __init__(self, channel):
        self.requests = queue.Queue()
        self.stub = p4runtime_pb2_grpc.P4RuntimeStub(channel)
        self.responses = self.stub.StreamChannel(iter(self.requests.get, None), timeout=30)

    def arbitrate(self, election_id=None, device_id=DEVICE_ID, role=None):
        request = p4.StreamMessageRequest()
        request.arbitration.device_id = device_id
        if role is not None:
            request.arbitration.role.name = role
        if election_id is not None:
            request.arbitration.election_id.low = election_id
        self.requests.put(request)
        return self

    def notice(self):
        update = next(self.responses).arbitration
        assert update.device_id == DEVICE_ID
        return update.status.code, update.election_id.low

    def closed(self):
        with pytest.raises(grpc.RpcError) as info:
            next(self.responses)
        return info.value.code()

    def leave(self):
        self.requests.put(None)


@pytest.fixture
def channel(switch):
    with grpc.insecure_channel(switch.address) as channel:
        yield channel


@pytest.fixture
def primary(channel):
    controller = Controller(channel).arbitrate(1)
    assert controller.notice() == (code_pb2.OK, 1)
    yield controller
    controller.leave()


@pytest.fixture
def stub(primary):
    """The service, after the primary with election ID 1 has set the pipeline."""
    primary.stub.SetForwardingPipelineConfig(set_config(SET.VERIFY_AND_COMMIT))
    return primary.stub


def set_config(action, config=True, cookie=0, election_id=1):
    request = SET(device_id=DEVICE_ID, action=action, election_id=p4.Uint128(low=election_id))
    if config:
        google.protobuf.text_format.Parse(P4INFO.read_text(), request.config.p4info)
        request.config.cookie.cookie = cookie
        request.config.p4_device_config = BMV2_JSON.read_bytes()
    return request


def write(stub, *updates, election_id=1, role="", atomicity=p4.WriteRequest.CONTINUE_ON_ERROR):
    request = p4.WriteRequest(device_id=DEVICE_ID, role=role, updates=updates, atomicity=atomicity)
    request.election_id.low = election_id
    return stub.Write(request)


def client(n, kind=p4.Update.INSERT, port=b"\x01", value=None):
    update = p4.Update(type=kind)
    entry = update.entity.table_entry
    entry.table_id = CLIENT_V4
    match = entry.match.add(field_id=1)
    match.exact.value = value if value is not None else n.to_bytes(4, "big").lstrip(b"\0") or b"\0"
    action = entry.action.action
    action.action_id = 0x0100000F
    action.params.add(param_id=1, value=port)
    action.params.add(param_id=2, value=bytes.fromhex("020000000001"))
    return update


def read(stub, **entity):
    request = p4.ReadRequest(device_id=DEVICE_ID, entities=[p4.Entity(**entity)])
    return [e for reply in stub.Read(request) for e in reply.entities]


def entries(stub):
    return [e.table_entry for e in read(stub, table_entry=p4.TableEntry())]


def code_of(call, *args, **kwargs):
    with pytest.raises(grpc.RpcError) as info:
        call(*args, **kwargs)
    return info.value.code()


def errors_of(call, *args, **kwargs):
    """The per-update codes of a failed batch."""
    with pytest.raises(grpc.RpcError) as info:
        call(*args, **kwargs)
    assert info.value.code() == grpc.StatusCode.UNKNOWN
    status = status_pb2.Status()
    status.ParseFromString(dict(info.value.trailing_metadata())["grpc-status-details-bin"])
    codes = []
    for detail in status.details:
        error = p4.Error()
        assert detail.Unpack(error)
        codes.append(error.canonical_code)
    return codes


def test_arbitration_matrix(channel):
    first = Controller(channel).arbitrate(10)
    assert first.notice() == (code_pb2.OK, 10)
    backup = Controller(channel).arbitrate(5)
    assert backup.notice() == (code_pb2.ALREADY_EXISTS, 10)
    silent = Controller(channel).arbitrate(None)
    assert silent.notice() == (code_pb2.ALREADY_EXISTS, 10)
    assert Controller(channel).arbitrate(10).closed() == grpc.StatusCode.INVALID_ARGUMENT
    assert Controller(channel).arbitrate(11, device_id=DEVICE_ID + 1).closed() == grpc.StatusCode.NOT_FOUND
    higher = Controller(channel).arbitrate(20)
    assert higher.notice() == (code_pb2.OK, 20)
    for other in [first, backup, silent]:
        assert other.notice() == (code_pb2.ALREADY_EXISTS, 20)
    assert code_of(write, first.stub, election_id=10) == grpc.StatusCode.PERMISSION_DENIED
    higher.leave()
    for other in [first, backup, silent]:
        assert other.notice() == (code_pb2.NOT_FOUND, 20), "nobody is promoted"
    assert code_of(write, first.stub, election_id=20) == grpc.StatusCode.PERMISSION_DENIED
    assert Controller(channel).arbitrate(15).notice() == (code_pb2.NOT_FOUND, 20), "fenced by the highest ID seen"
    backup.arbitrate(20)
    for other in [first, silent]:
        assert other.notice() == (code_pb2.ALREADY_EXISTS, 20)
    assert backup.notice() == (code_pb2.OK, 20)
    backup.arbitrate(1)
    for other in [first, silent, backup]:
        assert other.notice() == (code_pb2.NOT_FOUND, 20), "the primary has stepped down"


def test_no_primary_ever(channel):
    silent = Controller(channel).arbitrate(None)
    assert silent.notice() == (code_pb2.NOT_FOUND, 0)
    assert Controller(channel).arbitrate(0).notice() == (code_pb2.NOT_FOUND, 0)


def test_roles_are_independent(channel, stub):
    sdn = Controller(channel).arbitrate(1, role="sdn")
    assert sdn.notice() == (code_pb2.OK, 1)
    write(stub, client(1), role="sdn")
    write(stub, client(1, p4.Update.DELETE))
    assert code_of(write, stub, role="nobody") == grpc.StatusCode.NOT_FOUND
    sdn.arbitrate(2, role="other")
    assert sdn.closed() == grpc.StatusCode.FAILED_PRECONDITION


def meter(kind=p4.Update.MODIFY, **rates):
    update = p4.Update(type=kind)
    update.entity.meter_entry.meter_id = METER
    update.entity.meter_entry.index.index = 0
    if rates:
        update.entity.meter_entry.config.CopyFrom(p4.MeterConfig(**rates))
    return update


def test_meters_are_modified_only(stub):
    good = {"cir": 100, "cburst": 10, "pir": 100, "pburst": 10}
    inserted, deleted = meter(p4.Update.INSERT, **good), meter(p4.Update.DELETE)
    assert errors_of(write, stub, inserted, deleted, meter(**good)) == [code_pb2.INVALID_ARGUMENT] * 2 + [code_pb2.OK]
    counted = meter(**good)
    counted.entity.meter_entry.counter_data.SetInParent()
    excess = meter(**good, eburst=1)
    other = meter()
    other.entity.meter_entry.meter_id += 1
    expected = [code_pb2.UNIMPLEMENTED, code_pb2.INVALID_ARGUMENT, code_pb2.INVALID_ARGUMENT]
    assert errors_of(write, stub, counted, excess, other) == expected
    for meter_id in [0, METER]:
        [found] = read(stub, meter_entry=p4.MeterEntry(meter_id=meter_id))
        assert found.meter_entry == meter(**good).entity.meter_entry
    stub.SetForwardingPipelineConfig(set_config(SET.VERIFY_AND_COMMIT))
    [found] = read(stub, meter_entry=p4.MeterEntry())
    assert not found.meter_entry.HasField("config"), "a new pipeline starts with its default"


def test_nothing_works_before_the_pipeline_is_set(primary):
    assert code_of(write, primary.stub, client(1)) == grpc.StatusCode.FAILED_PRECONDITION
    assert code_of(entries, primary.stub) == grpc.StatusCode.FAILED_PRECONDITION
    get = p4.GetForwardingPipelineConfigRequest(device_id=DEVICE_ID)
    assert not primary.stub.GetForwardingPipelineConfig(get).HasField("config")


def test_pipeline_actions_and_cookie(primary):
    stub = primary.stub
    set_ = stub.SetForwardingPipelineConfig
    assert code_of(set_, set_config(SET.COMMIT, config=False)) == grpc.StatusCode.NOT_FOUND
    assert code_of(set_, set_config(SET.VERIFY_AND_COMMIT, election_id=9)) == grpc.StatusCode.PERMISSION_DENIED
    assert code_of(set_, set_config(SET.VERIFY_AND_COMMIT, config=False)) == grpc.StatusCode.INVALID_ARGUMENT
    set_(set_config(SET.VERIFY))
    set_(set_config(SET.VERIFY_AND_SAVE, cookie=4711))
    assert code_of(entries, stub) == grpc.StatusCode.FAILED_PRECONDITION
    set_(set_config(SET.COMMIT, config=False))
    for kind, fields in [("ALL", {"p4info", "p4_device_config", "cookie"}), ("COOKIE_ONLY", {"cookie"}),
                         ("P4INFO_AND_COOKIE", {"p4info", "cookie"}),
                         ("DEVICE_CONFIG_AND_COOKIE", {"p4_device_config", "cookie"})]:
        get = p4.GetForwardingPipelineConfigRequest(device_id=DEVICE_ID, response_type=kind)
        config = stub.GetForwardingPipelineConfig(get).config
        assert config.cookie.cookie == 4711
        assert config.p4_device_config in [b"", BMV2_JSON.read_bytes()]
        assert {field.name for field, _ in config.ListFields()} == fields
    write(stub, client(1))
    set_(set_config(SET.RECONCILE_AND_COMMIT))
    assert len(entries(stub)) == 1
    set_(set_config(SET.VERIFY_AND_COMMIT))
    assert entries(stub) == []


def test_byte_strings_are_read_canonical(stub):
    write(stub, client(0, value=bytes(7) + b"\x05", port=b"\0\0\0\x09"))
    [entry] = entries(stub)
    assert entry.match[0].exact.value == b"\x05"
    assert entry.action.action.params[0].value == b"\x09"
    assert errors_of(write, stub, client(0, value=b"\x05")) == [code_pb2.ALREADY_EXISTS]
    for bad in [client(0, value=b""), client(0, value=b"\x01" + bytes(4)), client(0, port=b"\x02\x00")]:
        assert errors_of(write, stub, bad) == [code_pb2.INVALID_ARGUMENT]


def test_malformed_updates_are_refused_by_name(stub):
    nothing = p4.Update()
    unknown_table = client(1)
    unknown_table.entity.table_entry.table_id = 0x0200FFFF
    ternary = client(1)
    ternary.entity.table_entry.match[0].ternary.value = b"\1"
    twice = client(1)
    twice.entity.table_entry.match.add().CopyFrom(twice.entity.table_entry.match[0])
    priority = client(1)
    priority.entity.table_entry.priority = 1
    other_action = client(1)
    other_action.entity.table_entry.action.action.action_id = 0x01000001
    fewer = client(1)
    del fewer.entity.table_entry.action.action.params[1]
    register = p4.Update(type=p4.Update.INSERT)
    register.entity.register_entry.register_id = 1
    bad = [nothing, unknown_table, ternary, twice, priority, other_action, fewer]
    expected = [code_pb2.INVALID_ARGUMENT] * len(bad) + [code_pb2.UNIMPLEMENTED, code_pb2.OK]
    assert errors_of(write, stub, *bad, register, client(2)) == expected
    assert len(entries(stub)) == 1


@pytest.mark.parametrize("atomicity", [p4.WriteRequest.ROLLBACK_ON_ERROR, p4.WriteRequest.DATAPLANE_ATOMIC])
def test_atomic_batches_are_all_or_nothing(stub, atomicity):
    codes = errors_of(write, stub, client(1), client(2), client(1), atomicity=atomicity)
    assert codes == [code_pb2.ABORTED, code_pb2.ABORTED, code_pb2.ALREADY_EXISTS]
    assert entries(stub) == []
    write(stub, client(1), client(2), client(1, p4.Update.DELETE), client(1), atomicity=atomicity)
    assert len(entries(stub)) == 2


def test_reads_come_in_messages_of_bounded_size(stub):
    for start in range(0, 2_500, 500):
        write(stub, *[client(n) for n in range(start, start + 500)])
    request = p4.ReadRequest(device_id=DEVICE_ID, entities=[p4.Entity(table_entry=p4.TableEntry(table_id=CLIENT_V4))])
    replies = list(stub.Read(request))
    assert sum(len(reply.entities) for reply in replies) == 2_500
    assert len(replies) > 1 and max(reply.ByteSize() for reply in replies) < 1 << 20


def test_packet_out_and_capabilities(channel, primary):
    request = p4.StreamMessageRequest()
    request.packet.payload = b"x"
    primary.requests.put(request)
    assert next(primary.responses).error.canonical_code == code_pb2.UNIMPLEMENTED
    version = primary.stub.Capabilities(p4.CapabilitiesRequest()).p4runtime_api_version
    assert version.startswith("1.")


def test_garbage_leaves_the_switch_alive(channel, stub):
    send = channel.unary_unary("/p4.v1.P4Runtime/Write")
    for garbage in [b"\xff" * 1000, b"\x0a\xff\xff\xff\xff\x0f", bytes(range(256)) * 64]:
        assert code_of(send, garbage) != grpc.StatusCode.OK
    many = p4.WriteRequest(device_id=DEVICE_ID, updates=[p4.Update()] * 100_000)
    many.election_id.low = 1
    assert code_of(stub.Write, many) == grpc.StatusCode.INVALID_ARGUMENT
    write(stub, client(1))
