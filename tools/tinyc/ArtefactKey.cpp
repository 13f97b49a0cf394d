// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keys of artefacts. A flag that changes what is compiled must be among the parts; plug-ins are in the compiler's
// identity.

#include "tools/tinyc/ArtefactKey.h"

#include "dialects/Target/Chip.h"
#include "lib/Cache/CompilerIdentity.h"
#include "lib/Cache/ContentCache.h"
#include "lib/Onnx/ExternalFiles.h"
#include "lib/Targets/Backend.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace tinyc;
using llvm::StringRef;

static std::unique_ptr<llvm::MemoryBuffer> read(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return file ? std::move(*file) : nullptr;
}

// The facts that differ from machine to machine; what else is in a row belongs to this build, or to a plug-in.
static std::string describe(const Chip &chip) {
  std::string text = chip.name + "\n" + chip.cpu + "\n" + chip.features + "\n";
  for (int64_t fact : {chip.lanes, chip.vectorBytes, chip.registers, chip.sharedBytes, chip.l1Bytes, chip.l2Bytes})
    text += std::to_string(fact) + "\n";
  for (double fact : {chip.gflopsF32, chip.gflopsTensor, chip.gbps})
    text += std::to_string(fact) + "\n";
  if (const Backend *backend = findBackend(chip))
    text += backend->externalTools();
  return text;
}

// The bytes of the model's external files, in an order that follows from their names.
static std::optional<std::string> keyWithFiles(const std::string &model, StringRef path,
                                               llvm::ArrayRef<std::string> files) {
  std::vector<std::string> parts = {model};
  for (const std::string &file : files) {
    llvm::SmallString<256> full(path);
    llvm::sys::path::remove_filename(full);
    llvm::sys::path::append(full, file);
    std::unique_ptr<llvm::MemoryBuffer> bytes = read(full);
    if (!bytes)
      return std::nullopt;
    parts.push_back(file);
    parts.push_back(ContentCache::key({bytes->getBuffer()}));
  }
  return ContentCache::key(llvm::SmallVector<StringRef>(parts.begin(), parts.end()));
}

std::optional<ArtefactKey> ArtefactKey::of(const Arguments &arguments, StringRef path,
                                           llvm::ArrayRef<const Chip *> chips,
                                           llvm::ArrayRef<tensorio::HostTensor> known, ContentCache &cache,
                                           Listed listed) {
  std::vector<std::string> parts = {"artefact", compilerIdentity()};
  for (const Chip *chip : chips)
    parts.push_back(describe(*chip));
  parts.push_back(arguments.roundEveryNode ? "round every node" : "round as fused");
  parts.push_back("shapes");
  parts.insert(parts.end(), arguments.shapes.begin(), arguments.shapes.end());
  parts.push_back("inputs");
  for (const tensorio::HostTensor &tensor : known) {
    parts.push_back(tensor.name);
    parts.push_back(tensor.type());
  }
  std::unique_ptr<llvm::MemoryBuffer> model = read(path);
  if (!model)
    return std::nullopt;
  parts.push_back(llvm::sys::path::extension(path).str());
  llvm::SmallVector<StringRef> views(parts.begin(), parts.end());
  views.push_back(model->getBuffer());
  ArtefactKey key;
  key.model = key.artefact = ContentCache::key(views);

  std::vector<std::string> files;
  std::vector<char> list;
  if (listed == Listed::ByModel)
    files = path.ends_with(".onnx") ? onnxExternalFiles(model->getBuffer()) : std::vector<std::string>();
  else if (cache.find("inputs", key.model, list))
    for (StringRef file : llvm::split(StringRef(list.data(), list.size()), '\0'))
      files.push_back(file.str());
  if (files.empty())
    return key;
  if (listed == Listed::ByModel)
    cache.store("inputs", key.model, llvm::ArrayRef<char>(llvm::join(files, StringRef("\0", 1))));
  std::optional<std::string> all = keyWithFiles(key.model, path, files);
  if (!all)
    return std::nullopt;
  key.artefact = *all;
  return key;
}
