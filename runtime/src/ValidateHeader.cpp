// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks of an artefact's header beyond FlatBuffers' verifier: enumerations, indices, ranges in the file, sizes. A
// header that passes can be followed blindly. The hashes do not make this superfluous: anyone can compute hashes.

#include "runtime/src/HeaderChecks.h"

#include <set>

namespace tinyc {
namespace {

class HeaderValidator {
public:
  HeaderValidator(const format::Artefact &artefact, uint64_t codeBegin, uint64_t weightsBegin, uint64_t fileSize)
      : artefact(artefact), codeBegin(codeBegin), weightsBegin(weightsBegin), fileSize(fileSize) {}

  Status run() {
    if (sizeOf(artefact.symbols()))
      return unsupported("symbolic dimension " + quoted(text(artefact.symbols()->Get(0)->name())) +
                         ": this runtime runs static shapes only");
    for (unsigned i = 0; i < sizeOf(artefact.weights()); ++i)
      TINYC_TRY(weight(*artefact.weights()->Get(i)).within("weight " + std::to_string(i) + ": "));
    for (unsigned i = 0; i < sizeOf(artefact.states()); ++i)
      TINYC_TRY(state(*artefact.states()->Get(i)).within("state " + std::to_string(i) + ": "));
    std::set<std::string> names;
    for (unsigned i = 0; i < sizeOf(artefact.entry_points()); ++i) {
      const format::EntryPoint &entry = *artefact.entry_points()->Get(i);
      if (!names.insert(text(entry.name())).second)
        return corrupt("two entry points are called " + quoted(text(entry.name())));
      TINYC_TRY(entryPoint(entry).within("entry point " + quoted(text(entry.name())) + ": "));
    }
    for (unsigned i = 0; i < sizeOf(artefact.targets()); ++i)
      TINYC_TRY(target(*artefact.targets()->Get(i))
                    .within("target " + quoted(text(artefact.targets()->Get(i)->name())) + ": "));
    return {};
  }

private:
  static Status outOfRange(const std::string &what, uint64_t index, uint64_t count) {
    return corrupt(what + " " + std::to_string(index) + " is out of range, there are " + std::to_string(count));
  }

  Status tensor(const format::Tensor &t, uint64_t &size) {
    if (sizeOf(t.symbols()))
      return unsupported("tensor " + quoted(text(t.name())) + " has symbolic dimensions");
    TINYC_TRY(checkAligned<int64_t>(t.shape()));
    if (sizeOf(t.shape()) > 64)
      return corrupt("tensor " + quoted(text(t.name())) + " has more than 64 dimensions");
    if (!tensorByteSize(t, size))
      return corrupt("tensor " + quoted(text(t.name())) + " has type or shape out of range");
    return {};
  }

  Status range(const format::Range *r, uint64_t begin, uint64_t end) {
    if (!r)
      return corrupt("its bytes are not stated");
    if (r->offset() < begin || r->offset() > end || r->size() > end - r->offset())
      return corrupt("offset out of range: " + std::to_string(r->size()) + " bytes at " + std::to_string(r->offset()) +
                     ", allowed are " + std::to_string(begin) + " to " + std::to_string(end));
    if (r->offset() % container::blobAlignment)
      return corrupt("offset " + std::to_string(r->offset()) + " is not a multiple of 64");
    return {};
  }

  Status weight(const format::Weight &w) {
    uint64_t size = 0;
    TINYC_TRY(tensor(*w.tensor(), size));
    if (w.hash()->size() != sizeof(Sha256Digest))
      return corrupt("its hash has " + std::to_string(w.hash()->size()) + " bytes, expected 32");
    if (w.external())
      return {};
    TINYC_TRY(range(w.data(), weightsBegin, fileSize));
    if (w.data()->size() != size)
      return corrupt("it has " + std::to_string(w.data()->size()) + " bytes, its type and shape give " +
                     std::to_string(size));
    return {};
  }

  Status state(const format::State &s) {
    uint64_t size = 0, weightSize = 0;
    TINYC_TRY(tensor(*s.tensor(), size));
    if (s.initial_weight() == -1)
      return {};
    if (s.initial_weight() < 0 || static_cast<unsigned>(s.initial_weight()) >= sizeOf(artefact.weights()))
      return outOfRange("initial weight", static_cast<unsigned>(s.initial_weight()), sizeOf(artefact.weights()));
    tensorByteSize(*artefact.weights()->Get(s.initial_weight())->tensor(), weightSize);
    return size == weightSize ? Status() : corrupt("its initial weight has another size");
  }

  Status entryPoint(const format::EntryPoint &entry) {
    for (auto *list : {entry.inputs(), entry.outputs()}) {
      std::set<std::string> names;
      for (unsigned i = 0; i < sizeOf(list); ++i) {
        uint64_t size = 0;
        TINYC_TRY(tensor(*list->Get(i), size));
        if (auto *value = list->Get(i)->value(); value && (list == entry.outputs() || value->size() != size))
          return corrupt("the value of " + quoted(text(list->Get(i)->name())) + " is not one of an input of its size");
        if (!names.insert(text(list->Get(i)->name())).second)
          return corrupt("two tensors are called " + quoted(text(list->Get(i)->name())));
      }
    }
    for (unsigned i = 0; i < sizeOf(entry.states()); ++i)
      if (entry.states()->Get(i) >= sizeOf(artefact.states()))
        return outOfRange("state", entry.states()->Get(i), sizeOf(artefact.states()));
    if (text(entry.name()) == "init" && (sizeOf(entry.inputs()) || sizeOf(entry.outputs()) || sizeOf(entry.states())))
      return corrupt("init takes and gives no tensors");
    return {};
  }

