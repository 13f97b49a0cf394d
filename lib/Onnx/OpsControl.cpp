// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// If, Loop and Scan. A branch that is known is inlined, another becomes tiny.cond; a loop with a bound becomes
// tiny.loop, and one whose trips have to be known one by one (they give sizes or positions of slices) is unrolled.

#include "lib/Onnx/Regions.h"
#include "lib/Onnx/onnx.pb.h"

#include "lib/Builders/Reduction.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// A loop is unrolled only up to so many trips.
static constexpr int64_t kMostUnrolled = 64;

static Value boolean(NodeImport &n, bool value) {
  return splat(n.b, RankedTensorType::get({}, n.b.getI1Type()), value);
}

static Value results(NodeImport &n, ArrayRef<Value> values) {
  if (values.empty())
    return n.fail("expected a graph with an output");
  n.moreResults.assign(values.begin() + 1, values.end());
  return values.front();
}

//===- If --------------------------------------------------------------------------------------------------------===//

static Value importIf(NodeImport &n) {
  const GraphProto *graphs[] = {n.graph("then_branch"), n.graph("else_branch")};
  if (!graphs[0] || !graphs[1])
    return {};
  if (elementCount(n.shape(0)) != 1 || !n.element(0).isInteger(1))
    return n.fail("expected one truth value as condition");
  auto inlined = [&](bool condition) {
    FailureOr<SmallVector<Value>> values = n.surroundings.importGraph(*graphs[condition ? 0 : 1], {});
    return succeeded(values) ? results(n, *values) : Value();
  };
  if (DenseElementsAttr known = n.known(0))
    return inlined(*known.getValues<bool>().begin());
  Region regions[2];
  FailureOr<SmallVector<Value>> yields[2];
  for (auto [region, graph, yield] : llvm::zip_equal(regions, graphs, yields)) {
    yield = buildBody(n.b, region, {}, [&](ArrayRef<Value>) { return n.surroundings.importGraph(*graph, {}); });
    if (failed(yield))
      return {};
  }
  bool same = llvm::equal(*yields[0], *yields[1], [](Value a, Value b) { return a.getType() == b.getType(); });
  if (!same) {
    // Only one of the two can be compiled: which, must be known.
    FailureOr<DenseElementsAttr> known = n.required(0, "condition (whose branches give different shapes)");
    return succeeded(known) ? inlined(*known->getValues<bool>().begin()) : Value();
  }
  SmallVector<Type> types(ValueRange(*yields[0]).getTypes());
  for (auto [region, yield] : llvm::zip_equal(regions, yields))
    endBody(n.b, region, *yield);
  SmallVector<Value> captured = isolate(n.b, {&regions[0], &regions[1]});
  auto op = tiny::CondOp::create(n.b, types, reshape(n.b, n[0], {}), captured);
  op.getOnTrue().takeBody(regions[0]);
  op.getOnFalse().takeBody(regions[1]);
  return results(n, llvm::to_vector_of<Value>(op.getResults()));
}

//===- Loops -----------------------------------------------------------------------------------------------------===//

namespace {
// A Loop or Scan: carried values, then values that each trip gives and that are stacked.
struct Repetition {
  int64_t trips = 0;
  SmallVector<Value> carried;
  /// The values of one trip: whether to go on (null: always), new carried values, and what is to be stacked. Called
  /// where the body stands.
  std::function<FailureOr<SmallVector<Value>>(Value trip, ArrayRef<Value> carried)> body;
  /// How many stacked values.
  int64_t stacked = 0;
  /// Trip t gives row t, or row trips - 1 - t.
  SmallVector<bool> backwards;
};
} // namespace

// The number of the row that a trip reads or gives, as a vector of one index.
static Value rowAt(compose::Builder &b, Value trip, int64_t trips, bool backwards) {
  Value at = backwards ? sub(b, splatInteger(b, trip, trips - 1), trip) : trip;
  return reshape(b, at, {1});
}

static LogicalResult checkCarried(NodeImport &n, ArrayRef<Value> before, ArrayRef<Value> after) {
  for (auto [i, from, to] : llvm::enumerate(before, after))
    if (from.getType() != to.getType())
      return n.error() << "expected a carried value of one type in all trips, value " << i << " begins as "
                       << from.getType() << " and becomes " << to.getType();
  return success();
}

