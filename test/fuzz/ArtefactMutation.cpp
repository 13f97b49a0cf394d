// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header as objects (flatc's object API), and the frame around it.

#include "test/fuzz/ArtefactMutation.h"

#include "runtime/schema/Container.h"
#include "test/fuzz/artefact_objects.h"

#include <memory>

using namespace tinyc;
using namespace tinyc::fuzz;
using container::alignUp;

namespace {

class HeaderMutation {
public:
  HeaderMutation(format::ArtefactT &artefact, Choice &choose) : artefact(artefact), choose(choose) {}

  void run() {
    switch (choose.below(10)) {
    case 0:
      return changeList(artefact.weights, [&](format::WeightT &w) {
        if (choose.oneIn(4))
          w.external = !w.external;
        else if (choose.oneIn(2) && w.data)
          change(*w.data);
        else if (w.tensor)
          change(*w.tensor);
      });
    case 1:
      return changeList(artefact.states, [&](format::StateT &s) {
        if (choose.oneIn(2))
          s.initial_weight = static_cast<int32_t>(choose.number(s.initial_weight));
        else if (s.tensor)
          change(*s.tensor);
      });
    case 2:
      return changeList(artefact.entry_points, [&](format::EntryPointT &e) {
        switch (choose.below(4)) {
        case 0:
          return change(e.name);
        case 1:
          return changeList(e.inputs, [&](format::TensorT &t) { change(t); });
        case 2:
          return changeList(e.outputs, [&](format::TensorT &t) { change(t); });
        default:
          return changeNumbers(e.states);
        }
      });
    default:
      return changeList(artefact.targets, [&](format::TargetT &t) { change(t); });
    }
  }

private:
  template <typename T> void changeNumber(T &value) {
    value = static_cast<T>(choose.number(static_cast<int64_t>(value)));
  }

  template <typename T> void changeNumbers(std::vector<T> &list) {
    if (list.empty() || choose.oneIn(5))
      list.push_back(static_cast<T>(choose.number(1)));
    else if (choose.oneIn(5))
      list.pop_back();
    else
      changeNumber(choose.among(list));
  }

  // An element changes, is repeated, moved or dropped.
  template <typename T, typename Change> void changeList(std::vector<std::unique_ptr<T>> &list, Change change) {
    if (list.empty()) {
      list.push_back(std::make_unique<T>());
      return;
    }
    switch (choose.below(10)) {
    case 0:
      if (list.size() < 32)
        list.push_back(std::make_unique<T>(*choose.among(list)));
      return;
    case 1:
      list.erase(list.begin() + static_cast<ptrdiff_t>(choose.below(list.size())));
      return;
    case 2:
      std::swap(choose.among(list), choose.among(list));
      return;
    default:
      return change(*choose.among(list));
    }
  }
  template <typename T, typename Change> void changeList(std::vector<T> &list, Change change) {
    if (list.empty() || (choose.oneIn(8) && list.size() < 32))
      list.push_back(list.empty() ? T() : T(choose.among(list)));
    else if (choose.oneIn(8))
      list.erase(list.begin() + static_cast<ptrdiff_t>(choose.below(list.size())));
    else
      change(choose.among(list));
  }

  void change(std::string &text) { text = choose.oneIn(4) ? "init" : mutatedBytes(text, text.size() + 2); }

  void change(format::Range &range) {
    range = choose.oneIn(2) ? format::Range(choose.number(range.offset()), range.size())
                            : format::Range(range.offset(), choose.number(range.size()));
  }

  void change(format::Dim3 &dim) {
    uint32_t sizes[] = {dim.x(), dim.y(), dim.z()};
    changeNumber(choose.among(sizes));
    dim = format::Dim3(sizes[0], sizes[1], sizes[2]);
  }

  void change(format::TensorT &tensor) {
    if (choose.oneIn(4))
      tensor.dtype = static_cast<format::DType>(choose.below(20));
    else if (choose.oneIn(6))
      change(tensor.name);
    else if (choose.oneIn(10))
      changeNumbers(tensor.symbols);
    else
      changeNumbers(tensor.shape);
  }

