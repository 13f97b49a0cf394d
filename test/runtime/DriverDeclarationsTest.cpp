// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares our declarations of vendors' APIs with the vendors' headers, where those are installed: the number of
// parameters, and for each its size and whether it is a pointer, an integer or a float; and the values of constants.

#include "runtime/drivers/CudaApi.h"
#include "runtime/drivers/HipApi.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace tinyc::test {
namespace {

template <typename A, typename B> constexpr bool alike() {
  auto isInteger = []<typename T>() { return std::is_integral_v<T> || std::is_enum_v<T>; };
  if constexpr (std::is_pointer_v<A> || std::is_pointer_v<B>)
    return std::is_pointer_v<A> && std::is_pointer_v<B>;
  else
    return sizeof(A) == sizeof(B) && isInteger.template operator()<A>() == isInteger.template operator()<B>() &&
           std::is_floating_point_v<A> == std::is_floating_point_v<B>;
}

template <typename Ours, typename Theirs> struct Compare : std::false_type {};
template <typename R, typename... P, typename S, typename... Q>
  requires(sizeof...(P) == sizeof...(Q))
struct Compare<R (*)(P...), S (*)(Q...)> : std::bool_constant<alike<R, S>() && (alike<P, Q>() && ...)> {};

static_assert(Compare<int (*)(int, void *), unsigned (*)(unsigned, char **)>::value);
static_assert(!Compare<int (*)(int), int (*)(int, int)>::value);
static_assert(!Compare<int (*)(long), int (*)(int)>::value);
static_assert(!Compare<int (*)(void *), int (*)(size_t)>::value);

// Names for our types, made before the vendor's header renames functions with macros.
#define TINYC_NAME_TYPE(NAME, PARAMETERS) using CudaOurs_##NAME = decltype(cuda::Api::NAME);
TINYC_CUDA_FUNCTIONS(TINYC_NAME_TYPE)
#undef TINYC_NAME_TYPE
#define TINYC_NAME_TYPE(NAME, PARAMETERS) using HipOurs_##NAME = decltype(hip::Api::NAME);
TINYC_HIP_FUNCTIONS(TINYC_NAME_TYPE)
#undef TINYC_NAME_TYPE

} // namespace
} // namespace tinyc::test

#if __has_include(<cuda.h>)
#include <cuda.h>
#define TINYC_HAVE_CUDA_HEADER 1
#endif

namespace tinyc::test {
namespace {

TEST(DriverDeclarations, AgreeWithCudaHeader) {
#ifdef TINYC_HAVE_CUDA_HEADER
#define TINYC_COMPARE(NAME, PARAMETERS)                                                                                \
  static_assert(Compare<CudaOurs_##NAME, decltype(&::NAME)>::value, #NAME " differs from cuda.h");
  TINYC_CUDA_FUNCTIONS(TINYC_COMPARE)
#undef TINYC_COMPARE
  EXPECT_EQ(cuda::success, CUDA_SUCCESS);
  EXPECT_EQ(cuda::outOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuda::noDevice, CUDA_ERROR_NO_DEVICE);
  EXPECT_EQ(cuda::unsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  EXPECT_EQ(cuda::computeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  EXPECT_EQ(cuda::computeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  EXPECT_EQ(cuda::maxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  EXPECT_EQ(cuda::jitErrorLog, CU_JIT_ERROR_LOG_BUFFER);
  EXPECT_EQ(cuda::jitErrorLogSize, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  EXPECT_EQ(cuda::nonBlockingStream, unsigned(CU_STREAM_NON_BLOCKING));
#else
  GTEST_SKIP() << "cuda.h is not installed";
#endif
}

} // namespace
} // namespace tinyc::test

#if __has_include(<hip/hip_runtime_api.h>)
#define __HIP_PLATFORM_AMD__ 1
#include <hip/hip_runtime_api.h>
#define TINYC_HAVE_HIP_HEADER 1
#endif

namespace tinyc::test {
namespace {

TEST(DriverDeclarations, AgreeWithHipHeader) {
#ifdef TINYC_HAVE_HIP_HEADER
#define TINYC_COMPARE(NAME, PARAMETERS)                                                                                \
  static_assert(Compare<HipOurs_##NAME, decltype(&::NAME)>::value, #NAME " differs from hip_runtime_api.h");
  TINYC_HIP_FUNCTIONS(TINYC_COMPARE)
#undef TINYC_COMPARE
  EXPECT_EQ(hip::success, hipSuccess);
  EXPECT_EQ(hip::outOfMemory, hipErrorOutOfMemory);
  EXPECT_EQ(hip::noDevice, hipErrorNoDevice);
  EXPECT_EQ(hip::nonBlockingStream, unsigned(hipStreamNonBlocking));
  EXPECT_EQ(offsetof(hip::Properties, gcnArchName), offsetof(hipDeviceProp_tR0600, gcnArchName));
  EXPECT_GE(sizeof(hip::Properties), sizeof(hipDeviceProp_tR0600));
#else
  GTEST_SKIP() << "hip/hip_runtime_api.h is not installed";
#endif
}

} // namespace
} // namespace tinyc::test
