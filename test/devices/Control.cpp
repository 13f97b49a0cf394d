// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops and choices: carried values of all sorts, early ends, nests, values that change places; and how many launches a
// trip takes.

#include "test/devices/Device.h"

using namespace mlir;

namespace tinyc::test {
namespace {

class Control : public OnDevice {
protected:
  /// Compares @main of `text` with the reference, on each of `inputs`; gives the launches of the last run.
  std::vector<Launch> checkText(const std::string &text, const std::vector<std::vector<TensorRef>> &inputs,
                                size_t results = 1) {
    std::vector<Launch> launches;
    for (const std::vector<TensorRef> &some : inputs) {
      auto module = parse(text);
      if (module)
        launches = check(*module, some, std::vector<Expectation>(results, {"result", exact, {}}));
    }
    return launches;
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, Control, testing::ValuesIn(allDevices), deviceName);

TensorRef truth(bool value) {
  return tensor(Element::I1, {}, [&](size_t) { return Lane{.i = value}; });
}
TensorRef whole(int64_t value) {
  return tensor(Element::I64, {}, [&](size_t) { return Lane{.i = value}; });
}

// 100 trips of one launch: the body is a kernel, and what it carries is written where the next trip reads it.
TEST_P(Control, CarriesValuesRound) {
  std::vector<Launch> launches = checkText(R"(
func.func @main(%x: tensor<67xf32>, %w: tensor<67xf32>) -> tensor<67xf32> {
  %r = tiny.loop 100 carry(%x) use(%w) : (tensor<67xf32>, tensor<67xf32>) -> tensor<67xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<67xf32>, %u: tensor<67xf32>):
    %half = tiny.const dense<0.5> : tensor<67xf32>
    %m = tiny.mul %c, %half : tensor<67xf32>
    %n = tiny.add %m, %u : tensor<67xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %n : tensor<i1>, tensor<67xf32>
  }
  return %r : tensor<67xf32>
})",
                                           {{ramp(Element::F32, {67}), ramp(Element::F32, {67}, 2)}});
  ASSERT_EQ(launches.size(), 1u); // a launch of a loop is reported once, with all that its trips did
  EXPECT_EQ(launches[0].flops, 100 * 2 * 67u);
}

// The trip's number, an early end, values before and behind the loop.
TEST_P(Control, EndsEarlyAndCounts) {
  std::string text = R"(
func.func @main(%x: tensor<5xi64>, %limit: tensor<i64>) -> (tensor<5xi64>, tensor<i64>, tensor<5xi64>) {
  %y = tiny.mul %x, %x : tensor<5xi64>
  %zero = tiny.const dense<0> : tensor<i64>
  %r:2 = tiny.loop 80 carry(%y, %zero) use(%limit, %x) : (tensor<5xi64>, tensor<i64>, tensor<i64>, tensor<5xi64>) -> (tensor<5xi64>, tensor<i64>) {
  ^bb0(%i: tensor<i64>, %c: tensor<5xi64>, %count: tensor<i64>, %l: tensor<i64>, %u: tensor<5xi64>):
    %wide = tiny.view %i by affine_map<(d0) -> ()> : tensor<i64> -> tensor<5xi64>
    %p = tiny.mul %wide, %u : tensor<5xi64>
    %n = tiny.add %c, %p : tensor<5xi64>
    %one = tiny.const dense<1> : tensor<i64>
    %more = tiny.add %count, %one : tensor<i64>
    %on = tiny.cmplt %more, %l : tensor<i64>
    tiny.yield %on, %n, %more : tensor<i1>, tensor<5xi64>, tensor<i64>
  }
  %z = tiny.add %r#0, %y : tensor<5xi64>
  return %z, %r#1, %r#0 : tensor<5xi64>, tensor<i64>, tensor<5xi64>
})";
  TensorRef x = ramp(Element::I64, {5});
  checkText(text, {{x, whole(-3)}, {x, whole(1)}, {x, whole(17)}, {x, whole(1000)}}, 3);
}

