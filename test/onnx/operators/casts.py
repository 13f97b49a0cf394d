# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Casts to 8-bit floats, bit by bit: NaNs keep their sign where the format has two of them."""
import math

from case import Case, TYPES, main

NAN, INFINITY = math.nan, math.inf
X = [NAN, -NAN, INFINITY, -INFINITY, 1e9, -1e9, 0.0, -0.0, 1.0, -1.0]
# The bytes of X's NaNs; of what is too large, saturated and not; of zeros; of ones.
BYTES = {
    "float8e4m3fn": ([0x7F, 0xFF], [0x7E, 0xFE], [0x7F, 0xFF], [0x00, 0x80], [0x38, 0xB8]),
    "float8e4m3fnuz": ([0x80, 0x80], [0x7F, 0xFF], [0x80, 0x80], [0x00, 0x00], [0x40, 0xC0]),
    "float8e5m2": ([0x7E, 0xFE], [0x7B, 0xFB], [0x7C, 0xFC], [0x00, 0x80], [0x3C, 0xBC]),
    "float8e5m2fnuz": ([0x80, 0x80], [0x7F, 0xFF], [0x80, 0x80], [0x00, 0x00], [0x40, 0xC0]),
}


def cast(folder, operator, kind, saturate):
    attributes = {"to": TYPES[kind][0]} if operator == "Cast" else {}
    case = Case(folder, operator, version=26, as_bytes=True, saturate=saturate, **attributes)
    case.operand("x", "float", [len(X)], X)
    if operator == "CastLike":
        case.operand("like", kind, [1], [0], weight=True)
    nans, saturated, overflow, zeros, ones = BYTES[kind]
    large = saturated if saturate else overflow
    case.result("y", "uint8", [len(X)], nans + large + large + zeros + ones)
    return case


for _operator in ("Cast", "CastLike"):
    for _kind in BYTES:
        for _saturate in (0, 1):
            globals()[f"test_{_operator}_{_kind}_{_saturate}"] = (
                lambda folder, operator=_operator, kind=_kind, saturate=_saturate: cast(folder, operator, kind, saturate))

if __name__ == "__main__":
    main(globals())
