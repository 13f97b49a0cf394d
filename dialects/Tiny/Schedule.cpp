// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of #tiny.schedule. Fields that hold their default are left out.

#include "dialects/Tiny/TinyOps.h"

using namespace mlir;
using namespace tinyc::tiny;

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  auto none = DenseI64ArrayAttr::get(context, {});
  DenseI64ArrayAttr unit = none, inner = none, strip = none, warps = none;
  StringAttr instruction = StringAttr::get(context, ""), columns = instruction;
  int64_t pipeline = 1, vector = 1;
  bool keep = true;
  auto parseSizes = [&](DenseI64ArrayAttr &sizes) -> ParseResult {
    sizes = dyn_cast_or_null<DenseI64ArrayAttr>(DenseI64ArrayAttr::parse(parser, Type()));
    return success(sizes != nullptr);
  };
  auto parseField = [&]() -> ParseResult {
    StringRef field;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&field) || parser.parseEqual())
      return failure();
    if (field == "unit")
      return parseSizes(unit);
    if (field == "inner")
      return parseSizes(inner);
    if (field == "strip")
      return parseSizes(strip);
    if (field == "warps")
      return parseSizes(warps);
    if (field == "instruction")
      return parser.parseAttribute(instruction);
    if (field == "columns")
      return parser.parseAttribute(columns);
    if (field == "pipeline")
      return parser.parseInteger(pipeline);
    if (field == "vector")
      return parser.parseInteger(vector);
    if (field == "keep") {
      StringRef value;
      SMLoc at = parser.getCurrentLocation();
      if (parser.parseKeyword(&value) || (value != "true" && value != "false"))
        return parser.emitError(at, "expected true or false after 'keep ='");
      keep = value == "true";
      return success();
    }
    return parser.emitError(loc, "no field '")
           << field
           << "' in a schedule: expected unit, inner, strip, warps, instruction, columns, pipeline, vector or keep";
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseField))
    return {};
  return ScheduleAttr::get(context, unit, inner, strip, warps, instruction, columns, pipeline, vector, keep);
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  llvm::ListSeparator comma;
  llvm::raw_ostream &os = printer.getStream();
  os << "<";
  auto list = [&](StringRef name, DenseI64ArrayAttr value) {
    if (value.empty())
      return;
    os << comma << name << " = [";
    llvm::interleaveComma(value.asArrayRef(), os);
    os << "]";
  };
  list("unit", getUnit());
  list("inner", getInner());
  list("strip", getStrip());
  list("warps", getWarps());
  if (!getInstruction().empty())
    os << comma << "instruction = " << getInstruction();
  if (!getColumns().empty())
    os << comma << "columns = " << getColumns();
  if (getPipeline() != 1)
    os << comma << "pipeline = " << getPipeline();
  if (getVector() != 1)
    os << comma << "vector = " << getVector();
  if (!getKeep())
    os << comma << "keep = false";
  os << ">";
}
