// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Invariants, input files, numbers.

#include "test/fuzz/Fuzz.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace tinyc::fuzz;

void tinyc::fuzz::require(bool holds, const std::string &what) {
  if (holds)
    return;
  std::fprintf(stderr, "broken: %s\n", what.c_str());
  std::abort();
}

InputFile::InputFile(const std::string &name) {
  folder = (std::filesystem::temp_directory_path() / "tinyc-fuzz-XXXXXX").string();
  require(mkdtemp(folder.data()) != nullptr, "cannot make a folder for input files");
  file = folder + "/" + name;
}

InputFile::~InputFile() { std::filesystem::remove_all(folder); }

void InputFile::write(const uint8_t *data, size_t size) const {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(size));
  require(bool(out.flush()), "cannot write " + file);
}

int64_t Choice::number(int64_t old) {
  auto wrapped = [](uint64_t value) { return static_cast<int64_t>(value); };
  switch (below(6)) {
  case 0:
    return static_cast<int64_t>(below(9)) - 2;
  case 1: // 2^k and its neighbours, of either sign
  case 2: {
    uint64_t power = uint64_t(1) << below(64);
    return wrapped((oneIn(2) ? power : ~power + 1) + below(3) - 1);
  }
  case 3:
    return wrapped(static_cast<uint64_t>(old) + below(9) - 4);
  case 4:
    return wrapped(static_cast<uint64_t>(old) * (oneIn(2) ? 2 : ~uint64_t(0)));
  default:
    return static_cast<int64_t>(below(100));
  }
}

std::string tinyc::fuzz::mutatedBytes(const std::string &bytes, size_t most) {
  most = std::max<size_t>(most, 1);
  std::vector<uint8_t> room(std::max(most, bytes.size()));
  std::copy(bytes.begin(), bytes.end(), room.begin());
  size_t size = LLVMFuzzerMutate(room.data(), std::min(bytes.size(), most), most);
  return {room.begin(), room.begin() + static_cast<ptrdiff_t>(size)};
}
