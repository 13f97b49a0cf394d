/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * The C API of tinyc's runtime: open a .tinyc file, put it on a device, run it.
 *
 *   tinyc_artefact *artefact; tinyc_device *device; tinyc_model *model; tinyc_context *context;
 *   tinyc_status *s = NULL;
 *   if ((s = tinyc_artefact_open_file("m.tinyc", &artefact)) || (s = tinyc_device_open("cpu", &device)) ||
 *       (s = tinyc_model_create(artefact, device, NULL, &model)) ||
 *       (s = tinyc_context_create(model, NULL, &context)) ||
 *       (s = tinyc_context_run(context, "main", inputs, 1, outputs, 1)))
 *     fprintf(stderr, "%s\n", tinyc_status_message(s));
 *
 * Rules that hold for every function:
 * - A function that can fail returns a tinyc_status: NULL is success; anything else is owned by the caller, who calls
 *   tinyc_status_free. On failure, output parameters are set to NULL and nothing else has changed.
 * - An object keeps alive what it was made from: artefact and device may be closed before the model, the model before
 *   its contexts.
 * - Strings and descriptions that a function returns are owned by the object asked, and live as long as it does.
 * - Different objects may be used by different threads at once. Artefacts, devices and models may also be shared by
 *   threads; a context serves one thread at a time. Contexts of one model run at the same time.
 * - Passing a null pointer where none is allowed returns TINYC_INVALID_ARGUMENT, or NULL or 0 from a query.
 */
#ifndef TINYC_RUNTIME_H
#define TINYC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TINYC_API __attribute__((visibility("default")))
#else
#define TINYC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tinyc_status tinyc_status;
typedef struct tinyc_artefact tinyc_artefact;
typedef struct tinyc_device tinyc_device;
typedef struct tinyc_model tinyc_model;
typedef struct tinyc_context tinyc_context;

/* ---- Status ---------------------------------------------------------------------------------------------------- */

typedef enum tinyc_code {
  TINYC_OK = 0,
  TINYC_INVALID_ARGUMENT, /* the call is wrong: an unknown input, a wrong shape, a name that does not exist */
  TINYC_CORRUPT,          /* the file is not a valid artefact, or its hashes do not match its bytes */
  TINYC_UNSUPPORTED,      /* valid, but not on this machine or in this version: CPU features, PTX too new */
  TINYC_UNAVAILABLE,      /* a driver, library, symbol or device is missing */
  TINYC_IO,               /* the operating system refused to read or map */
  TINYC_OUT_OF_MEMORY,    /* on the host or the device */
  TINYC_DEVICE_FAILED     /* a driver call or a kernel failed */
} tinyc_code;

/* TINYC_OK for NULL. */
TINYC_API tinyc_code tinyc_status_code(const tinyc_status *status);
/* One sentence without a newline at its end; "" for NULL. Lives as long as the status. */
TINYC_API const char *tinyc_status_message(const tinyc_status *status);
/* Nothing happens for NULL. */
TINYC_API void tinyc_status_free(tinyc_status *status);

/* ---- Tensors --------------------------------------------------------------------------------------------------- */

typedef enum tinyc_dtype {
  TINYC_DTYPE_INVALID,
  TINYC_DTYPE_BOOL, /* one byte, 0 or 1 */
  TINYC_DTYPE_I8,
  TINYC_DTYPE_I16,
  TINYC_DTYPE_I32,
  TINYC_DTYPE_I64,
  TINYC_DTYPE_U8,
  TINYC_DTYPE_U16,
  TINYC_DTYPE_U32,
  TINYC_DTYPE_U64,
  TINYC_DTYPE_F16,
  TINYC_DTYPE_BF16,
  TINYC_DTYPE_F32,
  TINYC_DTYPE_F64,
  TINYC_DTYPE_F8E4M3FN,
  TINYC_DTYPE_F8E5M2,
  TINYC_DTYPE_F8E4M3FNUZ,
  TINYC_DTYPE_F8E5M2FNUZ,
  TINYC_DTYPE_ANY_VALUE = 0x7FFFFFFF /* no type: makes any int a value of this enumeration, so that it can be checked */
} tinyc_dtype;

/* Bytes of one element; 0 for an unknown value. */
TINYC_API size_t tinyc_dtype_size(tinyc_dtype dtype);
/* "f32", "bool", ...; "invalid" for an unknown value. Static. */
TINYC_API const char *tinyc_dtype_name(tinyc_dtype dtype);

