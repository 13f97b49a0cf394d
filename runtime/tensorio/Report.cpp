// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prints tensors and profiles.

#include "runtime/tensorio/Report.h"

#include "runtime/schema/Sha256.h"

#include <algorithm>
#include <cinttypes>
#include <set>

namespace tinyc::tensorio {

void printTensor(std::FILE *file, const HostTensor &tensor) {
  std::string line = tensor.name + " " + tensor.type();
  size_t count = tensor.elementCount(), shown = std::min<size_t>(count, 8);
  for (size_t i = 0; i < shown; ++i)
    line += " " + elementText(tensor, i);
  if (shown < count)
    line += " ... (" + std::to_string(count) + " values)";
  std::fprintf(file, "%s\n", line.c_str());
}

std::string contentHash(const HostTensor &tensor) {
  std::string type = tensor.type();
  // The type's terminating zero separates it from the bytes.
  return toHex(Sha256().update(type.c_str(), type.size() + 1).update(tensor.data(), tensor.byteSize()).finish());
}

void printHashes(std::FILE *file, std::span<const HostTensor> tensors) {
  for (const HostTensor &tensor : tensors)
    std::fprintf(file, "%s %s\n", contentHash(tensor).c_str(), tensor.name.c_str());
}

void ProfileTable::callback(void *table, const tinyc_launch_profile *launch) {
  std::string ops;
  for (size_t i = 0; i < launch->op_count; ++i)
    ops += (i ? " " : "") + std::string(launch->ops[i]);
  static_cast<ProfileTable *>(table)->add({launch->kernel, ops, launch->flops, launch->bytes, launch->duration_ns});
}

void ProfileTable::print(std::FILE *file) const {
  uint64_t flops = 0, bytes = 0, nanoseconds = 0;
  size_t width = 18; // of the totals
  for (const Row &row : rows) {
    flops += row.flops;
    bytes += row.bytes;
    nanoseconds += row.nanoseconds;
    width = std::max(width, row.name.size());
  }
  width = std::min<size_t>(width, 48);
  std::fprintf(file, "%-8s %-*s %12s %9s %8s %12s %14s %8s%s  %s\n", "device", int(width), "kernel", "time us",
               "GFLOP/s", "GB/s", "bytes", "flops", "of time", limits.known() ? " of limit" : "", "ops");
  auto line = [&](const std::string &name, const Row &row, double share) {
    double ns = std::max<double>(1, static_cast<double>(row.nanoseconds));
    double gflops = static_cast<double>(row.flops) / ns, gbps = static_cast<double>(row.bytes) / ns;
    std::fprintf(file, "%-8s %-*s %12.2f %9.2f %8.2f %12" PRIu64 " %14" PRIu64 " %7.1f%%", device.c_str(), int(width),
                 name.c_str(), static_cast<double>(row.nanoseconds) / 1000, gflops, gbps, row.bytes, row.flops,
                 nanoseconds ? 100.0 * static_cast<double>(row.nanoseconds) / static_cast<double>(nanoseconds) : 0.0);
    if (limits.known())
      std::fprintf(file, " %7.1f%%", 100 * share);
    std::string ops = row.ops.size() > 60 ? row.ops.substr(0, 57) + "..." : row.ops;
    std::fprintf(file, "%s%s\n", ops.empty() ? "" : "  ", ops.c_str());
  };
  double least = 0; // nanoseconds that all kernels take together at their limits
  for (const Row &row : rows) {
    double share = limits.share(row.flops, row.bytes, 1e-9 * static_cast<double>(row.nanoseconds));
    least += share * static_cast<double>(row.nanoseconds);
    line(row.name, row, share);
  }
  std::string total = "total: " + std::to_string(rows.size()) + " launches";
  line(total, {total, "", flops, bytes, nanoseconds}, nanoseconds ? least / static_cast<double>(nanoseconds) : 0);
}

static std::string withoutSeparators(std::string name) {
  for (char &c : name)
    if (c == '/' || static_cast<unsigned char>(c) < ' ')
      c = '_';
  if (name.empty() || name[0] == '.')
    name.insert(0, "_");
  return name;
}

std::vector<std::string> outputFileNames(std::span<const HostTensor> outputs) {
  std::vector<std::string> names(outputs.size());
  std::set<std::string> taken;
  // What is a file name already stays one, whatever the others become.
  for (size_t i = 0; i < outputs.size(); ++i)
    if (withoutSeparators(outputs[i].name) == outputs[i].name && taken.insert(outputs[i].name).second)
      names[i] = outputs[i].name;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (names[i].empty()) {
      std::string plain = names[i] = withoutSeparators(outputs[i].name);
      for (size_t number = 2; !taken.insert(names[i]).second; ++number)
        names[i] = plain + "-" + std::to_string(number);
    }
    names[i] += ".npy";
  }
  return names;
}

} // namespace tinyc::tensorio