// No trip at all: the body is imported for the types of its rows alone, and nothing uses what it computes.
static FailureOr<SmallVector<Value>> noTrips(NodeImport &n, const Repetition &r) {
  SmallVector<Value> results(r.carried);
  if (r.stacked == 0)
    return results;
  FailureOr<SmallVector<Value>> values = r.body(n.constantIntegers({0}, {}), r.carried);
  if (failed(values))
    return failure();
  for (Value row : ArrayRef(*values).take_back(r.stacked)) {
    SmallVector<int64_t> shape(shapeOf(row));
    shape.insert(shape.begin(), 0);
    auto type = RankedTensorType::get(shape, tiny::elementType(row.getType()));
    results.push_back(tiny::ConstOp::create(n.b, DenseElementsAttr::get(type, ArrayRef<Attribute>())));
  }
  return results;
}

// All trips one after the other, each with its number known.
static FailureOr<SmallVector<Value>> unroll(NodeImport &n, const Repetition &r) {
  SmallVector<Value> carried(r.carried);
  SmallVector<SmallVector<Value>> rows(r.stacked);
  for (int64_t trip = 0; trip < r.trips; ++trip) {
    FailureOr<SmallVector<Value>> values = r.body(n.constantIntegers({trip}, {}), carried);
    if (failed(values))
      return failure();
    carried.assign(values->begin() + 1, values->begin() + 1 + carried.size());
    for (auto [list, value] : llvm::zip_equal(rows, ArrayRef(*values).take_back(r.stacked)))
      list.push_back(value);
    if (Value goesOn = values->front(); goesOn && trip + 1 < r.trips) {
      auto constant = goesOn.getDefiningOp<tiny::ConstOp>();
      if (!constant)
        return n.error() << "expected a loop that ends after a number of trips known at compile time: its trips are "
                         << "imported one by one";
      if (!*cast<DenseElementsAttr>(constant.getValue()).getValues<bool>().begin())
        break;
    }
  }
  for (auto [list, backwards] : llvm::zip_equal(rows, r.backwards)) {
    for (Value &row : list) {
      SmallVector<int64_t> shape(shapeOf(row));
      shape.insert(shape.begin(), 1);
      row = reshape(n.b, row, shape);
      if (row.getType() != list.front().getType())
        return n.error() << "expected rows of one type to stack, found " << list.front().getType() << " and "
                         << row.getType();
    }
    if (backwards)
      std::reverse(list.begin(), list.end());
    carried.push_back(concat(n.b, list, 0));
  }
  return carried;
}

// One tiny.loop; rows are scattered into carried tensors.
static FailureOr<SmallVector<Value>> loop(NodeImport &n, const Repetition &r) {
  Region region;
  SmallVector<Type> types{RankedTensorType::get({}, n.b.getI64Type())};
  llvm::append_range(types, ValueRange(r.carried).getTypes());
  FailureOr<SmallVector<Value>> values = buildBody(
      n.b, region, types, [&](ArrayRef<Value> arguments) { return r.body(arguments.front(), arguments.drop_front()); });
  if (failed(values) || failed(checkCarried(n, r.carried, ArrayRef(*values).slice(1, r.carried.size()))))
    return failure();
  if (values->front() && r.stacked)
    return n.error() << "stacks as many rows as it has trips, and how many depends on data: its condition is computed";
  SmallVector<Value> initial(r.carried);
  Block &block = region.front();
  for (auto [value, backwards] : llvm::zip_equal(MutableArrayRef(*values).take_back(r.stacked), r.backwards)) {
    SmallVector<int64_t> shape(shapeOf(value));
    shape.insert(shape.begin(), r.trips);
    auto type = RankedTensorType::get(shape, tiny::elementType(value.getType()));
    Value rows = splatInteger(n.b, type, 0);
    if (!rows)
      return failure();
    initial.push_back(rows);
    Value all = block.addArgument(type, n.b.getLoc());
    shape[0] = 1;
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&block);
    Value row = reshape(n.b, value, shape);
    value = tiny::ScatterOp::create(n.b, type, tiny::ScatterKind::Set, all,
                                    rowAt(n.b, block.getArgument(0), r.trips, backwards), row, 0);
  }
  if (!values->front()) {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&block);
    values->front() = boolean(n, true);
  }
  endBody(n.b, region, *values);
  SmallVector<Value> captured = isolate(n.b, {&region});
  auto op = tiny::LoopOp::create(n.b, ValueRange(initial).getTypes(), r.trips, initial, captured);
  op.getBody().takeBody(region);
  return llvm::to_vector_of<Value>(op.getResults());
}