  Status kernel(const format::Target &t, const format::Kernel &k) {
    if (k.module_() >= sizeOf(t.modules()))
      return outOfRange("module", k.module_(), sizeOf(t.modules()));
    if (sizeOf(k.arguments()) > maxKernelArguments || k.symbol_count() > maxKernelArguments)
      return corrupt("more than 1024 arguments");
    for (unsigned i = 0; i < sizeOf(k.arguments()); ++i)
      if (k.arguments()->Get(i) > format::Access::MAX)
        return corrupt("argument " + std::to_string(i) + " has an unknown access");
    if (k.units() == 0)
      return corrupt("no unit of work");
    if (t.kind() != format::TargetKind::cuda && t.kind() != format::TargetKind::hip)
      return {};
    const format::Dim3 *grid = k.grid(), *block = k.block();
    if (!grid || !block || !grid->x() || !grid->y() || !grid->z() || !block->x() || !block->y() || !block->z())
      return corrupt("grid or block is empty");
    if (block->x() > 1024 || block->y() > 1024 || block->z() > 1024 || block->x() * block->y() * block->z() > 1024)
      return corrupt("a block has more than 1024 threads");
    return {};
  }

  Status buffer(const format::Target &t, const format::Plan &p, const format::Buffer &b) {
    const format::EntryPoint &entry = *artefact.entry_points()->Get(p.entry_point());
    uint64_t available = 0;
    auto select = [&](const auto *list, const char *what, auto tensorOf) -> Status {
      if (b.index() >= sizeOf(list))
        return outOfRange(what, b.index(), sizeOf(list));
      tensorByteSize(*tensorOf(list->Get(b.index())), available);
      return {};
    };
    auto itself = [](const format::Tensor *x) { return x; };
    auto inner = [](const auto *x) { return x->tensor(); };
    switch (b.kind()) {
    case format::BufferKind::input:
      TINYC_TRY(select(entry.inputs(), "input", itself));
      break;
    case format::BufferKind::output:
      TINYC_TRY(select(entry.outputs(), "output", itself));
      break;
    case format::BufferKind::weight:
      TINYC_TRY(select(artefact.weights(), "weight", inner));
      break;
    case format::BufferKind::state: {
      TINYC_TRY(select(artefact.states(), "state", inner));
      bool donated = false;
      for (unsigned i = 0; i < sizeOf(entry.states()); ++i)
        donated |= entry.states()->Get(i) == b.index();
      if (!donated)
        return corrupt("state " + std::to_string(b.index()) + " is not an argument of the entry point");
      break;
    }
    case format::BufferKind::derived:
      if (b.index() >= sizeOf(t.derived()))
        return outOfRange("derived tensor", b.index(), sizeOf(t.derived()));
      available = t.derived()->Get(b.index())->size();
      break;
    case format::BufferKind::arena:
      if (b.offset() % container::blobAlignment)
        return corrupt("arena offset " + std::to_string(b.offset()) + " is not a multiple of 64");
      if (b.offset() > p.arena_size() || b.size() > p.arena_size() - b.offset())
        return corrupt("offset out of range: " + std::to_string(b.size()) + " bytes at " + std::to_string(b.offset()) +
                       " of an arena of " + std::to_string(p.arena_size()));
      return {};
    default:
      return corrupt("unknown kind of buffer");
    }
    if (b.offset() != 0 || b.size() != available)
      return corrupt("buffer of " + std::to_string(b.size()) + " bytes at " + std::to_string(b.offset()) +
                     ", expected all " + std::to_string(available) + " bytes of its tensor");
    return {};
  }

  /// Notes the derived tensors that the commands write.
  static void collectDerived(const flatbuffers::Vector<flatbuffers::Offset<format::Command>> *commands,
                             const format::Target &t, const format::Plan &p, std::set<unsigned> &written) {
    for (unsigned c = 0; c < sizeOf(commands); ++c) {
      const format::Command &command = *commands->Get(c);
      collectDerived(command.body(), t, p, written);
      for (unsigned i = 0; i < sizeOf(command.arguments()); ++i) {
        const format::Buffer &b = *p.buffers()->Get(command.arguments()->Get(i)->buffer());
        bool writes = command.kind() == format::CommandKind::launch
                          ? t.kernels()->Get(command.kernel())->arguments()->Get(i) != format::Access::read
                          : i == 0;
        if (writes && b.kind() == format::BufferKind::derived)
          written.insert(b.index());
      }
    }
  }

