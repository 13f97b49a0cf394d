// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program of somebody else's: C, the installed header and library, nothing more. Runs a model with inputs of ones and
// asks that every output's row is a distribution.

#include <tinyc/runtime.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TRY(CALL)                                                                                                      \
  do {                                                                                                                 \
    tinyc_status *status = (CALL);                                                                                     \
    if (status) {                                                                                                      \
      fprintf(stderr, "%s\n", tinyc_status_message(status));                                                           \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static tinyc_tensor tensorOf(const tinyc_tensor_info *info, float value) {
  float *data = aligned_alloc(64, (info->byte_size + 63) / 64 * 64);
  for (size_t i = 0; i < info->byte_size / sizeof(float); ++i)
    data[i] = value;
  tinyc_tensor tensor = {info->name, info->dtype, info->rank, info->shape, data};
  return tensor;
}

int main(int argc, char **argv) {
  tinyc_artefact *artefact;
  tinyc_device *device;
  tinyc_model *model;
  tinyc_context *context;
  tinyc_tensor inputs[16], output;
  tinyc_tensor_info info;
  if (argc != 2)
    return 2;
  TRY(tinyc_artefact_open_file(argv[1], &artefact));
  TRY(tinyc_device_open("cpu", &device));
  TRY(tinyc_model_create(artefact, device, NULL, &model));
  TRY(tinyc_context_create(model, NULL, &context));
  size_t count = tinyc_artefact_input_count(artefact, "main");
  for (size_t i = 0; i < count && i < 16; ++i) {
    TRY(tinyc_artefact_input(artefact, "main", i, &info));
    inputs[i] = tensorOf(&info, 0.5f);
  }
  TRY(tinyc_artefact_output(artefact, "main", 0, &info));
  output = tensorOf(&info, 0);
  TRY(tinyc_context_run(context, "main", inputs, count, &output, 1));
  int64_t rows = info.shape[0], columns = info.shape[1];
  for (int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < columns; ++c)
      sum += ((float *)output.data)[r * columns + c];
    if (fabs(sum - 1) > 1e-5) {
      fprintf(stderr, "row %d adds up to %g\n", (int)r, sum);
      return 1;
    }
  }
  for (size_t i = 0; i < count; ++i)
    free(inputs[i].data);
  free(output.data);
  tinyc_context_free(context);
  tinyc_model_free(model);
  tinyc_device_close(device);
  tinyc_artefact_close(artefact);
  return 0;
}
