// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention and what goes with it.

#ifndef TINYC_LIB_BUILDERS_ATTENTION_H
#define TINYC_LIB_BUILDERS_ATTENTION_H

#include "lib/Builders/Movement.h"

namespace tinyc::compose {

/// What changes the scores before the softmax, in this order. Null values and zeros change nothing.
struct ScoreOptions {
  double scale = 1;
  double softcap = 0;  ///< scores become softcap * tanh(scores / softcap)
  mlir::Value bias;    ///< added; broadcasts to the scores' shape
  mlir::Value allowed; ///< truth values in the scores' shape: where false, a key takes no part
};

/// An attention's result, and its scores at each step: scaled products, capped, masked, and after the softmax.
struct Attention {
  mlir::Value result, products, capped, masked, probabilities;
};

/// softmax(scores(q k^T)) v for q [B, H, S, D], k [B, G, T, D] and v [B, G, T, E], H a multiple of G: heads share keys
/// and values in groups. A query that may see no key gives zeros.
Attention attention(Builder &b, mlir::Value q, mlir::Value k, mlir::Value v, const ScoreOptions &options);

/// Softmax along the last dimension where rows of -inf become zeros.
mlir::Value maskedSoftmax(Builder &b, mlir::Value x);

/// [B, S, H * D] as [B, H, S, D], and back.
mlir::Value splitHeads(Builder &b, mlir::Value x, int64_t heads);
mlir::Value joinHeads(Builder &b, mlir::Value x);

/// Rotates pairs of the first `rotated` elements of x [B, H, S, D] by angles whose cosines and sines are [B, S, rotated
/// / 2]: neighbours if `interleaved`, else elements of the two halves.
mlir::Value rotaryEmbedding(Builder &b, mlir::Value x, mlir::Value cosines, mlir::Value sines, int64_t rotated,
                            bool interleaved);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_ATTENTION_H
