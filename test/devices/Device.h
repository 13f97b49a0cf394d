// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The op suite's harness: a module of tiny ops is compiled for a device, run there through the runtime's C API, and
// compared with the reference interpreter. A test is written once and runs on every device that has a back end in this
// build and a driver on this machine; GPU drivers find the emulated libraries of this build, unless
// TINYC_TEST_REAL_DEVICES is set.
//
//   class Sums : public OnDevice {};
//   INSTANTIATE_TEST_SUITE_P(Devices, Sums, testing::ValuesIn(allDevices), deviceName);
//   TEST_P(Sums, Adds) {
//     Cases cases;
//     std::string x = cases.input(values), type = cases.typeOf(x);
//     cases.result("add", "tiny.add " + x + ", " + x + " : " + type, type, exact);
//     check(cases);
//   }

#ifndef TINYC_TEST_DEVICES_DEVICE_H
#define TINYC_TEST_DEVICES_DEVICE_H

#include "lib/Artefact/FileBytes.h"
#include "lib/Builders/Elementwise.h"
#include "lib/Reference/DenseTensor.h"
#include "runtime/include/tinyc/runtime.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tinyc {
struct Chip;
}

namespace tinyc::test {

using tiny::Element;
using tiny::Lane;
using Shape = std::vector<int64_t>;

/// How far a result may be from the reference's: as many representable numbers, or else as large a difference. NaN
/// equals NaN, whatever its payload; zeros have signs.
struct Tolerance {
  uint64_t numbers = 0;
  double relative = 0, absolute = 0;
};
constexpr Tolerance exact{};
/// Elementary functions of f32 and f64 are within 2 ulp. Those of narrower types are rounded once from f32: one number
/// off where the exact value lies next to a tie.
constexpr Tolerance elementary(Element e) { return {tiny::byteWidth(e) <= 2 ? uint64_t(1) : uint64_t(2)}; }

/// "tensor<4x5xf32>".
std::string tensorType(Element e, const Shape &shape);
TensorRef tensor(Element e, Shape shape, const std::function<Lane(size_t)> &value);
/// Numbers that repeat irregularly: multiples of 1/8 from -8 to 8 (floats), or all bits (integers). Small enough that
/// sums and products of thousands of them are exact in f32.
TensorRef ramp(Element e, Shape shape, unsigned seed = 1);

/// A result of a module, and what is said of it when it is wrong.
struct Expectation {
  std::string label;
  Tolerance tolerance;
  std::vector<TensorRef> operands; ///< as many elements as the result: printed beside a wrong one; may be empty
};

/// Where `found` is not as near to `expected` as `tolerance` asks, with some of the wrong elements and what they were
/// computed from; empty if it is.
std::string difference(const DenseTensor &expected, const DenseTensor &found, const Tolerance &tolerance,
                       const std::vector<TensorRef> &operands = {});

/// Cases that share one module: one @main with many results compiles much faster than many modules.
class Cases {
public:
  /// Adds an argument of @main; returns its name ("%x0").
  std::string input(TensorRef value);
  std::string typeOf(const std::string &name) const { return types.at(name); }
  /// Adds an op that is used by others; returns the name of its result.
  std::string define(const std::string &op, const std::string &type);
  /// Makes the result of an op a result of @main.
  void result(const std::string &label, const std::string &op, const std::string &type, Tolerance tolerance,
              std::vector<TensorRef> operands = {});
  std::string text() const;
  size_t size() const { return expectations.size(); }

  std::vector<TensorRef> inputs;
  std::vector<Expectation> expectations;

private:
  std::map<std::string, std::string> types;
  std::string body;
  std::vector<std::string> results;
  unsigned next = 0;
};

/// What one launch of a run was.
struct Launch {
  std::string kernel;
  uint64_t flops, bytes;
};

/// A module compiled for a device. After a failure `error` says why, and nothing else may be called.
class Compiled {
public:
  /// Runs the stages that ask for no chip on `module` itself.
  Compiled(mlir::ModuleOp module, const Chip &chip, const std::string &device);
  Compiled(const Compiled &) = delete;
  ~Compiled();
  /// Results of @main; empty on failure. `threads` 0: as many as the device likes.
  std::vector<TensorRef> run(const std::vector<TensorRef> &inputs, size_t threads = 0);

  std::string error;
  std::vector<Launch> launches; ///< of the last run

private:
  artefact::FileBytes file;
  tinyc_artefact *artefact = nullptr;
  tinyc_device *device = nullptr;
  tinyc_model *model = nullptr;
};

/// All tests of the suite: the parameter is the name of a driver.
class OnDevice : public testing::TestWithParam<std::string> {
protected:
  OnDevice();
  void SetUp() override;

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text);
  /// A module whose @main takes tensors of these types and returns what `build` makes of them.
  mlir::OwningOpRef<mlir::ModuleOp>
  build(const std::vector<TensorRef> &inputs,
        const std::function<std::vector<mlir::Value>(compose::Builder &, mlir::ValueRange)> &build);
  /// What the reference says; empty on failure.
  std::vector<TensorRef> reference(mlir::ModuleOp module, const std::vector<TensorRef> &inputs);

  /// Compiles, runs and compares. Gives the launches.
  std::vector<Launch> check(const Cases &cases);
  std::vector<Launch> check(mlir::ModuleOp module, const std::vector<TensorRef> &inputs,
                            const std::vector<Expectation> &expectations);
  /// The same with results known otherwise, where the reference would take long.
  std::vector<Launch> check(mlir::ModuleOp module, const std::vector<TensorRef> &inputs,
                            const std::vector<Expectation> &expectations, const std::vector<TensorRef> &expected);
  void compare(const DenseTensor &expected, const DenseTensor &found, const Expectation &expectation);

  bool isGpu() const { return GetParam() != "cpu"; }
  /// Whether to run all cases where the default is a sample.
  static bool runsAll();

  std::unique_ptr<mlir::MLIRContext> context;
  std::string diagnostics; ///< errors since they were last reported
  const Chip *chip = nullptr;
};

/// What every part of the suite is instantiated over.
inline const std::vector<std::string> allDevices = {"cpu", "cuda", "hip"};
inline std::string deviceName(const testing::TestParamInfo<std::string> &info) { return info.param; }

} // namespace tinyc::test

#endif // TINYC_TEST_DEVICES_DEVICE_H
