// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parsing within limits, and the checks of a model's borders.

#include "lib/Compiler/ModelFile.h"

#include "dialects/Tiny/KernelMarks.h"
#include "dialects/Tiny/TinyOps.h"
#include "lib/Compiler/BuildArtefact.h"
#include "lib/Compiler/TextLimits.h"
#include "lib/Onnx/Import.h"
#include "lib/Pipeline/Stages.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace tinyc;

/// The bytes of one tensor that the artefact can say.
constexpr int64_t kMostBytes = int64_t(1) << 47;
constexpr int64_t kMostElements = int64_t(1) << 62;
/// And the dimensions: as many as the runtime takes.
constexpr int64_t kMostDimensions = 64;

OwningOpRef<ModuleOp> tinyc::parseModelFile(StringRef path, MLIRContext &context) {
  Location at = FileLineColLoc::get(&context, path, 0, 0);
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return emitError(at, "cannot be read: ") << buffer.getError().message(), nullptr;
  StringRef text = (*buffer)->getBuffer();
  if (text.starts_with("ML\xefR"))
    return emitError(at, "expected MLIR as text, found bytecode: mlir-opt prints it as text"), nullptr;
  if (std::optional<TextLimit> limit = textBeyondLimits(text))
    return emitError(FileLineColLoc::get(&context, path, limit->line, 1), limit->message), nullptr;
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  // Parsers of some upstream ops fail without a word.
  bool said = false;
  ScopedDiagnosticHandler listener(&context, [&](Diagnostic &diagnostic) {
    said |= diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return failure(); // for others to print
  });
  // What the ops verify comes after the checks below, which say the same of inputs in fewer words.
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, ParserConfig(&context, /*verifyAfterParse=*/false));
  if (!module && !said)
    emitError(at, "cannot be parsed, and MLIR's parser does not say why");
  return module;
}

// `what` is "input 0", "output 1".
static LogicalResult verifyBorderType(Location at, const Twine &what, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return emitError(at) << what << " of @main: expected a tensor of known rank, found " << type;
  if (!tensor.hasStaticShape())
    return emitError(at) << what << " of @main: expected a tensor whose sizes are known, found " << type;
  if (tensor.getEncoding())
    return emitError(at) << what << " of @main: expected a tensor without an encoding, found " << type;
  if (tensor.getRank() > kMostDimensions)
    return emitError(at) << what << " of @main: expected at most " << kMostDimensions << " dimensions, found "
                         << tensor.getRank();
  if (dtypeOf(tensor.getElementType()) == artefact::DType::Invalid)
    return emitError(at) << what << " of @main: expected elements of i1, i8 to i64, ui8 to ui64, f16, bf16, f32, f64 "
                         << "or an 8-bit float, found " << type;
  int64_t bytes = artefact::sizeOf(dtypeOf(tensor.getElementType()));
  for (int64_t size : tensor.getShape())
    if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > kMostBytes)
      return emitError(at) << what << " of @main: expected a tensor of at most 2^47 bytes, found " << type;
  return success();
}

static LogicalResult verifyName(Location at, const Twine &what, DictionaryAttr attributes, llvm::StringSet<> &seen) {
  Attribute name = attributes ? attributes.get(tiny::kNameAttr) : Attribute();
  if (!name)
    return success();
  auto string = dyn_cast<StringAttr>(name);
  if (!string || string.empty())
    return emitError(at) << what << " of @main: expected a name in " << tiny::kNameAttr << ", found " << name;
  if (!seen.insert(string.getValue()).second)
    return emitError(at) << what << " of @main: another is called " << name << " already";
  return success();
}

