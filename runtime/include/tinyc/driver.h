/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Drivers of your own: a shared object that defines tinyc_get_driver, which the runtime loads with tinyc_driver_load.
 * It runs the code that a target plug-in of the compiler emits. Plain C: it links nothing of tinyc, and works in every
 * program that uses the runtime.
 *
 *   static const tinyc_driver driver = {.struct_size = sizeof(tinyc_driver), .version = TINYC_DRIVER_VERSION,
 *                                       .name = "npu", .device_count = device_count, ...};
 *   TINYC_DRIVER_EXPORT const tinyc_driver *tinyc_get_driver(void) { return &driver; }
 *
 * The driver called "npu" has the devices npu:0, npu:1, .. and runs the targets npu:CHIP, where CHIP is what the device
 * says it is. Rules that hold for every function:
 * - It returns TINYC_OK, or another code after a sentence without a newline was written to `message`, which has
 *   TINYC_DRIVER_MESSAGE bytes and holds "" before.
 * - Different devices, modules and queues may be used by different threads at once; a device and a module are also
 *   shared by threads; a queue serves one thread at a time.
 * - What a create or open function gives is handed back once to its counterpart: queues and modules before their
 *   device.
 */
#ifndef TINYC_DRIVER_H
#define TINYC_DRIVER_H

#include <tinyc/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TINYC_DRIVER_VERSION 1
#define TINYC_DRIVER_MESSAGE 512

#if defined(__GNUC__)
#define TINYC_DRIVER_EXPORT __attribute__((visibility("default")))
#else
#define TINYC_DRIVER_EXPORT
#endif

/* What the compiler wrote down about a kernel; the strings live as long as the module. */
typedef struct tinyc_driver_kernel {
  const char *symbol; /* in the code */
  uint32_t units;     /* of work, independent of each other */
  uint32_t argument_count, symbol_count;
  uint64_t scratch_bytes; /* as the back end said */
} tinyc_driver_kernel;

typedef struct tinyc_driver_launch {
  void *const *arguments; /* device addresses, argument_count of them; not aligned beyond what offsets allow */
  const int64_t *symbols; /* symbol_count of them */
} tinyc_driver_launch;

typedef struct tinyc_driver {
  size_t struct_size; /* sizeof(tinyc_driver); checked first */
  uint32_t version;   /* TINYC_DRIVER_VERSION */
  const char *name;   /* letters and digits; not one of the runtime's own */

  tinyc_code (*device_count)(size_t *count, char *message);
  /* `chip` and `description` live as long as the device. */
  tinyc_code (*open)(size_t ordinal, void **device, const char **chip, const char **description, char *message);
  void (*close)(void *device);

  /* Memory aligned to 64 bytes; `size` is not 0. The runtime adds offsets to addresses, and reads none on the host. */
  tinyc_code (*allocate)(void *device, uint64_t size, void **address, char *message);
  void (*release)(void *device, void *address, uint64_t size);

  /* Code that the target's back end emitted, untouched; it lives until unload. */
  tinyc_code (*load)(void *device, const void *code, uint64_t size, void **module, char *message);
  void (*unload)(void *device, void *module);
  /* A handle for launches; it belongs to the module. */
  tinyc_code (*find_kernel)(void *module, const tinyc_driver_kernel *facts, void **kernel, char *message);

  /* A queue whose commands run in order. Commands may return before they have run; `finish` returns when all have, and
   * reports what failed meanwhile. It is called after a failure too: whatever it returns, no command may then still use
   * the host's memory, which the caller frees. Memory of the device is released after the queues that use it. */
  tinyc_code (*create_queue)(void *device, void **queue, char *message);
  void (*destroy_queue)(void *queue);
  tinyc_code (*launch)(void *queue, void *kernel, const tinyc_driver_launch *launch, char *message);
  tinyc_code (*upload)(void *queue, void *device_address, const void *host, uint64_t size, char *message);
  tinyc_code (*download)(void *queue, void *host, const void *device_address, uint64_t size, char *message);
  tinyc_code (*copy)(void *queue, void *to, const void *from, uint64_t size, char *message);
  tinyc_code (*fill)(void *queue, void *to, uint8_t pattern, uint64_t size, char *message);
  tinyc_code (*finish)(void *queue, char *message);
} tinyc_driver;

/* What the shared object defines. The driver stays valid: it is never unloaded. */
TINYC_DRIVER_EXPORT const tinyc_driver *tinyc_get_driver(void);

#ifdef __cplusplus
}
#endif

#endif /* TINYC_DRIVER_H */
