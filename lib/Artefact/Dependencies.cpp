// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Derives the dependencies of a command list from what each command reads and writes. Of those that a command has to
// wait for, the last one first, one that it waits for already through others is left out, so that lists stay short.

#include "lib/Artefact/ArtefactBuilder.h"

#include "runtime/schema/CommandOrder.h"

#include <algorithm>
#include <map>

namespace tinyc::artefact {
namespace {

uint64_t storageOf(const Buffer &buffer) {
  uint64_t index = buffer.kind == BufferKind::Arena ? 0 : buffer.index;
  return static_cast<uint64_t>(buffer.kind) << 32 | index;
}

void addTouch(const Plan &plan, const Argument &argument, uint64_t size, Access access, std::vector<Touch> &touches) {
  if (argument.buffer >= plan.buffers.size())
    return; // the loader refuses it
  const Buffer &buffer = plan.buffers[argument.buffer];
  uint64_t base = buffer.kind == BufferKind::Arena ? buffer.offset : 0;
  // A strided argument moves through its buffer: take all of it.
  uint64_t begin = argument.stride ? 0 : std::min(argument.offset, buffer.size);
  uint64_t end = argument.stride ? buffer.size : std::min(buffer.size, size ? begin + size : buffer.size);
  touches.push_back(
      {storageOf(buffer), base + begin, base + end, access != Access::Write, access != Access::Read, argument.buffer});
}

void collect(const Target &target, const Plan &plan, const Command &command, std::vector<Touch> &touches) {
  switch (command.kind) {
  case CommandKind::Launch:
    if (command.kernel < target.kernels.size()) {
      const Kernel &kernel = target.kernels[command.kernel];
      for (size_t i = 0; i < std::min(command.arguments.size(), kernel.arguments.size()); ++i)
        addTouch(plan, command.arguments[i], 0, kernel.arguments[i], touches);
    }
    break;
  case CommandKind::Copy:
  case CommandKind::Fill:
    for (size_t i = 0; i < command.arguments.size(); ++i)
      addTouch(plan, command.arguments[i], command.size, i == 0 ? Access::Write : Access::Read, touches);
    break;
  case CommandKind::Loop:
    for (const Argument &argument : command.tripCount)
      addTouch(plan, argument, 8, Access::Read, touches);
    for (const auto *flags : {&command.exitFlag, &command.entryFlag})
      for (const Argument &argument : *flags)
        addTouch(plan, argument, 1, Access::Read, touches);
    for (const Command &inner : command.body)
      collect(target, plan, inner, touches);
    break;
  }
}

/// Commands that are looked at to find out whether a dependency is implied; a reader of the artefact looks at more.
constexpr uint64_t kMostLookedAt = 1024;

DependencyKind kindOf(Hazard hazard) {
  return hazard == Hazard::ReadAfterWrite   ? DependencyKind::ReadAfterWrite
         : hazard == Hazard::WriteAfterRead ? DependencyKind::WriteAfterRead
                                            : DependencyKind::WriteAfterWrite;
}

} // namespace

void addDependencies(const Target &target, const Plan &plan, std::vector<Command> &commands) {
  LastTouches last;
  CommandOrder order(commands.size());
  for (uint32_t c = 0; c < commands.size(); ++c) {
    Command &command = commands[c];
    addDependencies(target, plan, command.body);
    std::vector<Touch> touches;
    collect(target, plan, command, touches);
    std::map<uint32_t, DependencyKind, std::greater<>> earlier;
    for (const Touch &touch : touches)
      last.touch(c, touch, [&](LastTouches::Toucher toucher, Hazard hazard) {
        DependencyKind &kind = earlier.try_emplace(toucher.command, kindOf(hazard)).first->second;
        if (hazard == Hazard::ReadAfterWrite)
          kind = DependencyKind::ReadAfterWrite;
      });
    command.dependencies.clear();
    for (auto [e, kind] : earlier) {
      uint64_t looked = 0;
      if (order.waits(c, e, kMostLookedAt, looked))
        continue;
      command.dependencies.push_back({e, kind});
      order.add(c, e);
    }
    std::reverse(command.dependencies.begin(), command.dependencies.end());
  }
}

} // namespace tinyc::artefact
