// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser of .tinyc files behind their hashes. An input is a file; each mutation makes its hashes right again, so
// that what is refused is refused for itself. What opens is asked for everything, put on the null device, whose
// kernels do nothing, and run there if its copies and loops are few: a header that passes is followed blindly.

#include "runtime/src/ArtefactFile.h"
#include "test/fuzz/ArtefactMutation.h"
#include "test/runtime/RuntimeFixture.h"
#include "test/runtime/SampleArtefact.h"

using namespace tinyc;
using namespace tinyc::fuzz;
using tinyc::test::take;

constexpr uint64_t mostBytes = 32 << 20, mostWork = 1 << 20;

// Bytes and launches of a run; saturates.
static uint64_t workOf(const flatbuffers::Vector<flatbuffers::Offset<format::Command>> *commands) {
  uint64_t sum = 0;
  for (unsigned i = 0; commands && i < commands->size(); ++i) {
    const format::Command &command = *commands->Get(i);
    uint64_t work = command.kind() == format::CommandKind::loop ? workOf(command.body()) + 1 : command.size() + 1;
    if (command.kind() == format::CommandKind::loop && __builtin_mul_overflow(work, command.bound(), &work))
      return mostWork;
    sum = std::min(sum + std::min(work, mostWork), mostWork);
  }
  return sum;
}

// Whether memory and time of the artefact on a device are small.
static bool isSmall(const format::Artefact &artefact) {
  uint64_t bytes = 0;
  auto add = [&](uint64_t more) { bytes = std::min(bytes + std::min(more, mostBytes), mostBytes); };
  auto addTensor = [&](const format::Tensor &tensor) {
    uint64_t size = 0;
    if (tensorByteSize(tensor, size))
      add(size);
  };
  if (artefact.states())
    for (const format::State *state : *artefact.states())
      addTensor(*state->tensor());
  if (artefact.entry_points())
    for (const format::EntryPoint *entry : *artefact.entry_points())
      for (auto *list : {entry->inputs(), entry->outputs()})
        for (unsigned i = 0; list && i < list->size(); ++i)
          addTensor(*list->Get(i));
  uint64_t work = 0;
  if (artefact.targets())
    for (const format::Target *target : *artefact.targets()) {
      if (target->derived())
        for (const format::Derived *derived : *target->derived())
          add(derived->size());
      if (target->plans())
        for (const format::Plan *plan : *target->plans()) {
          add(plan->arena_size());
          work += workOf(plan->commands());
        }
    }
  return bytes < mostBytes && work < mostWork;
}

static std::vector<tinyc_tensor> tensorsOf(tinyc_artefact *artefact, const char *entry, bool inputs,
                                           std::vector<std::unique_ptr<uint8_t[]>> &memory) {
  std::vector<tinyc_tensor> tensors;
  size_t count = inputs ? tinyc_artefact_input_count(artefact, entry) : tinyc_artefact_output_count(artefact, entry);
  for (size_t i = 0; i < count; ++i) {
    tinyc_tensor_info info;
    auto *get = inputs ? tinyc_artefact_input : tinyc_artefact_output;
    require(take(get(artefact, entry, i, &info)).empty(), "an input or output is not there");
    memory.push_back(std::make_unique<uint8_t[]>(std::min(info.byte_size, mostBytes)));
    tensors.push_back({info.name, info.dtype, info.rank, info.shape, memory.back().get()});
  }
  return tensors;
}

static void runOnNull(tinyc_artefact *artefact) {
  test::Loaded loaded;
  require(take(tinyc_device_open("null", &loaded.device)).empty(), "no null device");
  if (!take(tinyc_model_create(artefact, loaded.device, nullptr, &loaded.model)).empty() ||
      !take(tinyc_context_create(loaded.model, nullptr, &loaded.context)).empty())
    return;
  for (size_t e = 0; e < tinyc_artefact_entry_count(artefact); ++e) {
    const char *entry = tinyc_artefact_entry_name(artefact, e);
    std::vector<std::unique_ptr<uint8_t[]>> memory;
    std::vector<tinyc_tensor> inputs = tensorsOf(artefact, entry, true, memory);
    std::vector<tinyc_tensor> outputs = tensorsOf(artefact, entry, false, memory);
    take(tinyc_context_run(loaded.context, entry, inputs.data(), inputs.size(), outputs.data(), outputs.size()));
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Of exact size, so that a read past the end is seen.
  std::unique_ptr<uint8_t[]> exact(new uint8_t[size]);
  std::copy(data, data + size, exact.get());
  std::shared_ptr<ArtefactFile> file;
  if (Status status = ArtefactFile::openMemory({exact.get(), size}, file); status.failed()) {
    require(!status.message().empty(), "refused without a reason");
    return 0;
  }
  tinyc_artefact *artefact = nullptr;
  require(take(tinyc_artefact_open_memory(exact.get(), size, &artefact)).empty(), "opened once, refused again");
  for (size_t t = 0; t < tinyc_artefact_target_count(artefact); ++t)
    require(tinyc_artefact_target_name(artefact, t) != nullptr, "a target without a name");
  for (size_t s = 0; s < tinyc_artefact_state_count(artefact); ++s) {
    tinyc_tensor_info info;
    require(take(tinyc_artefact_state(artefact, s, &info)).empty(), "a state is not there");
  }
  take(tinyc_artefact_verify(artefact));
  if (isSmall(file->root()))
    runOnNull(artefact);
  tinyc_artefact_close(artefact);
  return 0;
}

static size_t give(std::vector<uint8_t> file, uint8_t *data, size_t most) {
  if (file.size() > most)
    return 0;
  test::rehash(file);
  std::copy(file.begin(), file.end(), data);
  return file.size();
}

static std::vector<uint8_t> sample() {
  std::vector<uint8_t> file;
  std::string error;
  require(artefact::serialize(test::sampleArtefact(), file, error), error);
  return file;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  Choice choose(seed);
  std::vector<uint8_t> file(data, data + size);
  if (choose.oneIn(200) || size < 128)
    file = sample();
  if (choose.oneIn(4) || !mutateHeader(file, choose))
    for (size_t i = choose.below(3) + 1; i > 0; --i)
      mutateInPlace(file, choose);
  if (size_t changed = give(std::move(file), data, most))
    return changed;
  return give(sample(), data, most);
}

// Pieces of two files give no file.
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *, size_t, const uint8_t *, size_t, uint8_t *, size_t,
                                            unsigned) {
  return 0;
}
