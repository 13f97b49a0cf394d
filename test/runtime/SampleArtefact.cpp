// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the sample, and hashes.

#include "test/runtime/SampleArtefact.h"

#include "runtime/schema/Container.h"
#include "test/runtime/ConformanceKernels.h"

#include <algorithm>

namespace tinyc::test {

using namespace artefact;

Artefact sampleArtefact() {
  static const std::vector<float> values(vectorSize, 1.5f);
  Artefact a;
  a.producer = "test";
  a.addWeight(vector("w"), {reinterpret_cast<const uint8_t *>(values.data()), vectorBytes});
  a.states.push_back({vector("s"), 0});
  a.entryPoints.push_back({"init", {}, {}, {}});
  a.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {0}});
  Target &t = a.targets.emplace_back(conformanceTarget("null"));
  t.features = {"some-feature"};
  t.modules[0].forms.push_back({CodeKind::Ptx, "sm_80", {1, 2, 3}});
  t.derived.push_back({"packed", {}, vectorBytes});
  t.plans.resize(2);
  t.plans[0].entryPoint = 0;
  t.plans[0].buffers = {buffer(BufferKind::Weight, 0), buffer(BufferKind::Derived, 0)};
  t.plans[0].commands = {launch(Scale, {{0}, {1}}, {2, 1})};
  Plan &p = t.plans[1];
  p.entryPoint = 1;
  p.arenaSize = 2 * vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0),
               buffer(BufferKind::Output, 0),
               buffer(BufferKind::Derived, 0),
               buffer(BufferKind::State, 0),
               arena(0),
               arena(vectorBytes)};
  Command body = launch(Scale, {{4}, {5}}, {1, 2});
  body.loopIndexSymbol = 1;
  p.commands = {launch(Add, {{0}, {2}, {4}}), loop(3, {body}), launch(Accumulate, {{5}, {3}}),
                copy({1}, {5}, vectorBytes)};
  addDependencies(t, p, p.commands);
  return a;
}

void rehash(std::vector<uint8_t> &file) {
  container::Prefix prefix;
  if (file.size() < sizeof(prefix))
    return;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  uint64_t size = file.size(), data = prefix.dataOffset;
  if (data < sizeof(prefix) || data > size)
    return;
  uint64_t chunks = std::min(prefix.chunkCount, (data - sizeof(prefix)) / sizeof(Sha256Digest));
  for (uint64_t i = 0; i < chunks && i * container::chunkSize < size - data; ++i) {
    uint64_t begin = data + i * container::chunkSize;
    Sha256Digest leaf = container::leafHash(file.data() + begin, std::min(container::chunkSize, size - begin));
    std::memcpy(file.data() + sizeof(prefix) + i * leaf.size(), leaf.data(), leaf.size());
  }
  Sha256Digest root = container::rootHash(file.data(), data);
  std::memcpy(file.data() + offsetof(container::Prefix, root), root.data(), root.size());
}

} // namespace tinyc::test
