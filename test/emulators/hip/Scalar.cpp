// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar arithmetic (SOP1, SOP2, SOPC, SOPK). As for vectors, undefined source bits are followed by evaluating again
// with them filled differently.

#include "VectorEval.h"
#include "Wave.h"
#include <bit>
#include <unordered_map>

using namespace tinyc::emulator::amd;

namespace {

template <auto Fn> struct ScalarLane {
  template <typename T> struct Sig;
  template <typename C, typename R, typename... A> struct Sig<R (C::*)(A...) const> {
    using Result = R;
    using Arguments = std::tuple<A...>;
    static constexpr unsigned count = sizeof...(A);
  };
  using S = Sig<decltype(&decltype(Fn)::operator())>;
  template <unsigned I> using Argument = std::tuple_element_t<I, typename S::Arguments>;
  template <typename T> static constexpr bool isScc = std::is_same_v<std::remove_reference_t<T>, bool>;

  template <unsigned I> static decltype(auto) argument(ScalarState &state) {
    using T = Argument<I>;
    if constexpr (isScc<T>)
      return (state.scc);
    else
      return T(I == 0 ? state.a : state.b);
  }
  static void eval(ScalarState &state) {
    [&]<size_t... I>(std::index_sequence<I...>) {
      if constexpr (std::is_void_v<typename S::Result>)
        Fn(argument<I>(state)...);
      else if constexpr (sizeof(typename S::Result) == 4)
        state.d = uint32_t(Fn(argument<I>(state)...));
      else
        state.d = uint64_t(Fn(argument<I>(state)...));
    }(std::make_index_sequence<S::count>());
  }
};

template <auto Fn> ScalarOp row(const char *name, uint8_t flags = 0) {
  using L = ScalarLane<Fn>;
  ScalarOp op;
  op.name = name;
  op.eval = L::eval;
  op.flags = flags;
  op.sources = 0;
  using R = typename L::S::Result;
  if constexpr (std::is_void_v<R>)
    op.resultWords = 0;
  else
    op.resultWords = sizeof(R) / 4;
  [&]<size_t... I>(std::index_sequence<I...>) {
    (
        [&] {
          using T = typename L::template Argument<I>;
          if constexpr (!L::template isScc<T>)
            op.sourceWords[op.sources++] = sizeof(T) / 4;
          else if constexpr (std::is_reference_v<T>)
            op.flags |= ScalarOp::WritesScc;
        }(),
        ...);
  }(std::make_index_sequence<L::S::count>());
  return op;
}

using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;

template <typename T> constexpr T bitFieldUnsigned(T x, u32 control, bool &scc) {
  constexpr u32 size = sizeof(T) * 8;
  u32 shift = control & (size - 1), width = control >> 16 & 127;
  T field = x >> shift;
  if (width < size)
    field &= (T(1) << width) - 1;
  scc = field != 0;
  return field;
}
template <typename T> constexpr T bitFieldSigned(T x, u32 control, bool &scc) {
  constexpr u32 size = sizeof(T) * 8;
  u32 shift = control & (size - 1), width = control >> 16 & 127;
  T field = 0;
  if (width) {
    field = x >> shift;
    if (width < size)
      field = T(std::make_unsigned_t<T>(field) << (size - width)) >> (size - width);
  }
  scc = field != 0;
  return field;
}

constexpr uint8_t Tied = ScalarOp::Tied, K = ScalarOp::Signed16, Save = ScalarOp::SavesExec;

void addMoves(std::vector<ScalarOp> &t) {
  t.push_back(row<[](u32 a) { return a; }>("s_mov_b32"));
  t.push_back(row<[](u64 a) { return a; }>("s_mov_b64"));
  t.push_back(row<[](u32 a) { return a; }>("s_movk_i32", K));
  t.push_back(row<[](u32 a, u32 b, bool scc) { return scc ? a : b; }>("s_cselect_b32"));
  t.push_back(row<[](u64 a, u64 b, bool scc) { return scc ? a : b; }>("s_cselect_b64"));
  t.push_back(row<[](u32 a, u32 old, bool scc) { return scc ? a : old; }>("s_cmov_b32", Tied));
  t.push_back(row<[](u64 a, u64 old, bool scc) { return scc ? a : old; }>("s_cmov_b64", Tied));
  t.push_back(row<[](u32 a, u32 old, bool scc) { return scc ? a : old; }>("s_cmovk_i32", Tied | K));
  t.push_back(row<[](u32 a, u32 b) { return (a & 0xffff) | b << 16; }>("s_pack_ll_b32_b16"));
  t.push_back(row<[](u32 a, u32 b) { return (a & 0xffff) | (b & 0xffff0000); }>("s_pack_lh_b32_b16"));
  t.push_back(row<[](u32 a, u32 b) { return a >> 16 | (b & 0xffff0000); }>("s_pack_hh_b32_b16"));
  t.push_back(row<[](u32 a, u32 b) { return a >> 16 | b << 16; }>("s_pack_hl_b32_b16"));
  t.push_back(row<[](u32 a) { return u32(i32(int8_t(a))); }>("s_sext_i32_i8"));
  t.push_back(row<[](u32 a) { return u32(i32(int16_t(a))); }>("s_sext_i32_i16"));
}

void addArithmetic(std::vector<ScalarOp> &t) {
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    u64 r = u64(a) + b;
    scc = r >> 32;
    return u32(r);
  }>("s_add_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    scc = b > a;
    return a - b;
  }>("s_sub_u32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) {
    i32 r;
    scc = __builtin_add_overflow(a, b, &r);
    return r;
  }>("s_add_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) {
    i32 r;
    scc = __builtin_sub_overflow(a, b, &r);
    return r;
  }>("s_sub_i32"));
  t.push_back(row<[](i32 b, i32 a, bool &scc) {
    i32 r;
    scc = __builtin_add_overflow(a, b, &r);
    return r;
  }>("s_addk_i32", Tied | K));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    u64 r = u64(a) + b + scc;
    scc = r >> 32;
    return u32(r);
  }>("s_addc_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    u64 s = u64(b) + scc;
    scc = s > a;
    return u32(a - s);
  }>("s_subb_u32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) {
    i32 r;
    __builtin_sub_overflow(a, b, &r);
    r = r < 0 ? i32(-u32(r)) : r;
    scc = r != 0;
    return r;
  }>("s_absdiff_i32"));
  t.push_back(row<[](u32 a, u32 b) { return a * b; }>("s_mul_i32"));
  t.push_back(row<[](u32 b, u32 a) { return a * b; }>("s_mulk_i32", Tied | K));
  t.push_back(row<[](u32 a, u32 b) { return u32(u64(a) * b >> 32); }>("s_mul_hi_u32"));
  t.push_back(row<[](i32 a, i32 b) { return u32(i64(a) * b >> 32); }>("s_mul_hi_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) {
    scc = a < b;
    return scc ? a : b;
  }>("s_min_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) {
    scc = a > b;
    return scc ? a : b;
  }>("s_max_i32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    scc = a < b;
    return scc ? a : b;
  }>("s_min_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    scc = a > b;
    return scc ? a : b;
  }>("s_max_u32"));
  t.push_back(row<[](i32 a, bool &scc) {
    u32 r = a < 0 ? -u32(a) : u32(a);
    scc = r != 0;
    return r;
  }>("s_abs_i32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    u64 r = (u64(a) << 1) + b;
    scc = r >> 32 != 0;
    return u32(r);
  }>("s_lshl1_add_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    u64 r = (u64(a) << 2) + b;
    scc = r >> 32 != 0;
    return u32(r);
  }>("s_lshl2_add_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    u64 r = (u64(a) << 3) + b;
    scc = r >> 32 != 0;
    return u32(r);
  }>("s_lshl3_add_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) {
    u64 r = (u64(a) << 4) + b;
    scc = r >> 32 != 0;
    return u32(r);
  }>("s_lshl4_add_u32"));
}

