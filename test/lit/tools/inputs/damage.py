#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""damage.py IN.tinyc OUT.tinyc WHAT[=VALUE]..: a copy of an artefact with something wrong in it.

  flip=OFFSET      one bit of the byte there (negative: from the end)
  truncate=SIZE    only the first bytes
  magic            another first byte
  FIELD=VALUE      a field of the prefix: major, fileSize, dataOffset, headerSize, weightsOffset, chunkCount
  header=SEED      bytes of the FlatBuffers header, chosen at random
  absent=FIELD     no such field in the header's root table: producer, symbols, weights, states, entry_points, targets
  rehash           makes the hash tree agree with what the file holds now: what is refused then is refused for itself

runtime/schema/Container.h describes the prefix and the hash tree.
"""
import hashlib
import random
import struct
import sys

FIELDS = {"major": (8, "<I"), "fileSize": (16, "<Q"), "dataOffset": (24, "<Q"), "headerSize": (32, "<Q"),
          "weightsOffset": (40, "<Q"), "chunkCount": (48, "<Q")}
ROOT_TABLE = ("producer", "symbols", "weights", "states", "entry_points", "targets")  # as in artefact.fbs
PREFIX, ROOT, CHUNK = 128, 96, 1 << 20


def field(data, name):
    offset, kind = FIELDS[name]
    return struct.unpack_from(kind, data, offset)[0]


def rehash(data):
    start, count = field(data, "dataOffset"), field(data, "chunkCount")
    for i in range(count):
        chunk = data[start + i * CHUNK:start + (i + 1) * CHUNK]
        data[PREFIX + 32 * i:PREFIX + 32 * (i + 1)] = hashlib.sha256(b"\0" + chunk).digest()
    data[ROOT:ROOT + 32] = bytes(32)
    data[ROOT:ROOT + 32] = hashlib.sha256(b"\1" + data[:start]).digest()


def main():
    source, target, *changes = sys.argv[1:]
    data = bytearray(open(source, "rb").read())
    for change in changes:
        what, _, value = change.partition("=")
        if what == "flip":
            data[int(value)] ^= 0x10
        elif what == "truncate":
            del data[int(value):]
        elif what == "magic":
            data[0] ^= 0xFF
        elif what == "header":
            choose = random.Random(int(value))
            start, size = field(data, "dataOffset"), field(data, "headerSize")
            for _ in range(choose.randint(1, 8)):
                data[start + choose.randrange(size)] = choose.choice((0, 1, 0x7F, 0x80, 0xFF, choose.randrange(256)))
        elif what == "absent":
            start = field(data, "dataOffset")
            table = start + struct.unpack_from("<I", data, start)[0]
            fields = table - struct.unpack_from("<i", data, table)[0]  # its vtable: two sizes, then a place a field
            struct.pack_into("<H", data, fields + 4 + 2 * ROOT_TABLE.index(value), 0)
        elif what == "rehash":
            rehash(data)
        else:
            offset, kind = FIELDS[what]
            struct.pack_into(kind, data, offset, int(value))
    open(target, "wb").write(data)


if __name__ == "__main__":
    main()
