// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks a plan's command graph: each command by itself, then those that touch the same bytes. Two commands of which
// one writes must be connected by a chain of dependencies, or the result would depend on timing: each has to wait for
// those that touched its bytes last, which have waited for all before. Two arguments of one launch must not overlap if
// one is written, because kernels are compiled for arguments that do not alias.

#include "runtime/schema/CommandOrder.h"
#include "runtime/src/HeaderChecks.h"

#include <algorithm>

namespace tinyc {
namespace {

using CommandList = flatbuffers::Vector<flatbuffers::Offset<format::Command>>;
using ArgumentList = flatbuffers::Vector<const format::Argument *>;

class CommandValidator {
public:
  CommandValidator(const format::Artefact &artefact, const format::Target &target, const format::Plan &plan)
      : target(target), plan(plan), entry(*artefact.entry_points()->Get(plan.entry_point())),
        isInit(text(entry.name()) == "init"), outputWritten(sizeOf(entry.outputs())) {}

  Status run() {
    std::vector<Touch> touches;
    TINYC_TRY(list(plan.commands(), 0, 1, touches));
    for (size_t i = 0; i < outputWritten.size(); ++i) {
      uint64_t size = 0;
      tensorByteSize(*entry.outputs()->Get(i), size);
      if (!outputWritten[i] && size != 0)
        return corrupt("no command writes output " + quoted(text(entry.outputs()->Get(i)->name())));
    }
    return {};
  }

private:
  /// Checks one argument over the iterations of the loop around it. `size` 0 means up to the buffer's end.
  Status argument(const format::Argument &a, uint64_t size, bool reads, bool writes, uint64_t alignment, unsigned depth,
                  uint64_t iterations, std::vector<Touch> &touches) {
    if (a.buffer() >= sizeOf(plan.buffers()))
      return corrupt("buffer " + std::to_string(a.buffer()) + " is out of range, there are " +
                     std::to_string(sizeOf(plan.buffers())));
    const format::Buffer &b = *plan.buffers()->Get(a.buffer());
    std::string where = "buffer " + std::to_string(a.buffer());
    if (a.stride() && depth == 0)
      return corrupt(where + " has a stride outside of a loop");
    int64_t last = 0; // offset of the last iteration relative to the first
    if (__builtin_mul_overflow(a.stride(), static_cast<int64_t>(iterations ? iterations - 1 : 0), &last) ||
        last > (int64_t(1) << 48) || last < -(int64_t(1) << 48) || a.offset() > b.size() || size > b.size() ||
        static_cast<int64_t>(a.offset()) + std::min<int64_t>(last, 0) < 0 ||
        static_cast<int64_t>(a.offset()) + std::max<int64_t>(last, 0) > static_cast<int64_t>(b.size() - size))
      return corrupt(where + ": offset out of range: " + std::to_string(size) + " bytes at " +
                     std::to_string(a.offset()) + ", stride " + std::to_string(a.stride()) + ", in " +
                     std::to_string(b.size()));
    if (a.offset() % alignment || a.stride() % static_cast<int64_t>(alignment))
      return corrupt(where + ": offset or stride is not a multiple of " + std::to_string(alignment));
    if (writes && (b.kind() == format::BufferKind::input || b.kind() == format::BufferKind::weight))
      return corrupt(where + " is an input or a weight, which no command may write");
    if (writes && b.kind() == format::BufferKind::derived && !isInit)
      return corrupt(where + " is a derived tensor, which only init may write");
    if (writes && b.kind() == format::BufferKind::output)
      outputWritten[b.index()] = true;
    bool arena = b.kind() == format::BufferKind::arena;
    uint64_t base = arena ? b.offset() : 0;
    uint64_t begin = a.stride() ? 0 : a.offset();
    uint64_t end = a.stride() || size == 0 ? b.size() : a.offset() + size;
    touches.push_back({static_cast<uint64_t>(b.kind()) << 32 | (arena ? 0 : b.index()), base + begin, base + end, reads,
                       writes, a.buffer()});
    return {};
  }

  Status launch(const format::Command &c, unsigned depth, uint64_t iterations, std::vector<Touch> &touches) {
    if (c.kernel() >= sizeOf(target.kernels()))
      return corrupt("kernel " + std::to_string(c.kernel()) + " is out of range, there are " +
                     std::to_string(sizeOf(target.kernels())));
    const format::Kernel &kernel = *target.kernels()->Get(c.kernel());
    if (sizeOf(c.arguments()) != sizeOf(kernel.arguments()) || sizeOf(c.symbols()) != kernel.symbol_count())
      return corrupt(std::to_string(sizeOf(c.arguments())) + " buffers and " + std::to_string(sizeOf(c.symbols())) +
                     " symbols given, kernel " + quoted(text(kernel.name())) + " takes " +
                     std::to_string(sizeOf(kernel.arguments())) + " and " + std::to_string(kernel.symbol_count()));
    int index = c.loop_index_symbol();
    if (index < -1 || index >= static_cast<int>(sizeOf(c.symbols())) || (index >= 0 && depth == 0))
      return corrupt("loop index symbol " + std::to_string(index) + " is out of range");
    for (unsigned i = 0; i < sizeOf(c.arguments()); ++i) {
      format::Access access = kernel.arguments()->Get(i);
      TINYC_TRY(argument(*c.arguments()->Get(i), 0, access != format::Access::write, access != format::Access::read,
                         container::blobAlignment, depth, iterations, touches));
      for (unsigned j = 0; j < i; ++j)
        if ((touches[i].writes || touches[j].writes) && touches[i].overlaps(touches[j]))
          return corrupt("overlapping buffers: arguments " + std::to_string(j) + " and " + std::to_string(i) +
                         " of kernel " + quoted(text(kernel.name())) + " share bytes and one is written");
    }
    return {};
  }