template <typename T> void addLogic(std::vector<ScalarOp> &t, const char *const names[]) {
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = a & b;
    scc = r != 0;
    return r;
  }>(names[0]));
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = a | b;
    scc = r != 0;
    return r;
  }>(names[1]));
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = a ^ b;
    scc = r != 0;
    return r;
  }>(names[2]));
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = a & ~b;
    scc = r != 0;
    return r;
  }>(names[3]));
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = a | ~b;
    scc = r != 0;
    return r;
  }>(names[4]));
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = ~(a & b);
    scc = r != 0;
    return r;
  }>(names[5]));
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = ~(a | b);
    scc = r != 0;
    return r;
  }>(names[6]));
  t.push_back(row<[](T a, T b, bool &scc) {
    T r = ~(a ^ b);
    scc = r != 0;
    return r;
  }>(names[7]));
  t.push_back(row<[](T a, bool &scc) {
    T r = ~a;
    scc = r != 0;
    return r;
  }>(names[8]));
  t.push_back(row<[](T a, u32 n, bool &scc) {
    T r = a << (n & (sizeof(T) * 8 - 1));
    scc = r != 0;
    return r;
  }>(names[9]));
  t.push_back(row<[](T a, u32 n, bool &scc) {
    T r = a >> (n & (sizeof(T) * 8 - 1));
    scc = r != 0;
    return r;
  }>(names[10]));
  t.push_back(row<[](T a, u32 n, bool &scc) {
    T r = T(std::make_signed_t<T>(a) >> (n & (sizeof(T) * 8 - 1)));
    scc = r != 0;
    return r;
  }>(names[11]));
  t.push_back(row<[](T a, u32 c, bool &scc) { return bitFieldUnsigned<T>(a, c, scc); }>(names[12]));
  t.push_back(
      row<[](T a, u32 c, bool &scc) { return T(bitFieldSigned<std::make_signed_t<T>>(a, c, scc)); }>(names[13]));
  t.push_back(
      row<[](u32 a, u32 b) { return T(((T(1) << (a & (sizeof(T) * 8 - 1))) - 1) << (b & (sizeof(T) * 8 - 1))); }>(
          names[14]));
  t.push_back(row<[](T a) { return u32(a ? std::countr_zero(a) : -1); }>(names[15]));
  t.push_back(row<[](T a) { return u32(a ? std::countl_zero(a) : -1); }>(names[16]));
  t.push_back(row<[](T a, bool &scc) {
    u32 r = u32(std::popcount(a));
    scc = r != 0;
    return r;
  }>(names[17]));
  t.push_back(row<[](T a, bool &scc) {
    u32 r = u32(sizeof(T) * 8 - std::popcount(a));
    scc = r != 0;
    return r;
  }>(names[18]));
  t.push_back(row<[](T a) {
    T r = 0;
    for (unsigned i = 0; i < sizeof(T) * 8; ++i)
      r |= (a >> i & 1) << (sizeof(T) * 8 - 1 - i);
    return r;
  }>(names[19]));
  t.push_back(row<[](u32 n, T old) { return T(old | T(1) << (n & (sizeof(T) * 8 - 1))); }>(names[20], Tied));
  t.push_back(row<[](u32 n, T old) { return T(old & ~(T(1) << (n & (sizeof(T) * 8 - 1)))); }>(names[21], Tied));
  t.push_back(row<[](T a, u32 n, bool &scc) { scc = (a >> (n & (sizeof(T) * 8 - 1)) & 1) == 0; }>(names[22]));
  t.push_back(row<[](T a, u32 n, bool &scc) { scc = (a >> (n & (sizeof(T) * 8 - 1)) & 1) == 1; }>(names[23]));
  t.push_back(row<[](T a, T b, bool &scc) { scc = a == b; }>(names[24]));
  t.push_back(row<[](T a, T b, bool &scc) { scc = a != b; }>(names[25]));
  t.push_back(row<[](T a, bool &scc) {
    T r = 0;
    for (unsigned i = 0; i < sizeof(T) * 8; i += 4)
      r |= (a >> i & 15 ? T(15) : T(0)) << i;
    scc = r != 0;
    return r;
  }>(names[26]));
  t.push_back(row<[](T a) {
    return u32(a >> (sizeof(T) * 8 - 1) ? (T(~a) ? std::countl_zero(T(~a)) : -1) : (a ? std::countl_zero(a) : -1));
  }>(names[27]));
}