// The final carried values, then the stacked ones.
static FailureOr<SmallVector<Value>> repeat(NodeImport &n, const Repetition &r) {
  if (r.trips <= 1)
    return r.trips == 0 ? noTrips(n, r) : unroll(n, r);
  bool wanted = std::exchange(n.surroundings.wantsTrip, false);
  Attempt attempt(n);
  FailureOr<SmallVector<Value>> values = loop(n, r);
  bool tripWanted = std::exchange(n.surroundings.wantsTrip, wanted);
  if (failed(values) && tripWanted && r.trips <= kMostUnrolled) {
    Attempt unrolling(n);
    values = unroll(n, r);
    unrolling.give();
    return values;
  }
  n.surroundings.wantsTrip |= failed(values) && tripWanted;
  attempt.give();
  return values;
}

// Whether a value is the constant true.
static bool isTrue(Value value) {
  auto constant = value ? value.getDefiningOp<tiny::ConstOp>() : tiny::ConstOp();
  auto elements = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : SplatElementsAttr();
  return elements && elements.getElementType().isInteger(1) && elements.getSplatValue<bool>();
}

// Operands: the most trips, a condition, then carried values. The body takes the trip's number, the condition and the
// carried values, and gives the condition, the carried values and a row of each stacked output.
static Value importLoop(NodeImport &n) {
  const GraphProto *body = n.graph("body");
  if (!body)
    return {};
  Repetition r;
  for (size_t i = 2; i < n.inputs.size(); ++i) {
    if (!n.has(i))
      return n.fail("carried value " + Twine(i - 2) + " is left out");
    r.carried.push_back(n[i]);
  }
  r.stacked = body->output_size() - 1 - static_cast<int>(r.carried.size());
  if (r.stacked < 0 || body->input_size() != static_cast<int>(r.carried.size()) + 2)
    return n.fail("expected a body of " + Twine(r.carried.size() + 2) + " inputs and at least " +
                  Twine(r.carried.size() + 1) + " outputs, found " + Twine(body->input_size()) + " and " +
                  Twine(body->output_size()));
  r.backwards.assign(r.stacked, false);
  if (!n.has(0))
    return n.fail("a loop without a number of trips has no bound, and is not supported");
  FailureOr<SmallVector<int64_t>> trips = n.integers(0, "trip count");
  if (failed(trips))
    return {};
  r.trips = trips->size() == 1 ? std::max<int64_t>(trips->front(), 0) : -1;
  if (r.trips < 0 || r.trips > std::numeric_limits<int32_t>::max())
    return n.fail("expected one number of trips below 2^31");
  Value condition = n[1];
  if (condition && (elementCount(shapeOf(condition)) != 1 || !n.element(1).isInteger(1)))
    return n.fail("expected one truth value as condition");
  DenseElementsAttr known = n.known(1);
  if (known && !*known.getValues<bool>().begin())
    r.trips = 0;
  // In the body the condition holds: else the trip would not be taken.
  bool guarded = condition && !known;
  r.body = [&](Value trip, ArrayRef<Value> carried) -> FailureOr<SmallVector<Value>> {
    SmallVector<Value> arguments{trip, boolean(n, true)};
    llvm::append_range(arguments, carried);
    FailureOr<SmallVector<Value>> values = n.surroundings.importGraph(*body, arguments);
    if (failed(values))
      return failure();
    Value &goesOn = values->front();
    if (elementCount(shapeOf(goesOn)) != 1 || !tiny::elementType(goesOn.getType()).isInteger(1))
      return n.error() << "expected one truth value as the first output of the body, found " << goesOn.getType();
    if (isTrue(goesOn))
      goesOn = Value();
    else if (goesOn.getDefiningOp<tiny::ConstOp>())
      goesOn = boolean(n, false);
    else
      goesOn = reshape(n.b, goesOn, {});
    return values;
  };
  if (!guarded || r.trips == 0) {
    FailureOr<SmallVector<Value>> values = repeat(n, r);
    return succeeded(values) ? results(n, *values) : Value();
  }
  if (r.stacked) {
    FailureOr<DenseElementsAttr> value = n.required(1, "condition (whether there is a row to stack)");
    (void)value;
    return {};
  }
  // Whether the loop begins at all is data.
  Region regions[2];
  FailureOr<SmallVector<Value>> values = buildBody(n.b, regions[0], {}, [&](ArrayRef<Value>) { return repeat(n, r); });
  if (failed(values))
    return {};
  endBody(n.b, regions[0], *values);
  regions[1].emplaceBlock();
  endBody(n.b, regions[1], r.carried);
  SmallVector<Value> captured = isolate(n.b, {&regions[0], &regions[1]});
  auto op = tiny::CondOp::create(n.b, ValueRange(r.carried).getTypes(), reshape(n.b, condition, {}), captured);
  op.getOnTrue().takeBody(regions[0]);
  op.getOnFalse().takeBody(regions[1]);
  return results(n, llvm::to_vector_of<Value>(op.getResults()));
}

