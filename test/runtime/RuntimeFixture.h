// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tests of the runtime share: statuses as strings, an artefact loaded from memory, vectors of floats.

#ifndef TINYC_TEST_RUNTIME_RUNTIMEFIXTURE_H
#define TINYC_TEST_RUNTIME_RUNTIMEFIXTURE_H

#include "lib/Artefact/ArtefactBuilder.h"
#include "runtime/include/tinyc/runtime.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace tinyc::test {

/// The message of a status, "" for success; frees it.
inline std::string take(tinyc_status *status) {
  std::string message = tinyc_status_message(status);
  tinyc_status_free(status);
  return message;
}

/// Named floats, aligned to 64 bytes, reproducible from a seed; all are small multiples of 1/8, so that sums are exact.
class FloatVector {
public:
  FloatVector(std::string name, unsigned seed, std::vector<int64_t> shape = {1024})
      : name(std::move(name)), shape(std::move(shape)) {
    count = 1;
    for (int64_t dim : this->shape)
      count *= size_t(dim);
    storage.resize(count + 16);
    values = storage.data();
    while (reinterpret_cast<uintptr_t>(values) % 64)
      ++values;
    for (size_t i = 0; i < count; ++i)
      values[i] = seed ? float((i * 37 + seed * 101) % 256) / 8 - 16 : 0;
  }
  float &operator[](size_t i) { return values[i]; }
  float *begin() { return values; }
  float *end() { return values + count; }
  float *data() { return values; }
  tinyc_tensor view() { return {name.c_str(), TINYC_DTYPE_F32, shape.size(), shape.data(), values}; }

private:
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> storage;
  float *values;
  size_t count;
};

/// An artefact on a device, with one context.
struct Loaded {
  Loaded() = default;
  Loaded(const Loaded &) = delete;
  ~Loaded() {
    tinyc_context_free(context);
    tinyc_model_free(model);
    tinyc_device_close(device);
    tinyc_artefact_close(artefact);
  }

  std::string open(const artefact::Artefact &source, const char *deviceName, size_t threads) {
    std::string error;
    if (!artefact::serialize(source, file, error))
      return error;
    tinyc_context_options options{sizeof(options), threads};
    tinyc_status *s = nullptr;
    (s = tinyc_artefact_open_memory(file.data(), file.size(), &artefact)) ||
        (s = tinyc_device_open(deviceName, &device)) || (s = tinyc_model_create(artefact, device, nullptr, &model)) ||
        (s = tinyc_context_create(model, &options, &context));
    return take(s);
  }

  std::string run(const char *entry, std::vector<FloatVector *> inputs, std::vector<FloatVector *> outputs) {
    std::vector<tinyc_tensor> in, out;
    for (FloatVector *v : inputs)
      in.push_back(v->view());
    for (FloatVector *v : outputs)
      out.push_back(v->view());
    return take(tinyc_context_run(context, entry, in.data(), in.size(), out.data(), out.size()));
  }

  std::vector<uint8_t> file;
  tinyc_artefact *artefact = nullptr;
  tinyc_device *device = nullptr;
  tinyc_model *model = nullptr;
  tinyc_context *context = nullptr;
};

} // namespace tinyc::test

#endif // TINYC_TEST_RUNTIME_RUNTIMEFIXTURE_H
