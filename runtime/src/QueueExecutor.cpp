// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Issues a plan to an in-order queue.

#include "runtime/src/QueueExecutor.h"

#include <algorithm>

namespace tinyc {

QueueExecutor::QueueExecutor(std::span<const ExecutionPlan> plans) {
  size_t arguments = 0, symbolCount = 0;
  for (const ExecutionPlan &plan : plans) {
    arguments = std::max(arguments, plan.maxArguments);
    symbolCount = std::max(symbolCount, plan.maxSymbols);
  }
  addresses.resize(arguments);
  symbols.resize(symbolCount);
  values.resize(arguments + symbolCount);
}

Status QueueExecutor::run(const ExecutionPlan &plan, void *const *planBases, LaunchTime *launchTimes) {
  bases = planBases;
  times = launchTimes;
  marked.clear();
  if (times)
    TINYC_TRY(mark(0));
  TINYC_TRY(issue(plan.steps, 0));
  return times ? collectTimes() : Status();
}

Status QueueExecutor::issue(const std::vector<Step> &steps, uint64_t iteration) {
  for (const Step &step : steps) {
    switch (step.kind) {
    case artefact::CommandKind::Launch:
      TINYC_TRY(issueLaunch(step, iteration));
      break;
    case artefact::CommandKind::Copy:
      TINYC_TRY(
          copy(step.arguments[0].address(bases, iteration), step.arguments[1].address(bases, iteration), step.size));
      break;
    case artefact::CommandKind::Fill:
      TINYC_TRY(fill(step.arguments[0].address(bases, iteration), step.pattern, step.size));
      break;
    case artefact::CommandKind::Loop:
      TINYC_TRY(issueLoop(step, iteration));
      break;
    }
  }
  return {};
}

Status QueueExecutor::issueLaunch(const Step &step, uint64_t iteration) {
  for (size_t i = 0; i < step.arguments.size(); ++i) {
    addresses[i] = step.arguments[i].address(bases, iteration);
    values[i] = &addresses[i];
  }
  for (size_t i = 0; i < step.symbols.size(); ++i) {
    bool isIndex = static_cast<int>(i) == step.loopIndexSymbol;
    symbols[i] = isIndex ? static_cast<int64_t>(iteration) : step.symbols[i];
    values[step.arguments.size() + i] = &symbols[i];
  }
  if (!times)
    return launch(step, values.data());
  // A bounded number of marks serves any number of launches.
  if (marked.size() == 1024)
    TINYC_TRY(collectTimes());
  size_t first = 1 + 2 * marked.size();
  marked.push_back(step.launch);
  TINYC_TRY(mark(first));
  TINYC_TRY(launch(step, values.data()));
  return mark(first + 1);
}

/// Waits for bytes of the device; `to` outlives the queue, in which the copy stays should the wait fail.
Status QueueExecutor::read(const StepArgument &from, uint64_t iteration, void *to, uint64_t size) {
  TINYC_TRY(download(to, from.address(bases, iteration), size));
  return finish();
}

Status QueueExecutor::issueLoop(const Step &step, uint64_t iteration) {
  uint64_t trips = step.bound;
  if (step.tripCount) {
    TINYC_TRY(read(*step.tripCount, iteration, &tripCount, sizeof(tripCount)));
    trips = std::min(trips, static_cast<uint64_t>(std::max<int64_t>(tripCount, 0)));
  }
  if (step.entryFlag) {
    TINYC_TRY(read(*step.entryFlag, iteration, &flag, sizeof(flag)));
    if (!step.enters(flag))
      return {};
  }
  for (uint64_t i = 0; i < trips; ++i) {
    TINYC_TRY(issue(step.body, i));
    if (step.exitFlag) {
      TINYC_TRY(read(*step.exitFlag, iteration, &flag, sizeof(flag)));
      if (step.exits(flag))
        break;
    }
  }
  return {};
}

Status QueueExecutor::collectTimes() {
  TINYC_TRY(finish());
  for (size_t i = 0; i < marked.size(); ++i) {
    LaunchTime &time = times[marked[i]];
    uint64_t start = 0, duration = 0;
    TINYC_TRY(elapsed(0, 1 + 2 * i, start));
    TINYC_TRY(elapsed(1 + 2 * i, 2 + 2 * i, duration));
    if (time.durationNs == 0)
      time.startNs = start;
    time.durationNs += duration;
    ++time.executions;
  }
  marked.clear();
  return {};
}

} // namespace tinyc
