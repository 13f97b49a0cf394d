// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --device reference: the interpreter that every device is measured against.

#ifndef TINYC_TOOLS_TINYC_REFERENCEMODEL_H
#define TINYC_TOOLS_TINYC_REFERENCEMODEL_H

#include "tools/tinyc/RunnableModel.h"

namespace tinyc {

/// Null after an error was printed. A .tinyc file has no ops left to interpret and is refused.
std::unique_ptr<RunnableModel> openReferenceModel(const Arguments &arguments, llvm::StringRef path,
                                                  llvm::ArrayRef<tensorio::HostTensor> known);
/// Of a copy of the session's module; the session outlives the model.
std::unique_ptr<RunnableModel> openReferenceModel(Session &session, mlir::ModuleOp module, llvm::StringRef device);

/// Whether `device` is the reference: with floats as they are written, "reference", or all in f64, "reference:f64".
bool isReference(llvm::StringRef device);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_REFERENCEMODEL_H
