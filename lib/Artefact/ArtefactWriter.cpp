// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lays out a .tinyc file: places code and weights (equal bytes once), writes the FlatBuffers header, hashes the chunks.
// The header is built twice: first to learn its size, then with the final offsets, which do not change the size since
// ranges are structs.

#include "lib/Artefact/ArtefactBuilder.h"

#include "runtime/schema/Container.h"
#include "runtime/schema/artefact_generated.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <optional>
#include <unistd.h>

namespace tinyc::artefact {
namespace {

namespace fb = flatbuffers;
using container::alignUp;

template <typename To, typename From> To as(From value) { return static_cast<To>(value); }

struct Blob {
  const uint8_t *bytes;
  uint64_t offset, size;
};

/// Where code and weights stand, counted from the end of the header's padding (code) or the start of the weights.
struct Region {
  std::vector<Blob> blobs;
  std::map<Sha256Digest, uint64_t> offsets;
  uint64_t size = 0;

  uint64_t place(const uint8_t *bytes, uint64_t count, const Sha256Digest &hash) {
    auto [at, isNew] = offsets.try_emplace(hash, alignUp(size, container::blobAlignment));
    if (isNew) {
      blobs.push_back({bytes, at->second, count});
      size = at->second + count;
    }
    return at->second;
  }
};

bool checkedByteSize(const Tensor &tensor, uint64_t &size) {
  size = sizeOf(tensor.dtype);
  if (size == 0)
    return false;
  for (int64_t dim : tensor.shape)
    if (dim < 0 || __builtin_mul_overflow(size, as<uint64_t>(dim), &size) || size > (uint64_t(1) << 62))
      return false;
  return true;
}

/// What `make` makes of each element.
template <typename List, typename Make> auto made(const List &list, Make make) {
  std::vector<decltype(make(*list.begin()))> all;
  all.reserve(list.size());
  for (const auto &each : list)
    all.push_back(make(each));
  return all;
}

class HeaderWriter {
public:
  HeaderWriter(const Artefact &artefact, const std::vector<Sha256Digest> &weightHashes,
               const std::vector<uint64_t> &weightOffsets, const std::vector<uint64_t> &codeOffsets)
      : artefact(artefact), weightHashes(weightHashes), weightOffsets(weightOffsets), codeOffsets(codeOffsets) {}

  fb::DetachedBuffer build(uint64_t codeBase, uint64_t weightBase) {
    this->codeBase = codeBase;
    this->weightBase = weightBase;
    nextCode = 0;
    nextWeight = 0;
    auto weights = made(artefact.weights, [&](const Weight &w) { return weight(w, nextWeight++); });
    auto states = made(artefact.states,
                       [&](const State &s) { return format::CreateState(b, tensor(s.tensor), s.initialWeight); });
    auto entries = made(artefact.entryPoints, [&](const EntryPoint &e) {
      auto name = b.CreateString(e.name);
      auto inputs = tensors(e.inputs), outputs = tensors(e.outputs);
      return format::CreateEntryPoint(b, name, inputs, outputs, numbers(e.states));
    });
    auto targets = made(artefact.targets, [&](const Target &t) { return target(t); });
    auto producer = b.CreateString(artefact.producer);
    auto w = b.CreateVector(weights);
    auto s = b.CreateVector(states);
    auto e = b.CreateVector(entries);
    auto t = b.CreateVector(targets);
    format::FinishArtefactBuffer(b, format::CreateArtefact(b, producer, 0, w, s, e, t));
    return b.Release();
  }

private:
  template <typename T> fb::Offset<fb::Vector<T>> numbers(const std::vector<T> &values) {
    return values.empty() ? 0 : b.CreateVector(values);
  }
  fb::Offset<fb::Vector<fb::Offset<fb::String>>> strings(const std::vector<std::string> &values) {
    return values.empty() ? 0 : b.CreateVectorOfStrings(values);
  }
  fb::Offset<fb::Vector<uint8_t>> digest(const Sha256Digest &d) { return b.CreateVector(d.data(), d.size()); }

