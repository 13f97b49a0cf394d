// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of matrix instructions.

#include "dialects/Layout/TensorCoreRows.h"

using namespace tinyc;

static LinearLayout fragment(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<LinearLayout::Point> registers,
                             llvm::ArrayRef<LinearLayout::Point> lanes) {
  LinearLayout layout(shape);
  layout.addInput(kRegister, registers);
  layout.addInput(kLane, lanes);
  layout.addInput(kWarp, {});
  return layout;
}

// Four lanes share a row of A (and a column of B), two neighbouring k a register pair; rows and k repeat 8 apart.
static TensorCoreRow mmaSync(const std::string &operand) {
  return {"mma.sync.m16n8k16.f32." + operand,
          16,
          8,
          16,
          operand,
          operand,
          "f32",
          fragment({16, 16}, {{0, 1}, {8, 0}, {0, 8}}, {{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}}),
          fragment({16, 8}, {{1, 0}, {8, 0}}, {{2, 0}, {4, 0}, {0, 1}, {0, 2}, {0, 4}}),
          fragment({16, 8}, {{0, 1}, {8, 0}}, {{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}}),
          "https://docs.nvidia.com/cuda/parallel-thread-execution/#warp-level-matrix-fragment-mma-16816-float"};
}

// A lane holds a whole row of A, or column of B; lanes 16 to 31 hold the same again. C's rows alternate between the
// two halves of the wave.
static TensorCoreRow wmma(const std::string &operand) {
  return {"wmma.f32.16x16x16." + operand,
          16,
          16,
          16,
          operand,
          operand,
          "f32",
          fragment({16, 16}, {{0, 1}, {0, 2}, {0, 4}, {0, 8}}, {{1, 0}, {2, 0}, {4, 0}, {8, 0}, {0, 0}}),
          fragment({16, 16}, {{1, 0}, {2, 0}, {4, 0}, {8, 0}}, {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 0}}),
          fragment({16, 16}, {{2, 0}, {4, 0}, {8, 0}}, {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {1, 0}}),
          "https://gpuopen.com/learn/wmma_on_rdna3/"};
}

// No matrix unit: 4 x 8 lanes, each the outer product of four rows and four columns with fused multiply-adds.
static TensorCoreRow fma() {
  return {"fma",
          16,
          32,
          1,
          "",
          "",
          "f32",
          fragment({16, 1}, {{1, 0}, {2, 0}}, {{0, 0}, {0, 0}, {0, 0}, {4, 0}, {8, 0}}),
          fragment({1, 32}, {{0, 1}, {0, 2}}, {{0, 4}, {0, 8}, {0, 16}, {0, 0}, {0, 0}}),
          fragment({16, 32}, {{0, 1}, {0, 2}, {1, 0}, {2, 0}}, {{0, 4}, {0, 8}, {0, 16}, {4, 0}, {8, 0}}),
          "https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions-fma"};
}

// Steps along one dimension of a matrix: the powers of two from `first` to below `end`.
static llvm::SmallVector<LinearLayout::Point> steps(unsigned dim, int64_t first, int64_t end) {
  llvm::SmallVector<LinearLayout::Point> points;
  for (int64_t step = first; step < end; step *= 2)
    points.push_back(dim == 0 ? LinearLayout::Point{step, 0} : LinearLayout::Point{0, step});
  return points;
}

// A CPU's instruction with sums of 32 bits: A and C row by row; of B, k that fill 32 bits stand side by side, then the
// columns, then further k.
static TensorCoreRow cpuUnit(std::string name, std::array<int64_t, 3> mnk, std::string left, std::string right,
                             std::string result, int64_t elementBits, std::string document, double cycles,
                             int64_t registers = 0) {
  auto [m, n, k] = mnk;
  int64_t group = 32 / elementBits;
  auto rowMajor = [](int64_t rows, int64_t columns) {
    auto registers = steps(1, 1, columns);
    llvm::append_range(registers, steps(0, 1, rows));
    return fragment({rows, columns}, registers, {});
  };
  auto b = steps(0, 1, group);
  llvm::append_range(b, steps(1, 1, n));
  llvm::append_range(b, steps(0, group, k));
  return {std::move(name),
          m,
          n,
          k,
          std::move(left),
          std::move(right),
          std::move(result),
          rowMajor(m, k),
          fragment({k, n}, b, {}),
          rowMajor(m, n),
          std::move(document),
          cycles,
          registers};
}