//===- Scan ------------------------------------------------------------------------------------------------------===//

namespace {
// The attributes of a Scan node, checked.
struct ScanForm {
  const GraphProto *body = nullptr;
  int64_t states = 0, sequences = 0, stacked = 0;
  SmallVector<int64_t> inputAxes, outputAxes;
  SmallVector<bool> inputBackwards, outputBackwards;
};
} // namespace

static FailureOr<SmallVector<bool>> directions(NodeImport &n, StringRef name, int64_t count) {
  SmallVector<int64_t> given = n.integerList(name).value_or(SmallVector<int64_t>(count, 0));
  if (static_cast<int64_t>(given.size()) != count)
    return n.error() << "attribute '" << name << "': expected " << count << " numbers, found " << given.size();
  return llvm::map_to_vector(given, [](int64_t d) { return d != 0; });
}

static FailureOr<ScanForm> scanForm(NodeImport &n, int64_t operands) {
  ScanForm form;
  form.body = n.graph("body");
  if (!form.body)
    return failure();
  form.sequences = n.integer("num_scan_inputs", 0);
  if (form.sequences < 1 || form.sequences > operands)
    return n.error() << "attribute 'num_scan_inputs': expected 1 to " << operands << " (the operands), found "
                     << form.sequences;
  form.states = operands - form.sequences;
  form.stacked = form.body->output_size() - form.states;
  if (form.stacked < 0 || form.body->input_size() != operands)
    return n.error() << "expected a body of " << operands << " inputs and at least " << form.states
                     << " outputs, found " << form.body->input_size() << " and " << form.body->output_size();
  bool old = n.version < 9;
  FailureOr<SmallVector<bool>> in = directions(n, old ? "directions" : "scan_input_directions", form.sequences);
  FailureOr<SmallVector<bool>> out = directions(n, "scan_output_directions", form.stacked);
  if (failed(in) || failed(out))
    return failure();
  form.inputBackwards = *in;
  form.outputBackwards = *out;
  form.inputAxes = n.integerList("scan_input_axes").value_or(SmallVector<int64_t>(form.sequences, 0));
  form.outputAxes = n.integerList("scan_output_axes").value_or(SmallVector<int64_t>(form.stacked, 0));
  if (static_cast<int64_t>(form.inputAxes.size()) != form.sequences ||
      static_cast<int64_t>(form.outputAxes.size()) != form.stacked)
    return n.error() << "expected an axis for each scanned input and output";
  return form;
}

