// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the reference does other than by loops over points: weights, joining, addressing by data, and control.

#include "lib/Reference/BlockRun.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

TensorRef BlockRun::weight(ParamOp op) {
  if (!allocate(op, op.getType()))
    return nullptr;
  auto result = std::make_shared<DenseTensor>(*elementOf(op.getType()), shapeOf(op.getType()).vec());
  std::optional<ArrayRef<char>> bytes;
  if (reference.findWeight)
    bytes = reference.findWeight(op.getHash());
  if (!bytes) {
    op.emitError("no weight with the hash ") << op.getHash() << " in the weight store";
    return nullptr;
  }
  if (bytes->size() != result->bytes.size()) {
    op.emitError("expected ") << result->bytes.size() << " bytes for " << op.getType() << ", found " << bytes->size();
    return nullptr;
  }
  std::memcpy(result->bytes.data(), bytes->data(), bytes->size());
  return held(result);
}

TensorRef BlockRun::concat(ConcatOp op) {
  std::shared_ptr<DenseTensor> result = allocate(op, op.getType());
  auto inputs = tensors(op.getInputs());
  if (!result || failed(inputs))
    return nullptr;
  ArrayRef<int64_t> shape = result->shape;
  int64_t outer = product(shape.take_front(op.getDim()));
  size_t inner = product(shape.drop_front(op.getDim() + 1)) * byteWidth(result->element);
  std::byte *out = result->bytes.data();
  for (int64_t row = 0; row < outer; ++row)
    for (const TensorRef &input : *inputs) {
      size_t run = input->shape[op.getDim()] * inner;
      if (run == 0)
        continue;
      std::memcpy(out, input->bytes.data() + row * run, run);
      out += run;
    }
  return result;
}

TensorRef tinyc::rearrange(const TensorRef &tensor, AffineMap map, ArrayRef<int64_t> shape) {
  auto result = std::make_shared<DenseTensor>(tensor->element, shape.vec());
  size_t width = byteWidth(tensor->element);
  Builder b(map.getContext());
  for (int64_t point = 0, count = product(tensor->shape); point < count; ++point) {
    int64_t rest = point, position = 0;
    SmallVector<AffineExpr> coordinates(map.getNumDims());
    for (unsigned d = map.getNumDims(); d-- > 0; rest /= tensor->shape[d])
      coordinates[d] = b.getAffineConstantExpr(rest % tensor->shape[d]);
    for (auto [size, expr] : llvm::zip_equal(shape, map.getResults()))
      position = position * size + cast<AffineConstantExpr>(expr.replaceDims(coordinates)).getValue();
    std::memcpy(result->bytes.data() + position * width, tensor->bytes.data() + point * width, width);
  }
  return result;
}

// The indices of a gather or scatter as numbers; one that is too large for an int64 is out of range as a negative one.
static std::vector<Lane> indicesOf(const DenseTensor &tensor) {
  std::vector<Lane> lanes(tensor.count());
  decode(tensor.element, tensor.bytes.data(), lanes.size(), lanes.data());
  return lanes;
}

TensorRef BlockRun::gather(GatherOp op) {
  TensorRef input = tensor(op.getInput()), indices = tensor(op.getIndices());
  std::shared_ptr<DenseTensor> result = allocate(op, op.getType());
  std::optional<SmallVector<Lane>> otherwise = lanesOf(op.getOtherwise());
  if (!input || !indices || !result)
    return nullptr;
  if (!otherwise) {
    op.emitError("expected a number as 'otherwise', found ") << op.getOtherwise();
    return nullptr;
  }
  std::vector<Lane> positions = indicesOf(*indices);
  ArrayRef<int64_t> shape = input->shape;
  int64_t outer = product(shape.take_front(op.getDim())), size = shape[op.getDim()];
  int64_t inner = product(shape.drop_front(op.getDim() + 1));
  size_t width = byteWidth(input->element), run = inner * width;
  std::byte *out = result->bytes.data();
  for (int64_t row = 0; row < outer; ++row)
    for (Lane position : positions) {
      if (position.i >= 0 && position.i < size && run != 0)
        std::memcpy(out, input->bytes.data() + (row * size + position.i) * run, run);
      else
        for (int64_t k = 0; k < inner; ++k)
          encode(input->element, otherwise->data(), 1, out + k * width);
      out += run;
    }
  return result;
}

TensorRef BlockRun::scatter(ScatterOp op) {
  TensorRef input = tensor(op.getInput()), indices = tensor(op.getIndices()), updates = tensor(op.getUpdates());
  if (!input || !indices || !updates)
    return nullptr;
  auto result = std::make_shared<DenseTensor>(*input);
  std::vector<Lane> positions = indicesOf(*indices);
  ArrayRef<int64_t> shape = input->shape;
  int64_t outer = product(shape.take_front(op.getDim())), size = shape[op.getDim()];
  int64_t inner = product(shape.drop_front(op.getDim() + 1));
  Element element = input->element;
  size_t width = byteWidth(element), run = inner * width;
  if (run == 0)
    return result;
  Elementwise combine{op.getKind() == ScatterKind::Sum ? Function::Add : Function::Max, element, element};
  std::vector<Lane> there(inner), added(inner);
  const Lane *operands[] = {there.data(), added.data()};
  const std::byte *update = updates->bytes.data();
  for (int64_t row = 0; row < outer; ++row)
    for (Lane position : positions) {
      const std::byte *source = update;
      update += run;
      if (position.i < 0 || position.i >= size)
        continue;
      std::byte *target = result->bytes.data() + (row * size + position.i) * run;
      if (op.getKind() == ScatterKind::Set) {
        std::memcpy(target, source, run);
        continue;
      }
      decode(element, target, inner, there.data());
      decode(element, source, inner, added.data());
      apply(combine, operands, inner, there.data());
      encode(element, there.data(), inner, target);
    }
  return result;
}

FailureOr<std::vector<TensorRef>> BlockRun::repeat(LoopOp op) {
  auto carried = tensors(op.getCarried()), invariant = tensors(op.getInvariant());
  if (failed(carried) || failed(invariant))
    return failure();
  bool goesOn = true;
  for (int64_t trip = 0; goesOn && trip < static_cast<int64_t>(op.getTrips()); ++trip) {
    std::vector<TensorRef> arguments{
        std::make_shared<DenseTensor>(DenseTensor::of<int64_t>(Element::I64, {}, std::span(&trip, 1)))};
    llvm::append_range(arguments, *carried);
    llvm::append_range(arguments, *invariant);
    auto yielded = BlockRun(reference, op.getBody().front()).run(arguments);
    if (failed(yielded))
      return failure();
    goesOn = yielded->front()->bytes[0] != std::byte(0);
    carried->assign(yielded->begin() + 1, yielded->end());
  }
  return carried;
}

FailureOr<std::vector<TensorRef>> BlockRun::choose(CondOp op) {
  TensorRef condition = tensor(op.getCondition());
  auto inputs = tensors(op.getInputs());
  if (!condition || failed(inputs))
    return failure();
  Region &region = condition->bytes[0] != std::byte(0) ? op.getOnTrue() : op.getOnFalse();
  return BlockRun(reference, region.front()).run(*inputs);
}
