// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "HipTest.h"

#include <cstdio>
#include <dlfcn.h>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <sstream>
#include <unistd.h>

namespace hiptest {

void *symbol(const char *name) {
  static void *library = [] {
    std::string path = std::string(TINYC_BUILD_DIR) + "/emulators/libamdhip64.so";
    void *opened = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!opened) {
      std::fprintf(stderr, "%s\n", dlerror());
      std::abort();
    }
    return opened;
  }();
  void *found = dlsym(library, name);
  if (!found) {
    std::fprintf(stderr, "libamdhip64 has no %s\n", name);
    std::abort();
  }
  return found;
}

static std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::vector<char> &compile(const std::string &source, const std::string &extension, const std::string &flags) {
  static std::map<std::string, std::vector<char>> done;
  std::vector<char> &image = done[extension + flags + source];
  if (!image.empty())
    return image;
  char folder[] = "/tmp/tinyc-hip-XXXXXX";
  if (!mkdtemp(folder))
    std::abort();
  std::string base = std::string(folder) + "/k";
  std::ofstream(base + "." + extension) << source;
  std::string language = extension == "cl" ? " -x cl -cl-std=CL2.0" : "";
  std::string command = "clang-22" + language + " -O2 -w -target amdgcn-amd-amdhsa -mcpu=gfx1100 -nogpulib " + flags +
                        " " + base + "." + extension + " -o " + base + ".hsaco > " + base + ".log 2>&1";
  int code = std::system(command.c_str());
  std::string bytes = readFile(base + ".hsaco");
  if (code != 0 || bytes.empty())
    ADD_FAILURE() << command << "\n" << readFile(base + ".log");
  image.assign(bytes.begin(), bytes.end());
  std::string remove = std::string("rm -r ") + folder;
  if (std::system(remove.c_str()) != 0)
    ADD_FAILURE() << "cannot remove " << folder;
  return image;
}

Module::Module(const std::vector<char> &image) {
  if (image.empty())
    return;
  EXPECT_EQ(call("hipModuleLoadData", &handle, static_cast<const void *>(image.data())), Success);
}
Module::~Module() {
  if (handle)
    call("hipModuleUnload", handle);
}
void *Module::function(const char *name) {
  void *found = nullptr;
  EXPECT_EQ(call("hipModuleGetFunction", &found, handle, name), Success) << name;
  return found;
}

Buffer::Buffer(size_t bytes) : bytes(bytes) { EXPECT_EQ(call("hipMalloc", &address, bytes), Success); }
Buffer::~Buffer() { call("hipFree", address); }
void Buffer::upload(const void *from) {
  EXPECT_EQ(call("hipMemcpyHtoD", address, const_cast<void *>(from), bytes), Success);
}
void Buffer::download(void *to) const { EXPECT_EQ(call("hipMemcpyDtoH", to, address, bytes), Success); }

static std::string message;
const std::string &lastMessage() { return message; }

int launch(void *function, Size grid, Size block, std::vector<void *> parameters, unsigned sharedBytes) {
  // The driver explains itself on stderr.
  char path[] = "/tmp/tinyc-hip-stderr-XXXXXX";
  int file = mkstemp(path), saved = dup(2);
  dup2(file, 2);
  parameters.push_back(nullptr); // so that data() is not null
  int code = call("hipModuleLaunchKernel", function, grid.x, grid.y, grid.z, block.x, block.y, block.z, sharedBytes,
                  static_cast<void *>(nullptr), parameters.data(), static_cast<void **>(nullptr));
  dup2(saved, 2);
  close(saved);
  close(file);
  message = readFile(path);
  unlink(path);
  return code;
}

uint64_t Noise::next() {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}
float Noise::real(float low, float high) { return low + (high - low) * float(next() >> 40) / float(1 << 24); }

} // namespace hiptest
