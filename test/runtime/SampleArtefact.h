// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small artefact that tests change, and hashes that agree with the change: anyone can compute hashes.

#ifndef TINYC_TEST_RUNTIME_SAMPLEARTEFACT_H
#define TINYC_TEST_RUNTIME_SAMPLEARTEFACT_H

#include "lib/Artefact/ArtefactBuilder.h"

namespace tinyc::test {

/// A small artefact for the null device with one of everything.
artefact::Artefact sampleArtefact();

/// Makes the hashes of a file right again after a change. Its prefix may say anything: chunks that do not lie in the
/// file have no hash.
void rehash(std::vector<uint8_t> &file);

} // namespace tinyc::test

#endif // TINYC_TEST_RUNTIME_SAMPLEARTEFACT_H
