// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes of an artefact's header that keep it a FlatBuffer of the schema: its tables as objects, one changed, and the
// file laid out again around it.

#ifndef TINYC_TEST_FUZZ_ARTEFACTMUTATION_H
#define TINYC_TEST_FUZZ_ARTEFACTMUTATION_H

#include "test/fuzz/Fuzz.h"

namespace tinyc::fuzz {

/// Changes tables of the header. False, and nothing is changed, if the file's frame or header do not hold.
bool mutateHeader(std::vector<uint8_t> &file, Choice &choose);

/// Changes bytes where they stand: fields of the prefix, words of the header, bytes of code and weights.
void mutateInPlace(std::vector<uint8_t> &file, Choice &choose);

} // namespace tinyc::fuzz

#endif // TINYC_TEST_FUZZ_ARTEFACTMUTATION_H
