// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc check: runs cases in the layout of ONNX's backend tests (model.onnx or model.mlir beside test_data_set_*/) and
// compares every output with what is expected.

#include "runtime/tensorio/Report.h"
#include "runtime/tensorio/TensorFiles.h"
#include "tools/output/OutputFile.h"
#include "tools/tinyc/CaseProcesses.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/Compare.h"
#include "tools/tinyc/CrashReport.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/ReferenceModel.h"
#include "tools/tinyc/RunnableModel.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>

using namespace tinyc;
using tensorio::HostTensor;

namespace {
enum class Outcome {
  Passed,
  Failed,   ///< a result differs, or the case's files cannot be read
  Refused,  ///< the model cannot be imported, compiled or run; diagnostics say why
  Crashed,  ///< its process died
  TimedOut, ///< it took longer than --timeout
};

struct CaseResult {
  std::string folder;
  Outcome outcome = Outcome::Failed;
  std::string message;
  std::vector<std::string> hashes;
  double seconds = 0;
  std::string diagnostics; ///< what it wrote to stderr, where it ran in a process of its own
};
} // namespace

// Names of outcomes in JSON, in the enumeration's order.
static constexpr llvm::StringLiteral kOutcomes[] = {"passed", "failed", "refused", "crashed", "timed-out"};

static std::string inFolder(llvm::StringRef folder, const llvm::Twine &name) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

static std::string modelIn(llvm::StringRef folder) {
  for (const char *name : {"model.onnx", "model.mlir"})
    if (std::string path = inFolder(folder, name); llvm::sys::fs::exists(path))
      return path;
  return "";
}

// Folders test_data_set_0, test_data_set_1, .. that there are, by number.
static std::vector<std::string> dataSets(llvm::StringRef folder) {
  std::vector<std::pair<uint64_t, std::string>> found;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end && !code; it.increment(code)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    uint64_t number;
    if (name.consume_front("test_data_set_") && !name.getAsInteger(10, number) &&
        llvm::sys::fs::is_directory(it->path()))
      found.push_back({number, it->path()});
  }
  llvm::sort(found);
  std::vector<std::string> sets;
  for (auto &[number, path] : found)
    sets.push_back(std::move(path));
  return sets;
}

// Files PREFIX_K.pb (or .npy), ordered by K, which is the position unless the tensor carries a name.
static bool readTensors(llvm::StringRef folder, llvm::StringRef prefix, const std::vector<tinyc_tensor_info> &wanted,
                        std::vector<HostTensor> &tensors, std::string &error) {
  std::vector<std::pair<unsigned, std::string>> files;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end && !code; it.increment(code)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    unsigned index;
    if (name.consume_front(prefix) && (name.consume_back(".pb") || name.consume_back(".npy")) &&
        !name.getAsInteger(10, index))
      files.push_back({index, it->path()});
  }
  llvm::sort(files);
  for (size_t position = 0; position < files.size(); ++position) {
    HostTensor tensor;
    tinyc_dtype expected = position < wanted.size() ? wanted[position].dtype : TINYC_DTYPE_INVALID;
    if (!tensorio::readTensorFile(files[position].second, expected, tensor, error))
      return false;
    bool named = llvm::any_of(wanted, [&](const tinyc_tensor_info &info) { return tensor.name == info.name; });
    if (!named && position < wanted.size())
      tensor.name = wanted[position].name;
    tensors.push_back(std::move(tensor));
  }
  return true;
}

// "" if `found` is within the tolerances of `expected`, else what differs.
static std::string compare(const HostTensor &expected, const HostTensor &found, const Arguments &arguments) {
  Difference difference = compareTensors(expected, found, arguments.rtol, arguments.atol);
  if (difference.otherType)
    return "expected " + expected.type() + ", found " + found.type();
  if (!difference)
    return "";
  return llvm::formatv("{0} of {1} elements differ, by up to {2}; element {3}: expected {4}, found {5}",
                       difference.wrong, expected.elementCount(), llvm::format("%.3g", difference.largest),
                       coordinates(expected, difference.first), tensorio::elementText(expected, difference.first),
                       tensorio::elementText(found, difference.first));
}

