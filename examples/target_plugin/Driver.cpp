// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The NPU's driver: here, a simulator of the NPU that trusts nothing. Scratchpad memory is poisoned before every unit,
// a load lands when its channel is waited for and not before, every address is checked against its allocation, and the
// units of a launch run in reverse. A stream that would work by luck fails.

#include "Npu.h"

#include <tinyc/driver.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>

using namespace npu;

namespace {

/// A reason that a command cannot run; becomes the message of a failed call.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Global memory: addresses are the NPU's own, and mean nothing to the host.
class Memory {
public:
  uint64_t allocate(uint64_t size) {
    std::lock_guard lock(mutex);
    uint64_t address = next;
    next += (size + 4095) / 4096 * 4096 + 4096; // nothing lies right behind another
    blocks[address].resize(size);
    return address;
  }
  void release(uint64_t address) {
    std::lock_guard lock(mutex);
    blocks.erase(address);
  }
  /// The bytes at an address; a fault if they are not all in one allocation.
  uint8_t *at(uint64_t address, uint64_t size) {
    std::lock_guard lock(mutex);
    auto block = blocks.upper_bound(address);
    if (block == blocks.begin())
      throw Fault("address " + std::to_string(address) + " is in no allocation");
    --block;
    uint64_t offset = address - block->first, room = block->second.size();
    if (offset > room || size > room - offset)
      throw Fault(std::to_string(size) + " bytes at offset " + std::to_string(offset) + " leave their allocation of " +
                  std::to_string(room) + " bytes");
    return block->second.data() + offset;
  }

private:
  std::mutex mutex;
  std::map<uint64_t, std::vector<uint8_t>> blocks;
  uint64_t next = uint64_t(1) << 40;
};

/// The scratchpad with what is known of each of its bytes.
class Scratch {
public:
  enum State : uint8_t { Poisoned, Written, Arriving, Leaving };

  Scratch() : bytes(kScratchBytes, 0xA5), states(kScratchBytes, Poisoned) {}

  const uint8_t *read(uint64_t address, uint64_t size) {
    check(address, size);
    for (uint64_t i = 0; i < size; ++i)
      if (states[address + i] == Poisoned || states[address + i] == Arriving)
        throw Fault("reads byte " + std::to_string(address + i) + " of the scratchpad, which " +
                    (states[address + i] == Poisoned ? "nothing has written" : "a load still brings"));
    return bytes.data() + address;
  }
  uint8_t *write(uint64_t address, uint64_t size, State becomes = Written) {
    check(address, size);
    for (uint64_t i = 0; i < size; ++i) {
      if (states[address + i] == Arriving || states[address + i] == Leaving)
        throw Fault("writes byte " + std::to_string(address + i) + " of the scratchpad, which a " +
                    (states[address + i] == Arriving ? "load still brings" : "store still reads"));
      states[address + i] = becomes;
    }
    return bytes.data() + address;
  }
  void mark(uint64_t address, uint64_t size, State state) { std::fill_n(states.begin() + address, size, state); }
  uint8_t *data(uint64_t address) { return bytes.data() + address; }

private:
  static void check(uint64_t address, uint64_t size) {
    if (address > kScratchBytes || size > kScratchBytes - address)
      throw Fault(std::to_string(size) + " bytes at " + std::to_string(address) + " leave the scratchpad of " +
                  std::to_string(kScratchBytes) + " bytes");
  }
  std::vector<uint8_t> bytes;
  std::vector<State> states;
};

/// One unit of work of one launch.
class Unit {
public:
  Unit(Memory &memory, const Module &module, const tinyc_driver_launch &launch, const tinyc_driver_kernel &facts)
      : memory(memory), module(module), launch(launch), facts(facts) {}

  void run(const std::vector<Command> &commands) {
    for (const Command &command : commands)
      execute(command);
    for (unsigned channel = 0; channel < kChannels; ++channel)
      if (!channels[channel].empty())
        throw Fault("ends before channel " + std::to_string(channel) + " was waited for");
  }

private:
  struct Run {
    bool load;
    uint64_t global, scratch, bytes;
  };