  Status loop(const format::Command &c, unsigned depth, uint64_t iterations, std::vector<Touch> &touches) {
    if (depth == maxLoopDepth)
      return corrupt("loops nest deeper than " + std::to_string(maxLoopDepth));
    if (sizeOf(c.body()) == 0)
      return corrupt("a loop without a body");
    if (sizeOf(c.arguments()) != 0)
      return corrupt("a loop with arguments, which only its body's commands have");
    if (c.bound() > (uint64_t(1) << 40))
      return corrupt("a loop of " + std::to_string(c.bound()) + " iterations");
    if (sizeOf(c.trip_count()) > 1 || sizeOf(c.exit_flag()) > 1 || sizeOf(c.entry_flag()) > 1)
      return corrupt("more than one trip count, exit flag or entry flag");
    if (sizeOf(c.trip_count()))
      TINYC_TRY(argument(*c.trip_count()->Get(0), 8, true, false, 8, depth, iterations, touches));
    if (sizeOf(c.entry_flag()))
      TINYC_TRY(argument(*c.entry_flag()->Get(0), 1, true, false, 1, depth, iterations, touches));
    TINYC_TRY(list(c.body(), depth + 1, c.bound(), touches));
    // The flag is read after each iteration of this loop, and moves with the loop around it.
    if (sizeOf(c.exit_flag()))
      TINYC_TRY(argument(*c.exit_flag()->Get(0), 1, true, false, 1, depth, iterations, touches));
    return {};
  }

  Status command(const format::Command &c, unsigned depth, uint64_t iterations, std::vector<Touch> &touches) {
    for (const ArgumentList *arguments : {c.arguments(), c.trip_count(), c.exit_flag(), c.entry_flag()})
      TINYC_TRY(checkAligned<format::Argument>(arguments));
    TINYC_TRY(checkAligned<int64_t>(c.symbols()));
    TINYC_TRY(checkAligned<format::Dependency>(c.dependencies()));
    if (c.kind() != format::CommandKind::loop && sizeOf(c.body()) != 0)
      return corrupt("a body, which only loops have");
    unsigned expected = c.kind() == format::CommandKind::copy ? 2 : c.kind() == format::CommandKind::fill ? 1 : 0;
    switch (c.kind()) {
    case format::CommandKind::launch:
      return launch(c, depth, iterations, touches);
    case format::CommandKind::loop:
      return loop(c, depth, iterations, touches);
    case format::CommandKind::copy:
    case format::CommandKind::fill:
      if (sizeOf(c.arguments()) != expected)
        return corrupt("expected " + std::to_string(expected) + " buffers");
      if (c.size() == 0)
        return corrupt("no bytes to copy or fill");
      for (unsigned i = 0; i < expected; ++i)
        TINYC_TRY(argument(*c.arguments()->Get(i), c.size(), i == 1, i == 0, 1, depth, iterations, touches));
      if (expected == 2 && touches[0].overlaps(touches[1]))
        return corrupt("overlapping buffers: a copy whose source and destination share bytes");
      return {};
    default:
      return corrupt("unknown kind of command");
    }
  }

  Status list(const CommandList *commands, unsigned depth, uint64_t iterations, std::vector<Touch> &all) {
    unsigned count = sizeOf(commands);
    if (count > maxCommandsInList)
      return unsupported(std::to_string(count) + " commands in one list, at most " + std::to_string(maxCommandsInList) +
                         " are supported");
    LastTouches last;
    CommandOrder order(count);
    for (unsigned c = 0; c < count; ++c) {
      const format::Command &current = *commands->Get(c);
      std::string name = "command " + std::to_string(c) + ": ";
      std::vector<Touch> touches;
      TINYC_TRY(command(current, depth, iterations, touches).within(name));
      for (unsigned d = 0; d < sizeOf(current.dependencies()); ++d) {
        const format::Dependency &dependency = *current.dependencies()->Get(d);
        unsigned e = dependency.command();
        if (e >= c || dependency.kind() > format::DependencyKind::MAX)
          return corrupt(name + "depends on command " + std::to_string(e) + ", which is not before it");
        order.add(c, e);
      }
      Status ordered;
      for (const Touch &touch : touches)
        last.touch(c, touch, [&](LastTouches::Toucher earlier, Hazard) {
          if (ordered.failed() || looked > maxLookedAt || order.waits(c, earlier.command, maxCommandsBetween, looked))
            return;
          ordered = corrupt(name + "overlapping buffers: it and command " + std::to_string(earlier.command) +
                            " touch the same bytes (buffers " + std::to_string(earlier.buffer) + " and " +
                            std::to_string(touch.buffer) + "), one writes, and no dependency orders them");
        });
      TINYC_TRY(std::move(ordered));
      if (looked + last.stepsTaken() > maxLookedAt)
        return unsupported(name + "it takes too long to find out whether dependencies order all commands that touch "
                                  "the same bytes");
      all.insert(all.end(), touches.begin(), touches.end());
    }
    return {};
  }

  const format::Target &target;
  const format::Plan &plan;
  const format::EntryPoint &entry;
  bool isInit;
  std::vector<bool> outputWritten;
  uint64_t looked = 0; ///< steps of the search for chains of dependencies
};

} // namespace

Status validateCommands(const format::Artefact &artefact, const format::Target &target, const format::Plan &plan) {
  return CommandValidator(artefact, target, plan).run();
}

} // namespace tinyc
