// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUDA C++ that nvcc turns into PTX for the emulator's tests: scalar code of all kinds, reductions, atomics, calls.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern "C" __global__ void reduceRows(const float *In, float *Out, int Columns) {
  __shared__ float Part[32];
  float V = 0;
  for (int I = threadIdx.x; I < Columns; I += blockDim.x)
    V += In[blockIdx.x * Columns + I];
  for (int D = 16; D; D >>= 1)
    V += __shfl_xor_sync(~0u, V, D);
  if (threadIdx.x % 32 == 0)
    Part[threadIdx.x / 32] = V;
#ifndef NO_BARRIER
  __syncthreads();
#endif
  if (threadIdx.x < 32) {
    V = threadIdx.x < blockDim.x / 32 ? Part[threadIdx.x] : 0;
    for (int D = 16; D; D >>= 1)
      V += __shfl_down_sync(~0u, V, D);
    if (threadIdx.x == 0)
      Out[blockIdx.x] = V;
  }
}

// Shared memory reversed: needs the barrier.
extern "C" __global__ void reverse(int *Data) {
  extern __shared__ int S[];
  S[threadIdx.x] = Data[threadIdx.x];
#ifndef NO_BARRIER
  __syncthreads();
#endif
  Data[threadIdx.x] = S[blockDim.x - 1 - threadIdx.x];
}

// Inside one warp: lanes exchange through shared memory.
extern "C" __global__ void exchange(int *Data) {
  __shared__ int S[32];
  S[threadIdx.x] = Data[threadIdx.x];
#ifndef NO_BARRIER
  __syncwarp();
#endif
  Data[threadIdx.x] = S[threadIdx.x ^ 1];
}

extern "C" __global__ void uninitialised(int *Data) {
  __shared__ int S[64];
  if (threadIdx.x < 31)
    S[threadIdx.x] = 1;
  __syncthreads();
  Data[threadIdx.x] = S[threadIdx.x];
}

extern "C" __global__ void sharedOutOfBounds(int *Data) {
  __shared__ int A[32];
  __shared__ int B[32];
  B[threadIdx.x] = 1;
  A[threadIdx.x + Data[0]] = 2;
  __syncthreads();
  Data[threadIdx.x] = A[threadIdx.x] + B[threadIdx.x];
}

__device__ __noinline__ float slow(float X, int N) { return N > 3 ? X * 2 : X / 3; }

extern "C" __global__ void calls(float *Data) { Data[threadIdx.x] = slow(Data[threadIdx.x], threadIdx.x); }

extern "C" __global__ void functions(const float *X, float *Out, int N) {
  int I = blockIdx.x * blockDim.x + threadIdx.x;
  if (I >= N)
    return;
  float V = X[I];
  Out[I] = expf(V);
  Out[N + I] = logf(fabsf(V));
  Out[2 * N + I] = sinf(V);
  Out[3 * N + I] = cosf(V);
  Out[4 * N + I] = tanhf(V);
  Out[5 * N + I] = sqrtf(fabsf(V));
  Out[6 * N + I] = 1.0f / V;
  Out[7 * N + I] = erff(V);
  Out[8 * N + I] = powf(fabsf(V), 1.5f);
  Out[9 * N + I] = rsqrtf(fabsf(V));
  Out[10 * N + I] = fmodf(V, 0.7f);
  Out[11 * N + I] = (float)exp((double)V);
}

extern "C" __global__ void integers(const int *X, const int *Y, long long *Out, int N) {
  int I = threadIdx.x;
  int A = X[I], B = Y[I];
  unsigned U = A, W = B;
  Out[I] = A / (B ? B : 1);
  Out[N + I] = A % (B ? B : 1);
  Out[2 * N + I] = U / (W ? W : 1);
  Out[3 * N + I] = __mulhi(A, B);
  Out[4 * N + I] = (long long)A * B;
  Out[5 * N + I] = __popc(U) + __clz(A) * 100 + __ffs(A) * 10000;
  Out[6 * N + I] = __brev(U);
  Out[7 * N + I] = __byte_perm(U, W, 0x5140);
  Out[8 * N + I] = __funnelshift_l(U, W, I & 31);
  Out[9 * N + I] = ((long long)A << 20) / (B ? B : 7);
  Out[10 * N + I] = __dp4a(A, B, 5);
  Out[11 * N + I] = (A >> (I & 31)) + (U >> (I & 31)) + (short)A * (short)B;
  Out[12 * N + I] = min(A, B) + max(U, W) + abs(A);
  Out[13 * N + I] = __umul64hi((unsigned long long)U << 30, (unsigned long long)W << 31);
}