  void execute(const Command &c) {
    switch (c.op) {
    case Op::Load:
    case Op::Store:
      return transfer(c);
    case Op::Wait:
      return wait(c.code);
    case Op::MatMul:
      return matMul(c);
    case Op::Map:
      return map(c);
    case Op::Reduce:
      return reduce(c);
    case Op::Move:
      for (uint32_t row = 0; row < c.rows; ++row) {
        std::vector<uint8_t> bytes(c.run);
        std::memcpy(bytes.data(), scratch.read(c.b + row * c.farStride, c.run), c.run);
        std::memcpy(scratch.write(c.a + uint64_t(row) * c.nearStride, c.run), bytes.data(), c.run);
      }
      return;
    case Op::Fill:
      for (uint32_t i = 0; i < c.run; ++i)
        std::memcpy(scratch.write(c.a + uint64_t(i) * sizeOf(c.type), sizeOf(c.type)), &c.far, sizeOf(c.type));
      return;
    case Op::Symbol: {
      if (c.code >= facts.symbol_count)
        throw Fault("has no symbol " + std::to_string(c.code));
      float value = static_cast<float>(launch.symbols[c.code]);
      for (uint32_t i = 0; i < c.run; ++i)
        std::memcpy(scratch.write(c.a + uint64_t(i) * 4, 4), &value, 4);
      return;
    }
    case Op::Trap:
      throw Fault("stopped by its own command");
    }
    throw Fault("has an unknown command " + std::to_string(unsigned(c.op)));
  }

  void transfer(const Command &c) {
    if (c.code >= kChannels)
      throw Fault("has no channel " + std::to_string(c.code));
    bool load = c.op == Op::Load, constant = c.argument == kConstants;
    if (!constant && c.argument >= facts.argument_count)
      throw Fault("has no argument " + std::to_string(c.argument));
    uint64_t base = constant ? 0 : reinterpret_cast<uint64_t>(launch.arguments[c.argument]);
    for (uint32_t row = 0; row < c.rows; ++row) {
      int64_t offset = c.far + row * c.farStride;
      uint64_t at = c.a + uint64_t(row) * c.nearStride;
      if (constant) {
        // Constants come with the code: they are there at once.
        if (!load || offset < 0 || uint64_t(offset) + c.run > module.constants.size())
          throw Fault("leaves the constants");
        std::memcpy(scratch.write(at, c.run), module.constants.data() + offset, c.run);
        continue;
      }
      memory.at(base + offset, c.run);
      if (load)
        scratch.write(at, c.run, Scratch::Arriving);
      else
        scratch.read(at, c.run), scratch.mark(at, c.run, Scratch::Leaving);
      channels[c.code].push_back({load, base + offset, at, c.run});
    }
  }

  void wait(unsigned channel) {
    if (channel >= kChannels)
      throw Fault("has no channel " + std::to_string(channel));
    for (const Run &run : channels[channel]) {
      uint8_t *global = memory.at(run.global, run.bytes);
      if (run.load)
        std::memcpy(scratch.data(run.scratch), global, run.bytes);
      else
        std::memcpy(global, scratch.data(run.scratch), run.bytes);
      scratch.mark(run.scratch, run.bytes, Scratch::Written);
    }
    channels[channel].clear();
  }

  void matMul(const Command &c) {
    if (c.b % kDepth || c.c % kDepth || c.farStride % kDepth || c.nearStride % kDepth)
      throw Fault("multiplies rows that are not aligned to " + std::to_string(kDepth) + " bytes");
    for (uint32_t i = 0; i < kTile; ++i) {
      auto *rows = reinterpret_cast<const int8_t *>(scratch.read(c.b + i * c.farStride, kDepth));
      for (uint32_t j = 0; j < kTile; ++j) {
        auto *columns = reinterpret_cast<const int8_t *>(scratch.read(c.c + uint64_t(j) * c.nearStride, kDepth));
        uint64_t at = c.a + uint64_t(i) * c.run + j * 4;
        uint32_t sum;
        std::memcpy(&sum, scratch.read(at, 4), 4);
        for (uint32_t k = 0; k < kDepth; ++k)
          sum += uint32_t(int32_t(rows[k]) * columns[k]);
        std::memcpy(scratch.write(at, 4), &sum, 4);
      }
    }
  }

  // Elements as doubles, which hold every value of the four types.
  double load(Type type, uint32_t address, uint64_t i) {
    const uint8_t *bytes = scratch.read(address + i * sizeOf(type), sizeOf(type));
    int32_t integer;
    float number;
    switch (type) {
    case Type::Bool:
      return *bytes;
    case Type::I8:
      return static_cast<int8_t>(*bytes);
    case Type::I32:
      return std::memcpy(&integer, bytes, 4), integer;
    case Type::F32:
      return std::memcpy(&number, bytes, 4), number;
    }
    throw Fault("has an unknown type");
  }
  void store(Type type, uint32_t address, uint64_t i, double value) {
    uint8_t *bytes = scratch.write(address + i * sizeOf(type), sizeOf(type));
    float number = static_cast<float>(value);
    // Sums and products of 32-bit integers are below 2^63, and wrap.
    int64_t integer = type == Type::F32 ? 0 : static_cast<int64_t>(value);
    std::memcpy(bytes, type == Type::F32 ? static_cast<const void *>(&number) : &integer, sizeOf(type));
  }

