// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Diagnostics as lines of text.

#include "tools/tinyc/Diagnostics.h"

#include "lib/Compiler/SourceNames.h"
#include "tools/tinyc/Progress.h"

#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tinyc;

// The first place in a file that `loc` mentions; null if there is none.
static FileLineColLoc fileOf(Location loc) {
  FileLineColLoc found;
  loc->walk([&](Location inner) {
    if (auto file = dyn_cast<FileLineColLoc>(inner); file && !found)
      found = file;
    return found ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found;
}

// A name in quotes; names of functions in functions grow long, and their ends say most.
static std::string quoted(StringRef name) {
  constexpr size_t most = 120;
  if (name.size() > most)
    return ("'" + name.take_front(most / 2) + "..." + name.take_back(most / 2) + "'").str();
  return ("'" + name + "'").str();
}

std::string tinyc::locationText(Location loc) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (FileLineColLoc file = fileOf(loc)) {
    os << file.getFilename().getValue();
    if (file.getLine() > 0)
      os << ":" << file.getLine() << ":" << file.getColumn();
  }
  std::vector<std::string> names = sourceNames(loc);
  if (!names.empty()) {
    os << (text.empty() ? "" : ": ") << (names.size() == 1 ? "node " : "nodes ");
    for (size_t i = 0; i < names.size() && i < 3; ++i)
      os << (i ? ", " : "") << quoted(names[i]);
    if (names.size() > 3)
      os << " and " << names.size() - 3 << " more";
  }
  return text;
}

static StringRef severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  return "";
}

static void print(const Diagnostic &diagnostic) {
  hideProgress();
  std::string where = locationText(diagnostic.getLocation());
  llvm::errs() << where << (where.empty() ? "" : ": ") << severityName(diagnostic.getSeverity()) << ": " << diagnostic
               << "\n";
  for (const Diagnostic &note : diagnostic.getNotes())
    print(note);
}

DiagnosticPrinter::DiagnosticPrinter(MLIRContext *context, bool remarks)
    : handler(context, [this, remarks](Diagnostic &diagnostic) {
        if (remarks || diagnostic.getSeverity() != DiagnosticSeverity::Remark) {
          any = true;
          print(diagnostic);
        }
        return success();
      }) {}