  void change(format::TargetT &target) {
    switch (choose.below(12)) {
    case 0:
      target.kind = static_cast<format::TargetKind>(choose.below(5));
      return;
    case 1:
      return change(target.name);
    case 2:
      return changeList(target.modules, [&](format::ModuleT &module) {
        changeList(module.forms, [&](format::CodeT &code) {
          if (choose.oneIn(3))
            code.kind = static_cast<format::CodeKind>(choose.below(5));
          else if (choose.oneIn(2) && code.data)
            change(*code.data);
          else
            change(code.chip);
        });
      });
    case 3:
    case 4:
      return changeList(target.kernels, [&](format::KernelT &kernel) { change(kernel); });
    case 5:
      return changeList(target.derived, [&](format::DerivedT &derived) {
        if (choose.oneIn(4))
          changeNumbers(derived.key);
        else
          changeNumber(derived.size);
      });
    default:
      return changeList(target.plans, [&](format::PlanT &plan) {
        switch (choose.below(8)) {
        case 0:
          return changeNumber(plan.arena_size);
        case 1:
          return changeNumber(plan.entry_point);
        case 2:
        case 3:
          return changeList(plan.buffers, [&](format::BufferT &buffer) {
            if (choose.oneIn(4))
              buffer.kind = static_cast<format::BufferKind>(choose.below(7));
            else if (choose.oneIn(3))
              changeNumber(buffer.index);
            else
              changeNumber(choose.oneIn(2) ? buffer.offset : buffer.size);
          });
        default:
          return changeList(plan.commands, [&](format::CommandT &command) { change(command); });
        }
      });
    }
  }

  void change(format::KernelT &kernel) {
    switch (choose.below(9)) {
    case 0:
      return change(choose.oneIn(2) ? kernel.symbol : kernel.name);
    case 1:
      return changeNumber(kernel.module_);
    case 2:
      return changeList(kernel.arguments, [&](auto &access) { access = static_cast<format::Access>(choose.below(4)); });
    case 3:
      return changeNumber(kernel.symbol_count);
    case 4:
      return changeNumber(kernel.units);
    case 5:
      return changeNumber(kernel.scratch_bytes);
    case 6:
      if (kernel.grid && kernel.block)
        change(choose.oneIn(2) ? *kernel.grid : *kernel.block);
      return;
    case 7:
      return changeNumber(kernel.dynamic_shared_bytes);
    default:
      return changeNumber(choose.oneIn(2) ? kernel.flops : kernel.bytes);
    }
  }

  void change(std::vector<format::Argument> &arguments) {
    changeList(arguments, [&](format::Argument &a) {
      switch (choose.below(3)) {
      case 0:
        a = format::Argument(static_cast<uint32_t>(choose.number(a.buffer())), a.offset(), a.stride());
        return;
      case 1:
        a = format::Argument(a.buffer(), static_cast<uint64_t>(choose.number(static_cast<int64_t>(a.offset()))),
                             a.stride());
        return;
      default:
        a = format::Argument(a.buffer(), a.offset(), choose.oneIn(2) ? 64 : choose.number(a.stride()));
      }
    });
  }

  void change(format::CommandT &command) {
    switch (choose.below(14)) {
    case 0:
      command.kind = static_cast<format::CommandKind>(choose.below(5));
      return;
    case 1:
      return changeList(command.dependencies, [&](format::Dependency &d) {
        d = format::Dependency(static_cast<uint32_t>(choose.number(d.command())),
                               static_cast<format::DependencyKind>(choose.below(4)));
      });
    case 2:
      return changeNumber(command.kernel);
    case 3:
      return changeNumbers(command.symbols);
    case 4:
      return changeNumber(command.loop_index_symbol);
    case 5:
      return changeNumber(command.size);
    case 6:
      return changeNumber(command.bound);
    case 7:
      return change(command.trip_count);
    case 8:
      return change(command.exit_flag);
    case 9:
      return change(command.entry_flag);
    case 10:
      (choose.oneIn(2) ? command.exit_on_zero : command.enter_on_zero) ^= true;
      return;
    case 11: {
      // The command becomes a loop around itself.
      auto inner = std::make_unique<format::CommandT>(command);
      inner->dependencies.clear();
      command = format::CommandT();
      command.kind = format::CommandKind::loop;
      command.bound = choose.below(4);
      command.body.push_back(std::move(inner));
      return;
    }
    case 12:
      return changeList(command.body, [&](format::CommandT &inner) { change(inner); });
    default:
      return change(command.arguments);
    }
  }