// Eight tile registers of 16 rows of 64 bytes. tdpbf16ps takes denormals for zero and flushes them, rounds to nearest
// even whatever the mode; of the k of one instruction it sums the even and the odd ones apart, adds the two, and then
// their sum to C.
static TensorCoreRow amx(const std::string &name, const std::string &left, const std::string &right) {
  bool floats = left == "bf16";
  return cpuUnit("amx." + name, {16, 16, floats ? 32 : 64}, left, right, floats ? "f32" : "i32", floats ? 16 : 8,
                 "https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sdm.html (volume 2, " +
                     name + ")",
                 16, 8);
}

// One vector register: 16 sums, to each of which four products of bytes or two of words are added.
static TensorCoreRow vnni(const std::string &name, const std::string &left, const std::string &right) {
  bool words = left == "i16";
  std::string suffix = words ? "" : "." + left + "." + right;
  return cpuUnit("avx512vnni." + name + suffix, {1, 16, words ? 2 : 4}, left, right, "i32", words ? 16 : 8,
                 "https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sdm.html (volume 2, " +
                     name + ")",
                 0.5);
}

llvm::ArrayRef<TensorCoreRow> tinyc::tensorCoreRows() {
  static const TensorCoreRow rows[] = {fma(),
                                       mmaSync("f16"),
                                       mmaSync("bf16"),
                                       wmma("f16"),
                                       wmma("bf16"),
                                       amx("tdpbf16ps", "bf16", "bf16"),
                                       amx("tdpbssd", "i8", "i8"),
                                       amx("tdpbsud", "i8", "ui8"),
                                       amx("tdpbusd", "ui8", "i8"),
                                       amx("tdpbuud", "ui8", "ui8"),
                                       vnni("vpdpbusd", "ui8", "i8"),
                                       vnni("vpdpbusd", "i8", "ui8"),
                                       vnni("vpdpwssd", "i16", "i16")};
  return rows;
}

int64_t tinyc::neighbouringK(const TensorCoreRow &row) {
  int64_t count = 1;
  for (unsigned bit = 0, e = row.b.bits(kRegister); bit < e; ++bit, count *= 2)
    if (row.b.basis(kRegister, bit) != LinearLayout::Point{count, 0})
      break;
  return count;
}

const TensorCoreRow *tinyc::findTensorCoreRow(llvm::StringRef name) {
  for (const TensorCoreRow &row : tensorCoreRows())
    if (row.name == name)
      return &row;
  return nullptr;
}

std::optional<ContractionLayouts> tinyc::contractionLayouts(const TensorCoreRow &row, int64_t m, int64_t n, int64_t k,
                                                            int64_t warpsM, int64_t warpsN) {
  if (m % (row.m * warpsM) || n % (row.n * warpsN) || k % row.k)
    return std::nullopt;
  int64_t repeatM = m / (row.m * warpsM), repeatN = n / (row.n * warpsN), repeatK = k / row.k;
  auto along = [](llvm::StringRef name, unsigned dim, int64_t size) { return LinearLayout::along(name, 2, dim, size); };
  // A warp's number counts along N first, so those bits come first; to A they are replicas, and M's are to B.
  auto replicas = [](int64_t count) {
    LinearLayout layout({1, 1});
    for (; count > 1; count /= 2)
      layout.addInput(kWarp, {{0, 0}});
    return layout;
  };
  return ContractionLayouts{
      row.a * along(kRegister, 1, repeatK) * along(kRegister, 0, repeatM) * replicas(warpsN) * along(kWarp, 0, warpsM),
      row.b * along(kRegister, 1, repeatN) * along(kRegister, 0, repeatK) * along(kWarp, 1, warpsN) * replicas(warpsM),
      row.c * along(kRegister, 1, repeatN) * along(kRegister, 0, repeatM) * along(kWarp, 1, warpsN) *
          along(kWarp, 0, warpsM)};
}
