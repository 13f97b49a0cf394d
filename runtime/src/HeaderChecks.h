// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the checks of an artefact's header share: safe access to FlatBuffers' optional vectors, and the check of one
// plan's commands.

#ifndef TINYC_RUNTIME_SRC_HEADERCHECKS_H
#define TINYC_RUNTIME_SRC_HEADERCHECKS_H

#include "runtime/src/ArtefactFile.h"

namespace tinyc {

/// Absent vectors and strings count as empty.
template <typename T> unsigned sizeOf(const flatbuffers::Vector<T> *vector) { return vector ? vector->size() : 0; }
inline std::string text(const flatbuffers::String *string) { return string ? string->str() : std::string(); }

/// FlatBuffers' verifier checks the alignment of a vector's length but not of its elements.
template <typename Element, typename T> Status checkAligned(const flatbuffers::Vector<T> *vector) {
  if (vector && reinterpret_cast<uintptr_t>(vector->Data()) % alignof(Element))
    return corrupt("a vector of the header is misaligned");
  return {};
}

/// Most commands of one list.
inline constexpr unsigned maxCommandsInList = 1 << 20;
/// Commands through which one may wait for another, and what the search for such chains may look at in all.
inline constexpr uint64_t maxCommandsBetween = 16384, maxLookedAt = uint64_t(1) << 28;
inline constexpr unsigned maxLoopDepth = 8;
inline constexpr unsigned maxKernelArguments = 1024;

/// Checks every command of a plan whose buffers are sound: indices, ranges, what may be written, and that commands
/// which touch the same bytes are ordered by dependencies.
Status validateCommands(const format::Artefact &artefact, const format::Target &target, const format::Plan &plan);

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_HEADERCHECKS_H
