// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs from flags: files, or random values that are the same everywhere.

#include "runtime/tensorio/Inputs.h"

#include "runtime/tensorio/TensorFiles.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tinyc::tensorio {
namespace {

uint64_t splitMix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

constexpr uint64_t goldenGamma = 0x9E3779B97F4A7C15;

std::string typeOf(const tinyc_tensor_info &info) {
  std::string text = std::string(tinyc_dtype_name(info.dtype)) + "[";
  for (size_t i = 0; i < info.rank; ++i)
    text += (i ? "x" : "") + std::to_string(info.shape[i]);
  return text + "]";
}

} // namespace

bool InputFlags::add(const std::string &flag, std::string &error) {
  constexpr std::string_view randomPrefix = "random:";
  size_t at = flag.find("=@");
  if (flag.starts_with(randomPrefix) && at == std::string::npos) {
    const char *digits = flag.c_str() + randomPrefix.size();
    char *end = nullptr;
    errno = 0;
    uint64_t seed = std::strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end || errno) {
      error = "--input " + flag + ": expected random:SEED with an unsigned number";
      return false;
    }
    if (randomSeed) {
      error = "--input " + flag + ": another seed is given already";
      return false;
    }
    randomSeed = seed;
    return true;
  }
  if (at == std::string::npos || at == 0 || at + 2 == flag.size()) {
    error = "--input " + flag + ": expected NAME=@FILE.npy, NAME=@FILE.pb or random:SEED";
    return false;
  }
  files.push_back({flag.substr(0, at), flag.substr(at + 2)});
  return true;
}

void fillRandom(HostTensor &tensor, uint64_t seed) {
  uint64_t name = 0xCBF29CE484222325;
  for (char c : tensor.name)
    name = (name ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  uint64_t key = splitMix64(seed * goldenGamma + goldenGamma) ^ name;
  bool isBool = tensor.dtype == TINYC_DTYPE_BOOL;
  bool isInteger = tensor.dtype >= TINYC_DTYPE_I8 && tensor.dtype <= TINYC_DTYPE_U64;
  for (size_t i = 0, count = tensor.elementCount(); i < count; ++i) {
    uint64_t bits = splitMix64(key + (i + 1) * goldenGamma);
    double value;
    if (isBool)
      value = static_cast<double>(bits >> 63);
    else if (isInteger)
      value = static_cast<double>((bits >> 32) % 10);
    else if (tensor.dtype == TINYC_DTYPE_F64)
      value = static_cast<double>(bits >> 11) * 0x1p-52 - 1;
    else
      value = static_cast<double>(bits >> 40) * 0x1p-23 - 1;
    setElement(tensor, i, value);
  }
}

bool makeInputs(const InputFlags &flags, std::span<const tinyc_tensor_info> wanted, std::vector<HostTensor> &inputs,
                std::string &error, std::span<const HostTensor> fixed) {
  auto listing = [&] {
    std::string text = "; the inputs are:";
    for (const tinyc_tensor_info &info : wanted)
      text += std::string(" ") + info.name + " " + typeOf(info) + (&info == &wanted.back() ? "" : ",");
    return wanted.empty() ? std::string("; the model has no inputs") : text;
  };
  for (const InputFlags::File &file : flags.files) {
    bool exists = false, twice = false;
    for (const tinyc_tensor_info &info : wanted)
      exists |= file.name == info.name;
    for (const InputFlags::File &other : flags.files)
      twice |= &other != &file && other.name == file.name;
    if (!exists || twice) {
      error =
          (twice ? "input '" + file.name + "' is given twice" : "there is no input '" + file.name + "'") + listing();
      return false;
    }
  }
  inputs.clear();
  for (const tinyc_tensor_info &info : wanted) {
    HostTensor &tensor = inputs.emplace_back();
    tensor.name = info.name;
    const InputFlags::File *source = nullptr;
    for (const InputFlags::File &file : flags.files)
      if (file.name == tensor.name)
        source = &file;
    std::vector<int64_t> shape(info.shape, info.shape + info.rank);
    if (source) {
      if (!readTensorFile(source->path, info.dtype, tensor, error))
        return false;
      if (tensor.dtype != info.dtype || tensor.shape != shape) {
        error =
            "input '" + tensor.name + "': expected " + typeOf(info) + ", '" + source->path + "' holds " + tensor.type();
        return false;
      }
      continue;
    }
    auto only = std::find_if(fixed.begin(), fixed.end(), [&](const HostTensor &f) { return f.name == tensor.name; });
    if (only != fixed.end() && only->dtype == info.dtype && only->shape == shape) {
      if (!tensor.allocate(info.dtype, shape, error))
        return false;
      std::memcpy(tensor.data(), only->data(), tensor.byteSize());
      continue;
    }
    if (!flags.randomSeed) {
      error = "input '" + tensor.name + "' is not given" + listing() +
              "; give --input NAME=@FILE for each, or --input random:SEED for the rest";
      return false;
    }
    if (!tensor.allocate(info.dtype, shape, error))
      return false;
    fillRandom(tensor, *flags.randomSeed);
  }
  return true;
}

std::vector<HostTensor> fixedInputs(const tinyc_artefact *artefact, const char *entry) {
  std::vector<HostTensor> fixed;
  for (size_t i = 0, count = tinyc_artefact_input_count(artefact, entry); i < count; ++i) {
    const void *value = tinyc_artefact_input_value(artefact, entry, i);
    tinyc_tensor_info info;
    if (!value || tinyc_artefact_input(artefact, entry, i, &info))
      continue;
    HostTensor tensor;
    std::string error;
    if (!tensor.allocate(info.dtype, {info.shape, info.shape + info.rank}, error))
      continue;
    tensor.name = info.name;
    std::memcpy(tensor.data(), value, tensor.byteSize());
    fixed.push_back(std::move(tensor));
  }
  return fixed;
}

} // namespace tinyc::tensorio
