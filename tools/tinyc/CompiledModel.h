// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The artefact of a model file: from the cache where the same model was compiled before, otherwise compiled now.

#ifndef TINYC_TOOLS_TINYC_COMPILEDMODEL_H
#define TINYC_TOOLS_TINYC_COMPILEDMODEL_H

#include "lib/Artefact/FileBytes.h"
#include "runtime/tensorio/HostTensor.h"
#include "tools/tinyc/CommandLine.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <optional>
#include <vector>

namespace tinyc {

class ContentCache;
struct ArtefactKey;
struct Chip;

class CompiledModel {
public:
  CompiledModel() = default;
  CompiledModel(const CompiledModel &) = delete;
  CompiledModel &operator=(const CompiledModel &) = delete;
  ~CompiledModel();

  /// The model at `path` for the chips. Null after an error was printed. With --remarks, --verify-each-stage and
  /// TINYC_DEBUG=3 it is compiled in any case, since what they print is wanted. `known` are tensors that inputs will
  /// hold: the artefact says for which values of which of them the model is specialised.
  static std::unique_ptr<CompiledModel> open(const Arguments &arguments, llvm::StringRef path,
                                             llvm::ArrayRef<const Chip *> chips,
                                             llvm::ArrayRef<tensorio::HostTensor> known = {});

  /// The bytes of the .tinyc file, and the artefact open on them; both live as long as this does.
  llvm::ArrayRef<uint8_t> bytes() const { return view; }
  tinyc_artefact *artefact() const { return opened; }
  /// Seconds of reading and compiling, or of looking up.
  double seconds() const { return elapsed; }

private:
  bool openCached(ContentCache &cache, llvm::StringRef key, llvm::ArrayRef<tensorio::HostTensor> known);
  bool compile(const Arguments &arguments, llvm::StringRef path, llvm::ArrayRef<const Chip *> chips,
               llvm::ArrayRef<tensorio::HostTensor> known, std::shared_ptr<ContentCache> cache,
               const std::optional<ArtefactKey> &key);

  artefact::FileBytes compiled;               // or
  std::unique_ptr<llvm::MemoryBuffer> mapped; // the cache's file
  llvm::ArrayRef<uint8_t> view;
  tinyc_artefact *opened = nullptr;
  double elapsed = 0;
};

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_COMPILEDMODEL_H
