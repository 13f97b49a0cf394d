// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tensor in host memory that owns its bytes, aligned so that the CPU uses it in place; and its elements as numbers.

#ifndef TINYC_RUNTIME_TENSORIO_HOSTTENSOR_H
#define TINYC_RUNTIME_TENSORIO_HOSTTENSOR_H

#include "runtime/include/tinyc/runtime.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tinyc::tensorio {

class HostTensor {
public:
  std::string name;
  tinyc_dtype dtype = TINYC_DTYPE_INVALID;
  std::vector<int64_t> shape;

  /// Sets type and shape and allocates zeroed bytes; false (with `error`) if the size overflows or there is no memory.
  bool allocate(tinyc_dtype dtype, std::vector<int64_t> shape, std::string &error);

  uint8_t *data() { return bytes.get(); }
  const uint8_t *data() const { return bytes.get(); }
  size_t byteSize() const { return size; }
  size_t elementCount() const { return size / tinyc_dtype_size(dtype); }
  /// A view for the C API; valid as long as this tensor is neither moved nor changed in shape.
  tinyc_tensor view() { return {name.c_str(), dtype, shape.size(), shape.data(), bytes.get()}; }
  /// "f32[1x10]"
  std::string type() const;

private:
  struct Free {
    void operator()(uint8_t *p) const;
  };
  std::unique_ptr<uint8_t[], Free> bytes;
  size_t size = 0;
};

/// Element `index` as a double (64-bit integers may round) and its conversion back: to nearest even, overflow to
/// infinity where the type has one, else to NaN. Integers are cut towards zero, overflow to the end of their range,
/// and NaN becomes 0.
double elementAt(const HostTensor &tensor, size_t index);
void setElement(HostTensor &tensor, size_t index, double value);
/// Element `index` as people read it: all digits of integers, shortest that tells floats of the type apart.
std::string elementText(const HostTensor &tensor, size_t index);

} // namespace tinyc::tensorio

#endif // TINYC_RUNTIME_TENSORIO_HOSTTENSOR_H