  static double larger(double x, double y) { return std::isnan(x) || x > y ? x : y; }

  static double multiply(Type type, double x, double y) {
    if (type == Type::F32)
      return x * y;
    return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(x)) *
                                static_cast<uint32_t>(static_cast<int64_t>(y)));
  }

  static double cast(Type from, Type to, double x) {
    if (from != Type::F32 || to == Type::F32)
      return to == Type::Bool ? x != 0 : x;
    double least = to == Type::I8 ? -128 : to == Type::I32 ? -2147483648.0 : 0;
    double most = to == Type::I8 ? 127 : to == Type::I32 ? 2147483647.0 : 1;
    return std::isnan(x) ? 0 : std::min(std::max(std::trunc(x), least), most);
  }

  double compute(const Command &c, uint32_t i) {
    auto f = static_cast<Function>(c.code);
    double x = load(f == Function::Where ? Type::Bool : c.type, c.b, i);
    auto y = [&] { return load(c.type, c.c, i); };
    auto bits = [](double v) { return static_cast<int64_t>(v); };
    bool integers = c.type != Type::F32;
    switch (f) {
    case Function::Add:
      return x + y();
    case Function::Mul:
      return multiply(c.type, x, y());
    case Function::Div: {
      double by = y();
      return integers ? (by == 0 ? 0 : std::trunc(x / by)) : x / by;
    }
    case Function::Max:
      return larger(x, y());
    case Function::CmpLt:
      return x < y();
    case Function::CmpEq:
      return x == y();
    case Function::And:
      return bits(x) & bits(y());
    case Function::Or:
      return bits(x) | bits(y());
    case Function::Xor:
      return bits(x) ^ bits(y());
    case Function::Where: {
      double onTrue = y(), onFalse = load(c.type, c.d, i); // both are read, as always
      return x != 0 ? onTrue : onFalse;
    }
    case Function::Sqrt:
      return std::sqrt(x);
    case Function::Exp:
      return std::exp(x);
    case Function::Exp2:
      return std::exp2(x);
    case Function::RoundEven:
      return std::nearbyint(x);
    case Function::RoundFloor:
      return std::floor(x);
    case Function::RoundCeil:
      return std::ceil(x);
    case Function::RoundTrunc:
      return std::trunc(x);
    case Function::Cast:
      return cast(c.type, c.to, x);
    }
    throw Fault("has an unknown function " + std::to_string(c.code));
  }

  void map(const Command &c) {
    for (uint32_t i = 0; i < c.run; ++i)
      store(c.to, c.a, i, compute(c, i));
  }

  void reduce(const Command &c) {
    for (uint32_t outer = 0; outer < c.run; ++outer)
      for (uint32_t inner = 0; inner < c.nearStride; ++inner) {
        double result = load(c.type, c.b, uint64_t(outer) * c.rows * c.nearStride + inner);
        for (uint32_t row = 1; row < c.rows; ++row) {
          double next = load(c.type, c.b, (uint64_t(outer) * c.rows + row) * c.nearStride + inner);
          auto kind = static_cast<Kind>(c.code);
          result = kind == Kind::Sum   ? result + next
                   : kind == Kind::Max ? larger(result, next)
                                       : multiply(c.type, result, next);
          if (c.type == Type::F32)
            result = static_cast<float>(result);
        }
        store(c.type, c.a, uint64_t(outer) * c.nearStride + inner, result);
      }
  }

  Memory &memory;
  const Module &module;
  const tinyc_driver_launch &launch;
  const tinyc_driver_kernel &facts;
  Scratch scratch;
  std::vector<Run> channels[kChannels];
};

struct LoadedKernel {
  const Module *module;
  const Kernel *code;
  tinyc_driver_kernel facts;
};
struct LoadedModule {
  Module module;
  std::vector<std::unique_ptr<LoadedKernel>> kernels;
};

// Runs `work`, and turns what it throws into a message.
template <typename Work> tinyc_code guarded(char *message, Work work) {
  try {
    work();
    return TINYC_OK;
  } catch (const std::bad_alloc &) {
    std::snprintf(message, TINYC_DRIVER_MESSAGE, "out of memory");
    return TINYC_OUT_OF_MEMORY;
  } catch (const std::exception &e) {
    std::snprintf(message, TINYC_DRIVER_MESSAGE, "%s", e.what());
    return TINYC_DEVICE_FAILED;
  }
}