static FailureOr<SmallVector<Value>> scan(NodeImport &n, const ScanForm &form, ArrayRef<Value> operands) {
  Repetition r;
  r.carried.assign(operands.begin(), operands.begin() + form.states);
  r.stacked = form.stacked;
  r.backwards = form.outputBackwards;
  ArrayRef<Value> sequences = operands.drop_front(form.states);
  SmallVector<int64_t> axes;
  for (auto [sequence, given] : llvm::zip_equal(sequences, form.inputAxes)) {
    FailureOr<int64_t> axis = n.axis(given, shapeOf(sequence).size());
    if (failed(axis))
      return failure();
    axes.push_back(*axis);
    int64_t trips = shapeOf(sequence)[*axis];
    if (axes.size() > 1 && trips != r.trips)
      return n.error() << "expected scanned inputs of one length, found " << r.trips << " and " << trips;
    r.trips = trips;
  }
  r.body = [&](Value trip, ArrayRef<Value> carried) -> FailureOr<SmallVector<Value>> {
    SmallVector<Value> arguments(carried);
    DenseElementsAttr known;
    if (auto constant = trip.getDefiningOp<tiny::ConstOp>())
      known = cast<DenseElementsAttr>(constant.getValue());
    for (auto [sequence, axis, backwards] : llvm::zip_equal(sequences, axes, form.inputBackwards)) {
      SmallVector<int64_t> shape(shapeOf(sequence));
      Value row;
      if (known && r.trips != 0) {
        int64_t at = *known.getValues<int64_t>().begin();
        row = slice(n.b, sequence, axis, backwards ? r.trips - 1 - at : at, 1);
      } else {
        shape[axis] = 1;
        auto type = cast<RankedTensorType>(sequence.getType()).clone(shape);
        row = tiny::GatherOp::create(n.b, type, sequence, rowAt(n.b, trip, r.trips, backwards), axis,
                                     cast<TypedAttr>(n.b.getZeroAttr(type.getElementType())));
      }
      shape.erase(shape.begin() + axis);
      arguments.push_back(reshape(n.b, row, shape));
    }
    FailureOr<SmallVector<Value>> values = n.surroundings.importGraph(*form.body, arguments);
    if (succeeded(values))
      values->insert(values->begin(), Value());
    return values;
  };
  FailureOr<SmallVector<Value>> values = repeat(n, r);
  if (failed(values))
    return failure();
  for (auto [stacked, given] : llvm::zip_equal(MutableArrayRef(*values).drop_front(form.states), form.outputAxes)) {
    int64_t rank = shapeOf(stacked).size();
    FailureOr<int64_t> axis = n.axis(given, rank);
    if (failed(axis))
      return failure();
    SmallVector<int64_t> permutation;
    for (int64_t d = 1; d < rank; ++d)
      permutation.push_back(d);
    permutation.insert(permutation.begin() + *axis, 0);
    stacked = permute(n.b, stacked, permutation);
  }
  return values;
}

static Value importScan(NodeImport &n) {
  FailureOr<ScanForm> form = scanForm(n, n.inputs.size());
  if (failed(form))
    return {};
  FailureOr<SmallVector<Value>> values = scan(n, *form, n.inputs);
  return succeeded(values) ? results(n, *values) : Value();
}

// Version 8: the first operand holds lengths, and all others have a batch in front, of which each element is a scan of
// its own.
static Value importBatchedScan(NodeImport &n) {
  if (n.has(0))
    return n.fail("lengths of sequences (sequence_lens) are not supported");
  if (n.inputs.empty())
    return n.fail("expected operands after the lengths, found none");
  ArrayRef<Value> operands = ArrayRef(n.inputs).drop_front();
  FailureOr<ScanForm> form = scanForm(n, operands.size());
  if (failed(form))
    return {};
  int64_t batch = shapeOf(operands.back()).empty() ? 0 : shapeOf(operands.back()).front();
  constexpr int64_t mostBatch = 1024;
  if (batch > mostBatch)
    return n.fail("expected a batch of at most " + Twine(mostBatch) + ", whose scans are imported one by one, found " +
                  Twine(batch));
  SmallVector<SmallVector<Value>> parts;
  for (int64_t element = 0; element < batch; ++element) {
    SmallVector<Value> own;
    for (Value operand : operands) {
      if (shapeOf(operand).empty() || shapeOf(operand).front() != batch)
        return n.fail("expected operands with one batch as first dimension");
      own.push_back(reshape(n.b, slice(n.b, operand, 0, element, 1), shapeOf(operand).drop_front()));
    }
    FailureOr<SmallVector<Value>> values = scan(n, *form, own);
    if (failed(values))
      return {};
    parts.resize(values->size());
    for (auto [list, value] : llvm::zip_equal(parts, *values)) {
      SmallVector<int64_t> shape(shapeOf(value));
      shape.insert(shape.begin(), 1);
      list.push_back(reshape(n.b, value, shape));
    }
  }
  if (parts.empty())
    return n.fail("a scan over no elements is not supported");
  return results(n, llvm::map_to_vector(parts, [&](ArrayRef<Value> list) { return concat(n.b, list, 0); }));
}

ArrayRef<Operator> onnx::controlOperators() {
  static const Operator rows[] = {
      {"If", 1, 1, 1, Narrow::Keep, importIf},
      {"Loop", 1, 0, -1, Narrow::Keep, importLoop},
      {"Scan", 8, 0, -1, Narrow::Keep, importBatchedScan},
      {"Scan", 9, 1, -1, Narrow::Keep, importScan},
  };
  return rows;
}