static CaseResult runDataSet(RunnableModel &model, const std::string &folder, const Arguments &arguments) {
  CaseResult result;
  std::vector<HostTensor> inputs, outputs, expected;
  if (!readTensors(folder, "input_", model.inputs(), inputs, result.message) ||
      !readTensors(folder, "output_", model.outputs(), expected, result.message))
    return result;
  if (!model.run(inputs, outputs, result.message)) {
    result.outcome = Outcome::Refused;
    if (result.message.empty())
      result.message = "could not be run";
    return result;
  }
  if (expected.size() != outputs.size()) {
    result.message = "expected outputs for all " + std::to_string(outputs.size()) + " outputs of the model, found " +
                     std::to_string(expected.size());
    return result;
  }
  for (const HostTensor &output : outputs) {
    result.hashes.push_back(tensorio::contentHash(output) + " " + output.name);
    auto same = llvm::find_if(expected, [&](const HostTensor &e) { return e.name == output.name; });
    if (same == expected.end())
      result.message = "no expected values for output '" + output.name + "'";
    else if (std::string difference = compare(*same, output, arguments); !difference.empty())
      result.message = "output '" + output.name + "': " + difference;
    if (!result.message.empty())
      return result;
  }
  result.outcome = Outcome::Passed;
  return result;
}

static CaseResult runCase(const std::string &folder, const Arguments &arguments) {
  CaseResult result;
  result.folder = folder;
  auto start = std::chrono::steady_clock::now();
  llvm::scope_exit takeTime(
      [&] { result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); });
  std::unique_ptr<RunnableModel> model;
  for (const std::string &set : dataSets(folder)) {
    // A set of other shapes, or of other values where the model is specialised for them, needs a model of its own. What
    // cannot be read without the model's types is read, or refused, with them.
    std::vector<HostTensor> known;
    std::string unread;
    if (!readTensors(set, "input_", model ? model->inputs() : std::vector<tinyc_tensor_info>(), known, unread))
      known.clear();
    if (!model || !model->takes(known))
      model = RunnableModel::open(arguments, modelIn(folder), known);
    if (!model) {
      result.outcome = Outcome::Refused;
      result.message = "could not be compiled or loaded";
      return result;
    }
    CaseResult one = runDataSet(*model, set, arguments);
    result.outcome = one.outcome;
    result.message = one.message.empty() ? "" : llvm::sys::path::filename(set).str() + ": " + one.message;
    result.hashes.insert(result.hashes.end(), one.hashes.begin(), one.hashes.end());
    if (one.outcome != Outcome::Passed)
      break;
  }
  return result;
}

static llvm::json::Object toJson(const CaseResult &result) {
  return llvm::json::Object{{"case", result.folder},
                            {"outcome", kOutcomes[static_cast<int>(result.outcome)]},
                            {"passed", result.outcome == Outcome::Passed},
                            {"message", result.message},
                            {"diagnostics", llvm::json::fixUTF8(result.diagnostics)},
                            {"seconds", result.seconds},
                            {"hashes", llvm::json::Array(result.hashes)}};
}

// What a process said of `folder`.
static CaseResult fromProcess(const std::string &folder, const CaseProcess &process) {
  CaseResult result;
  result.folder = folder;
  result.diagnostics = process.diagnostics;
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(process.text);
  if (!value) {
    llvm::consumeError(value.takeError());
    result.outcome = process.timedOut ? Outcome::TimedOut : Outcome::Crashed;
    result.message = process.end;
    return result;
  }
  const llvm::json::Object &object = *value->getAsObject();
  result.outcome = static_cast<Outcome>(llvm::find(kOutcomes, *object.getString("outcome")) - std::begin(kOutcomes));
  result.message = object.getString("message")->str();
  result.seconds = *object.getNumber("seconds");
  for (const llvm::json::Value &hash : *object.getArray("hashes"))
    result.hashes.push_back(hash.getAsString()->str());
  return result;
}

