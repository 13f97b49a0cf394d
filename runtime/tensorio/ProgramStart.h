// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the system may do to a program that reads and writes files, made into errors that a user understands. For main()
// of the tools: a library leaves signals to its program.

#ifndef TINYC_RUNTIME_TENSORIO_PROGRAMSTART_H
#define TINYC_RUNTIME_TENSORIO_PROGRAMSTART_H

namespace tinyc::tensorio {

/// For the start of a program. A standard stream that the caller closed is occupied by what reads nothing and refuses
/// writes: else the next file that is opened would get its descriptor, and what is printed would go into that file. And
/// a write past the limit on the size of files (ulimit -f) fails, as on a full disk, instead of ending the program.
void prepareFiles();

/// Weights are mapped, and the system sends SIGBUS for a part of a mapped file that is gone or cannot be read. From
/// here on that ends the program with exit code 1 and a sentence that begins with `program` and names the file. Any
/// other SIGBUS goes to the handler that was there. `program` is kept.
void reportLostMappings(const char *program);

} // namespace tinyc::tensorio

#endif // TINYC_RUNTIME_TENSORIO_PROGRAMSTART_H