  fb::Offset<format::Tensor> tensor(const Tensor &t) {
    auto name = b.CreateString(t.name);
    auto shape = numbers(t.shape);
    return format::CreateTensor(b, name, as<format::DType>(t.dtype), shape, 0, numbers(t.value));
  }
  fb::Offset<fb::Vector<fb::Offset<format::Tensor>>> tensors(const std::vector<Tensor> &list) {
    return b.CreateVector(made(list, [&](const Tensor &t) { return tensor(t); }));
  }

  fb::Offset<format::Weight> weight(const Weight &w, size_t i) {
    auto t = tensor(w.tensor);
    auto hash = digest(weightHashes[i]);
    format::Range range(w.external ? 0 : weightBase + weightOffsets[i], w.external ? 0 : w.bytes.size());
    return format::CreateWeight(b, t, hash, &range, w.external);
  }

  fb::Offset<format::Target> target(const Target &t) {
    auto modules = made(t.modules, [&](const Module &m) {
      auto forms = made(m.forms, [&](const Code &c) {
        format::Range range(codeBase + codeOffsets[nextCode++], c.bytes.size());
        return format::CreateCode(b, as<format::CodeKind>(c.kind), b.CreateString(c.chip), &range);
      });
      return format::CreateModule(b, b.CreateVector(forms));
    });
    auto kernels = made(t.kernels, [&](const Kernel &k) { return kernel(k); });
    auto derived = made(t.derived, [&](const Derived &d) {
      auto name = b.CreateString(d.name);
      return format::CreateDerived(b, name, digest(d.key), d.size);
    });
    auto plans = made(t.plans, [&](const Plan &p) { return plan(p); });
    auto name = b.CreateString(t.name);
    auto features = strings(t.features);
    auto m = b.CreateVector(modules);
    auto k = b.CreateVector(kernels);
    auto d = b.CreateVector(derived);
    auto p = b.CreateVector(plans);
    return format::CreateTarget(b, name, as<format::TargetKind>(t.kind), features, m, k, d, p);
  }

  fb::Offset<format::Kernel> kernel(const Kernel &k) {
    auto symbol = b.CreateString(k.symbol);
    auto name = b.CreateString(k.name);
    auto ops = strings(k.ops);
    auto arguments = numbers(made(k.arguments, as<uint8_t, Access>));
    format::KernelBuilder kb(b);
    kb.add_symbol(symbol);
    kb.add_name(name);
    kb.add_ops(ops);
    kb.add_module_(k.module);
    kb.add_arguments(fb::Offset<fb::Vector<format::Access>>(arguments.o));
    kb.add_symbol_count(k.symbolCount);
    kb.add_units(k.units);
    kb.add_scratch_bytes(k.scratchBytes);
    format::Dim3 grid(k.grid.x, k.grid.y, k.grid.z), block(k.block.x, k.block.y, k.block.z);
    kb.add_grid(&grid);
    kb.add_block(&block);
    kb.add_dynamic_shared_bytes(k.dynamicSharedBytes);
    kb.add_flops(k.flops);
    kb.add_bytes(k.bytes);
    return kb.Finish();
  }

  fb::Offset<fb::Vector<const format::Argument *>> arguments(const std::vector<Argument> &list) {
    auto all = made(list, [](const Argument &a) { return format::Argument(a.buffer, a.offset, a.stride); });
    return all.empty() ? 0 : b.CreateVectorOfStructs(all);
  }

  fb::Offset<format::Command> command(const Command &c) {
    auto dependencies = made(c.dependencies, [](const Dependency &d) {
      return format::Dependency(d.command, as<format::DependencyKind>(d.kind));
    });
    fb::Offset<fb::Vector<const format::Dependency *>> deps =
        dependencies.empty() ? 0 : b.CreateVectorOfStructs(dependencies);
    fb::Offset<fb::Vector<fb::Offset<format::Command>>> body = c.body.empty() ? 0 : commands(c.body);
    auto args = arguments(c.arguments);
    auto symbols = numbers(c.symbols);
    auto trip = arguments(c.tripCount), exit = arguments(c.exitFlag), entry = arguments(c.entryFlag);
    return format::CreateCommand(b, as<format::CommandKind>(c.kind), deps, c.kernel, args, symbols, c.loopIndexSymbol,
                                 c.size, c.pattern, body, c.bound, trip, exit, c.exitOnZero, entry, c.enterOnZero);
  }
  fb::Offset<fb::Vector<fb::Offset<format::Command>>> commands(const std::vector<Command> &list) {
    return b.CreateVector(made(list, [&](const Command &c) { return command(c); }));
  }

