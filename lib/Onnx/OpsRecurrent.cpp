// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RNN, GRU and LSTM. What the steps do with the input is one product for all of them; what depends on the step before
// is a tiny.loop over time, or is inlined for one step.

#include "lib/Onnx/Activations.h"
#include "lib/Onnx/QuantizedOperands.h"
#include "lib/Onnx/Regions.h"

#include "lib/Builders/Elementary.h"
#include "lib/Builders/Quantization.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

namespace {
// The state between steps; `c` is null but for LSTM.
struct State {
  Value h, c;
};

// The shape of the problem: steps, batch, hidden size, directions.
struct Sizes {
  int64_t steps, batch, hidden, directions;
};
} // namespace

namespace {
// A recurrent node while it is imported. What differs between the three operators is `gates` and `step`.
class Recurrence {
public:
  Recurrence(NodeImport &n, int64_t gates, int64_t activationsEach, ArrayRef<StringRef> defaults)
      : n(n), b(n.b), gates(gates), activationsEach(activationsEach), defaults(defaults) {}
  virtual ~Recurrence() = default;

  /// Gives Y; further results go to the node's.
  Value import();

protected:
  /// The state after one step. `input` is the projected input [batch, gates * hidden], with the biases that `merged`
  /// names added.
  virtual State step(int64_t direction, Value input, State before) = 0;
  /// Whether the recurrent bias of a gate is added to the input's.
  virtual bool merged(int64_t /*gate*/) const { return true; }
  /// Whether weights stand as [directions, size, gates * hidden], not as [directions, gates * hidden, size].
  virtual bool inputsFirst() const { return false; }
  /// What the steps of a direction have in common; it stands before the loop.
  virtual LogicalResult prepare(int64_t /*direction*/) { return success(); }
  /// The product of rows [.., size] with the weights of the gates [first, first + count): `operand` is 1 for those of
  /// the input, 2 for those of the state.
  virtual Value product(int64_t direction, size_t operand, Value x, int64_t first, int64_t count);

  LogicalResult read();
  Value importDirection(int64_t direction, State &state);
  Value project(int64_t direction);
  State guarded(int64_t direction, Value projected, Value time, State before, Value &row);

  // Gate `gate` of a value [.., gates * hidden].
  Value gateOf(Value x, int64_t gate) {
    return x ? slice(b, x, shapeOf(x).size() - 1, gate * sizes.hidden, sizes.hidden) : x;
  }
  // The product of a state with the recurrent weights of the gates [first, first + count).
  Value recur(int64_t direction, Value h, int64_t first, int64_t count) {
    return product(direction, 2, h, first, count);
  }
  // A row [hidden] of the operand [directions, rows * hidden], repeated over the batch.
  Value rowOf(size_t operand, int64_t direction, int64_t row) {
    Value vector = slice(b, slice(b, n[operand], 0, direction, 1), 1, row * sizes.hidden, sizes.hidden);
    return broadcast(b, reshape(b, vector, {1, sizes.hidden}), {sizes.batch, sizes.hidden});
  }
  Value apply(int64_t direction, int64_t which, Value x) {
    if (x && clip > 0) {
      Value bound = splat(b, x, clip);
      x = min(b, max(b, x, neg(b, bound)), bound);
    }
    return activate(b, activations[direction * activationsEach + which], x);
  }

  NodeImport &n;
  compose::Builder &b;
  int64_t gates, activationsEach;
  ArrayRef<StringRef> defaults;
  Sizes sizes = {};
  bool batchFirst = false, forwardFirst = true;
  double clip = 0;
  SmallVector<Activation> activations;
};
} // namespace

