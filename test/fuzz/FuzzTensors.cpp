// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The readers of .npy and .pb files. An input is a file, and both readers get it. What is read must agree with itself
// and, written as .npy, be read again as the same.

#include "runtime/tensorio/Report.h"
#include "runtime/tensorio/TensorFiles.h"
#include "test/fuzz/Fuzz.h"
#include "test/fuzz/OnnxMutation.h"

using namespace tinyc;
using namespace tinyc::fuzz;
using tinyc::tensorio::HostTensor;

constexpr char npyMagic[] = "\x93NUMPY";

static void checkTensor(const HostTensor &tensor) {
  size_t size = tinyc_dtype_size(tensor.dtype);
  require(size != 0, "a tensor without an element type was read");
  for (int64_t dim : tensor.shape) {
    require(dim >= 0, "a negative dimension was read");
    size *= static_cast<size_t>(dim);
  }
  require(size == tensor.byteSize(), "shape and type do not give the size");
  require(!tensorio::contentHash(tensor).empty() && !tensor.type().empty(), "no hash or type");
  for (size_t i = 0; i < std::min<size_t>(tensor.elementCount(), 8); ++i) {
    HostTensor copy;
    std::string error;
    require(copy.allocate(tensor.dtype, {1}, error), error);
    tensorio::setElement(copy, 0, tensorio::elementAt(tensor, i));
    require(!tensorio::elementText(tensor, i).empty(), "an element without a text");
  }
}

static void readAgain(const HostTensor &tensor) {
  static const InputFile file("again.npy");
  std::string error;
  require(tensorio::writeNpy(file.path(), tensor, error), error);
  HostTensor again;
  require(tensorio::readTensorFile(file.path(), tensor.dtype, again, error), error);
  require(again.type() == tensor.type() && tensorio::contentHash(again) == tensorio::contentHash(tensor),
          "a tensor of " + tensor.type() + " was written and read as " + again.type());
}

template <typename Parse> static void read(Parse parse, bool writeBack) {
  HostTensor tensor;
  std::string error;
  if (!parse(tensor, error)) {
    require(!error.empty(), "refused without a reason");
    require(tensor.byteSize() == 0, "refused, and yet there are bytes");
    return;
  }
  checkTensor(tensor);
  if (writeBack)
    readAgain(tensor);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::span<const uint8_t> file(data, size);
  static unsigned runs = 0;
  bool writeBack = ++runs % 64 == 0; // files are slow
  // Types of which a file says only the size.
  for (tinyc_dtype expected : {TINYC_DTYPE_F32, TINYC_DTYPE_BF16, TINYC_DTYPE_F8E5M2FNUZ})
    read([&](HostTensor &t, std::string &error) { return tensorio::parseNpy(file, expected, t, error); }, writeBack);
  read([&](HostTensor &t, std::string &error) { return tensorio::parseTensorProto(file, t, error); }, writeBack);
  return 0;
}

// The header's text is changed and its length made right, now and then also the number of bytes behind it.
static std::string mutatedNpy(const std::string &file, Choice &choose, size_t most) {
  size_t prefix = file.size() > 6 && file[6] > 1 ? 12 : 10;
  if (file.size() < prefix)
    return mutatedBytes(file, most);
  size_t length = uint8_t(file[8]) | size_t(uint8_t(file[9])) << 8;
  std::string header = file.substr(prefix, length), rest = file.substr(std::min(file.size(), prefix + length));
  switch (choose.below(3)) {
  case 0: {
    // A number in the text.
    size_t at = header.find_first_of("0123456789", choose.below(header.size() + 1));
    if (at != std::string::npos)
      header.replace(at, header.find_first_not_of("0123456789", at) - at, std::to_string(choose.number(4)));
    break;
  }
  case 1:
    header = mutatedBytes(header, most / 2);
    break;
  default:
    rest.resize(std::min<size_t>(static_cast<uint64_t>(choose.number(rest.size())) % 1024, most / 2));
  }
  std::string result = file.substr(0, prefix);
  result[8] = static_cast<char>(header.size());
  result[9] = static_cast<char>(header.size() >> 8);
  return result + header + rest;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  Choice choose(seed);
  std::string file(data, data + size), result;
  onnx::TensorProto tensor;
  if (choose.oneIn(3))
    return LLVMFuzzerMutate(data, size, most);
  if (file.starts_with(npyMagic)) {
    result = mutatedNpy(file, choose, most);
  } else if (tensor.ParseFromString(file)) {
    mutateTensor(tensor, choose);
    result = tensor.SerializeAsString();
  }
  if (result.empty() || result.size() > most)
    return LLVMFuzzerMutate(data, size, most);
  std::copy(result.begin(), result.end(), data);
  return result.size();
}
