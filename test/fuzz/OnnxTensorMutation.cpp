// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes of a tensor.

#include "test/fuzz/OnnxMutation.h"

using namespace tinyc::fuzz;
using tinyc::onnx::TensorProto;

// No initialiser of a mutation is larger: what is slow is of no interest.
constexpr int64_t mostElements = 4096;

static int64_t widthOf(int32_t dataType) {
  switch (dataType) {
  case 1:
  case 6:
  case 12:
    return 4;
  case 7:
  case 11:
  case 13:
    return 8;
  case 4:
  case 5:
  case 10:
  case 16:
    return 2;
  default:
    return 1;
  }
}

// Elements in raw form as many as the shape says, of the old ones as far as they go.
static void fit(TensorProto &tensor, Choice &choose) {
  int64_t count = 1;
  for (int64_t dim : tensor.dims())
    if (dim < 0 || dim > mostElements || (count *= dim) > mostElements)
      return;
  bool packed = tensor.data_type() >= 21 && tensor.data_type() <= 26;
  std::string bytes = tensor.raw_data();
  if (bytes.empty() && tensor.data_type() == 7)
    for (int64_t value : tensor.int64_data())
      bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
  if (bytes.empty() && tensor.data_type() == 1)
    for (float value : tensor.float_data())
      bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
  size_t old = bytes.size();
  bytes.resize(packed ? (count + 1) / 2 : count * widthOf(tensor.data_type()));
  for (size_t i = old; i < bytes.size(); ++i)
    bytes[i] = old ? bytes[i - old] : static_cast<char>(choose.below(3));
  tensor.clear_float_data();
  tensor.clear_int32_data();
  tensor.clear_int64_data();
  tensor.clear_double_data();
  tensor.clear_uint64_data();
  tensor.set_raw_data(bytes);
}

void tinyc::fuzz::mutateTensor(TensorProto &tensor, Choice &choose) {
  switch (choose.below(9)) {
  case 0:
    tensor.set_data_type(static_cast<int32_t>(choose.oneIn(8) ? choose.number(1) : choose.below(28)));
    fit(tensor, choose);
    break;
  case 1:
    if (tensor.dims_size())
      tensor.set_dims(static_cast<int>(choose.below(tensor.dims_size())), choose.number(4));
    break;
  case 2:
    if (tensor.dims_size())
      tensor.set_dims(static_cast<int>(choose.below(tensor.dims_size())), choose.below(9));
    fit(tensor, choose);
    break;
  case 3:
    tensor.add_dims(choose.oneIn(4) ? choose.number(1) : 1);
    break;
  case 4:
    if (tensor.dims_size())
      tensor.mutable_dims()->RemoveLast();
    fit(tensor, choose);
    break;
  case 5:
    // One integer among 64-bit ones: shapes, axes, counts.
    fit(tensor, choose);
    if (tensor.data_type() == 7 && tensor.raw_data().size() >= 8) {
      size_t at = choose.below(tensor.raw_data().size() / 8) * 8;
      int64_t value;
      std::memcpy(&value, tensor.raw_data().data() + at, 8);
      value = choose.number(value);
      std::memcpy(tensor.mutable_raw_data()->data() + at, &value, 8);
      break;
    }
    [[fallthrough]];
  case 6:
    if (tensor.has_raw_data())
      tensor.set_raw_data(mutatedBytes(tensor.raw_data(), tensor.raw_data().size()));
    else if (tensor.int64_data_size())
      tensor.set_int64_data(static_cast<int>(choose.below(tensor.int64_data_size())), choose.number(1));
    else if (tensor.int32_data_size())
      tensor.set_int32_data(static_cast<int>(choose.below(tensor.int32_data_size())),
                            static_cast<int32_t>(choose.number(1)));
    break;
  case 7:
    switch (choose.below(5)) {
    case 0:
      tensor.set_data_location(TensorProto::EXTERNAL);
      break;
    case 1: {
      static const char *keys[] = {"location", "offset", "length", "checksum"};
      static const char *values[] = {"model.onnx", "", "..", "/dev/zero", "0", "16", "18446744073709551615", "-1", "x"};
      auto *entry = tensor.add_external_data();
      entry->set_key(choose.among(keys));
      entry->set_value(choose.among(values));
      break;
    }
    case 2:
      tensor.mutable_segment()->set_begin(choose.number());
      break;
    case 3:
      tensor.add_string_data("text");
      break;
    default:
      tensor.clear_data_location();
      tensor.clear_external_data();
      tensor.clear_segment();
    }
    break;
  default:
    fit(tensor, choose);
  }
}
