// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/tinyc/GivenInputs.h"

#include "runtime/tensorio/TensorFiles.h"

using namespace tinyc;

std::optional<GivenInputs> tinyc::givenInputs(const Arguments &arguments, std::string &error) {
  GivenInputs given;
  for (const std::string &flag : arguments.inputs)
    if (!given.flags.add(flag, error))
      return std::nullopt;
  for (const tensorio::InputFlags::File &file : given.flags.files) {
    tensorio::HostTensor tensor;
    std::string unread;
    if (!tensorio::readTensorFile(file.path, TINYC_DTYPE_INVALID, tensor, unread))
      continue;
    tensor.name = file.name;
    given.known.push_back(std::move(tensor));
  }
  return given;
}

std::optional<GivenInputs> tinyc::givenOrRandomInputs(const Arguments &arguments, std::string &error) {
  std::optional<GivenInputs> given = givenInputs(arguments, error);
  if (given && !given->flags.randomSeed)
    given->flags.randomSeed = 0;
  return given;
}

std::optional<GivenInputs> tinyc::givenValues(const Arguments &arguments, std::string &error) {
  std::optional<GivenInputs> given = givenInputs(arguments, error);
  if (!given || !given->flags.randomSeed)
    return given;
  error = "--input random:" + std::to_string(*given->flags.randomSeed) +
          ": expected the values of inputs on which shapes depend, as NAME=@FILE; random values are for what is run";
  return std::nullopt;
}