  format::ArtefactT &artefact;
  Choice &choose;
};

// The ranges of code and weights, by reference.
template <typename Visit> void visitRanges(format::ArtefactT &artefact, Visit visit) {
  for (auto &weight : artefact.weights)
    if (weight->data)
      visit(*weight->data);
  for (auto &target : artefact.targets)
    for (auto &module : target->modules)
      for (auto &form : module->forms)
        if (form->data)
          visit(*form->data);
}

// Members that the schema requires; a copy of the default object has none.
void completeRequired(format::ArtefactT &artefact) {
  for (auto &weight : artefact.weights)
    if (!weight->tensor)
      weight->tensor = std::make_unique<format::TensorT>();
  for (auto &state : artefact.states)
    if (!state->tensor)
      state->tensor = std::make_unique<format::TensorT>();
}

std::vector<uint8_t> packed(format::ArtefactT &artefact) {
  flatbuffers::FlatBufferBuilder builder;
  format::FinishArtefactBuffer(builder, format::CreateArtefact(builder, &artefact));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

} // namespace

bool tinyc::fuzz::mutateHeader(std::vector<uint8_t> &file, Choice &choose) {
  container::Prefix prefix;
  if (file.size() < sizeof(prefix))
    return false;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  uint64_t size = file.size(), data = prefix.dataOffset, weights = prefix.weightsOffset;
  if (data < sizeof(prefix) || data % container::pageSize || data > size || weights > size || weights < data ||
      prefix.headerSize > weights - data)
    return false;
  flatbuffers::Verifier verifier(file.data() + data, prefix.headerSize, 32, 100'000);
  if (!format::VerifyArtefactBuffer(verifier))
    return false;
  std::unique_ptr<format::ArtefactT> artefact(format::GetArtefact(file.data() + data)->UnPack());
  for (size_t i = choose.below(3) + 1; i > 0; --i)
    HeaderMutation(*artefact, choose).run();
  completeRequired(*artefact);

  // Structs do not change in size with what they say, so the header is as large with the ranges that follow from it.
  uint64_t headerSize = packed(*artefact).size();
  uint64_t code = std::min(alignUp(data + prefix.headerSize, container::blobAlignment), weights);
  uint64_t newCode = alignUp(data + headerSize, container::blobAlignment);
  uint64_t newWeights = alignUp(newCode + (weights - code), container::pageSize);
  visitRanges(*artefact, [&](format::Range &range) {
    if (range.offset() >= weights && range.offset() <= size)
      range = format::Range(range.offset() - weights + newWeights, range.size());
    else if (range.offset() >= code && range.offset() < weights)
      range = format::Range(range.offset() - code + newCode, range.size());
  });
  std::vector<uint8_t> header = packed(*artefact), result(file.begin(), file.begin() + static_cast<ptrdiff_t>(data));
  result.insert(result.end(), header.begin(), header.end());
  result.resize(newCode);
  result.insert(result.end(), file.begin() + static_cast<ptrdiff_t>(code),
                file.begin() + static_cast<ptrdiff_t>(weights));
  result.resize(newWeights);
  result.insert(result.end(), file.begin() + static_cast<ptrdiff_t>(weights), file.end());
  prefix.headerSize = headerSize;
  prefix.weightsOffset = newWeights;
  prefix.fileSize = result.size();
  prefix.chunkCount = (result.size() - data + container::chunkSize - 1) / container::chunkSize;
  std::memcpy(result.data(), &prefix, sizeof(prefix));
  file = std::move(result);
  return true;
}

void tinyc::fuzz::mutateInPlace(std::vector<uint8_t> &file, Choice &choose) {
  container::Prefix prefix;
  if (file.size() < sizeof(prefix))
    return;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  if (choose.oneIn(8)) {
    uint64_t *fields[] = {&prefix.fileSize, &prefix.dataOffset, &prefix.headerSize, &prefix.weightsOffset,
                          &prefix.chunkCount};
    uint64_t &field = *choose.among(fields);
    field = static_cast<uint64_t>(choose.number(static_cast<int64_t>(field)));
    std::memcpy(file.data(), &prefix, sizeof(prefix));
    return;
  }
  // A word of the header most often, with the alignment it has there.
  uint64_t begin = 0, count = file.size();
  if (!choose.oneIn(8) && prefix.dataOffset < file.size() && prefix.headerSize <= file.size() - prefix.dataOffset) {
    begin = prefix.dataOffset;
    count = prefix.headerSize;
  }
  size_t width = size_t(1) << choose.below(4);
  if (count < width)
    return;
  uint64_t at = begin + choose.below(count / width) * width;
  int64_t value = 0;
  std::memcpy(&value, &file[at], width);
  value = choose.number(value);
  std::memcpy(&file[at], &value, width);
}
