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
          "f32",
          fragment({16, 1}, {{1, 0}, {2, 0}}, {{0, 0}, {0, 0}, {0, 0}, {4, 0}, {8, 0}}),
          fragment({1, 32}, {{0, 1}, {0, 2}}, {{0, 4}, {0, 8}, {0, 16}, {0, 0}, {0, 0}}),
          fragment({16, 32}, {{0, 1}, {0, 2}, {1, 0}, {2, 0}}, {{0, 4}, {0, 8}, {0, 16}, {4, 0}, {8, 0}}),
          "https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions-fma"};
}

llvm::ArrayRef<TensorCoreRow> tinyc::tensorCoreRows() {
  static const TensorCoreRow rows[] = {fma(), mmaSync("f16"), mmaSync("bf16"), wmma("f16"), wmma("bf16")};
  return rows;
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
