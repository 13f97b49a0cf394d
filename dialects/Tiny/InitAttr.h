// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mark of what runs once, when a model is loaded.

#ifndef TINYC_DIALECTS_TINY_INITATTR_H
#define TINYC_DIALECTS_TINY_INITATTR_H

#include "llvm/ADT/StringRef.h"

namespace tinyc::tiny {

/// Name of the attribute of kernels and launches that depend on weights and constants only, and run when the model is
/// loaded: a string, the hash of what their results follow from.
constexpr llvm::StringLiteral kInitAttr = "tiny.init";

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_INITATTR_H