const char *const names32[] = {"s_and_b32",     "s_or_b32",      "s_xor_b32",       "s_and_not1_b32",  "s_or_not1_b32",
                               "s_nand_b32",    "s_nor_b32",     "s_xnor_b32",      "s_not_b32",       "s_lshl_b32",
                               "s_lshr_b32",    "s_ashr_i32",    "s_bfe_u32",       "s_bfe_i32",       "s_bfm_b32",
                               "s_ctz_i32_b32", "s_clz_i32_u32", "s_bcnt1_i32_b32", "s_bcnt0_i32_b32", "s_brev_b32",
                               "s_bitset1_b32", "s_bitset0_b32", "s_bitcmp0_b32",   "s_bitcmp1_b32",   "s_cmp_eq_u32",
                               "s_cmp_lg_u32",  "s_wqm_b32",     "s_cls_i32"};
const char *const names64[] = {"s_and_b64",     "s_or_b64",      "s_xor_b64",       "s_and_not1_b64",  "s_or_not1_b64",
                               "s_nand_b64",    "s_nor_b64",     "s_xnor_b64",      "s_not_b64",       "s_lshl_b64",
                               "s_lshr_b64",    "s_ashr_i64",    "s_bfe_u64",       "s_bfe_i64",       "s_bfm_b64",
                               "s_ctz_i32_b64", "s_clz_i32_u64", "s_bcnt1_i32_b64", "s_bcnt0_i32_b64", "s_brev_b64",
                               "s_bitset1_b64", "s_bitset0_b64", "s_bitcmp0_b64",   "s_bitcmp1_b64",   "s_cmp_eq_u64",
                               "s_cmp_lg_u64",  "s_wqm_b64",     "s_cls_i32_i64"};

