// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looking up before compiling. An artefact of the cache is mapped and checked by its own hash tree; one that is damaged
// is removed, and the model compiled as if it had not been there.

#include "tools/tinyc/CompiledModel.h"

#include "lib/Cache/ContentCache.h"
#include "runtime/tensorio/Inputs.h"
#include "tools/tinyc/ArtefactKey.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/RunnableModel.h"
#include "tools/tinyc/Session.h"
#include "tools/tinyc/TensorConversion.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace tinyc;

CompiledModel::~CompiledModel() { tinyc_artefact_close(opened); }

// Whether none of the tensors is another value of an input for whose value the model is specialised.
static bool isFor(const tinyc_artefact *artefact, llvm::ArrayRef<tensorio::HostTensor> known) {
  return llvm::all_of(tensorio::fixedInputs(artefact, "main"), [&](const tensorio::HostTensor &value) {
    return llvm::all_of(
        known, [&](const tensorio::HostTensor &tensor) { return tensor.name != value.name || equals(tensor, value); });
  });
}

bool CompiledModel::openCached(ContentCache &cache, llvm::StringRef key, llvm::ArrayRef<tensorio::HostTensor> known) {
  std::string path = cache.findFile("artefacts", key);
  if (path.empty())
    return false;
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return false;
  mapped = std::move(*file);
  view = llvm::ArrayRef<uint8_t>(reinterpret_cast<const uint8_t *>(mapped->getBufferStart()), mapped->getBufferSize());
  // Weights are hashed now instead of when the model is made, not twice.
  tinyc_status *status = tinyc_artefact_open_memory(view.data(), view.size(), &opened);
  if (!status)
    status = tinyc_artefact_verify(opened);
  if (!status && isFor(opened, known))
    return true;
  if (status)
    cache.discard("artefacts", key);
  tinyc_status_free(status);
  tinyc_artefact_close(opened);
  opened = nullptr;
  mapped = nullptr;
  return false;
}

bool CompiledModel::compile(const Arguments &arguments, llvm::StringRef path, llvm::ArrayRef<const Chip *> chips,
                            llvm::ArrayRef<tensorio::HostTensor> known, std::shared_ptr<ContentCache> cache,
                            const std::optional<ArtefactKey> &key) {
  Session session(arguments, cache);
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (!session.good() || !(module = session.load(path, known)))
    return false;
  compiled = session.compile(*module, chips);
  session.printTimes();
  elapsed = session.seconds();
  if (compiled.empty())
    return false;
  view = llvm::ArrayRef<uint8_t>(compiled.data(), compiled.size());
  // A model that said something must say it again next time; one that changed meanwhile, or a file that it names, is no
  // longer that of the key.
  if (key && !session.saidAnything()) {
    auto now = ArtefactKey::of(arguments, path, chips, known, *cache, ArtefactKey::Listed::ByModel);
    if (now == key)
      cache->storeFile("artefacts", key->artefact,
                       {llvm::ArrayRef<char>(reinterpret_cast<const char *>(compiled.data()), compiled.size())});
  }
  return !printStatus(tinyc_artefact_open_memory(view.data(), view.size(), &opened));
}

std::unique_ptr<CompiledModel> CompiledModel::open(const Arguments &arguments, llvm::StringRef path,
                                                   llvm::ArrayRef<const Chip *> chips,
                                                   llvm::ArrayRef<tensorio::HostTensor> known) {
  auto start = std::chrono::steady_clock::now();
  auto model = std::make_unique<CompiledModel>();
  std::shared_ptr<ContentCache> cache = ContentCache::open();
  bool wantsWork = arguments.remarks || arguments.verifyEachStage || debugLevel() >= 3;
  std::optional<ArtefactKey> key;
  if (cache && !wantsWork)
    key = ArtefactKey::of(arguments, path, chips, known, *cache, ArtefactKey::Listed::ByCache);
  if (!key || !model->openCached(*cache, key->artefact, known)) {
    // What is compiled is what the files hold from now on; their list may not have been in the cache.
    if (key)
      key = ArtefactKey::of(arguments, path, chips, known, *cache, ArtefactKey::Listed::ByModel);
    return model->compile(arguments, path, chips, known, cache, key) ? std::move(model) : nullptr;
  }
  model->elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (debugLevel() >= 1) {
    hideProgress();
    llvm::errs() << llvm::format("%-10s %8.1f ms\n", "cached", model->elapsed * 1e3);
  }
  return model;
}