static LogicalResult verifyMain(func::FuncOp main) {
  if (main.isDeclaration())
    return main.emitError("expected a function @main with a body, found a declaration");
  if (size_t blocks = std::distance(main.getBody().begin(), main.getBody().end()); blocks != 1)
    return main.emitError("expected a function @main of one block, found ")
           << blocks << ": models have no branches; tiny.cond and tiny.loop hold bodies of their own";
  llvm::StringSet<> inputs, outputs;
  for (BlockArgument input : main.getArguments()) {
    if (failed(verifyBorderType(input.getLoc(), "input " + Twine(input.getArgNumber()), input.getType())) ||
        failed(verifyName(input.getLoc(), "input " + Twine(input.getArgNumber()),
                          main.getArgAttrDict(input.getArgNumber()), inputs)))
      return failure();
    Attribute value = main.getArgAttr(input.getArgNumber(), kValueAttr);
    auto elements = dyn_cast_or_null<DenseElementsAttr>(value);
    if (value && (!elements || elements.getType() != input.getType()))
      return emitError(input.getLoc(), "input " + Twine(input.getArgNumber()))
             << " of @main: expected elements of type " << input.getType() << " in " << kValueAttr << ", found "
             << value;
  }
  for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
    if (failed(verifyBorderType(main.getLoc(), "output " + Twine(i), type)) ||
        failed(verifyName(main.getLoc(), "output " + Twine(i), main.getResultAttrDict(i), outputs)))
      return failure();
  return success();
}

// Numbers of elements and offsets are 64-bit integers everywhere, and tensors lie in memory row by row.
static LogicalResult verifyTensors(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    for (Type type : op->getResultTypes()) {
      auto shaped = dyn_cast<ShapedType>(type);
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getEncoding()) {
        op->emitError("expected a tensor without an encoding, found ") << type;
        return WalkResult::interrupt();
      }
      if (!shaped || !shaped.hasStaticShape())
        continue;
      if (shaped.getRank() > kMostDimensions) {
        op->emitError("expected at most ") << kMostDimensions << " dimensions, found " << shaped.getRank();
        return WalkResult::interrupt();
      }
      int64_t count = 1;
      bool empty = llvm::is_contained(shaped.getShape(), 0);
      for (int64_t size : shaped.getShape())
        if (!empty && (__builtin_mul_overflow(count, size, &count) || count >= kMostElements)) {
          op->emitError("expected fewer than 2^62 elements, found ") << type;
          return WalkResult::interrupt();
        }
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

// What the compiler itself marks; in a file it is someone's claim.
static LogicalResult verifyInitMarks(func::FuncOp main) {
  Block &block = main.getBody().front();
  WalkResult result = main.walk([&](Operation *op) {
    Attribute mark = op->getAttr(tiny::kInitAttr);
    if (!mark)
      return WalkResult::advance();
    if (!isa<StringAttr>(mark) || !isa<tiny::KernelOp, tiny::LaunchOp>(op) || op->getBlock() != &block) {
      op->emitError("expected '") << tiny::kInitAttr << "' to be a string, on a kernel or launch of @main's own block";
      return WalkResult::interrupt();
    }
    for (Value operand : op->getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (source && (isa<tiny::ParamOp, tiny::ConstOp>(source) || source->hasAttr(tiny::kInitAttr)))
        continue;
      op->emitError("is marked '") << tiny::kInitAttr << "', to run when the model is loaded: expected operands that "
                                   << "are weights, constants, or results of what is marked so, found " << operand;
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult tinyc::verifyModel(ModuleOp module) {
  // From outside to inside: what looks into an op relies on what its own verifier promises. What MLIR verifies of an
  // op's regions relies on their ops in turn, and comes last.
  auto verifyAlone = [](Operation *op) { return op->getName().verifyInvariants(op); };
  if (failed(verifyAlone(module)))
    return failure();
  func::FuncOp main = findMain(module);
  // Types first: verifiers of ops compute with the sizes of their operands.
  if (!main || failed(verifyAlone(main)) || failed(verifyMain(main)) || failed(verifyTensors(module)) ||
      failed(verify(module)) || failed(verifyInitMarks(main)))
    return failure();
  int stage = stageOf(module);
  if (stage < 0)
    return failure();
  int checked = stage;
  while (checked > 0 && !stages()[checked].verifyBorder)
    --checked;
  if (checked > 0 && failed(stages()[checked].verifyBorder(module)))
    return module.emitError("the model says that it stands at the end of stage '")
           << stages()[stage].name << "', which leaves no such op";
  return success();
}

std::vector<std::string> tinyc::weightsOf(ModuleOp module) {
  llvm::SetVector<StringRef> hashes;
  module.walk([&](tiny::ParamOp param) { hashes.insert(param.getHash()); });
  return {hashes.begin(), hashes.end()};
}
