// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cases in ONNX's own layout (model.onnx, test_data_set_*/input_K.pb and output_K.pb), imported and computed by the
// reference interpreter.

#ifndef TINYC_TEST_ONNX_CASES_H
#define TINYC_TEST_ONNX_CASES_H

#include <string>

namespace tinyc::test {

struct Tolerance {
  double relative = 1e-3, absolute = 1e-7;
};

enum class Outcome {
  Passed,
  Failed,      ///< imported, and a result differs; or the importer reports something else than missing support
  Unsupported, ///< the importer names what it does not support
};

struct CaseResult {
  Outcome outcome;
  std::string message;
};

/// Imports the model and compares every output of every data set. An input that the model needs to
/// know at import is taken from the data set.
CaseResult runCase(const std::string &folder, Tolerance tolerance);

/// The folder of shared models and archives: $TINYC_SHARED, else ../shared. Empty if there is none.
std::string sharedFolder();

} // namespace tinyc::test

#endif // TINYC_TEST_ONNX_CASES_H