LogicalResult Recurrence::read() {
  std::string direction = n.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return n.error() << "attribute 'direction': expected forward, reverse or bidirectional, found '" << direction
                     << "'";
  forwardFirst = direction != "reverse";
  sizes.directions = direction == "bidirectional" ? 2 : 1;
  batchFirst = n.integer("layout", 0);
  clip = n.number("clip", 0);
  n.ignore({"output_sequence"});
  ArrayRef<int64_t> x = n.shape(0), w = n.shape(1), r = n.shape(2);
  sizes.hidden = r.size() == 3 ? r[inputsFirst() ? 1 : 2] : -1;
  int64_t hidden = n.integer("hidden_size", sizes.hidden);
  auto weights = [&](int64_t size) {
    SmallVector<int64_t> shape{sizes.directions, gates * sizes.hidden, size};
    if (inputsFirst())
      std::swap(shape[1], shape[2]);
    return shape;
  };
  if (x.size() != 3 || sizes.hidden < 1 || hidden != sizes.hidden || w != ArrayRef(weights(x[2])) ||
      r != ArrayRef(weights(sizes.hidden))) {
    auto spelled = [&](StringRef size) {
      std::string outputs = std::to_string(gates) + " * hidden";
      return "[" + std::to_string(sizes.directions) + ", " +
             (inputsFirst() ? size.str() + ", " + outputs : outputs + ", " + size.str()) + "]";
    };
    return n.error() << "expected an input [steps, batch, size] and weights " << spelled("size") << " and "
                     << spelled("hidden") << ", found " << n[0].getType() << ", " << n[1].getType() << " and "
                     << n[2].getType();
  }
  sizes.steps = x[batchFirst ? 1 : 0];
  sizes.batch = x[batchFirst ? 0 : 1];
  if (sizes.steps == 0)
    return n.error() << "a sequence of no steps is not supported";
  auto checkShape = [&](size_t operand, ArrayRef<int64_t> expected, StringRef what) -> LogicalResult {
    if (!n.has(operand) || n.shape(operand) == expected)
      return success();
    InFlightDiagnostic error = n.error() << what << ": expected a shape [";
    llvm::interleaveComma(expected, error);
    return error << "], found " << n[operand].getType();
  };
  SmallVector<int64_t> state{sizes.directions, sizes.batch, sizes.hidden};
  if (batchFirst)
    std::swap(state[0], state[1]);
  if (failed(checkShape(3, {sizes.directions, 2 * gates * sizes.hidden}, "B")) ||
      failed(checkShape(4, {sizes.batch}, "sequence_lens")) || failed(checkShape(5, state, "initial_h")) ||
      failed(checkShape(6, state, "initial_c")) || failed(checkShape(7, {sizes.directions, 3 * sizes.hidden}, "P")))
    return failure();
  SmallVector<std::string> names = n.textList("activations");
  SmallVector<double> alphas = n.numberList("activation_alpha").value_or(SmallVector<double>());
  SmallVector<double> betas = n.numberList("activation_beta").value_or(SmallVector<double>());
  if (names.empty())
    for (int64_t d = 0; d < sizes.directions; ++d)
      for (StringRef name : defaults)
        names.push_back(name.str());
  if (static_cast<int64_t>(names.size()) != sizes.directions * activationsEach)
    return n.error() << "expected " << sizes.directions * activationsEach << " activations, found " << names.size();
  // Numbers are taken in order by the activations that need some.
  auto next = [](SmallVectorImpl<double> &list) {
    std::optional<double> value;
    if (!list.empty()) {
      value = list.front();
      list.erase(list.begin());
    }
    return value;
  };
  for (const std::string &name : names) {
    Activation a{name};
    StringRef lower = StringRef(name);
    bool takesAlpha =
        llvm::any_of(ArrayRef<StringRef>{"affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"},
                     [&](StringRef s) { return s.equals_insensitive(lower); });
    bool takesBeta = llvm::any_of(ArrayRef<StringRef>{"affine", "scaledtanh", "hardsigmoid"},
                                  [&](StringRef s) { return s.equals_insensitive(lower); });
    if (!completeActivation(a, takesAlpha ? next(alphas) : std::nullopt, takesBeta ? next(betas) : std::nullopt))
      return n.error() << "activation '" << name << "' is not supported";
    activations.push_back(a);
  }
  return success();
}

Value Recurrence::product(int64_t direction, size_t operand, Value x, int64_t first, int64_t count) {
  Value weights = slice(b, slice(b, n[operand], 0, direction, 1), 1, first * sizes.hidden, count * sizes.hidden);
  weights = reshape(b, weights, {count * sizes.hidden, n.shape(operand)[2]});
  return matmul(b, x, permute(b, weights, {1, 0}));
}