/* What an artefact says of an input, an output or a state. */
typedef struct tinyc_tensor_info {
  const char *name;
  tinyc_dtype dtype;
  size_t rank;
  const int64_t *shape; /* rank sizes */
  size_t byte_size;     /* row-major and dense */
} tinyc_tensor_info;

/* A tensor in the caller's memory, row-major and dense. Memory aligned to 64 bytes is used in place on the CPU;
 * other memory is copied through buffers of the context. */
typedef struct tinyc_tensor {
  const char *name;
  tinyc_dtype dtype;
  size_t rank;
  const int64_t *shape;
  void *data; /* inputs are only read */
} tinyc_tensor;

/* ---- Artefacts: parsing, without a device ---------------------------------------------------------------------- */

/* Reads header and code of the file at `path`, checks their hashes and every reference inside, and maps the weights
 * (checked at first use). Any file, however broken, gives a status and never undefined behaviour. Weights kept outside
 * are looked for beside the file.
 * As long as the artefact or a model of it is open, neither file may be changed in place: replace it by renaming
 * another one over it, or remove it. One that was cut short is TINYC_CORRUPT when its weights are checked; later, the
 * system sends SIGBUS to the program when it reads a part that is gone, and the runtime leaves signals to the program.
 * TINYC_IO, TINYC_CORRUPT, TINYC_UNSUPPORTED (format version). */
TINYC_API tinyc_status *tinyc_artefact_open_file(const char *path, tinyc_artefact **artefact);
/* The same from memory, which the caller keeps unchanged until all that was made from the artefact is freed. */
TINYC_API tinyc_status *tinyc_artefact_open_memory(const void *data, size_t size, tinyc_artefact **artefact);
TINYC_API void tinyc_artefact_close(tinyc_artefact *artefact);
/* Adds a folder where weights kept outside are looked for, under the name HASH.bin. Not while a model is made. */
TINYC_API tinyc_status *tinyc_artefact_add_weight_folder(tinyc_artefact *artefact, const char *folder);
/* Hashes every chunk of the file, weights included, and those outside. TINYC_CORRUPT names what differs. */
TINYC_API tinyc_status *tinyc_artefact_verify(tinyc_artefact *artefact);

TINYC_API const char *tinyc_artefact_producer(const tinyc_artefact *artefact);
TINYC_API size_t tinyc_artefact_target_count(const tinyc_artefact *artefact);
/* "cpu:x86-64-v4", ...; NULL past the end. */
TINYC_API const char *tinyc_artefact_target_name(const tinyc_artefact *artefact, size_t target);
TINYC_API size_t tinyc_artefact_entry_count(const tinyc_artefact *artefact);
TINYC_API const char *tinyc_artefact_entry_name(const tinyc_artefact *artefact, size_t entry);
/* Number of inputs or outputs of an entry point; 0 for an unknown name. */
TINYC_API size_t tinyc_artefact_input_count(const tinyc_artefact *artefact, const char *entry);
TINYC_API size_t tinyc_artefact_output_count(const tinyc_artefact *artefact, const char *entry);
/* Fill `info`; TINYC_INVALID_ARGUMENT for an unknown entry point or index. */
TINYC_API tinyc_status *tinyc_artefact_input(const tinyc_artefact *artefact, const char *entry, size_t index,
                                             tinyc_tensor_info *info);
/* What an input must hold, where the model is compiled for one value of it: as many bytes as the tensor has, which live
 * as long as the artefact. NULL: any value will do, or there is no such input. */
TINYC_API const void *tinyc_artefact_input_value(const tinyc_artefact *artefact, const char *entry, size_t index);
TINYC_API tinyc_status *tinyc_artefact_output(const tinyc_artefact *artefact, const char *entry, size_t index,
                                              tinyc_tensor_info *info);
TINYC_API size_t tinyc_artefact_state_count(const tinyc_artefact *artefact);
TINYC_API tinyc_status *tinyc_artefact_state(const tinyc_artefact *artefact, size_t index, tinyc_tensor_info *info);

/* ---- Devices --------------------------------------------------------------------------------------------------- */

/* Adds the driver that a shared object of your own defines (tinyc/driver.h); nothing happens for a path that was loaded
 * before. Its code is trusted, and it stays to the end of the process. Not beside other calls of this library.
 * TINYC_UNAVAILABLE names the file and says why it is no driver for this runtime. */
TINYC_API tinyc_status *tinyc_driver_load(const char *path);
/* Drivers in this build ("cpu", "cuda", "hip", "null"), then those that were loaded; NULL past the end. */
TINYC_API size_t tinyc_driver_count(void);
TINYC_API const char *tinyc_driver_name(size_t driver);
/* How many devices the driver sees. TINYC_UNAVAILABLE says in one sentence what is missing. */
TINYC_API tinyc_status *tinyc_driver_device_count(const char *driver, size_t *count);