// Values that change places, come from outside each time, are passed through, or are wanted twice.
TEST_P(Control, ValuesThatChangePlaces) {
  TensorRef x = ramp(Element::F32, {9}), y = ramp(Element::F32, {9}, 2), z = ramp(Element::F32, {9}, 3);
  checkText(R"(
func.func @main(%x: tensor<9xf32>, %y: tensor<9xf32>, %z: tensor<9xf32>) -> (tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>) {
  %r:5 = tiny.loop 75 carry(%x, %y, %z, %x, %y) use(%z) : (tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>) -> (tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>) {
  ^bb0(%i: tensor<i64>, %a: tensor<9xf32>, %b: tensor<9xf32>, %c: tensor<9xf32>, %d: tensor<9xf32>, %e: tensor<9xf32>, %u: tensor<9xf32>):
    %s = tiny.add %a, %u : tensor<9xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %b, %a, %u, %s, %s : tensor<i1>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>
  }
  return %r#0, %r#1, %r#2, %r#3, %r#4 : tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>, tensor<9xf32>
})",
            {{x, y, z}}, 5);
}

// The flag is itself carried: it says what the trip before found.
TEST_P(Control, CarriedFlags) {
  checkText(R"(
func.func @main(%x: tensor<i64>, %t: tensor<i1>) -> (tensor<i64>, tensor<i1>) {
  %r:2 = tiny.loop 90 carry(%x, %t) : (tensor<i64>, tensor<i1>) -> (tensor<i64>, tensor<i1>) {
  ^bb0(%i: tensor<i64>, %c: tensor<i64>, %f: tensor<i1>):
    %n = tiny.add %c, %i : tensor<i64>
    %limit = tiny.const dense<40> : tensor<i64>
    %g = tiny.cmplt %n, %limit : tensor<i64>
    tiny.yield %f, %n, %g : tensor<i1>, tensor<i64>, tensor<i1>
  }
  return %r#0, %r#1 : tensor<i64>, tensor<i1>
})",
            {{whole(0), truth(true)}, {whole(0), truth(false)}, {whole(100), truth(true)}}, 2);
}

// Rows of a matrix one by one: a recurrence as recurrent layers have it, its results collected.
TEST_P(Control, RecurrenceOverRows) {
  std::vector<Launch> launches =
      checkText(R"(
func.func @main(%x: tensor<70x24xf32>, %w: tensor<8x24xf32>, %h: tensor<8xf32>) -> (tensor<70x8xf32>, tensor<8xf32>) {
  %y0 = tiny.const dense<0.0> : tensor<70x8xf32>
  %r:2 = tiny.loop 70 carry(%y0, %h) use(%x, %w) : (tensor<70x8xf32>, tensor<8xf32>, tensor<70x24xf32>, tensor<8x24xf32>) -> (tensor<70x8xf32>, tensor<8xf32>) {
  ^bb0(%i: tensor<i64>, %y: tensor<70x8xf32>, %s: tensor<8xf32>, %xs: tensor<70x24xf32>, %ws: tensor<8x24xf32>):
    %row = tiny.gather %xs[%i] dim 0 otherwise 0.0 : f32 : tensor<70x24xf32>, tensor<i64> -> tensor<24xf32>
    %wide = tiny.view %row by affine_map<(d0, d1) -> (d1)> : tensor<24xf32> -> tensor<8x24xf32>
    %p = tiny.max %wide, %ws : tensor<8x24xf32>
    %m = tiny.reduce max %p [1] : tensor<8x24xf32> -> tensor<8xf32>
    %half = tiny.const dense<0.5> : tensor<8xf32>
    %t = tiny.mul %s, %half : tensor<8xf32>
    %n = tiny.add %t, %m : tensor<8xf32>
    %z = tiny.scatter set %y[%i], %n dim 0 : tensor<70x8xf32>, tensor<i64>, tensor<8xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %z, %n : tensor<i1>, tensor<70x8xf32>, tensor<8xf32>
  }
  return %r#0, %r#1 : tensor<70x8xf32>, tensor<8xf32>
})",
                {{ramp(Element::F32, {70, 24}), ramp(Element::F32, {8, 24}, 2), ramp(Element::F32, {8}, 3)}}, 2);
  EXPECT_EQ(launches.size(), 1u); // the row is written without one
}

