# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads, changes and writes ONNX models with nothing but Python: messages by the schema that the importer reads by.

    model = messages.read("ModelProto", path.read_bytes())
    for node in model.graph.node:
        node.name = "a" + node.name
    path.write_bytes(messages.write(model))

A message has an attribute for each field: a list where it is repeated, None where it is optional and absent. What the
schema does not know is kept as it stands.
"""
import pathlib
import re
import struct

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "lib" / "Onnx" / "onnx.proto"
VARINTS = ("int32", "int64", "uint64", "bool")
FIXED = {"float": ("<f", 5, 4), "double": ("<d", 1, 8)}


def parse_schema(text):
    """Fields of each message by number: (name, type, repeated, packed). Messages inside others go by their own name."""
    text = re.sub(r"//[^\n]*", "", text)
    messages, enums, open_names = {}, set(), []
    for token in re.finditer(r"(message|enum|oneof) (\w+) \{|(\})|(optional |repeated |)(\w+) (\w+) = (\d+)( \[packed = true\])?;",
                             text):
        block, name, close, label, kind, field, number, packed = token.groups()
        if block:
            open_names.append((block, name))
            enums |= {name} if block == "enum" else set()
            if block == "message":
                messages[name] = {}
        elif close:
            open_names.pop()
        elif open_names and open_names[-1][0] != "enum":
            owner = next(name for block, name in reversed(open_names) if block == "message")
            messages[owner][int(number)] = (field, kind, label == "repeated ", bool(packed))
    for fields in messages.values():
        for number, (field, kind, repeated, packed) in fields.items():
            fields[number] = (field, "int32" if kind in enums else kind, repeated, packed)
    return messages


MESSAGES = parse_schema(SCHEMA.read_text())


class Message:
    def __init__(self, kind, **values):
        self.kind, self.unknown = kind, b""
        for name, _, repeated, _ in MESSAGES[kind].values():
            setattr(self, name, [] if repeated else None)
        for name, value in values.items():
            assert hasattr(self, name), f"{kind} has no field {name}"
            setattr(self, name, value)

    def copy(self):
        return read(self.kind, write(self))


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def write_varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(kind, value):
    return value - (1 << 64) if kind != "uint64" and value >> 63 else value


def unpack(kind, data):
    if kind in FIXED:
        code, _, width = FIXED[kind]
        return list(struct.unpack(f"<{len(data) // width}{code[1]}", data))
    values, at = [], 0
    while at < len(data):
        value, at = read_varint(data, at)
        values.append(signed(kind, value))
    return values


def read(kind, data):
    message, at = Message(kind), 0
    while at < len(data):
        start = at
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = {1: 8, 5: 4}[wire]
            value, at = data[at:at + size], at + size
        if number not in MESSAGES[kind]:
            message.unknown += data[start:at]
            continue
        name, field, repeated, _ = MESSAGES[kind][number]
        if field in MESSAGES:
            values = [read(field, value)]
        elif field == "string":
            values = [value.decode()]
        elif field == "bytes":
            values = [bytes(value)]
        elif wire == 0:
            values = [signed(field, value)]
        else:
            values = unpack(field, value)
        if repeated:
            getattr(message, name).extend(values)
        else:
            setattr(message, name, values[-1])
    return message


def write_value(kind, number, value):
    if kind in VARINTS:
        return write_varint(number << 3) + write_varint(int(value))
    if kind in FIXED:
        code, wire, _ = FIXED[kind]
        return write_varint(number << 3 | wire) + struct.pack(code, value)
    data = write(value) if kind in MESSAGES else value.encode() if kind == "string" else value
    return write_varint(number << 3 | 2) + write_varint(len(data)) + data


def write(message):
    out = []
    for number, (name, kind, repeated, packed) in MESSAGES[message.kind].items():
        value = getattr(message, name)
        if packed and value:
            if kind in FIXED:
                data = struct.pack(f"<{len(value)}{FIXED[kind][0][1]}", *value)
            else:
                data = b"".join(write_varint(each) for each in value)
            out.append(write_varint(number << 3 | 2) + write_varint(len(data)) + data)
        elif repeated:
            out += [write_value(kind, number, each) for each in value]
        elif value is not None:
            out.append(write_value(kind, number, value))
    return b"".join(out) + message.unknown
