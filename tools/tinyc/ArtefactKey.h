// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an artefact follows from, as a key of the cache.

#ifndef TINYC_TOOLS_TINYC_ARTEFACTKEY_H
#define TINYC_TOOLS_TINYC_ARTEFACTKEY_H

#include "runtime/tensorio/HostTensor.h"
#include "tools/tinyc/CommandLine.h"

#include <optional>

namespace tinyc {

class ContentCache;
struct Chip;

/// A model whose file names others is known in two steps: its own bytes give the list of those files, which the cache
/// keeps, and their bytes the artefact's key. So a model is found without being parsed.
struct ArtefactKey {
  std::string model;    ///< of the model's own bytes, the compiler, the chips and the flags
  std::string artefact; ///< of `model` and of the files it names; `model` where there are none

  bool operator==(const ArtefactKey &) const = default;

  /// Nothing if a file cannot be read. `listed` says from where the list of files is taken: the cache, for looking up,
  /// or the model itself. Of `known`, tensors that inputs will hold, the types and shapes are part of the key.
  enum class Listed { ByCache, ByModel };
  static std::optional<ArtefactKey> of(const Arguments &arguments, llvm::StringRef path,
                                       llvm::ArrayRef<const Chip *> chips, llvm::ArrayRef<tensorio::HostTensor> known,
                                       ContentCache &cache, Listed listed);
};

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_ARTEFACTKEY_H