// A slice of whole cache lines is written by the launch that computes it; one that ends early leaves the rest.
TEST_P(Control, SlicesAreWrittenInPlace) {
  std::vector<Launch> launches = checkText(
      R"(
func.func @main(%x: tensor<80x16xf32>, %y: tensor<90x16xf32>, %z: tensor<80x3xi8>, %last: tensor<i64>) -> (tensor<90x16xf32>, tensor<80x3xi8>) {
  %r:2 = tiny.loop 80 carry(%y, %z) use(%x, %last) : (tensor<90x16xf32>, tensor<80x3xi8>, tensor<80x16xf32>, tensor<i64>) -> (tensor<90x16xf32>, tensor<80x3xi8>) {
  ^bb0(%i: tensor<i64>, %a: tensor<90x16xf32>, %b: tensor<80x3xi8>, %xs: tensor<80x16xf32>, %l: tensor<i64>):
    %row = tiny.gather %xs[%i] dim 0 otherwise 0.0 : f32 : tensor<80x16xf32>, tensor<i64> -> tensor<16xf32>
    %s = tiny.add %row, %row : tensor<16xf32>
    %n = tiny.scatter set %a[%i], %s dim 0 : tensor<90x16xf32>, tensor<i64>, tensor<16xf32>
    %k = tiny.cast %i : tensor<i64> to tensor<i8>
    %w = tiny.view %k by affine_map<(d0) -> ()> : tensor<i8> -> tensor<3xi8>
    %m = tiny.scatter set %b[%i], %w dim 0 : tensor<80x3xi8>, tensor<i64>, tensor<3xi8>
    %on = tiny.cmplt %i, %l : tensor<i64>
    tiny.yield %on, %n, %m : tensor<i1>, tensor<90x16xf32>, tensor<80x3xi8>
  }
  return %r#0, %r#1 : tensor<90x16xf32>, tensor<80x3xi8>
})",
      {{ramp(Element::F32, {80, 16}), ramp(Element::F32, {90, 16}, 2), ramp(Element::I8, {80, 3}, 3), whole(50)},
       {ramp(Element::F32, {80, 16}), ramp(Element::F32, {90, 16}, 2), ramp(Element::I8, {80, 3}, 3), whole(1000)}},
      2);
  for (const Launch &launch : launches) // none moves a whole tensor
    EXPECT_LT(launch.bytes, 80 * 200u) << launch.kernel;
}

TEST_P(Control, LoopsInLoops) {
  checkText(R"(
func.func @main(%x: tensor<6xi64>) -> tensor<6xi64> {
  %r = tiny.loop 70 carry(%x) : (tensor<6xi64>) -> tensor<6xi64> {
  ^bb0(%i: tensor<i64>, %c: tensor<6xi64>):
    %q = tiny.loop 67 carry(%c) use(%i) : (tensor<6xi64>, tensor<i64>) -> tensor<6xi64> {
    ^bb0(%j: tensor<i64>, %d: tensor<6xi64>, %k: tensor<i64>):
      %p = tiny.mul %j, %k : tensor<i64>
      %wide = tiny.view %p by affine_map<(d0) -> ()> : tensor<i64> -> tensor<6xi64>
      %n = tiny.xor %d, %wide : tensor<6xi64>
      %limit = tiny.const dense<50> : tensor<i64>
      %on = tiny.cmplt %j, %limit : tensor<i64>
      tiny.yield %on, %n : tensor<i1>, tensor<6xi64>
    }
    %t = tiny.add %q, %c : tensor<6xi64>
    %go = tiny.const dense<true> : tensor<i1>
    tiny.yield %go, %t : tensor<i1>, tensor<6xi64>
  }
  return %r : tensor<6xi64>
})",
            {{ramp(Element::I64, {6})}});
}