// The inputs of all steps times the weights, with biases: [steps, batch, gates * hidden].
Value Recurrence::project(int64_t direction) {
  Value x = batchFirst ? permute(b, n[0], {1, 0, 2}) : n[0];
  Value product = this->product(direction, 1, x, 0, gates);
  if (!n.has(3) || !product)
    return product;
  SmallVector<Value> biases;
  for (int64_t gate = 0; gate < gates; ++gate) {
    Value own = slice(b, slice(b, n[3], 0, direction, 1), 1, gate * sizes.hidden, sizes.hidden);
    if (merged(gate))
      own = add(b, own, slice(b, slice(b, n[3], 0, direction, 1), 1, (gates + gate) * sizes.hidden, sizes.hidden));
    biases.push_back(reshape(b, own, {sizes.hidden}));
  }
  return add(b, product, broadcast(b, concat(b, biases, 0), shapeOf(product)));
}

// One step at `time` (a vector of one index); elements of the batch whose sequence is over keep their state, and give a
// row of zeros.
State Recurrence::guarded(int64_t direction, Value projected, Value time, State before, Value &row) {
  SmallVector<int64_t> shape{1, sizes.batch, gates * sizes.hidden};
  auto type = cast<RankedTensorType>(projected.getType());
  Value input = sizes.steps == 1 ? projected
                                 : Value(tiny::GatherOp::create(b, type.clone(shape), projected, time, 0,
                                                                cast<TypedAttr>(b.getZeroAttr(type.getElementType()))));
  State after = step(direction, reshape(b, input, ArrayRef(shape).drop_front()), before);
  row = after.h;
  if (!after.h || !n.has(4))
    return after;
  Value lengths = cast(b, n[4], b.getI64Type());
  Value active = less(b, broadcast(b, time, {sizes.batch}), lengths);
  active = broadcastAlong(b, active, {sizes.batch, sizes.hidden}, 0);
  after.h = where(b, active, after.h, before.h);
  if (after.c)
    after.c = where(b, active, after.c, before.c);
  row = where(b, active, row, splat(b, row, 0));
  return after;
}

// All steps of one direction. Gives the rows of all steps [steps, batch, hidden], and the last state in `state`.
Value Recurrence::importDirection(int64_t direction, State &state) {
  if (failed(prepare(direction)))
    return {};
  Value projected = project(direction);
  if (!projected)
    return {};
  bool backwards = direction == 1 || !forwardFirst;
  SmallVector<int64_t> all{sizes.steps, sizes.batch, sizes.hidden}, one{1, sizes.batch, sizes.hidden};
  if (sizes.steps == 1) {
    Value row;
    state = guarded(direction, projected, n.constantIntegers({0}, {1}), state, row);
    return row ? reshape(b, row, all) : row;
  }
  Type rows = RankedTensorType::get(all, tiny::elementType(state.h.getType()));
  SmallVector<Value> initial{state.h};
  if (state.c)
    initial.push_back(state.c);
  bool wanted = n.wants(0);
  if (wanted)
    initial.push_back(splat(b, rows, 0));
  SmallVector<Type> types{RankedTensorType::get({}, b.getI64Type())};
  llvm::append_range(types, ValueRange(initial).getTypes());
  Region region;
  FailureOr<SmallVector<Value>> values =
      buildBody(b, region, types, [&](ArrayRef<Value> arguments) -> FailureOr<SmallVector<Value>> {
        Value trip = arguments[0];
        Value time = backwards ? sub(b, splatInteger(b, trip, sizes.steps - 1), trip) : trip;
        time = reshape(b, time, {1});
        Value row;
        State after = guarded(direction, projected, time, {arguments[1], state.c ? arguments[2] : Value()}, row);
        if (!after.h)
          return failure();
        SmallVector<Value> yielded{splat(b, RankedTensorType::get({}, b.getI1Type()), 1), after.h};
        if (after.c)
          yielded.push_back(after.c);
        if (wanted)
          yielded.push_back(tiny::ScatterOp::create(b, rows, tiny::ScatterKind::Set, arguments.back(), time,
                                                    reshape(b, row, one), 0));
        return yielded;
      });
  if (failed(values))
    return {};
  endBody(b, region, *values);
  SmallVector<Value> captured = isolate(b, {&region});
  auto op = tiny::LoopOp::create(b, ValueRange(initial).getTypes(), sizes.steps, initial, captured);
  op.getBody().takeBody(region);
  state.h = op.getResult(0);
  if (state.c)
    state.c = op.getResult(1);
  return op.getResults().back();
}

