// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc_status inside the runtime: an owning wrapper that functions return, and the macro that passes failures on.

#ifndef TINYC_RUNTIME_SRC_STATUS_H
#define TINYC_RUNTIME_SRC_STATUS_H

#include "runtime/include/tinyc/runtime.h"

#include <new>
#include <string>
#include <utility>

struct tinyc_status {
  tinyc_code code;
  std::string message;
};

namespace tinyc {

class [[nodiscard]] Status {
public:
  Status() = default;
  Status(tinyc_code code, std::string message) : status(new tinyc_status{code, std::move(message)}) {}
  Status(Status &&other) noexcept : status(std::exchange(other.status, nullptr)) {}
  Status &operator=(Status &&other) noexcept {
    std::swap(status, other.status);
    return *this;
  }
  ~Status() { tinyc_status_free(status); }

  bool failed() const { return status != nullptr; }
  tinyc_code code() const { return tinyc_status_code(status); }
  std::string message() const { return tinyc_status_message(status); }
  /// Puts `before` in front of the message.
  Status within(const std::string &before) && {
    if (status)
      status->message = before + status->message;
    return std::move(*this);
  }
  /// Hands the status to a C caller.
  tinyc_status *release() { return std::exchange(status, nullptr); }

private:
  tinyc_status *status = nullptr;
};

inline Status corrupt(std::string message) { return {TINYC_CORRUPT, std::move(message)}; }
inline Status unsupported(std::string message) { return {TINYC_UNSUPPORTED, std::move(message)}; }
inline Status invalidArgument(std::string message) { return {TINYC_INVALID_ARGUMENT, std::move(message)}; }

/// Reading in messages: 'name'.
inline std::string quoted(const std::string &text) { return "'" + text + "'"; }

#define TINYC_TRY(expression)                                                                                          \
  do {                                                                                                                 \
    if (::tinyc::Status tryStatus = (expression); tryStatus.failed())                                                  \
      return tryStatus;                                                                                                \
  } while (false)

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_STATUS_H
