// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simulator finds what would only work by luck. Streams that are wrong in one way each, and what it says of them.

#include "Npu.h"

#include <tinyc/driver.h>

#include <cstdio>
#include <cstring>

using namespace npu;

static Command command(Op op) {
  Command c{};
  c.op = op;
  c.rows = 1;
  c.run = 64;
  return c;
}

static Command load(uint32_t scratch, int64_t far = 0, uint8_t channel = 0) {
  Command c = command(Op::Load);
  c.a = scratch;
  c.far = far;
  c.code = channel;
  return c;
}

static Command wait(uint8_t channel = 0) {
  Command c = command(Op::Wait);
  c.code = channel;
  return c;
}

static Command move(uint32_t from, uint32_t to) {
  Command c = command(Op::Move);
  c.a = to;
  c.b = from;
  return c;
}

static Command store(uint32_t scratch) {
  Command c = load(scratch);
  c.op = Op::Store;
  return c;
}

static const struct {
  const char *message; // empty: the stream is right
  std::vector<Command> stream;
} cases[] = {
    {"", {load(0), wait(), move(0, 64), store(64), wait()}},
    {"which a load still brings", {load(0), move(0, 64), wait()}},
    {"which a load still brings", {load(0), load(32, 0, 1), wait(), wait(1)}},
    {"which a store still reads", {load(0), wait(), store(0), move(0, 0), wait()}},
    {"which nothing has written", {move(0, 64)}},
    {"leave the scratchpad", {load(kScratchBytes - 32), wait()}},
    {"leave the scratchpad", {load(0), wait(), move(0, ~0u)}},
    {"leave their allocation", {load(0, 4064), wait()}},
    {"is in no allocation", {load(0, -64), wait()}},
    {"has no channel 8", {load(0, 0, 8)}},
    {"ends before channel 0 was waited for", {load(0)}},
};

// What the launch of a stream says; its one argument is a buffer of 4096 bytes.
static std::string launch(const tinyc_driver &driver, const std::vector<Command> &stream) {
  char message[TINYC_DRIVER_MESSAGE] = "";
  void *device, *module, *kernel, *queue, *buffer;
  const char *chip, *description;
  Module code{{{"k", {stream}}}, {}};
  std::vector<uint8_t> bytes = serialize(code);
  tinyc_driver_kernel facts = {.symbol = "k", .units = 1, .argument_count = 1, .symbol_count = 0, .scratch_bytes = 0};
  if (driver.open(0, &device, &chip, &description, message) || driver.allocate(device, 4096, &buffer, message) ||
      driver.load(device, bytes.data(), bytes.size(), &module, message) ||
      driver.find_kernel(module, &facts, &kernel, message) || driver.create_queue(device, &queue, message))
    return std::string("cannot start: ") + message;
  tinyc_driver_launch launch = {.arguments = &buffer, .symbols = nullptr};
  driver.launch(queue, kernel, &launch, message);
  driver.destroy_queue(queue);
  driver.unload(device, module);
  driver.release(device, buffer, 4096);
  driver.close(device);
  return message;
}

int main() {
  const tinyc_driver &driver = *tinyc_get_driver();
  int failed = 0;
  for (const auto &[expected, stream] : cases) {
    std::string message = launch(driver, stream);
    bool right = *expected ? message.find(expected) != std::string::npos : message.empty();
    if (!right)
      std::fprintf(stderr, "expected '%s', found '%s'\n", expected, message.c_str());
    failed += !right;
  }
  return failed ? 1 : 0;
}