// Too much for both sides to be computed: 300 x 300 elements.
std::string choice(const std::string &onTrue, const std::string &onFalse) {
  return R"(
func.func @main(%c: tensor<i1>, %x: tensor<300x300xf32>, %y: tensor<300x300xf32>) -> (tensor<300x300xf32>, tensor<300x300xf32>) {
  %s = tiny.add %x, %y : tensor<300x300xf32>
  %r:2 = tiny.cond %c (%s, %y) : (tensor<300x300xf32>, tensor<300x300xf32>) -> (tensor<300x300xf32>, tensor<300x300xf32>) {
  ^bb0(%a: tensor<300x300xf32>, %b: tensor<300x300xf32>):
)" + onTrue +
         R"(
  } else {
  ^bb0(%a: tensor<300x300xf32>, %b: tensor<300x300xf32>):
)" + onFalse +
         R"(
  }
  %z = tiny.add %r#0, %s : tensor<300x300xf32>
  return %z, %r#1 : tensor<300x300xf32>, tensor<300x300xf32>
})";
}

TEST_P(Control, Choices) {
  std::vector<TensorRef> on = {truth(true), ramp(Element::F32, {300, 300}), ramp(Element::F32, {300, 300}, 2)},
                         off = on;
  off[0] = truth(false);
  std::string type = " : tensor<300x300xf32>", both = type + ", tensor<300x300xf32>";
  std::string product = "%p = tiny.mul %a, %b" + type + "\n", larger = "%q = tiny.max %a, %b" + type + "\n";
  checkText(choice(product + "tiny.yield %p, %a" + both, larger + "tiny.yield %a, %q" + both), {on, off}, 2);
  checkText(choice("tiny.yield %b, %a" + both, product + larger + "tiny.yield %q, %q" + both), {on, off}, 2);
  std::string constant = "%k = tiny.const dense<2.5>" + type + "\n";
  checkText(choice(constant + "tiny.yield %k, %k" + both, product + "tiny.yield %p, %p" + both), {on, off}, 2);
}

TEST_P(Control, SmallChoicesAreSelections) {
  std::string text = R"(
func.func @main(%c: tensor<i1>, %x: tensor<7xf32>) -> tensor<7xf32> {
  %r = tiny.cond %c (%x) : (tensor<7xf32>) -> tensor<7xf32> {
  ^bb0(%a: tensor<7xf32>):
    %s = tiny.sqrt %a : tensor<7xf32>
    tiny.yield %s : tensor<7xf32>
  } else {
  ^bb0(%a: tensor<7xf32>):
    tiny.yield %a : tensor<7xf32>
  }
  return %r : tensor<7xf32>
})";
  TensorRef x = ramp(Element::F32, {7});
  EXPECT_EQ(checkText(text, {{truth(true), x}, {truth(false), x}}).size(), 1u);
}

TEST_P(Control, ChoicesInLoops) {
  checkText(R"(
func.func @main(%x: tensor<300x300xf32>) -> tensor<300x300xf32> {
  %r = tiny.loop 6 carry(%x) : (tensor<300x300xf32>) -> tensor<300x300xf32> {
  ^bb0(%i: tensor<i64>, %c: tensor<300x300xf32>):
    %two = tiny.const dense<2> : tensor<i64>
    %zero = tiny.const dense<0> : tensor<i64>
    %m = tiny.mod %i, %two : tensor<i64>
    %even = tiny.cmpeq %m, %zero : tensor<i64>
    %n = tiny.cond %even (%c) : (tensor<300x300xf32>) -> tensor<300x300xf32> {
    ^bb0(%a: tensor<300x300xf32>):
      %p = tiny.add %a, %a : tensor<300x300xf32>
      tiny.yield %p : tensor<300x300xf32>
    } else {
    ^bb0(%a: tensor<300x300xf32>):
      %t = tiny.view %a by affine_map<(d0, d1) -> (d1, d0)> : tensor<300x300xf32> -> tensor<300x300xf32>
      %p = tiny.max %a, %t : tensor<300x300xf32>
      tiny.yield %p : tensor<300x300xf32>
    }
    %limit = tiny.const dense<4> : tensor<i64>
    %on = tiny.cmplt %i, %limit : tensor<i64>
    tiny.yield %on, %n : tensor<i1>, tensor<300x300xf32>
  }
  return %r : tensor<300x300xf32>
})",
            {{ramp(Element::F32, {300, 300})}});
}

} // namespace
} // namespace tinyc::test
