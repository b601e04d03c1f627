"""The other implementation in the wire test: PyPI's `p4runtime`, run by peer.rs.

    wire.py descriptors          prints the package's FileDescriptorSet (binary)
    wire.py echo                 reads messages, prints what was seen in them and encodes them again
    wire.py generate NAME...     prints messages that together use every field that can be reached from these

A message is one line of JSON: its full `name`, its `bytes` in hexadecimal and, as printed here, its `text` in
protobuf's text format.
"""

import itertools
import json
import sys

from google.protobuf import descriptor_pb2, symbol_database, text_format
from google.protobuf.descriptor import FieldDescriptor as Field
from google.rpc import status_pb2
from p4.config.v1 import p4info_pb2, p4types_pb2
from p4.v1 import p4data_pb2, p4runtime_pb2

FILES = [status_pb2, p4types_pb2, p4info_pb2, p4data_pb2, p4runtime_pb2]
ROUNDS = 24  # each oneof gets through its alternatives, also where it is inside another
INTEGER_BITS = {
    Field.TYPE_INT32: 31,
    Field.TYPE_UINT32: 32,
    Field.TYPE_INT64: 63,
    Field.TYPE_UINT64: 64,
}


def new(name):
    return symbol_database.Default().GetSymbol(name)()


def line(message):
    text = text_format.MessageToString(message, as_utf8=True)
    encoded = message.SerializeToString(deterministic=True)
    return json.dumps({"name": message.DESCRIPTOR.full_name, "bytes": encoded.hex(), "text": text})


class Filler:
    """Fills messages with values that are all different; each oneof and enum takes its alternatives in turn."""

    def __init__(self):
        self.number = itertools.count(1)
        self.turns = {}

    def turn(self, name, choices):
        cycle = self.turns.setdefault(name, itertools.count())
        return choices[next(cycle) % len(choices)]

    def fill(self, message, path=()):
        descriptor = message.DESCRIPTOR
        # A type may be inside itself once.
        usable = [f for f in descriptor.fields if f.message_type is None or path.count(f.message_type.full_name) < 2]
        for oneof in descriptor.oneofs:
            alternatives = [f for f in usable if f.containing_oneof == oneof]
            if alternatives:
                self.put(message, self.turn(oneof.full_name, alternatives), path)
        for field in usable:
            if field.containing_oneof is None:
                self.put(message, field, path)

    def put(self, message, field, path):
        if field.message_type and field.message_type.GetOptions().map_entry:
            key = self.value(field.message_type.fields_by_name["key"])
            self.fill(getattr(message, field.name)[key], (*path, field.message_type.fields_by_name["value"].message_type.full_name))
        elif field.message_type and field.label == Field.LABEL_REPEATED:
            for _ in range(2):
                self.fill(getattr(message, field.name).add(), (*path, field.message_type.full_name))
        elif field.message_type:
            child = getattr(message, field.name)
            child.SetInParent()
            self.fill(child, (*path, field.message_type.full_name))
        elif field.label == Field.LABEL_REPEATED:
            getattr(message, field.name).extend(self.value(field) for _ in range(2))
        else:
            setattr(message, field.name, self.value(field))

    def value(self, field):
        number = next(self.number)
        if field.type in INTEGER_BITS:
            bits = INTEGER_BITS[field.type]
            # Every second one uses the highest bit, every other second one is negative where it may be.
            value = number + (1 << (bits - 1) if number % 2 else 0)
            return -value if bits % 2 and number % 4 < 2 else value
        if field.type == Field.TYPE_BOOL:
            return True
        if field.type == Field.TYPE_STRING:
            return f"s{number} \u00fc"
        if field.type == Field.TYPE_BYTES:
            return number.to_bytes(4, "little") + b"\xff"
        if field.type == Field.TYPE_ENUM:
            numbers = [v.number for v in field.enum_type.values if v.number != 0]
            return self.turn(field.full_name, numbers)
        raise TypeError(f"{field.full_name}: type {field.type} is new: say here how to fill it")


def descriptors():
    files = {}
    pending = [module.DESCRIPTOR for module in FILES]
    while pending:
        file = pending.pop()
        if file.name not in files:
            files[file.name] = file.serialized_pb
            pending.extend(file.dependencies)
    out = descriptor_pb2.FileDescriptorSet()
    for encoded in files.values():
        out.file.add().ParseFromString(encoded)
    sys.stdout.buffer.write(out.SerializeToString())


def echo():
    for request in map(json.loads, sys.stdin):
        message = new(request["name"])
        message.ParseFromString(bytes.fromhex(request["bytes"]))
        print(line(message))


def generate(names):
    filler = Filler()
    for _ in range(ROUNDS):
        for name in names:
            message = new(name)
            filler.fill(message, (name,))
            print(line(message))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"descriptors": descriptors, "echo": echo, "generate": lambda: generate(arguments)}[command]()
