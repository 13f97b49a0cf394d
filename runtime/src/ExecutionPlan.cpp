// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies a checked plan out of its FlatBuffer, once, when a model is made.

#include "runtime/src/ExecutionPlan.h"

#include "runtime/src/HeaderChecks.h"

#include <algorithm>

namespace tinyc {
namespace {

std::vector<StepArgument> arguments(const flatbuffers::Vector<const format::Argument *> *list) {
  std::vector<StepArgument> result;
  for (unsigned i = 0; i < sizeOf(list); ++i)
    result.push_back({list->Get(i)->buffer(), list->Get(i)->offset(), list->Get(i)->stride()});
  return result;
}

void convert(const flatbuffers::Vector<flatbuffers::Offset<format::Command>> *commands, const format::Target &target,
             ExecutionPlan &plan, std::vector<Step> &steps) {
  for (unsigned i = 0; i < sizeOf(commands); ++i) {
    const format::Command &command = *commands->Get(i);
    Step step{};
    step.kind = static_cast<artefact::CommandKind>(command.kind());
    step.id = static_cast<uint32_t>(plan.stepCount++);
    for (unsigned d = 0; d < sizeOf(command.dependencies()); ++d) {
      const Step &earlier = steps[command.dependencies()->Get(d)->command()];
      step.waitsFor.push_back({earlier.id, earlier.units});
    }
    step.arguments = arguments(command.arguments());
    for (unsigned s = 0; s < sizeOf(command.symbols()); ++s)
      step.symbols.push_back(command.symbols()->Get(s));
    step.loopIndexSymbol = command.loop_index_symbol();
    step.size = command.size();
    step.pattern = command.pattern();
    step.bound = command.bound();
    if (auto trip = arguments(command.trip_count()); !trip.empty())
      step.tripCount = trip[0];
    if (auto exit = arguments(command.exit_flag()); !exit.empty())
      step.exitFlag = exit[0];
    if (auto entry = arguments(command.entry_flag()); !entry.empty())
      step.entryFlag = entry[0];
    step.exitOnZero = command.exit_on_zero();
    step.enterOnZero = command.enter_on_zero();
    step.units = 1;
    if (step.kind == artefact::CommandKind::Launch) {
      step.kernel = command.kernel();
      step.launch = static_cast<uint32_t>(plan.launches.size());
      step.units = target.kernels()->Get(step.kernel)->units();
      plan.launches.push_back(target.kernels()->Get(step.kernel));
    }
    plan.maxArguments = std::max(plan.maxArguments, step.arguments.size());
    plan.maxSymbols = std::max(plan.maxSymbols, step.symbols.size());
    if (step.kind == artefact::CommandKind::Loop)
      convert(command.body(), target, plan, step.body);
    steps.push_back(std::move(step));
  }
}

} // namespace

ExecutionPlan ExecutionPlan::of(const format::Target &target, const format::Plan &source) {
  ExecutionPlan plan;
  plan.source = &source;
  convert(source.commands(), target, plan, plan.steps);
  return plan;
}

} // namespace tinyc
