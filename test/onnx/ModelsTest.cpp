// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Real models, imported and computed by the reference, against the outputs of another runtime.

#include "test/onnx/Cases.h"

#include <gtest/gtest.h>

using namespace tinyc::test;

class Models : public testing::TestWithParam<const char *> {};

TEST_P(Models, ReferenceGivesExpectedOutputs) {
  std::string shared = sharedFolder();
  if (shared.empty())
    GTEST_SKIP() << "no folder of shared models: set TINYC_SHARED to one that holds models/";
  CaseResult result = runCase(shared + "/models/" + GetParam(), {1e-3, 1e-4});
  EXPECT_EQ(result.outcome, Outcome::Passed) << result.message;
}

INSTANTIATE_TEST_SUITE_P(Shared, Models, testing::Values("mnist", "micro_kws", "magika", "ultraface"),
                         [](const auto &info) { return std::string(info.param); });
