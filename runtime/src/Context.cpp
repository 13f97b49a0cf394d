// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A context: memory, states and an executor for one caller. Everything is allocated when it is made; a run matches the
// caller's tensors, moves bytes where they cannot be used in place, and executes.

#include "runtime/src/HeaderChecks.h"
#include "runtime/src/Model.h"

#include <algorithm>
#include <cstring>

namespace tinyc {

Status Context::create(std::shared_ptr<Model> model, size_t threads, std::unique_ptr<Context> &context) {
  auto made = std::make_unique<Context>();
  made->model = std::move(model);
  const Model &m = *made->model;
  TINYC_TRY(m.on->createExecutor(*m.program, m.plans, threads, made->executor));
  const format::Artefact &root = m.file->root();
  made->states.resize(sizeOf(root.states()));
  for (unsigned i = 0; i < sizeOf(root.states()); ++i) {
    uint64_t size = 0;
    tensorByteSize(*root.states()->Get(i)->tensor(), size);
    TINYC_TRY(DeviceMemory::allocate(*m.on, size, made->states[i]));
  }
  TINYC_TRY(made->resetStates());
  // What the model ran when it was made is no entry point of a context: others may be reading what it writes.
  std::vector<const ExecutionPlan *> plans;
  for (const ExecutionPlan &plan : m.plans)
    if (!m.isInit(plan))
      plans.push_back(&plan);
  uint64_t arenaSize = 0, stagingSize = 0;
  for (const ExecutionPlan *plan : plans)
    arenaSize = std::max(arenaSize, plan->source->arena_size());
  TINYC_TRY(DeviceMemory::allocate(*m.on, arenaSize, made->arena));
  made->entries.resize(plans.size());
  for (size_t i = 0; i < plans.size(); ++i)
    stagingSize = std::max(stagingSize, made->bind(*plans[i], made->entries[i]));
  TINYC_TRY(DeviceMemory::allocate(*m.on, stagingSize, made->staging));
  context = std::move(made);
  return {};
}

/// Returns the bytes of staging that the entry point needs.
uint64_t Context::bind(const ExecutionPlan &plan, Bound &bound) {
  const format::EntryPoint &entry = *model->file->root().entry_points()->Get(plan.source->entry_point());
  bound.plan = &plan;
  bound.name = text(entry.name());
  uint64_t offset = 0;
  auto addPorts = [&](const auto *tensors, std::vector<Port> &ports) {
    for (unsigned i = 0; i < sizeOf(tensors); ++i) {
      uint64_t size = 0;
      tensorByteSize(*tensors->Get(i), size);
      ports.push_back({tensors->Get(i), size, offset});
      offset += container::alignUp(std::max<uint64_t>(size, 1), container::blobAlignment);
    }
  };
  addPorts(entry.inputs(), bound.inputs);
  addPorts(entry.outputs(), bound.outputs);
  for (uint32_t i = 0; i < sizeOf(plan.source->buffers()); ++i) {
    const format::Buffer &buffer = *plan.source->buffers()->Get(i);
    bound.bases.push_back(buffer.kind() == format::BufferKind::state ? states[buffer.index()].address()
                                                                     : model->sharedAddress(buffer, arena.address()));
    if (buffer.kind() == format::BufferKind::input)
      bound.inputBuffers.push_back({i, buffer.index()});
    if (buffer.kind() == format::BufferKind::output)
      bound.outputBuffers.push_back({i, buffer.index()});
  }
  return offset;
}

/// Finds the tensor given for each port and checks it. Nothing has started yet, so errors cost nothing.
Status Context::match(std::vector<Port> &ports, std::span<const tinyc_tensor> given, const char *what, bool all) {
  auto nameOf = [](const Port &port) { return text(port.tensor->name()); };
  auto listing = [&] {
    std::string names;
    for (const Port &port : ports)
      names += (names.empty() ? "" : ", ") + nameOf(port) + " " + describe(*port.tensor);
    return "; the " + std::string(what) + "s are: " + (names.empty() ? "none" : names);
  };
  for (Port &port : ports)
    port.given = nullptr;
  for (const tinyc_tensor &tensor : given) {
    if (!tensor.name)
      return invalidArgument(std::string("an ") + what + " without a name is given");
    Port *port = nullptr;
    for (Port &candidate : ports)
      if (candidate.tensor->name() && candidate.tensor->name()->string_view() == tensor.name)
        port = &candidate;
    if (!port)
      return invalidArgument("there is no " + std::string(what) + " " + quoted(tensor.name) + listing());
    auto name = [&] { return std::string(what) + " " + quoted(tensor.name); }; // only errors allocate
    if (port->given)
      return invalidArgument(name() + " is given twice");
    const auto *shape = port->tensor->shape();
    bool same = static_cast<int>(tensor.dtype) == static_cast<int>(port->tensor->dtype()) &&
                tensor.rank == sizeOf(shape) && (tensor.rank == 0 || tensor.shape);
    for (size_t i = 0; same && i < tensor.rank; ++i)
      same = tensor.shape[i] == shape->Get(static_cast<unsigned>(i));
    if (!same)
      return invalidArgument(
          name() + ": expected " + describe(*port->tensor) + ", found " +
          describe(tensor.dtype, tensor.shape, tensor.shape ? std::min<size_t>(tensor.rank, 64) : 0));
    if (!tensor.data && port->size)
      return invalidArgument(name() + " has no data");
    if (auto *value = port->tensor->value(); value && std::memcmp(value->data(), tensor.data, port->size) != 0)
      return invalidArgument(name() + ": the model is compiled for another value, on which shapes of its tensors " +
                             "depend; compile it again with the new one");
    port->given = &tensor;
  }
  for (const Port &port : ports)
    if (all && !port.given)
      return invalidArgument(std::string(what) + " " + quoted(nameOf(port)) + " is not given" + listing());
  return {};
}

/// Decides for each tensor whether the device uses the caller's memory or staging.
Status Context::place(Bound &bound) {
  auto overlap = [](const Port &a, const Port &b) {
    auto *x = static_cast<uint8_t *>(a.given->data), *y = static_cast<uint8_t *>(b.given->data);
    return x < y + b.size && y < x + a.size;
  };
  auto settle = [&](Port &port) {
    bool inPlace = model->on->usesHostMemory() && port.given && port.size &&
                   reinterpret_cast<uintptr_t>(port.given->data) % container::blobAlignment == 0;
    port.address = inPlace ? port.given->data : static_cast<uint8_t *>(staging.address()) + port.stagingOffset;
  };
  for (Port &port : bound.inputs)
    settle(port);
  for (Port &port : bound.outputs) {
    settle(port);
    if (!port.given)
      continue;
    for (const Port &input : bound.inputs)
      // Kernels are compiled for buffers that do not alias; an output over an input is written when all is read.
      if (port.address == port.given->data && overlap(port, input))
        port.address = static_cast<uint8_t *>(staging.address()) + port.stagingOffset;
    for (const Port &other : bound.outputs)
      if (&other != &port && other.given && overlap(port, other))
        return invalidArgument("outputs " + quoted(port.given->name) + " and " + quoted(other.given->name) +
                               " share memory");
  }
  for (BufferOfPort b : bound.inputBuffers)
    bound.bases[b.buffer] = bound.inputs[b.port].address;
  for (BufferOfPort b : bound.outputBuffers)
    bound.bases[b.buffer] = bound.outputs[b.port].address;
  return {};
}

Status Context::run(const char *entry, std::span<const tinyc_tensor> inputs, std::span<const tinyc_tensor> outputs) {
  Bound *bound = nullptr;
  for (Bound &candidate : entries)
    if (candidate.name == entry)
      bound = &candidate;
  if (!bound)
    return invalidArgument("target " + quoted(text(model->chosen->name())) + " has no entry point " + quoted(entry));
  TINYC_TRY(match(bound->inputs, inputs, "input", /*all=*/true));
  TINYC_TRY(match(bound->outputs, outputs, "output", /*all=*/false));
  TINYC_TRY(place(*bound));
  LaunchTime *launchTimes = nullptr;
  if (profiler) {
    times.assign(std::max<size_t>(1, bound->plan->launches.size()), {});
    launchTimes = times.data();
  }
  TINYC_TRY(executor->complete([&] { return issue(*bound, launchTimes); }));
  if (profiler)
    report(*bound);
  return {};
}

/// All of a run, without waiting for its end.
Status Context::issue(const Bound &bound, LaunchTime *launchTimes) {
  for (const Port &port : bound.inputs)
    if (port.size && port.address != port.given->data)
      TINYC_TRY(executor->upload(port.address, port.given->data, port.size));
  TINYC_TRY(executor->run(*bound.plan, bound.bases.data(), launchTimes));
  for (const Port &port : bound.outputs)
    if (port.size && port.given && port.address != port.given->data)
      TINYC_TRY(executor->download(port.given->data, port.address, port.size));
  return {};
}

void Context::report(const Bound &bound) {
  std::vector<const char *> ops;
  for (size_t i = 0; i < bound.plan->launches.size(); ++i) {
    const format::Kernel &kernel = *bound.plan->launches[i];
    ops.clear();
    for (unsigned o = 0; o < sizeOf(kernel.ops()); ++o)
      ops.push_back(kernel.ops()->Get(o)->c_str());
    const LaunchTime &time = times[i];
    tinyc_launch_profile launch{
        kernel.name()->c_str(),           kernel.symbol()->c_str(),         ops.data(),   ops.size(),
        kernel.flops() * time.executions, kernel.bytes() * time.executions, time.startNs, time.durationNs};
    profiler(profilerUser, &launch);
  }
}

Status Context::findState(const char *name, uint64_t size, size_t &index) {
  auto *all = model->file->root().states();
  for (unsigned i = 0; i < sizeOf(all); ++i) {
    const format::Tensor &tensor = *all->Get(i)->tensor();
    if (text(tensor.name()) != name)
      continue;
    uint64_t expected = 0;
    tensorByteSize(tensor, expected);
    if (size != expected)
      return invalidArgument("state " + quoted(name) + " has " + std::to_string(expected) + " bytes, found " +
                             std::to_string(size));
    index = i;
    return {};
  }
  return invalidArgument("there is no state " + quoted(name));
}

Status Context::readState(const char *name, void *data, uint64_t size) {
  size_t index = 0;
  TINYC_TRY(findState(name, size, index));
  return executor->complete([&] { return size ? executor->download(data, states[index].address(), size) : Status(); });
}

Status Context::writeState(const char *name, const void *data, uint64_t size) {
  size_t index = 0;
  TINYC_TRY(findState(name, size, index));
  return executor->complete([&] { return size ? executor->upload(states[index].address(), data, size) : Status(); });
}

Status Context::resetStates() {
  auto *all = model->file->root().states();
  for (unsigned i = 0; i < sizeOf(all); ++i) {
    const format::State &state = *all->Get(i);
    uint64_t size = 0;
    tensorByteSize(*state.tensor(), size);
    if (size == 0)
      continue;
    std::span<const uint8_t> bytes;
    std::vector<uint8_t> zeros;
    if (state.initial_weight() >= 0) {
      TINYC_TRY(model->file->weight(static_cast<uint32_t>(state.initial_weight()), bytes));
    } else {
      zeros.resize(size);
      bytes = zeros;
    }
    TINYC_TRY(executor->complete([&] { return executor->upload(states[i].address(), bytes.data(), size); }));
  }
  return {};
}

void Context::setProfiler(tinyc_profile_callback callback, void *user) {
  profiler = callback;
  profilerUser = user;
}

} // namespace tinyc