void addCompares(std::vector<ScalarOp> &t) {
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a == b; }>("s_cmp_eq_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a != b; }>("s_cmp_lg_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a > b; }>("s_cmp_gt_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a >= b; }>("s_cmp_ge_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a < b; }>("s_cmp_lt_i32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a <= b; }>("s_cmp_le_i32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a > b; }>("s_cmp_gt_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a >= b; }>("s_cmp_ge_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a < b; }>("s_cmp_lt_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a <= b; }>("s_cmp_le_u32"));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a == b; }>("s_cmpk_eq_i32", K));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a != b; }>("s_cmpk_lg_i32", K));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a > b; }>("s_cmpk_gt_i32", K));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a >= b; }>("s_cmpk_ge_i32", K));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a < b; }>("s_cmpk_lt_i32", K));
  t.push_back(row<[](i32 a, i32 b, bool &scc) { scc = a <= b; }>("s_cmpk_le_i32", K));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a == (b & 0xffff); }>("s_cmpk_eq_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a != (b & 0xffff); }>("s_cmpk_lg_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a > (b & 0xffff); }>("s_cmpk_gt_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a >= (b & 0xffff); }>("s_cmpk_ge_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a < (b & 0xffff); }>("s_cmpk_lt_u32"));
  t.push_back(row<[](u32 a, u32 b, bool &scc) { scc = a <= (b & 0xffff); }>("s_cmpk_le_u32"));
}

