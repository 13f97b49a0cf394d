// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Derives the dependencies of a command list from what each command reads and writes. Going backwards from a command,
// a conflict that is already implied by an edge added before is left out, so that lists stay short.

#include "lib/Artefact/ArtefactBuilder.h"

#include <algorithm>

namespace tinyc::artefact {
namespace {

/// Bytes [begin, end) of one piece of storage. Arena buffers share one storage, everything else has its own.
struct Span {
  uint64_t storage, begin, end;
  bool reads, writes;
};

uint64_t storageOf(const Buffer &buffer) {
  uint64_t index = buffer.kind == BufferKind::Arena ? 0 : buffer.index;
  return static_cast<uint64_t>(buffer.kind) << 32 | index;
}

void addSpan(const Plan &plan, const Argument &argument, uint64_t size, Access access, std::vector<Span> &spans) {
  if (argument.buffer >= plan.buffers.size())
    return; // the loader refuses it
  const Buffer &buffer = plan.buffers[argument.buffer];
  uint64_t base = buffer.kind == BufferKind::Arena ? buffer.offset : 0;
  // A strided argument moves through its buffer: take all of it.
  uint64_t begin = argument.stride ? 0 : std::min(argument.offset, buffer.size);
  uint64_t end = argument.stride ? buffer.size : std::min(buffer.size, size ? begin + size : buffer.size);
  spans.push_back({storageOf(buffer), base + begin, base + end, access != Access::Write, access != Access::Read});
}

void collect(const Target &target, const Plan &plan, const Command &command, std::vector<Span> &spans) {
  switch (command.kind) {
  case CommandKind::Launch:
    if (command.kernel < target.kernels.size()) {
      const Kernel &kernel = target.kernels[command.kernel];
      for (size_t i = 0; i < std::min(command.arguments.size(), kernel.arguments.size()); ++i)
        addSpan(plan, command.arguments[i], 0, kernel.arguments[i], spans);
    }
    break;
  case CommandKind::Copy:
  case CommandKind::Fill:
    for (size_t i = 0; i < command.arguments.size(); ++i)
      addSpan(plan, command.arguments[i], command.size, i == 0 ? Access::Write : Access::Read, spans);
    break;
  case CommandKind::Loop:
    for (const Argument &argument : command.tripCount)
      addSpan(plan, argument, 8, Access::Read, spans);
    for (const auto *flags : {&command.exitFlag, &command.entryFlag})
      for (const Argument &argument : *flags)
        addSpan(plan, argument, 1, Access::Read, spans);
    for (const Command &inner : command.body)
      collect(target, plan, inner, spans);
    break;
  }
}

/// Sets `kind` if `later` must wait for `earlier`.
bool conflict(const std::vector<Span> &earlier, const std::vector<Span> &later, DependencyKind &kind) {
  bool found = false;
  for (const Span &e : earlier)
    for (const Span &l : later) {
      if (e.storage != l.storage || e.begin >= l.end || l.begin >= e.end)
        continue;
      if (e.writes && l.reads) {
        kind = DependencyKind::ReadAfterWrite;
        return true;
      }
      if (l.writes && (e.reads || e.writes)) {
        kind = e.reads ? DependencyKind::WriteAfterRead : DependencyKind::WriteAfterWrite;
        found = true;
      }
    }
  return found;
}

} // namespace

void addDependencies(const Target &target, const Plan &plan, std::vector<Command> &commands) {
  std::vector<std::vector<Span>> spans(commands.size());
  std::vector<std::vector<bool>> before(commands.size());
  for (size_t c = 0; c < commands.size(); ++c) {
    Command &command = commands[c];
    addDependencies(target, plan, command.body);
    collect(target, plan, command, spans[c]);
    command.dependencies.clear();
    before[c].resize(c);
    for (size_t e = c; e-- > 0;) {
      DependencyKind kind;
      if (before[c][e] || !conflict(spans[e], spans[c], kind))
        continue;
      command.dependencies.push_back({static_cast<uint32_t>(e), kind});
      before[c][e] = true;
      for (size_t i = 0; i < e; ++i)
        if (before[e][i])
          before[c][i] = true;
    }
    std::reverse(command.dependencies.begin(), command.dependencies.end());
  }
}

} // namespace tinyc::artefact