extern "C" __global__ void halves(const float *X, const float *Y, float *Out, int N) {
  int I = threadIdx.x;
  __half A = __float2half(X[I]), B = __float2half(Y[I]);
  __nv_bfloat16 C = __float2bfloat16(X[I]), D = __float2bfloat16(Y[I]);
  Out[I] = __half2float(__hadd(A, B));
  Out[N + I] = __half2float(__hfma(A, B, A));
  Out[2 * N + I] = __bfloat162float(C);
  Out[3 * N + I] = __bfloat162float(__hfma(C, D, C));
  __half2 P = __floats2half2_rn(X[I], Y[I]);
  P = __hmul2(P, P);
  Out[4 * N + I] = __low2float(P);
  Out[5 * N + I] = __high2float(P);
  Out[6 * N + I] = __half2float(__float2half_rz(X[I] * 1.0001f));
  Out[7 * N + I] = (float)__float2int_rd(X[I]) + (float)__float2int_rn(Y[I]);
  Out[8 * N + I] = __fadd_rz(X[I], 1e-7f) - __fadd_ru(X[I], 1e-7f);
}

extern "C" __global__ void histogram(const unsigned *X, unsigned *Bins, int N) {
  __shared__ unsigned S[16];
  if (threadIdx.x < 16)
    S[threadIdx.x] = 0;
  __syncthreads();
  for (int I = blockIdx.x * blockDim.x + threadIdx.x; I < N; I += gridDim.x * blockDim.x)
    atomicAdd(&S[X[I] & 15], 1);
  __syncthreads();
  if (threadIdx.x < 16)
    atomicAdd(&Bins[threadIdx.x], S[threadIdx.x]);
}

// The last block to arrive sums what all blocks wrote: right only with the fence.
extern "C" __global__ void lastBlock(const int *X, int *Parts, unsigned *Count, int *Out) {
  __shared__ bool Last;
  if (threadIdx.x == 0) {
    int V = 0;
    for (int I = 0; I < 64; ++I)
      V += X[blockIdx.x * 64 + I];
    Parts[blockIdx.x] = V;
#ifndef NO_FENCE
    __threadfence();
#endif
    Last = atomicAdd(Count, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (Last && threadIdx.x == 0) {
    int V = 0;
    for (int I = 0; I < gridDim.x; ++I)
      V += Parts[I];
    *Out = V;
  }
}

extern "C" __global__ void neighbours(int *Data) {
  int I = blockIdx.x * blockDim.x + threadIdx.x;
  if (I)
    Data[I] = Data[I - 1] + 1; // another thread's element, maybe another block's
}

extern "C" __global__ void divergence(int *Out) {
  int V = 0;
  for (int I = 0; I < threadIdx.x % 7; ++I)
    V += I & 1 ? I * 3 : I;
  switch (threadIdx.x % 5) {
  case 0:
    V += 10;
    break;
  case 1:
    V *= 2;
    break;
  case 2:
    V -= 5;
    break;
  case 3:
    V ^= 9;
    break;
  default:
    V = -V;
  }
  Out[threadIdx.x] = V + __popc(__ballot_sync(~0u, V > 3)) + __reduce_add_sync(~0u, threadIdx.x);
}

extern "C" __global__ void barrierInBranch(int *Out) {
  if (threadIdx.x < 16)
    __syncthreads();
  Out[threadIdx.x] = 1;
}
extern "C" __global__ void barrierAfterExit(int *Out) {
  if (threadIdx.x >= 32)
    return;
  __syncthreads();
  Out[threadIdx.x] = 1;
}

__constant__ int Table[4] = {3, 1, 4, 1};
__device__ int Counter = 41;
extern "C" __global__ void variables(int *Out) {
  Out[threadIdx.x] = Table[threadIdx.x & 3] + Counter;
}

extern "C" __global__ void localArray(int *Out) {
  int A[16];
  for (int I = 0; I < 16; ++I)
    A[I] = I * threadIdx.x;
  int S = 0;
  for (int I = 0; I < 16; ++I)
    S += A[(I * Out[threadIdx.x]) & 15];
  Out[threadIdx.x] = S;
}