  fb::Offset<format::Plan> plan(const Plan &p) {
    auto buffers = made(p.buffers, [&](const Buffer &x) {
      return format::CreateBuffer(b, as<format::BufferKind>(x.kind), x.index, x.offset, x.size);
    });
    auto bufferList = b.CreateVector(buffers);
    return format::CreatePlan(b, p.entryPoint, p.arenaSize, bufferList, commands(p.commands));
  }

  const Artefact &artefact;
  const std::vector<Sha256Digest> &weightHashes;
  const std::vector<uint64_t> &weightOffsets, &codeOffsets;
  uint64_t codeBase = 0, weightBase = 0;
  size_t nextCode = 0, nextWeight = 0;
  fb::FlatBufferBuilder b;
};

} // namespace

uint64_t Tensor::byteSize() const {
  uint64_t size = sizeOf(dtype);
  for (int64_t dim : shape)
    size *= as<uint64_t>(dim);
  return size;
}

uint32_t Artefact::addWeight(Tensor tensor, std::span<const uint8_t> bytes, bool external) {
  weights.push_back({std::move(tensor), bytes, external});
  return as<uint32_t>(weights.size() - 1);
}

uint32_t Artefact::findOrAddInit() {
  for (size_t i = 0; i < entryPoints.size(); ++i)
    if (entryPoints[i].name == "init")
      return as<uint32_t>(i);
  entryPoints.push_back({"init", {}, {}, {}});
  return as<uint32_t>(entryPoints.size() - 1);
}

namespace {

/// A file before it is put together: prefix, hashes, header and code; then weights.
struct Image {
  std::vector<uint8_t> head;
  std::vector<Blob> weights; // offsets in the file, ascending
  uint64_t size = 0;

