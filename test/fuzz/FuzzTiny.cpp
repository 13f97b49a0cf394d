// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's text through the parser, the checks of a model, and the stages up to tiles, for a CPU or for a GPU. An input
// is an .mlir file. What passes the checks must compile, or be refused by an error; no stage may leave IR that does
// not verify.

#include "lib/Compiler/Compile.h"
#include "lib/Weights/WeightStore.h"
#include "test/fuzz/Diagnostics.h"
#include "test/fuzz/TextMutation.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const InputFile file("model.mlir");
  file.write(data, size);
  MLIRContext context(compilerDialects(), MLIRContext::Threading::DISABLED);
  Diagnostics said(context);
  WeightStore weights;
  auto module = loadModel(file.path(), {}, weights, context);
  require(succeeded(module) == (said.errors() == 0), "read with errors, or refused without: " + said.last());
  if (failed(module))
    return 0;
  int first = stageOf(**module), fused = findStage("fuse"), last = findStage("tile");
  StageOptions options;
  options.verifyEachPass = true;
  if (first < fused && failed(runStages(**module, fused, nullptr, options))) {
    require(said.errors() != 0, "a stage fails without an error");
    return 0;
  }
  // Which chip follows from the text, so that an input always takes the same way.
  static const char *const chips[] = {"cpu:x86-64-v4", "nvidia:sm_80", "amd:gfx1100", "cpu:x86-64-v3"};
  const Chip *chip = findChip(chips[size % std::size(chips)]);
  require(chip != nullptr, "a chip is unknown");
  if (stageOf(**module) < last && failed(lowerForChip(**module, *chip, last, options)))
    require(said.errors() != 0, "a stage for a chip fails without an error");
  return 0;
}

static size_t give(const std::string &text, uint8_t *data, size_t most) {
  if (text.size() > most)
    return 0;
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  Choice choose(seed);
  if (choose.oneIn(20))
    return LLVMFuzzerMutate(data, size, most);
  std::string text(data, data + size);
  for (size_t i = choose.below(3) + 1; i > 0; --i)
    text = mutateText(text, std::string(text), choose);
  return give(text, data, most);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t firstSize, const uint8_t *second,
                                            size_t secondSize, uint8_t *out, size_t most, unsigned seed) {
  Choice choose(seed);
  std::string text(first, first + firstSize);
  std::string_view other(reinterpret_cast<const char *>(second), secondSize);
  for (size_t i = choose.below(4) + 1; i > 0; --i)
    text = mutateText(std::move(text), other, choose);
  return give(text, out, most);
}