/// d = EXEC, then EXEC = f(source, EXEC). The second argument is EXEC.
void addSaveExec(std::vector<ScalarOp> &t) {
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = a & e;
    scc = r;
    return r;
  }>("s_and_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = a | e;
    scc = r;
    return r;
  }>("s_or_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = a ^ e;
    scc = r;
    return r;
  }>("s_xor_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = ~(a & e);
    scc = r;
    return r;
  }>("s_nand_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = ~(a | e);
    scc = r;
    return r;
  }>("s_nor_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = ~(a ^ e);
    scc = r;
    return r;
  }>("s_xnor_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = ~a & e;
    scc = r;
    return r;
  }>("s_and_not0_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = a & ~e;
    scc = r;
    return r;
  }>("s_and_not1_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = ~a | e;
    scc = r;
    return r;
  }>("s_or_not0_saveexec_b32", Save));
  t.push_back(row<[](u32 a, u32 e, bool &scc) {
    u32 r = a | ~e;
    scc = r;
    return r;
  }>("s_or_not1_saveexec_b32", Save));
}

/// Evaluates with shadows; returns the shadow of the result and sets that of SCC.
uint64_t evaluate(Wave &wave, const Instruction &instruction, ScalarState &state, uint64_t shadowA, uint64_t shadowB,
                  bool &sccShadow) {
  bool sccUndefined = wave.sccPoison;
  sccShadow = false;
  if (!shadowA && !shadowB && !sccUndefined) {
    instruction.scalar(state);
    return 0;
  }
  const ScalarState start = state;
  uint64_t shadow = 0;
  for (unsigned fill = 0; fill < 4; ++fill) {
    uint64_t pattern = fill == 0 ? 0 : fill == 1 ? ~uint64_t(0) : 0x9e3779b97f4a7c15 ^ (fill == 3 ? ~uint64_t(0) : 0);
    ScalarState trial = start;
    trial.a = (start.a & ~shadowA) | (pattern & shadowA);
    trial.b = (start.b & ~shadowB) | (pattern & shadowB);
    if (sccUndefined)
      trial.scc = fill & 1;
    instruction.scalar(trial);
    if (fill == 0)
      state = trial;
    shadow |= trial.d ^ state.d;
    sccShadow |= trial.scc != state.scc;
  }
  return shadow;
}

} // namespace

void tinyc::emulator::amd::runScalar(Wave &wave, const Instruction &instruction) {
  ScalarState state;
  uint64_t shadowA = 0, shadowB = 0;
  if (instruction.sources > 0)
    state.a = readScalar(wave, instruction.s[0], shadowA);
  if (instruction.sources > 1)
    state.b = readScalar(wave, instruction.s[1], shadowB);
  state.scc = wave.scc;
  bool sccShadow;
  uint64_t shadow = evaluate(wave, instruction, state, shadowA, shadowB, sccShadow);
  wave.scc = state.scc;
  wave.sccPoison = sccShadow;
  if (instruction.d[0].kind == OperandKind::Scalar)
    writeScalar(wave, instruction.d[0].reg, instruction.d[0].words, state.d, shadow);
}

void tinyc::emulator::amd::runSaveExec(Wave &wave, const Instruction &instruction) {
  ScalarState state;
  uint64_t shadow;
  state.a = readScalar(wave, instruction.s[0], shadow);
  state.b = wave.exec();
  uint32_t saved = wave.exec();
  bool sccShadow;
  wave.sccPoison = false;
  uint64_t result = evaluate(wave, instruction, state, shadow, 0, sccShadow);
  writeScalar(wave, instruction.d[0].reg, 1, saved, 0);
  writeScalar(wave, EXEC, 1, state.d, result);
  wave.scc = state.scc;
  wave.sccPoison = sccShadow;
}

const ScalarOp *tinyc::emulator::amd::findScalarOp(const std::string &name) {
  static const auto map = [] {
    std::vector<ScalarOp> table;
    addMoves(table);
    addArithmetic(table);
    addLogic<u32>(table, names32);
    addLogic<u64>(table, names64);
    addCompares(table);
    addSaveExec(table);
    std::unordered_map<std::string, ScalarOp> result;
    for (const ScalarOp &op : table)
      result.emplace(op.name, op);
    return result;
  }();
  auto it = map.find(name);
  return it == map.end() ? nullptr : &it->second;
}
