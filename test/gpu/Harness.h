// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles kernels given as text of the tile level for a chip, and runs them on the emulated driver of its vendor.
//
//   Program program = Program::compile(text, "nvidia:sm_80");
//   Buffer x = bytesOf(numbers), y(bytes);
//   Outcome outcome = program.run("relu_0", units, {&x, &y});
//   outcome.ok, outcome.report["BankConflicts"]

#ifndef TINYC_TEST_GPU_HARNESS_H
#define TINYC_TEST_GPU_HARNESS_H

#include "lib/Targets/Backend.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tinyc::gputest {

using Buffer = std::vector<uint8_t>;

template <typename T> Buffer bytesOf(const std::vector<T> &values) {
  auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
  return Buffer(bytes, bytes + values.size() * sizeof(T));
}
template <typename T> std::vector<T> valuesOf(const Buffer &bytes) {
  auto *values = reinterpret_cast<const T *>(bytes.data());
  return std::vector<T>(values, values + bytes.size() / sizeof(T));
}

/// Bits of a 16-bit float, rounded to nearest even, and back.
uint16_t toHalf(float value, bool bfloat);
float fromHalf(uint16_t bits, bool bfloat);

struct Outcome {
  bool ok = false;
  std::string message;       ///< why not
  llvm::json::Object report; ///< what the emulated driver counted
};

class Program {
public:
  /// Parses, lowers and emits; on failure `error()` says why. Kernels of stages are scheduled and tiled first.
  static Program compile(llvm::StringRef text, llvm::StringRef target);
  const std::string &error() const { return error_; }
  const TargetCode &code() const { return code_; }
  /// The bytes of one form of the code, empty if there is none.
  std::string blob(CodeForm form) const;
  /// Assembly of the module's kernels: PTX or AMD's.
  const std::string &assembly() const { return assembly_; }
  /// The units of the launch of a kernel that was given as stages.
  uint32_t units(llvm::StringRef kernel) const { return units_.at(kernel.str()); }
  /// Whether ptxas reported spilled registers.
  bool spilled() const { return spilled_; }

  /// Runs one kernel in a process of its own, which is told to ignore the synchronising instruction `drop` (from 1).
  Outcome run(llvm::StringRef kernel, uint32_t units, const std::vector<Buffer *> &buffers, unsigned drop = 0,
              unsigned seed = 0) const;

private:
  std::string target_, error_, assembly_;
  std::map<std::string, uint32_t> units_;
  bool spilled_ = false;
  TargetCode code_;
};

/// Targets that have an emulated driver in this build.
std::vector<std::string> emulatedTargets();
bool hasPtxas();

} // namespace tinyc::gputest

#endif // TINYC_TEST_GPU_HARNESS_H