  /// Calls `write(bytes, count)` for all of the file in order; false as soon as that gives false.
  template <typename Write> bool forEachPiece(Write write) const {
    static constexpr uint8_t zeros[container::pageSize] = {};
    if (!write(head.data(), head.size()))
      return false;
    uint64_t at = head.size();
    for (const Blob &blob : weights) {
      if (blob.offset != at && !write(zeros, blob.offset - at))
        return false;
      if (blob.size && !write(blob.bytes, blob.size))
        return false;
      at = blob.offset + blob.size;
    }
    return true;
  }
};

/// Hashes chunk by chunk what comes piece by piece.
class ChunkHasher {
public:
  explicit ChunkHasher(uint8_t *leaves) : leaves(leaves) {}
  void add(const uint8_t *bytes, uint64_t count) {
    while (count != 0) {
      if (!chunk)
        chunk = container::leafHasher();
      uint64_t taken = std::min(count, container::chunkSize - filled);
      chunk->update(bytes, taken);
      bytes += taken;
      count -= taken;
      filled += taken;
      if (filled == container::chunkSize)
        finish();
    }
  }
  void finish() {
    if (!chunk)
      return;
    Sha256Digest leaf = chunk->finish();
    std::memcpy(leaves, leaf.data(), leaf.size());
    leaves += leaf.size();
    chunk.reset();
    filled = 0;
  }

private:
  uint8_t *leaves;
  std::optional<Sha256> chunk;
  uint64_t filled = 0;
};

bool layOut(const Artefact &artefact, Image &image, std::string &error) {
  std::vector<Sha256Digest> weightHashes;
  std::vector<uint64_t> weightOffsets, codeOffsets;
  Region code, weights;
  for (const Weight &w : artefact.weights) {
    uint64_t expected;
    if (!checkedByteSize(w.tensor, expected) || expected != w.bytes.size()) {
      error = "weight '" + w.tensor.name + "' has " + std::to_string(w.bytes.size()) +
              " bytes, which its type and shape do not give";
      return false;
    }
    weightHashes.push_back(Sha256::of(w.bytes.data(), w.bytes.size()));
    weightOffsets.push_back(w.external ? 0 : weights.place(w.bytes.data(), w.bytes.size(), weightHashes.back()));
  }
  for (const Target &t : artefact.targets)
    for (const Module &m : t.modules)
      for (const Code &c : m.forms)
        codeOffsets.push_back(code.place(c.bytes.data(), c.bytes.size(), Sha256::of(c.bytes.data(), c.bytes.size())));

  auto header = [&](uint64_t codeBase, uint64_t weightBase) {
    return HeaderWriter(artefact, weightHashes, weightOffsets, codeOffsets).build(codeBase, weightBase);
  };
  uint64_t headerSize = header(0, 0).size();
  uint64_t codeBase = alignUp(headerSize, container::blobAlignment);
  uint64_t weightBase = alignUp(codeBase + code.size, container::pageSize);
  uint64_t payload = weightBase + weights.size;
  uint64_t chunks = (payload + container::chunkSize - 1) / container::chunkSize;
  uint64_t dataOffset = alignUp(sizeof(container::Prefix) + chunks * sizeof(Sha256Digest), container::pageSize);

  image.size = dataOffset + payload;
  image.head.assign(dataOffset + weightBase, 0);
  uint8_t *data = image.head.data() + dataOffset;
  fb::DetachedBuffer final = header(dataOffset + codeBase, dataOffset + weightBase);
  if (final.size() != headerSize) {
    error = "the header's size changed with its offsets";
    return false;
  }
  std::memcpy(data, final.data(), final.size());
  for (const Blob &blob : code.blobs)
    if (blob.size)
      std::memcpy(data + codeBase + blob.offset, blob.bytes, blob.size);
  for (const Blob &blob : weights.blobs)
    image.weights.push_back({blob.bytes, dataOffset + weightBase + blob.offset, blob.size});

  ChunkHasher hasher(image.head.data() + sizeof(container::Prefix));
  uint64_t skipped = dataOffset; // prefix and hashes come first, and are in no chunk
  image.forEachPiece([&](const uint8_t *bytes, uint64_t count) {
    hasher.add(bytes + skipped, count - skipped);
    skipped = 0;
    return true;
  });
  hasher.finish();
  container::Prefix prefix{};
  std::memcpy(prefix.magic, container::magic, sizeof(prefix.magic));
  prefix.major = container::majorVersion;
  prefix.minor = container::minorVersion;
  prefix.fileSize = image.size;
  prefix.dataOffset = dataOffset;
  prefix.headerSize = headerSize;
  prefix.weightsOffset = dataOffset + weightBase;
  prefix.chunkCount = chunks;
  std::memcpy(image.head.data(), &prefix, sizeof(prefix));
  Sha256Digest root = container::rootHash(image.head.data(), dataOffset);
  std::memcpy(image.head.data() + offsetof(container::Prefix, root), root.data(), root.size());
  return true;
}

bool writeTo(const Image &image, int descriptor) {
  return image.forEachPiece([&](const uint8_t *bytes, uint64_t count) {
    while (count != 0) {
      ssize_t n = ::write(descriptor, bytes, count);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return false;
      bytes += n;
      count -= as<uint64_t>(n);
    }
    return true;
  });
}

std::vector<uint8_t> toMemory(const Image &image) {
  std::vector<uint8_t> file;
  file.reserve(image.size);
  image.forEachPiece([&](const uint8_t *bytes, uint64_t count) {
    file.insert(file.end(), bytes, bytes + count);
    return true;
  });
  return file;
}

/// An artefact up to this size is kept in memory.
constexpr uint64_t mostInMemory = uint64_t(16) << 20;

} // namespace

bool serialize(const Artefact &artefact, std::vector<uint8_t> &file, std::string &error) {
  Image image;
  if (!layOut(artefact, image, error))
    return false;
  file = toMemory(image);
  return true;
}

bool serialize(const Artefact &artefact, const std::string &folder, FileBytes &file, std::string &error) {
  Image image;
  if (!layOut(artefact, image, error))
    return false;
  if (image.size > mostInMemory) {
    int descriptor = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    bool done = descriptor >= 0 && writeTo(image, descriptor) && FileBytes::map(descriptor, image.size, file);
    if (descriptor >= 0)
      close(descriptor);
    if (done)
      return true;
  }
  file = toMemory(image);
  return true;
}

} // namespace tinyc::artefact