uint64_t addressOf(const void *address) { return reinterpret_cast<uint64_t>(address); }

tinyc_code deviceCount(size_t *count, char *) { return *count = 1, TINYC_OK; }

tinyc_code openDevice(size_t, void **device, const char **chip, const char **description, char *message) {
  *chip = "v1";
  *description = "simulated NPU: 256 KiB scratchpad, 8x8x32 matrix unit";
  return guarded(message, [&] { *device = new Memory; });
}
void closeDevice(void *device) { delete static_cast<Memory *>(device); }

tinyc_code allocate(void *device, uint64_t size, void **address, char *message) {
  return guarded(message, [&] { *address = reinterpret_cast<void *>(static_cast<Memory *>(device)->allocate(size)); });
}
void release(void *device, void *address, uint64_t) { static_cast<Memory *>(device)->release(addressOf(address)); }

tinyc_code load(void *, const void *code, uint64_t size, void **module, char *message) {
  auto loaded = std::make_unique<LoadedModule>();
  if (!parse(static_cast<const uint8_t *>(code), size, loaded->module)) {
    std::snprintf(message, TINYC_DRIVER_MESSAGE, "it is no code for the NPU");
    return TINYC_CORRUPT;
  }
  *module = loaded.release();
  return TINYC_OK;
}
void unload(void *, void *module) { delete static_cast<LoadedModule *>(module); }

tinyc_code findKernel(void *module, const tinyc_driver_kernel *facts, void **kernel, char *message) {
  auto *loaded = static_cast<LoadedModule *>(module);
  for (const Kernel &code : loaded->module.kernels)
    if (code.symbol == facts->symbol && code.units.size() == facts->units) {
      *kernel = loaded->kernels.emplace_back(new LoadedKernel{&loaded->module, &code, *facts}).get();
      return TINYC_OK;
    }
  std::snprintf(message, TINYC_DRIVER_MESSAGE, "there is no kernel '%s' of %u units", facts->symbol, facts->units);
  return TINYC_CORRUPT;
}

// A queue that is always empty: each command is done when its call returns.
tinyc_code createQueue(void *device, void **queue, char *) { return *queue = device, TINYC_OK; }
void destroyQueue(void *) {}
tinyc_code finish(void *, char *) { return TINYC_OK; }

tinyc_code launch(void *queue, void *kernel, const tinyc_driver_launch *launch, char *message) {
  auto &loaded = *static_cast<LoadedKernel *>(kernel);
  return guarded(message, [&] {
    for (size_t unit = loaded.code->units.size(); unit-- > 0;)
      try {
        Unit(*static_cast<Memory *>(queue), *loaded.module, *launch, loaded.facts).run(loaded.code->units[unit]);
      } catch (const Fault &fault) {
        throw Fault("unit " + std::to_string(unit) + " " + fault.what());
      }
  });
}
tinyc_code upload(void *queue, void *to, const void *from, uint64_t size, char *message) {
  return guarded(message, [&] { std::memcpy(static_cast<Memory *>(queue)->at(addressOf(to), size), from, size); });
}
tinyc_code download(void *queue, void *to, const void *from, uint64_t size, char *message) {
  return guarded(message, [&] { std::memcpy(to, static_cast<Memory *>(queue)->at(addressOf(from), size), size); });
}
tinyc_code copy(void *queue, void *to, const void *from, uint64_t size, char *message) {
  return guarded(message, [&] {
    Memory &memory = *static_cast<Memory *>(queue);
    std::memmove(memory.at(addressOf(to), size), memory.at(addressOf(from), size), size);
  });
}
tinyc_code fill(void *queue, void *to, uint8_t pattern, uint64_t size, char *message) {
  return guarded(message, [&] { std::memset(static_cast<Memory *>(queue)->at(addressOf(to), size), pattern, size); });
}

} // namespace

extern "C" TINYC_DRIVER_EXPORT const tinyc_driver *tinyc_get_driver(void) {
  static const tinyc_driver driver = {
      .struct_size = sizeof(tinyc_driver),
      .version = TINYC_DRIVER_VERSION,
      .name = "npu",
      .device_count = deviceCount,
      .open = openDevice,
      .close = closeDevice,
      .allocate = allocate,
      .release = release,
      .load = load,
      .unload = unload,
      .find_kernel = findKernel,
      .create_queue = createQueue,
      .destroy_queue = destroyQueue,
      .launch = launch,
      .upload = upload,
      .download = download,
      .copy = copy,
      .fill = fill,
      .finish = finish,
  };
  return &driver;
}
