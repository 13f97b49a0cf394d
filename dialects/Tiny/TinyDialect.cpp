// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the dialect, its attributes and ops.

#include "dialects/Tiny/TinyOps.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tinyc::tiny;

#include "dialects/Tiny/TinyDialect.cpp.inc"
#include "dialects/Tiny/TinyEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tiny/TinyAttrs.cpp.inc"

void TinyDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Tiny/TinyAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Tiny/TinyOps.cpp.inc"
      >();
}

Operation *TinyDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto typed = dyn_cast<TypedAttr>(value);
  if (!typed || typed.getType() != type)
    return nullptr;
  return ConstOp::create(builder, loc, typed);
}
