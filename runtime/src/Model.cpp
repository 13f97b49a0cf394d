// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Puts an artefact on a device: picks the target, loads code, brings the weights that its plans use, runs `init`.

#include "runtime/src/Model.h"

#include "runtime/src/HeaderChecks.h"

#include <algorithm>
#include <cstring>

namespace tinyc {

DeviceMemory &DeviceMemory::operator=(DeviceMemory &&other) noexcept {
  std::swap(device, other.device);
  std::swap(base, other.base);
  std::swap(size, other.size);
  return *this;
}

DeviceMemory::~DeviceMemory() {
  if (base)
    device->release(base, size);
}

Status DeviceMemory::allocate(Device &device, uint64_t size, DeviceMemory &memory) {
  DeviceMemory made;
  made.size = std::max<uint64_t>(size, container::blobAlignment);
  TINYC_TRY(device.allocate(made.size, made.base));
  made.device = &device;
  memory = std::move(made);
  return {};
}

Status Model::create(std::shared_ptr<ArtefactFile> artefact, std::shared_ptr<Device> device, const char *target,
                     std::shared_ptr<Model> &model) {
  auto made = std::make_shared<Model>();
  made->file = std::move(artefact);
  made->on = std::move(device);
  TINYC_TRY(made->chooseTarget(target));
  std::string where = "target " + quoted(text(made->chosen->name())) + ": ";
  TINYC_TRY(made->on->load(*made->file, *made->chosen, made->program).within(where));
  for (unsigned i = 0; i < sizeOf(made->chosen->plans()); ++i)
    made->plans.push_back(ExecutionPlan::of(*made->chosen, *made->chosen->plans()->Get(i)));
  TINYC_TRY(made->loadWeights());
  TINYC_TRY(made->runInit().within(where));
  model = std::move(made);
  return {};
}

Status Model::chooseTarget(const char *name) {
  auto *targets = file->root().targets();
  std::string reasons;
  int best = -1;
  for (unsigned i = 0; i < sizeOf(targets); ++i) {
    const format::Target &candidate = *targets->Get(i);
    if (name && text(candidate.name()) != name)
      continue;
    int rank = 0;
    Status status = on->accepts(candidate, rank);
    if (!status.failed() && (!chosen || rank > best)) {
      chosen = &candidate;
      best = rank;
    } else if (status.failed()) {
      reasons += (reasons.empty() ? "" : "; ") + quoted(text(candidate.name())) + ": " + status.message();
    }
  }
  if (chosen)
    return {};
  if (reasons.empty())
    return name ? invalidArgument("the artefact has no target " + quoted(name)) : unsupported("it has no target");
  return unsupported("no target of the artefact runs on " + on->name + ": " + reasons);
}

Status Model::loadWeights() {
  auto *weights = file->root().weights();
  weightAddress.assign(sizeOf(weights), nullptr);
  weightMemory.resize(sizeOf(weights));
  derivedMemory.resize(sizeOf(chosen->derived()));
  std::unique_ptr<Executor> transfers;
  TINYC_TRY(on->createExecutor(*program, plans, 1, transfers));
  return transfers->complete([&] { return bringWeights(*transfers); });
}

/// Makes room for what the plans use, and uploads what cannot be used in place.
Status Model::bringWeights(Executor &transfers) {
  for (const ExecutionPlan &plan : plans)
    for (unsigned i = 0; i < sizeOf(plan.source->buffers()); ++i) {
      const format::Buffer &buffer = *plan.source->buffers()->Get(i);
      if (buffer.kind() == format::BufferKind::derived && !derivedMemory[buffer.index()].address())
        TINYC_TRY(DeviceMemory::allocate(*on, buffer.size(), derivedMemory[buffer.index()]));
      if (buffer.kind() != format::BufferKind::weight || weightAddress[buffer.index()])
        continue;
      std::span<const uint8_t> bytes;
      TINYC_TRY(file->weight(buffer.index(), bytes));
      bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % container::blobAlignment == 0;
      if (on->usesHostMemory() && aligned && !bytes.empty()) {
        weightAddress[buffer.index()] = bytes.data();
        continue;
      }
      DeviceMemory &memory = weightMemory[buffer.index()];
      TINYC_TRY(DeviceMemory::allocate(*on, bytes.size(), memory));
      if (!bytes.empty())
        TINYC_TRY(transfers.upload(memory.address(), bytes.data(), bytes.size()));
      weightAddress[buffer.index()] = memory.address();
    }
  return {};
}

bool Model::isInit(const ExecutionPlan &plan) const {
  return static_cast<int>(plan.source->entry_point()) == file->findEntry("init");
}

Status Model::runInit() {
  for (const ExecutionPlan &plan : plans) {
    if (!isInit(plan))
      continue;
    DeviceMemory arena;
    TINYC_TRY(DeviceMemory::allocate(*on, plan.source->arena_size(), arena));
    std::vector<void *> bases;
    for (unsigned i = 0; i < sizeOf(plan.source->buffers()); ++i)
      bases.push_back(sharedAddress(*plan.source->buffers()->Get(i), arena.address()));
    std::unique_ptr<Executor> executor; // goes before the arena
    TINYC_TRY(on->createExecutor(*program, {&plan, 1}, 0, executor));
    TINYC_TRY(executor->complete([&] { return executor->run(plan, bases.data(), nullptr); }));
    // What only init reads has served its purpose.
    std::vector<bool> stillUsed(weightMemory.size());
    for (const ExecutionPlan &other : plans)
      for (unsigned i = 0; i < sizeOf(other.source->buffers()); ++i)
        if (auto *b = other.source->buffers()->Get(i); b->kind() == format::BufferKind::weight && &other != &plan)
          stillUsed[b->index()] = true;
    for (size_t i = 0; i < weightMemory.size(); ++i)
      if (!stillUsed[i])
        weightMemory[i] = DeviceMemory();
  }
  return {};
}

void *Model::sharedAddress(const format::Buffer &buffer, void *arena) const {
  switch (buffer.kind()) {
  case format::BufferKind::arena:
    return static_cast<uint8_t *>(arena) + buffer.offset();
  case format::BufferKind::derived:
    return derivedMemory[buffer.index()].address();
  case format::BufferKind::weight:
    // No command writes a weight; the executor's interface has one type for all buffers.
    return const_cast<void *>(weightAddress[buffer.index()]);
  default:
    return nullptr;
  }
}

} // namespace tinyc