static bool writeJson(const std::string &path, llvm::ArrayRef<CaseResult> results) {
  llvm::json::Array cases;
  for (const CaseResult &result : results)
    cases.push_back(toJson(result));
  return writeFile(
      path, [&](llvm::raw_ostream &os) { os << llvm::formatv("{0:2}", llvm::json::Value(std::move(cases))) << "\n"; });
}

// Opens --device, for one that is not there is no case's failure; the exit code. In a process of its own, for a GPU's
// driver that was started does not work in the processes of cases.
static int tryDevice(const Arguments &arguments) {
  if (isReference(arguments.device) || arguments.device == "cpu")
    return kDone;
  noteStep("opening device " + arguments.device);
  int code = kInputWrong;
  auto open = [&](size_t) -> std::string {
    tinyc_device *device = nullptr;
    bool failed = printStatus(tinyc_device_open(arguments.device.c_str(), &device));
    tinyc_device_close(device);
    return failed ? "refused" : "there";
  };
  auto done = [&](size_t, const CaseProcess &process) {
    if (!process.end.empty())
      llvm::errs() << "tinyc: device '" << arguments.device << "' cannot be opened: " << process.end << "\n";
    code = process.bug ? kOurBug : process.text == "there" ? kDone : kInputWrong;
  };
  runCaseProcesses(1, 1, arguments.timeout, open, done);
  return code;
}

int tinyc::runCheck(const Arguments &arguments) {
  for (const std::string &folder : arguments.files) {
    if (modelIn(folder).empty() || dataSets(folder).empty()) {
      llvm::errs() << "tinyc: '" << folder << "' is no case: expected a folder with model.onnx or model.mlir and "
                   << "test_data_set_0\n";
      return kInputWrong;
    }
  }
  if (int code = tryDevice(arguments); code != kDone)
    return code;
  std::vector<CaseResult> results;
  auto showNext = [&] {
    showStep(("checking case " + llvm::Twine(results.size() + 1) + " of " + llvm::Twine(arguments.files.size())).str());
  };
  unsigned passed = 0;
  bool bug = false;
  auto report = [&](CaseResult result) {
    bool good = result.outcome == Outcome::Passed;
    passed += good;
    hideProgress();
    std::printf("%s %s%s%s\n", good ? "passed" : "FAILED", result.folder.c_str(), result.message.empty() ? "" : ": ",
                result.message.c_str());
    if (arguments.hash)
      for (const std::string &hash : result.hashes)
        std::printf("  %s\n", hash.c_str());
    std::fflush(stdout);
    results.push_back(std::move(result));
    if (results.size() < arguments.files.size())
      showNext();
  };
  showNext();
  // In processes where one case must not end the others, and where what each wrote to stderr is told apart.
  if (arguments.jobs > 1 || arguments.timeout || !arguments.json.empty())
    runCaseProcesses(
        arguments.files.size(), arguments.jobs, arguments.timeout,
        [&](size_t i) {
          return llvm::formatv("{0}", llvm::json::Value(toJson(runCase(arguments.files[i], arguments)))).str();
        },
        [&](size_t i, const CaseProcess &process) {
          bug |= process.bug;
          report(fromProcess(arguments.files[i], process));
        });
  else
    for (const std::string &folder : arguments.files)
      report(runCase(folder, arguments));
  bool written = arguments.json.empty() || writeJson(arguments.json, results);
  unsigned failed = results.size() - passed;
  std::printf("%u passed, %u failed, 0 skipped\n", passed, failed);
  return bug ? kOurBug : failed ? kCheckFailed : written ? kDone : kInputWrong;
}