  /// What an entry point reads of derived tensors, init has written.
  Status derivedTensors(const format::Target &t) {
    auto isInit = [&](const format::Plan &p) {
      return text(artefact.entry_points()->Get(p.entry_point())->name()) == "init";
    };
    std::set<unsigned> written;
    for (unsigned i = 0; i < sizeOf(t.plans()); ++i)
      if (const format::Plan &p = *t.plans()->Get(i); isInit(p))
        collectDerived(p.commands(), t, p, written);
    for (unsigned i = 0; i < sizeOf(t.plans()); ++i)
      for (unsigned b = 0; b < sizeOf(t.plans()->Get(i)->buffers()); ++b)
        if (const format::Buffer &buffer = *t.plans()->Get(i)->buffers()->Get(b);
            buffer.kind() == format::BufferKind::derived && !written.count(buffer.index()))
          return corrupt("derived tensor " + std::to_string(buffer.index()) + " is used, and init does not write it");
    return {};
  }

  Status plan(const format::Target &t, const format::Plan &p) {
    if (p.arena_size() > (uint64_t(1) << 48))
      return corrupt("arena of " + std::to_string(p.arena_size()) + " bytes");
    for (unsigned i = 0; i < sizeOf(p.buffers()); ++i)
      TINYC_TRY(buffer(t, p, *p.buffers()->Get(i)).within("buffer " + std::to_string(i) + ": "));
    return validateCommands(artefact, t, p);
  }

  Status target(const format::Target &t) {
    if (t.kind() > format::TargetKind::MAX)
      return corrupt("unknown kind of target");
    for (unsigned i = 0; i < sizeOf(t.modules()); ++i)
      for (unsigned j = 0; j < sizeOf(t.modules()->Get(i)->forms()); ++j) {
        const format::Code &form = *t.modules()->Get(i)->forms()->Get(j);
        if (form.kind() > format::CodeKind::MAX)
          return corrupt("module " + std::to_string(i) + " has an unknown kind of code");
        TINYC_TRY(range(form.data(), codeBegin, weightsBegin).within("module " + std::to_string(i) + ": "));
      }
    for (unsigned i = 0; i < sizeOf(t.kernels()); ++i)
      TINYC_TRY(kernel(t, *t.kernels()->Get(i))
                    .within("kernel " + std::to_string(i) + " (" + text(t.kernels()->Get(i)->name()) + "): "));
    for (unsigned i = 0; i < sizeOf(t.derived()); ++i) {
      const format::Derived &d = *t.derived()->Get(i);
      if (d.key()->size() != sizeof(Sha256Digest) || d.size() > (uint64_t(1) << 48))
        return corrupt("derived tensor " + std::to_string(i) +
                       ": expected a key of 32 bytes and a size up to 2^48, found " + std::to_string(d.key()->size()) +
                       " and " + std::to_string(d.size()));
    }
    std::set<unsigned> planned;
    for (unsigned i = 0; i < sizeOf(t.plans()); ++i) {
      const format::Plan &p = *t.plans()->Get(i);
      if (p.entry_point() >= sizeOf(artefact.entry_points()))
        return outOfRange("entry point", p.entry_point(), sizeOf(artefact.entry_points()));
      std::string entry = text(artefact.entry_points()->Get(p.entry_point())->name());
      if (!planned.insert(p.entry_point()).second)
        return corrupt("two plans for entry point " + quoted(entry));
      TINYC_TRY(plan(t, p).within("plan of " + quoted(entry) + ": "));
    }
    return derivedTensors(t);
  }

  const format::Artefact &artefact;
  uint64_t codeBegin, weightsBegin, fileSize;
};

} // namespace

bool tensorByteSize(const format::Tensor &tensor, uint64_t &size) {
  size = artefact::sizeOf(static_cast<artefact::DType>(tensor.dtype()));
  if (tensor.dtype() > format::DType::MAX || size == 0)
    return false;
  // Sizes are bounded before zeros can hide them: a dimension of 2^62 beside one of 0 is refused too.
  uint64_t bound = size;
  for (unsigned i = 0; i < sizeOf(tensor.shape()); ++i) {
    int64_t dim = tensor.shape()->Get(i);
    if (dim < 0 || __builtin_mul_overflow(bound, static_cast<uint64_t>(dim ? dim : 1), &bound) ||
        bound > (uint64_t(1) << 48))
      return false;
    size *= static_cast<uint64_t>(dim);
  }
  return true;
}

std::string describe(tinyc_dtype dtype, const int64_t *shape, size_t rank) {
  std::string result = std::string(tinyc_dtype_name(dtype)) + "[";
  for (size_t i = 0; i < rank; ++i)
    result += (i ? "x" : "") + std::to_string(shape[i]);
  return result + "]";
}

std::string describe(const format::Tensor &tensor) {
  return describe(static_cast<tinyc_dtype>(tensor.dtype()), tensor.shape() ? tensor.shape()->data() : nullptr,
                  sizeOf(tensor.shape()));
}

Status validateHeader(const format::Artefact &artefact, uint64_t codeBegin, uint64_t weightsBegin, uint64_t fileSize) {
  return HeaderValidator(artefact, codeBegin, weightsBegin, fileSize).run();
}

} // namespace tinyc
