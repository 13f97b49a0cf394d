// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is left of a model when one kernel is wrong: a case for `tinyc check` that fails by itself.

#ifndef TINYC_TOOLS_TINYC_DIFFREPRODUCER_H
#define TINYC_TOOLS_TINYC_DIFFREPRODUCER_H

#include "tools/tinyc/Session.h"

#include "runtime/tensorio/HostTensor.h"
#include "llvm/ADT/ArrayRef.h"

namespace tinyc {

/// A module with @main, and values for its arguments and results, in their order.
struct CheckCase {
  mlir::ModuleOp module;
  std::vector<const tensorio::HostTensor *> inputs, outputs;
};

/// Whether the case, compiled as a model is, gives something else than its outputs. Nothing after an error was printed.
std::optional<bool> fails(Session &session, const Arguments &arguments, const CheckCase &check);

/// Writes the case as a folder: model.mlir, model.weights/, test_data_set_0/. False after an error was printed.
bool writeCase(const std::string &folder, const CheckCase &check, const WeightStore &weights);

/// A copy under another name.
tensorio::HostTensor copyTensor(const tensorio::HostTensor &tensor, std::string name);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_DIFFREPRODUCER_H