/* Opens "cpu", "null", "cuda:0", "hip:1"; a missing number is 0. A driver's library is loaded now, not before.
 * TINYC_INVALID_ARGUMENT for an unknown name, TINYC_UNAVAILABLE for a missing library, symbol or device. */
TINYC_API tinyc_status *tinyc_device_open(const char *name, tinyc_device **device);
TINYC_API void tinyc_device_close(tinyc_device *device);
/* The name it was opened by, with its number. */
TINYC_API const char *tinyc_device_name(const tinyc_device *device);
/* The vendor's name of the chip, and what it takes: "sm_80", "gfx1100", or the CPU's features. */
TINYC_API const char *tinyc_device_description(const tinyc_device *device);
TINYC_API const char *tinyc_device_chip(const tinyc_device *device);
/* Processors that this process may use: affinity and the container's quota (cgroup v1 and v2) are respected. */
TINYC_API size_t tinyc_usable_cpus(void);

/* ---- Models: an artefact on a device --------------------------------------------------------------------------- */

/* Picks the target that the device can run (the last listed that fits, or the one called `target` if not NULL), loads
 * its code and the weights it uses, and runs the entry point `init` if there is one.
 * The code of an artefact is trusted as an executable's is. TINYC_UNSUPPORTED says what the device lacks;
 * TINYC_CORRUPT, TINYC_OUT_OF_MEMORY, TINYC_DEVICE_FAILED. */
TINYC_API tinyc_status *tinyc_model_create(tinyc_artefact *artefact, tinyc_device *device, const char *target,
                                           tinyc_model **model);
TINYC_API void tinyc_model_free(tinyc_model *model);
TINYC_API const char *tinyc_model_target(const tinyc_model *model);

/* ---- Contexts: all that a run needs ---------------------------------------------------------------------------- */

typedef struct tinyc_context_options {
  size_t struct_size; /* sizeof(tinyc_context_options); the struct grows at its end */
  size_t threads;     /* CPU: 0 for tinyc_usable_cpus(). The thread that calls run is one of them. */
} tinyc_context_options;

/* Allocates arenas, staging buffers, states, scratch and threads; `options` may be NULL.
 * TINYC_OUT_OF_MEMORY, TINYC_DEVICE_FAILED. */
TINYC_API tinyc_status *tinyc_context_create(tinyc_model *model, const tinyc_context_options *options,
                                             tinyc_context **context);
/* Not while it runs. */
TINYC_API void tinyc_context_free(tinyc_context *context);

/* Runs an entry point and returns when its outputs are written. Inputs are matched by name, in any order; each must be
 * given, with the exact type and shape; outputs likewise, where outputs that are not given are dropped. All this is
 * checked before anything starts; on success nothing is allocated.
 * TINYC_INVALID_ARGUMENT names the tensor, what was expected and what was given. After TINYC_DEVICE_FAILED, outputs
 * and states hold unspecified bytes. */
TINYC_API tinyc_status *tinyc_context_run(tinyc_context *context, const char *entry, const tinyc_tensor *inputs,
                                          size_t input_count, const tinyc_tensor *outputs, size_t output_count);

/* Copy the whole of a state out or in; `size` must be its byte_size. */
TINYC_API tinyc_status *tinyc_context_read_state(tinyc_context *context, const char *state, void *data, size_t size);
TINYC_API tinyc_status *tinyc_context_write_state(tinyc_context *context, const char *state, const void *data,
                                                  size_t size);
/* All states as they were when the context was made. */
TINYC_API tinyc_status *tinyc_context_reset_states(tinyc_context *context);

/* What a launch did. Times come from the device's clock where it has one. */
typedef struct tinyc_launch_profile {
  const char *kernel;     /* conv_relu_3 */
  const char *symbol;     /* in the code */
  const char *const *ops; /* op_count names of the user's file */
  size_t op_count;
  uint64_t flops;
  uint64_t bytes;
  uint64_t start_ns; /* since the run started */
  uint64_t duration_ns;
} tinyc_launch_profile;

/* Called after a run, on the thread that ran, once for each launch of the command list, in its order; the
 * iterations of a loop are summed. */
typedef void (*tinyc_profile_callback)(void *user, const tinyc_launch_profile *launch);
/* NULL switches profiling off. */
TINYC_API tinyc_status *tinyc_context_set_profiler(tinyc_context *context, tinyc_profile_callback callback, void *user);

#ifdef __cplusplus
}
#endif

#endif /* TINYC_RUNTIME_H */
