// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command graph of one entry point on one target as drivers see it: the plan of the artefact, already checked,
// in plain structures. Only the base address of each buffer is open until a run.

#ifndef TINYC_RUNTIME_SRC_EXECUTIONPLAN_H
#define TINYC_RUNTIME_SRC_EXECUTIONPLAN_H

#include "runtime/src/ArtefactFile.h"

#include <optional>
#include <vector>

namespace tinyc {

struct StepArgument {
  uint32_t buffer;
  uint64_t offset;
  int64_t stride;

  void *address(void *const *bases, uint64_t iteration) const {
    return static_cast<uint8_t *>(bases[buffer]) + offset + stride * static_cast<int64_t>(iteration);
  }
};

struct Step {
  struct Wait {
    uint32_t id, units; // of the step waited for
  };

  artefact::CommandKind kind;
  uint32_t id = 0;            // unique in the plan, loops' bodies included
  std::vector<Wait> waitsFor; // steps of the same list
  uint32_t kernel = 0;        // launch: index in the target
  uint32_t launch = 0;        // launch: index in ExecutionPlan::launches
  uint32_t units = 1;         // launch: independent units of work; 1 for all else
  std::vector<StepArgument> arguments;
  std::vector<int64_t> symbols;
  int loopIndexSymbol = -1;
  uint64_t size = 0;   // copy, fill
  uint8_t pattern = 0; // fill
  std::vector<Step> body;
  uint64_t bound = 0;
  std::optional<StepArgument> tripCount, exitFlag, entryFlag;
  bool exitOnZero = false, enterOnZero = false;

  /// Whether a byte read at the exit flag ends the loop, and whether one at the entry flag lets it begin.
  bool exits(uint8_t flag) const { return (flag == 0) == exitOnZero; }
  bool enters(uint8_t flag) const { return (flag == 0) == enterOnZero; }
};

struct ExecutionPlan {
  const format::Plan *source = nullptr;
  std::vector<Step> steps;
  std::vector<const format::Kernel *> launches;
  size_t stepCount = 0; // all ids are smaller
  size_t maxArguments = 0, maxSymbols = 0;

  static ExecutionPlan of(const format::Target &target, const format::Plan &plan);
};

/// What a profiled run measured of one launch; iterations of a loop are summed.
struct LaunchTime {
  uint64_t startNs = 0; // since the run started
  uint64_t durationNs = 0;
  uint64_t executions = 0; // more than one, or none, only in a loop
};

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_EXECUTIONPLAN_H
