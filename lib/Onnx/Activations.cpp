// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activations of recurrent operators.

#include "lib/Onnx/Activations.h"

#include "lib/Builders/Elementary.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// Default numbers of those activations that take some; the names are compared without case.
bool onnx::completeActivation(Activation &a, std::optional<double> alpha, std::optional<double> beta) {
  struct Row {
    StringRef name;
    bool takesAlpha, takesBeta;
    double alpha, beta;
  };
  static const Row rows[] = {{"relu", false, false, 0, 0},        {"tanh", false, false, 0, 0},
                             {"sigmoid", false, false, 0, 0},     {"softsign", false, false, 0, 0},
                             {"softplus", false, false, 0, 0},    {"affine", true, true, 1, 0},
                             {"leakyrelu", true, false, 0.01, 0}, {"thresholdedrelu", true, false, 1, 0},
                             {"scaledtanh", true, true, 1, 1},    {"hardsigmoid", true, true, 0.2, 0.5},
                             {"elu", true, false, 1, 0}};
  a.name = StringRef(a.name).lower();
  for (const Row &row : rows)
    if (row.name == a.name) {
      a.alpha = row.takesAlpha ? alpha.value_or(row.alpha) : 0;
      a.beta = row.takesBeta ? beta.value_or(row.beta) : 0;
      return true;
    }
  return false;
}

Value onnx::activate(compose::Builder &b, const Activation &a, Value x) {
  if (!x)
    return {};
  Value zero = splat(b, x, 0), alpha = splat(b, x, a.alpha), beta = splat(b, x, a.beta);
  Value one = splat(b, x, 1);
  if (a.name == "relu")
    return max(b, x, zero);
  if (a.name == "tanh")
    return compose::tanh(b, x);
  if (a.name == "sigmoid")
    return sigmoid(b, x);
  if (a.name == "softsign")
    return div(b, x, add(b, abs(b, x), one));
  if (a.name == "softplus")
    return add(b, max(b, x, zero), log(b, add(b, exp(b, neg(b, abs(b, x))), one)));
  if (a.name == "affine")
    return add(b, mul(b, x, alpha), beta);
  if (a.name == "leakyrelu")
    return where(b, less(b, x, zero), mul(b, x, alpha), x);
  if (a.name == "thresholdedrelu")
    return where(b, less(b, alpha, x), x, zero);
  if (a.name == "scaledtanh")
    return mul(b, compose::tanh(b, mul(b, x, beta)), alpha);
  if (a.name == "hardsigmoid")
    return max(b, min(b, add(b, mul(b, x, alpha), beta), one), zero);
  return where(b, less(b, x, zero), mul(b, sub(b, exp(b, x), one), alpha), x); // elu
}
