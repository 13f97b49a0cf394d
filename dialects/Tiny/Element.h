// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The element types of the tiny dialect as numbers, without MLIR: how an element is stored, and the exact conversions
// between its bytes and a `Lane`, in which the reference semantics compute.
//
//   Lane lanes[4];
//   decode(Element::F16, bytes, 4, lanes);      // exact: every float is a double, every integer 64 bits
//   encode(Element::BF16, lanes, 4, bytes);     // rounds to nearest even

#ifndef TINYC_DIALECTS_TINY_ELEMENT_H
#define TINYC_DIALECTS_TINY_ELEMENT_H

#include <cstddef>
#include <cstdint>

namespace tinyc::tiny {

/// An element type. A truth value is stored in one byte, 0 or 1.
enum class Element : uint8_t {
  I1,
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  F16,
  BF16,
  F32,
  F64,
  F8E4M3FN,
  F8E5M2,
  F8E4M3FNUZ,
  F8E5M2FNUZ
};

constexpr bool isFloat(Element e) { return e >= Element::F16; }
constexpr bool isUnsigned(Element e) { return e == Element::I1 || (e >= Element::U8 && e <= Element::U64); }

/// Bits of the value: 1 for I1, else 8 times `byteWidth`.
unsigned bitWidth(Element e);
/// Bytes of one element in memory.
unsigned byteWidth(Element e);
/// As MLIR writes it: "i1", "ui8", "bf16", "f8E4M3FN".
const char *name(Element e);

/// One element while it is computed with: a float of any type as a double, an integer as 64 bits (sign-extended where
/// signed, else zero-extended).
union Lane {
  double f;
  int64_t i;
};

/// Reads `count` elements. A NaN stays a NaN of its sign; its payload is not kept.
void decode(Element e, const std::byte *bytes, size_t count, Lane *lanes);
/// Writes `count` elements; floats are rounded as by `toNearest`, integers wrap.
void encode(Element e, const Lane *lanes, size_t count, std::byte *bytes);

/// Rounds each lane to a value of the float type `e`: nearest, ties to even. What overflows becomes infinity, in a
/// format without infinity NaN; underflow gives denormals and zero (never a negative zero in the FNUZ formats).
void toNearest(Element e, Lane *lanes, size_t count);
/// Wraps each lane to the width of the integer type `e`.
void wrap(Element e, Lane *lanes, size_t count);

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_ELEMENT_H
