// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The hand-written kernels of the conformance suite, as a target of each driver.

#ifndef TINYC_TEST_RUNTIME_CONFORMANCEKERNELS_H
#define TINYC_TEST_RUNTIME_CONFORMANCEKERNELS_H

#include "lib/Artefact/ArtefactBuilder.h"

namespace tinyc::test {

inline constexpr int64_t vectorSize = 1024;
inline constexpr uint64_t vectorBytes = vectorSize * sizeof(float);

/// Indices of the kernels in the target.
enum ConformanceKernel : uint32_t { Add, Scale, Accumulate, Reached, Fail };

/// The kernels' code for the driver of a plug-in, where the suite runs on one.
struct PluginCode {
  std::string driver, target, file;
};
PluginCode &pluginCode();

/// A target with code and kernels for `driver` ("cpu", "cuda", ...) and no plans.
artefact::Target conformanceTarget(const std::string &driver);

std::vector<uint8_t> readBytes(const std::string &path);

/// Builders that keep tests short.
artefact::Command launch(uint32_t kernel, std::vector<artefact::Argument> arguments, std::vector<int64_t> symbols = {});
artefact::Command copy(artefact::Argument to, artefact::Argument from, uint64_t size);
artefact::Command fill(artefact::Argument to, uint8_t pattern, uint64_t size);
artefact::Command loop(uint64_t bound, std::vector<artefact::Command> body);
artefact::Buffer arena(uint64_t offset, uint64_t size = vectorBytes);
artefact::Buffer buffer(artefact::BufferKind kind, uint32_t index, uint64_t size = vectorBytes);
artefact::Tensor vector(std::string name);

} // namespace tinyc::test

#endif // TINYC_TEST_RUNTIME_CONFORMANCEKERNELS_H
