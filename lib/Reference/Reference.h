// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference interpreter: computes what a function of tiny ops means, obviously and without haste. It is the
// oracle of the tests, the device "reference", and how importers fold what is known at import. It runs all ops on
// tensors (scalars and vectors are taken as tensors too), and kernels with their stages: so it can run a module before
// and after fusion.
//
//   Reference reference([&](llvm::StringRef hash) { return store.find(hash); });
//   llvm::FailureOr<std::vector<TensorRef>> results = reference.run(main, {input});
//
// Numbers: Elementwise.h says how each op rounds. A sum is taken in double over the elements in row-major order of the
// result's and then the reduced dimensions, and rounded once; so it differs from another device's by that device's
// rounding only.

#ifndef TINYC_LIB_REFERENCE_REFERENCE_H
#define TINYC_LIB_REFERENCE_REFERENCE_H

#include "lib/Reference/DenseTensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>
#include <optional>

namespace tinyc {

class Reference {
public:
  /// Finds a weight's bytes by the hash of its tiny.param; nullopt if there is none.
  using FindWeight = std::function<std::optional<llvm::ArrayRef<char>>(llvm::StringRef hash)>;
  /// Called with each op whose results are computed as a whole (fused elementwise ops and views are not), and with
  /// those results.
  using Observe = std::function<void(mlir::Operation *op, llvm::ArrayRef<TensorRef> results)>;

  explicit Reference(FindWeight findWeight = {}) : findWeight(std::move(findWeight)) {}
  /// How many threads a loop may take, 1 at first. A result does not depend on it.
  void setThreads(unsigned count) { threads = count; }
  /// Computes every float as f64, weights and intermediate values too; results are rounded to their types at the end.
  /// What a device's result should be, as far as its rounding does not matter.
  void setWide(bool on) { wide = on; }
  void setObserver(Observe observer) { observe = std::move(observer); }

  /// The results of `function`, whose body is one block, for these inputs. Failure (with an error at the op's
  /// location): an input of another type, a missing weight, an op that is none of the dialect's.
  llvm::FailureOr<std::vector<TensorRef>> run(mlir::func::FuncOp function, llvm::ArrayRef<TensorRef> inputs);

  /// The value of `value` if it depends on constants and weights only; null if it depends on an argument, or if it
  /// cannot be computed (then with an error at the op's location).
  TensorRef evaluate(mlir::Value value);

private:
  friend class BlockRun;
  FindWeight findWeight;
  Observe observe;
  unsigned threads = 1;
  bool wide = false;
};

} // namespace tinyc

#endif // TINYC_LIB_REFERENCE_REFERENCE_H
