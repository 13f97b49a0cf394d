// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The activations that recurrent operators name in an attribute.

#ifndef TINYC_LIB_ONNX_ACTIVATIONS_H
#define TINYC_LIB_ONNX_ACTIVATIONS_H

#include "lib/Builders/Elementwise.h"

#include <optional>
#include <string>

namespace tinyc::onnx {

/// An activation with the numbers that some take.
struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

/// Fills in the numbers that the activation takes, and its own where none are given; the name becomes lower case.
/// False if there is no activation of this name.
bool completeActivation(Activation &a, std::optional<double> alpha, std::optional<double> beta);

mlir::Value activate(compose::Builder &b, const Activation &a, mlir::Value x);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_ACTIVATIONS_H
