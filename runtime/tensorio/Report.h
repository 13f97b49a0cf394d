// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `run` prints: outputs with their first values, content hashes, and the profile table.

#ifndef TINYC_RUNTIME_TENSORIO_REPORT_H
#define TINYC_RUNTIME_TENSORIO_REPORT_H

#include "runtime/tensorio/DeviceLimits.h"
#include "runtime/tensorio/HostTensor.h"

#include <cstdio>
#include <span>

namespace tinyc::tensorio {

/// "probabilities f32[1x10] 0.1 0.2 ... (10 values)"
void printTensor(std::FILE *file, const HostTensor &tensor);

/// SHA-256 in hex of type, shape and bytes. Equal tensors have equal hashes on every machine; the name does not count.
/// A line each of hash and name.
void printHashes(std::FILE *file, std::span<const HostTensor> tensors);
std::string contentHash(const HostTensor &tensor);

/// Collects launches (its `callback` goes to tinyc_context_set_profiler with the table as `user`) and prints a line
/// for each.
class ProfileTable {
public:
  explicit ProfileTable(std::string device) : device(std::move(device)) {}
  /// Adds a column that says how much of the nearer limit a kernel reaches, if they are known.
  void setLimits(const DeviceLimits &most) { limits = most; }
  static void callback(void *table, const tinyc_launch_profile *launch);
  /// A kernel that was launched, with the names of its ops in the user's file.
  struct Row {
    std::string name, ops;
    uint64_t flops, bytes, nanoseconds;
  };
  void add(Row row) { rows.push_back(std::move(row)); }
  void print(std::FILE *file) const;

private:
  std::string device;
  std::vector<Row> rows;
  DeviceLimits limits;
};

/// The file names under which --output-dir stores outputs: their names, with what a file name cannot hold replaced by
/// '_'. Where that makes two equal, the one that is called so keeps the name, else the first, and the others get a
/// number: "a/b" and "a_b" are stored as a_b-2.npy and a_b.npy.
std::vector<std::string> outputFileNames(std::span<const HostTensor> outputs);

} // namespace tinyc::tensorio

#endif // TINYC_RUNTIME_TENSORIO_REPORT_H
