// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention as a kernel: a softmax between two contractions, all under one tile of queries.
//
//   scores   [S.., keys]  reduce depth   sum of query * key
//   shaping  [S.., keys]                 scale, masks: pointwise
//   max      [S..]        reduce keys
//   exp      [S..]        reduce keys    exp(score - max), and its sum
//   share    [S.., keys]                 exp / sum
//   output   [S.., width] reduce keys    sum of share * value
//   epilogue [S.., width]                pointwise
//
// S.. are the kernel's shared dimensions. The tilers of such a kernel take its keys tile by tile (online softmax): they
// keep, for each query, the maximum so far, the sum of exponentials and the output relative to it, and rescale both
// when the maximum grows. They divide by the sum at the end, so `share` is never computed.

#ifndef TINYC_PASSES_2_FUSE_ATTENTION_H
#define TINYC_PASSES_2_FUSE_ATTENTION_H

#include "dialects/Tiny/TinyOps.h"

#include <optional>

namespace tinyc {

struct Attention {
  tiny::StageOp scores, max, exp, share, output;
  llvm::SmallVector<tiny::StageOp> shaping, epilogue;
  unsigned queryRead, keyRead;   ///< reads of `scores`
  unsigned shareRead, valueRead; ///< reads of `output`
  mlir::Value score;             ///< what the maximum is taken of: a result of `scores` or of `shaping`
  tiny::LogBase base;            ///< of the exponential
  unsigned row;                  ///< the shared dimension along which queries share their keys and values
  int64_t keys, depth, width;
};

/// The largest depth and width of a head that the tilers hold on chip.
constexpr int64_t kMostHeadSize = 256;

/// The kernel as attention; none if it is not that.
std::optional<Attention> matchAttention(tiny::KernelOp kernel);

/// The read at the root of a chain of casts in a stage's body; none for anything else.
std::optional<unsigned> castRead(mlir::Value value);

/// Whether a read's position or mask varies with dimension `dim` of the stage's domain.
bool readVariesWith(tiny::StageOp stage, unsigned read, unsigned dim);

} // namespace tinyc

#endif // TINYC_PASSES_2_FUSE_ATTENTION_H
