// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Defaults of the sanitizers for programs built with TINYC_SANITIZE.

// LLVM's headers poison the memory of its allocators where they are compiled with AddressSanitizer, and its libraries,
// which are not, hand that memory out: only what the sanitizer itself poisons means something. The same holds of the
// bounds of containers. LLVM and our crash report give threads alternate signal stacks, which the sanitizer would unmap
// as its own.
extern "C" __attribute__((visibility("default"))) const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0:use_sigaltstack=0";
}
