// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C API over the C++ inside: handles, null checks, and the border that no exception crosses.

#include "runtime/src/CpuFeatures.h"
#include "runtime/src/HeaderChecks.h"
#include "runtime/src/Model.h"

#include <cstring>

struct tinyc_artefact {
  std::shared_ptr<tinyc::ArtefactFile> file;
};
struct tinyc_device {
  std::shared_ptr<tinyc::Device> device;
};
struct tinyc_model {
  std::shared_ptr<tinyc::Model> model;
};
struct tinyc_context {
  std::unique_ptr<tinyc::Context> context;
};

using namespace tinyc;

namespace {

/// What is returned when there is no memory for a status. Never freed.
tinyc_status &outOfMemory() {
  static tinyc_status status{TINYC_OUT_OF_MEMORY, "out of memory"};
  return status;
}

/// Runs the body of a C function; its exceptions become statuses.
template <typename F> tinyc_status *guarded(F body) noexcept {
  try {
    return body().release();
  } catch (const std::bad_alloc &) {
    return &outOfMemory();
  } catch (const std::exception &error) {
    try {
      return Status(TINYC_DEVICE_FAILED, std::string("internal error: ") + error.what()).release();
    } catch (...) {
      return &outOfMemory();
    }
  }
}

Status nullPointer() { return invalidArgument("a null pointer is given"); }

const format::EntryPoint *entryOf(const tinyc_artefact *artefact, const char *entry) {
  int index = artefact && entry ? artefact->file->findEntry(entry) : -1;
  return index < 0 ? nullptr : artefact->file->root().entry_points()->Get(static_cast<unsigned>(index));
}

void fill(const format::Tensor &tensor, tinyc_tensor_info *info) {
  uint64_t size = 0;
  tensorByteSize(tensor, size);
  *info = {tensor.name() ? tensor.name()->c_str() : "", static_cast<tinyc_dtype>(tensor.dtype()),
           sizeOf(tensor.shape()), tensor.shape() ? tensor.shape()->data() : nullptr, size};
}

using TensorList = flatbuffers::Vector<flatbuffers::Offset<format::Tensor>>;

tinyc_status *describePort(const tinyc_artefact *artefact, const char *entry, size_t index, tinyc_tensor_info *info,
                           const TensorList *(format::EntryPoint::*list)() const) {
  return guarded([&]() -> Status {
    if (!artefact || !entry || !info)
      return nullPointer();
    const format::EntryPoint *found = entryOf(artefact, entry);
    if (!found)
      return invalidArgument("there is no entry point " + quoted(entry));
    if (index >= sizeOf((found->*list)()))
      return invalidArgument("tensor " + std::to_string(index) + " of entry point " + quoted(entry) +
                             " does not exist");
    fill(*(found->*list)()->Get(static_cast<unsigned>(index)), info);
    return {};
  });
}

} // namespace