Value Recurrence::import() {
  if (failed(read()))
    return {};
  SmallVector<Value> rows, lastH, lastC;
  Type element = n.element(0);
  bool hasCell = gates == 4;
  auto stateType = RankedTensorType::get({sizes.batch, sizes.hidden}, element);
  auto initial = [&](size_t operand, int64_t direction) {
    return n.has(operand) ? reshape(b, slice(b, n[operand], batchFirst ? 1 : 0, direction, 1), stateType.getShape())
                          : splat(b, stateType, 0);
  };
  for (int64_t direction = 0; direction < sizes.directions; ++direction) {
    State state{initial(5, direction), hasCell ? initial(6, direction) : Value()};
    Value all = importDirection(direction, state);
    if (!all || !state.h)
      return {};
    if (n.wants(0))
      rows.push_back(reshape(b, all, {sizes.steps, 1, sizes.batch, sizes.hidden}));
    SmallVector<int64_t> shape{1, sizes.batch, sizes.hidden};
    lastH.push_back(reshape(b, state.h, shape));
    if (hasCell)
      lastC.push_back(reshape(b, state.c, shape));
  }
  auto last = [&](ArrayRef<Value> states) {
    Value joined = concat(b, states, 0);
    return batchFirst ? permute(b, joined, {1, 0, 2}) : joined;
  };
  n.moreResults.push_back(last(lastH));
  if (hasCell)
    n.moreResults.push_back(last(lastC));
  if (rows.empty())
    return n.moreResults.front(); // the first output is not used
  Value joined = concat(b, rows, 1);
  return batchFirst ? permute(b, joined, {2, 0, 1, 3}) : joined;
}

namespace {
class Rnn : public Recurrence {
public:
  using Recurrence::Recurrence;
  State step(int64_t direction, Value input, State before) override {
    return {apply(direction, 0, add(b, input, recur(direction, before.h, 0, 1))), {}};
  }
};

// Gates: update, reset, hidden.
class Gru : public Recurrence {
public:
  using Recurrence::Recurrence;
  bool merged(int64_t gate) const override { return gate != 2 || !n.integer("linear_before_reset", 0); }
  State step(int64_t direction, Value input, State before) override {
    Value both = recur(direction, before.h, 0, 2);
    Value update = apply(direction, 0, add(b, gateOf(input, 0), gateOf(both, 0)));
    Value reset = apply(direction, 0, add(b, gateOf(input, 1), gateOf(both, 1)));
    Value hidden;
    if (merged(2)) {
      hidden = recur(direction, mul(b, reset, before.h), 2, 1);
    } else {
      hidden = recur(direction, before.h, 2, 1);
      if (n.has(3))
        hidden = add(b, hidden, rowOf(3, direction, 5));
      hidden = mul(b, reset, hidden);
    }
    hidden = apply(direction, 1, add(b, gateOf(input, 2), hidden));
    // (1 - z) * hidden + z * before
    Value rest = update ? sub(b, splat(b, update, 1), update) : Value();
    return {add(b, mul(b, rest, hidden), mul(b, update, before.h)), {}};
  }
};

// Gates: input, output, forget, cell.
class Lstm : public Recurrence {
public:
  using Recurrence::Recurrence;
  State step(int64_t direction, Value input, State before) override {
    Value sum = add(b, input, recur(direction, before.h, 0, 4));
    auto gate = [&](int64_t number, int64_t peephole, Value cell) {
      Value x = gateOf(sum, number);
      return n.has(7) ? add(b, x, mul(b, rowOf(7, direction, peephole), cell)) : x;
    };
    Value in = apply(direction, 0, gate(0, 0, before.c));
    Value forget =
        n.integer("input_forget", 0) && in ? sub(b, splat(b, in, 1), in) : apply(direction, 0, gate(2, 2, before.c));
    Value cell = add(b, mul(b, forget, before.c), mul(b, in, apply(direction, 1, gateOf(sum, 3))));
    Value out = apply(direction, 0, gate(1, 1, cell));
    State after;
    after.c = cell;
    after.h = mul(b, out, apply(direction, 2, cell));
    return after;
  }
};

// com.microsoft's: weights are bytes with a scale and a zero point for a direction, or for each of its columns. The
// input, once for all steps, and the state of each step, for all of the batch, are quantised by their own range, and
// the products are sums of integers. (ONNX Runtime's range of the state is that of the part of the batch that one of
// its threads has, with zeros for sequences that are over.)
class DynamicQuantizeLstm : public Lstm {
public:
  using Lstm::Lstm;
  bool inputsFirst() const override { return true; }
  LogicalResult prepare(int64_t direction) override {
    for (size_t operand : {1, 2}) {
      Weights &w = weights[operand - 1];
      ArrayRef<int64_t> shape = n.shape(operand);
      auto own = [&](Value x, ArrayRef<int64_t> shape) {
        return x ? reshape(b, slice(b, x, 0, direction, 1), shape) : x;
      };
      size_t scale = 6 + 2 * operand;
      w.matrix.values = own(n[operand], shape.drop_front());
      w.scale = own(n[scale], n.shape(scale).drop_front());
      w.matrix.zero = own(zeroPoint(n, scale + 1), n.shape(scale + 1).drop_front());
      w.sums = columnSums(b, w.matrix);
    }
    return success();
  }
  Value product(int64_t /*direction*/, size_t operand, Value x, int64_t /*first*/, int64_t /*count*/) override {
    Weights &w = weights[operand - 1];
    RangeQuantized left = quantizeByRange(b, x);
    Value sums = integerMatmul(b, {left.values, left.zero}, w.matrix, w.sums);
    if (!sums || !left.scale)
      return {};
    Value scale = mul(b, broadcast(b, left.scale, shapeOf(w.scale)), w.scale);
    return mul(b, cast(b, sums, b.getF32Type()), broadcast(b, scale, shapeOf(sums)));
  }

private:
  struct Weights {
    Quantized matrix;
    Value scale, sums;
  };
  Weights weights[2]; // of the direction that is being imported
};
} // namespace

