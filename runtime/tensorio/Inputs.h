// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `--input` flags of `tinyc run`, `tinyc-run` and others: NAME=@FILE reads a tensor, random:SEED fills the rest.

#ifndef TINYC_RUNTIME_TENSORIO_INPUTS_H
#define TINYC_RUNTIME_TENSORIO_INPUTS_H

#include "runtime/tensorio/HostTensor.h"

#include <optional>
#include <span>

namespace tinyc::tensorio {

/// What --input flags said.
struct InputFlags {
  struct File {
    std::string name, path;
  };
  std::vector<File> files;
  std::optional<uint64_t> randomSeed;

  /// Takes one flag's value: "x=@x.npy", "random:7".
  bool add(const std::string &flag, std::string &error);
};

/// Fills a tensor that has type and shape. The same on every machine: element i is made from
///   mix(key + (i + 1) * G), key = mix((seed + 1) * G) xor FNV-1a-64(name), G = 0x9E3779B97F4A7C15,
/// where mix is SplitMix64's output function: floats are uniform in [-1, 1) on a grid of 2^-23 (2^-52 for f64), then
/// rounded to the type; integers are 0 to 9, from the upper 32 bits; a bool is the top bit.
void fillRandom(HostTensor &tensor, uint64_t seed);

/// Reads or makes every input of `wanted`, in that order: from a file, else one of `fixed` by its name, else from the
/// seed. An input for which there is none of these is an error that lists all inputs; so are a name that does not
/// exist, and a file of another type or shape.
bool makeInputs(const InputFlags &flags, std::span<const tinyc_tensor_info> wanted, std::vector<HostTensor> &inputs,
                std::string &error, std::span<const HostTensor> fixed = {});

/// The inputs of an entry point that must hold the value for which the model is compiled.
std::vector<HostTensor> fixedInputs(const tinyc_artefact *artefact, const char *entry);

} // namespace tinyc::tensorio

#endif // TINYC_RUNTIME_TENSORIO_INPUTS_H
