// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the dialect, its attributes and ops.

#include "dialects/Tiny/TinyOps.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tinyc::tiny;

#include "dialects/Tiny/TinyDialect.cpp.inc"
#include "dialects/Tiny/TinyEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tiny/TinyAttrs.cpp.inc"

namespace {
// A kernel holds stages only: constants that folding makes stand in the stage that uses them.
struct FoldInStages : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;

  bool shouldMaterializeInto(Region *region) const override { return isa<StageOp>(region->getParentOp()); }
};
} // namespace

void TinyDialect::initialize() {
  addInterfaces<FoldInStages>();
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