extern "C" {

tinyc_code tinyc_status_code(const tinyc_status *status) { return status ? status->code : TINYC_OK; }
const char *tinyc_status_message(const tinyc_status *status) { return status ? status->message.c_str() : ""; }
void tinyc_status_free(tinyc_status *status) {
  if (status && status != &outOfMemory())
    delete status;
}

size_t tinyc_dtype_size(tinyc_dtype dtype) {
  return static_cast<unsigned>(dtype) <= static_cast<unsigned>(artefact::lastDType)
             ? artefact::sizeOf(static_cast<artefact::DType>(dtype))
             : 0;
}
const char *tinyc_dtype_name(tinyc_dtype dtype) {
  bool known = static_cast<unsigned>(dtype) <= static_cast<unsigned>(artefact::lastDType);
  return artefact::nameOf(known ? static_cast<artefact::DType>(dtype) : artefact::DType::Invalid);
}

tinyc_status *tinyc_artefact_open_file(const char *path, tinyc_artefact **artefact) {
  return guarded([&]() -> Status {
    if (!path || !artefact)
      return nullPointer();
    *artefact = nullptr;
    auto made = std::make_unique<tinyc_artefact>();
    TINYC_TRY(ArtefactFile::openFile(path, made->file));
    *artefact = made.release();
    return {};
  });
}

tinyc_status *tinyc_artefact_open_memory(const void *data, size_t size, tinyc_artefact **artefact) {
  return guarded([&]() -> Status {
    if (!artefact || (!data && size))
      return nullPointer();
    *artefact = nullptr;
    auto made = std::make_unique<tinyc_artefact>();
    TINYC_TRY(ArtefactFile::openMemory({static_cast<const uint8_t *>(data), size}, made->file));
    *artefact = made.release();
    return {};
  });
}

void tinyc_artefact_close(tinyc_artefact *artefact) { delete artefact; }

tinyc_status *tinyc_artefact_add_weight_folder(tinyc_artefact *artefact, const char *folder) {
  return guarded([&]() -> Status {
    if (!artefact || !folder)
      return nullPointer();
    artefact->file->addWeightFolder(folder);
    return {};
  });
}

tinyc_status *tinyc_artefact_verify(tinyc_artefact *artefact) {
  return guarded([&]() -> Status { return artefact ? artefact->file->verifyAll() : nullPointer(); });
}

const char *tinyc_artefact_producer(const tinyc_artefact *artefact) {
  if (!artefact)
    return nullptr;
  auto *producer = artefact->file->root().producer();
  return producer ? producer->c_str() : "";
}

size_t tinyc_artefact_target_count(const tinyc_artefact *artefact) {
  return artefact ? sizeOf(artefact->file->root().targets()) : 0;
}
const char *tinyc_artefact_target_name(const tinyc_artefact *artefact, size_t target) {
  if (target >= tinyc_artefact_target_count(artefact))
    return nullptr;
  return artefact->file->root().targets()->Get(static_cast<unsigned>(target))->name()->c_str();
}
size_t tinyc_artefact_entry_count(const tinyc_artefact *artefact) {
  return artefact ? sizeOf(artefact->file->root().entry_points()) : 0;
}
const char *tinyc_artefact_entry_name(const tinyc_artefact *artefact, size_t entry) {
  if (entry >= tinyc_artefact_entry_count(artefact))
    return nullptr;
  return artefact->file->root().entry_points()->Get(static_cast<unsigned>(entry))->name()->c_str();
}
size_t tinyc_artefact_input_count(const tinyc_artefact *artefact, const char *entry) {
  const format::EntryPoint *found = entryOf(artefact, entry);
  return found ? sizeOf(found->inputs()) : 0;
}
size_t tinyc_artefact_output_count(const tinyc_artefact *artefact, const char *entry) {
  const format::EntryPoint *found = entryOf(artefact, entry);
  return found ? sizeOf(found->outputs()) : 0;
}
tinyc_status *tinyc_artefact_input(const tinyc_artefact *artefact, const char *entry, size_t index,
                                   tinyc_tensor_info *info) {
  return describePort(artefact, entry, index, info, &format::EntryPoint::inputs);
}
const void *tinyc_artefact_input_value(const tinyc_artefact *artefact, const char *entry, size_t index) {
  const format::EntryPoint *found = entryOf(artefact, entry);
  if (!found || index >= sizeOf(found->inputs()))
    return nullptr;
  const auto *value = found->inputs()->Get(static_cast<unsigned>(index))->value();
  return value ? value->data() : nullptr;
}
tinyc_status *tinyc_artefact_output(const tinyc_artefact *artefact, const char *entry, size_t index,
                                    tinyc_tensor_info *info) {
  return describePort(artefact, entry, index, info, &format::EntryPoint::outputs);
}
size_t tinyc_artefact_state_count(const tinyc_artefact *artefact) {
  return artefact ? sizeOf(artefact->file->root().states()) : 0;
}
tinyc_status *tinyc_artefact_state(const tinyc_artefact *artefact, size_t index, tinyc_tensor_info *info) {
  return guarded([&]() -> Status {
    if (!artefact || !info)
      return nullPointer();
    if (index >= tinyc_artefact_state_count(artefact))
      return invalidArgument("state " + std::to_string(index) + " does not exist");
    fill(*artefact->file->root().states()->Get(static_cast<unsigned>(index))->tensor(), info);
    return {};
  });
}

tinyc_status *tinyc_driver_load(const char *path) {
  return guarded([&]() -> Status { return path ? loadDriver(path) : nullPointer(); });
}
size_t tinyc_driver_count(void) { return allDrivers().size(); }
const char *tinyc_driver_name(size_t driver) {
  return driver < allDrivers().size() ? allDrivers()[driver]->name : nullptr;
}
tinyc_status *tinyc_driver_device_count(const char *name, size_t *count) {
  return guarded([&]() -> Status {
    if (!name || !count)
      return nullPointer();
    *count = 0;
    for (const Driver *driver : allDrivers())
      if (std::strcmp(driver->name, name) == 0)
        return driver->deviceCount(*count);
    return invalidArgument("there is no driver " + quoted(name));
  });
}

tinyc_status *tinyc_device_open(const char *name, tinyc_device **device) {
  return guarded([&]() -> Status {
    if (!name || !device)
      return nullPointer();
    *device = nullptr;
    auto made = std::make_unique<tinyc_device>();
    TINYC_TRY(openDevice(name, made->device));
    *device = made.release();
    return {};
  });
}
void tinyc_device_close(tinyc_device *device) { delete device; }
const char *tinyc_device_name(const tinyc_device *device) { return device ? device->device->name.c_str() : nullptr; }
const char *tinyc_device_description(const tinyc_device *device) {
  return device ? device->device->description.c_str() : nullptr;
}
const char *tinyc_device_chip(const tinyc_device *device) { return device ? device->device->chip.c_str() : nullptr; }

size_t tinyc_usable_cpus(void) {
  try {
    return usableCpus();
  } catch (...) {
    return 1;
  }
}

tinyc_status *tinyc_model_create(tinyc_artefact *artefact, tinyc_device *device, const char *target,
                                 tinyc_model **model) {
  return guarded([&]() -> Status {
    if (!artefact || !device || !model)
      return nullPointer();
    *model = nullptr;
    auto made = std::make_unique<tinyc_model>();
    TINYC_TRY(Model::create(artefact->file, device->device, target, made->model));
    *model = made.release();
    return {};
  });
}
void tinyc_model_free(tinyc_model *model) { delete model; }
const char *tinyc_model_target(const tinyc_model *model) {
  return model ? model->model->target().name()->c_str() : nullptr;
}

tinyc_status *tinyc_context_create(tinyc_model *model, const tinyc_context_options *options, tinyc_context **context) {
  return guarded([&]() -> Status {
    if (!model || !context)
      return nullPointer();
    *context = nullptr;
    if (options && options->struct_size < sizeof(tinyc_context_options))
      return invalidArgument("tinyc_context_options has a struct_size of " + std::to_string(options->struct_size));
    auto made = std::make_unique<tinyc_context>();
    TINYC_TRY(Context::create(model->model, options ? options->threads : 0, made->context));
    *context = made.release();
    return {};
  });
}
void tinyc_context_free(tinyc_context *context) { delete context; }

tinyc_status *tinyc_context_run(tinyc_context *context, const char *entry, const tinyc_tensor *inputs,
                                size_t input_count, const tinyc_tensor *outputs, size_t output_count) {
  return guarded([&]() -> Status {
    if (!context || !entry || (!inputs && input_count) || (!outputs && output_count))
      return nullPointer();
    return context->context->run(entry, {inputs, input_count}, {outputs, output_count});
  });
}

tinyc_status *tinyc_context_read_state(tinyc_context *context, const char *state, void *data, size_t size) {
  return guarded([&]() -> Status {
    if (!context || !state || (!data && size))
      return nullPointer();
    return context->context->readState(state, data, size);
  });
}
tinyc_status *tinyc_context_write_state(tinyc_context *context, const char *state, const void *data, size_t size) {
  return guarded([&]() -> Status {
    if (!context || !state || (!data && size))
      return nullPointer();
    return context->context->writeState(state, data, size);
  });
}
tinyc_status *tinyc_context_reset_states(tinyc_context *context) {
  return guarded([&]() -> Status { return context ? context->context->resetStates() : nullPointer(); });
}
tinyc_status *tinyc_context_set_profiler(tinyc_context *context, tinyc_profile_callback callback, void *user) {
  return guarded([&]() -> Status {
    if (!context)
      return nullPointer();
    context->context->setProfiler(callback, user);
    return {};
  });
}

} // extern "C"
