// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is being done, in one line on a terminal, for work that has taken over a second.

#ifndef TINYC_TOOLS_TINYC_PROGRESS_H
#define TINYC_TOOLS_TINYC_PROGRESS_H

#include "llvm/ADT/StringRef.h"

namespace tinyc {

/// While it lives, the step that was named last stands on standard error, if that is a terminal, once a second has
/// passed. One at a time.
class ProgressLine {
public:
  ProgressLine();
  ~ProgressLine();
};

/// Names what begins now. From any thread.
void showStep(llvm::StringRef step);

/// Takes the line away: before anything else is printed, and before this process forks. The line comes back with the
/// next step.
void hideProgress();

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_PROGRESS_H