static Value importRnn(NodeImport &n) {
  StringRef defaults[] = {"Tanh"};
  return Rnn(n, 1, 1, defaults).import();
}

static Value importGru(NodeImport &n) {
  n.integer("linear_before_reset", 0);
  StringRef defaults[] = {"Sigmoid", "Tanh"};
  return Gru(n, 3, 2, defaults).import();
}

static Value importLstm(NodeImport &n) {
  StringRef defaults[] = {"Sigmoid", "Tanh", "Tanh"};
  return Lstm(n, 4, 3, defaults).import();
}

static Value importDynamicQuantizeLstm(NodeImport &n) {
  StringRef defaults[] = {"Sigmoid", "Tanh", "Tanh"};
  int64_t directions = n.text("direction", "forward") == "bidirectional" ? 2 : 1;
  if (!n.element(0).isF32()) {
    n.error() << "expected an input of float, found " << n[0].getType();
    return {};
  }
  for (auto [operand, name] : {std::pair<size_t, StringRef>(1, "W"), {2, "R"}}) {
    size_t scale = 6 + 2 * operand;
    if (failed(expectBytes(n, operand)))
      return {};
    int64_t columns = n.rank(operand) == 3 ? n.shape(operand)[2] : 0;
    SmallVector<int64_t> shapes[] = {{directions}, {directions, columns}};
    if (failed(expectOperand(n, scale, ("a scale of " + name).str(), n.b.getF32Type(), shapes)) ||
        failed(expectOperand(n, scale + 1, ("a zero point of " + name).str(), n.element(operand), shapes)))
      return {};
  }
  return DynamicQuantizeLstm(n, 4, 3, defaults).import();
}

ArrayRef<Operator> onnx::recurrentOperators() {
  static const Operator rows[] = {
      {"DynamicQuantizeLSTM", 1, 3, 12, Narrow::Keep, importDynamicQuantizeLstm, "com.microsoft"},
      {"GRU", 1, 3, 6, Narrow::Widen, importGru},
      {"LSTM", 1, 3, 8, Narrow::Widen, importLstm},
      {"RNN", 1, 3, 6, Narrow::Widen, importRnn},
  };
  return rows;
}
