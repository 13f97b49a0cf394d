// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor-core kernels for the emulator's tests: the WMMA API, and a matmul with cp.async in stages, ldmatrix on
// swizzled shared memory and mma.sync, written with inline PTX.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

using namespace nvcuda;

template <typename T, typename C, typename LA, typename LB, int M, int N, int K>
__device__ void wmmaTile(const T *A, const T *B, C *Out, int Lda, int Ldb) {
  wmma::fragment<wmma::matrix_a, M, N, K, T, LA> FA;
  wmma::fragment<wmma::matrix_b, M, N, K, T, LB> FB;
  wmma::fragment<wmma::accumulator, M, N, K, C> FC;
  wmma::fill_fragment(FC, (C)1);
  wmma::load_matrix_sync(FA, A, Lda);
  wmma::load_matrix_sync(FB, B, Ldb);
  wmma::mma_sync(FC, FA, FB, FC);
  for (int I = 0; I < FC.num_elements; ++I)
    FC.x[I] = FC.x[I] + FC.x[I];
  wmma::store_matrix_sync(Out, FC, N, wmma::mem_row_major);
}
using Row = wmma::row_major;
using Col = wmma::col_major;

extern "C" __global__ void wmma16(const half *A, const half *B, float *C) { wmmaTile<half, float, Row, Col, 16, 16, 16>(A, B, C, 16, 16); }
extern "C" __global__ void wmma16rr(const half *A, const half *B, float *C) { wmmaTile<half, float, Row, Row, 16, 16, 16>(A, B, C, 16, 16); }
extern "C" __global__ void wmma8x32(const half *A, const half *B, float *C) { wmmaTile<half, float, Row, Col, 8, 32, 16>(A, B, C, 16, 16); }
extern "C" __global__ void wmma32x8(const __nv_bfloat16 *A, const __nv_bfloat16 *B, float *C) { wmmaTile<__nv_bfloat16, float, Row, Col, 32, 8, 16>(A, B, C, 16, 16); }
extern "C" __global__ void wmmaInt(const signed char *A, const signed char *B, int *C) { wmmaTile<signed char, int, Row, Col, 16, 16, 16>(A, B, C, 16, 16); }

// One warp computes a 16x8 tile from fragments in registers that follow the manual's tables.
extern "C" __global__ void mmaFragments(const unsigned *A, const unsigned *B, const float *C, float *D) {
  int L = threadIdx.x;
  float R[4];
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
               : "=f"(R[0]), "=f"(R[1]), "=f"(R[2]), "=f"(R[3])
               : "r"(A[L * 4]), "r"(A[L * 4 + 1]), "r"(A[L * 4 + 2]), "r"(A[L * 4 + 3]), "r"(B[L * 2]), "r"(B[L * 2 + 1]),
                 "f"(C[L * 4]), "f"(C[L * 4 + 1]), "f"(C[L * 4 + 2]), "f"(C[L * 4 + 3]));
  for (int I = 0; I < 4; ++I)
    D[L * 4 + I] = R[I];
}

// C[M][N] = A[M][K] * B[N][K]^T, tiles of 64x64x32, 4 warps in 2x2, Stages of cp.async. M, N, K are multiples of the tile.
#define Stages 3
__device__ __forceinline__ unsigned sharedAddress(const void *P) { return (unsigned)__cvta_generic_to_shared(P); }

// Rows of 32 halves are 4 chunks of 16 bytes; two rows fill the 32 banks: chunk c of row r lies at c ^ (r / 2 % 4).
__device__ __forceinline__ int swizzle(int R, int C) {
#ifdef NO_SWIZZLE
  return R * 32 + C * 8;
#else
  return R * 32 + ((C ^ (R / 2 % 4)) * 8);
#endif
}

extern "C" __global__ void __launch_bounds__(128) matmul(const half *A, const half *B, float *C, int M, int N, int K) {
  extern __shared__ __align__(128) half S[];
  half *SA = S, *SB = S + Stages * 64 * 32;
  const int T = threadIdx.x, L = T % 32, W = T / 32, WM = W / 2 * 32, WN = W % 2 * 32;
  const int RowBase = blockIdx.y * 64, ColumnBase = blockIdx.x * 64;
  auto Load = [&](int Stage, int K0) {
    for (int I = T; I < 256; I += 128) {
      int R = I / 4, Ch = I % 4;
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(SA + Stage * 2048 + swizzle(R, Ch))),
                   "l"(A + (size_t)(RowBase + R) * K + K0 + Ch * 8));
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(SB + Stage * 2048 + swizzle(R, Ch))),
                   "l"(B + (size_t)(ColumnBase + R) * K + K0 + Ch * 8));
    }
  };
  float Acc[2][4][4] = {};
  const int Tiles = K / 32;
  for (int I = 0; I < Stages - 1; ++I) {
    if (I < Tiles)
      Load(I, I * 32);
    asm volatile("cp.async.commit_group;");
  }
  for (int I = 0; I < Tiles; ++I) {
    asm volatile("cp.async.wait_group %0;" ::"n"(Stages - 2));
    __syncthreads();
    int Next = I + Stages - 1;
    if (Next < Tiles)
      Load(Next % Stages, Next * 32);
    asm volatile("cp.async.commit_group;");
    const half *PA = SA + I % Stages * 2048, *PB = SB + I % Stages * 2048;
    for (int KK = 0; KK < 2; ++KK) {
      unsigned FA[2][4], FB[4][2];
      for (int X = 0; X < 2; ++X) {
        int R = WM + X * 16 + L % 16, Ch = KK * 2 + L / 16;
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(FA[X][0]), "=r"(FA[X][1]), "=r"(FA[X][2]), "=r"(FA[X][3])
                     : "r"(sharedAddress(PA + swizzle(R, Ch))));
      }
      for (int Y = 0; Y < 2; ++Y) {
        int R = WN + Y * 16 + L % 8 + L / 16 * 8, Ch = KK * 2 + L / 8 % 2;
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(FB[2 * Y][0]), "=r"(FB[2 * Y][1]), "=r"(FB[2 * Y + 1][0]), "=r"(FB[2 * Y + 1][1])
                     : "r"(sharedAddress(PB + swizzle(R, Ch))));
      }
      for (int X = 0; X < 2; ++X)
        for (int Y = 0; Y < 4; ++Y)
          asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                       : "+f"(Acc[X][Y][0]), "+f"(Acc[X][Y][1]), "+f"(Acc[X][Y][2]), "+f"(Acc[X][Y][3])
                       : "r"(FA[X][0]), "r"(FA[X][1]), "r"(FA[X][2]), "r"(FA[X][3]), "r"(FB[Y][0]), "r"(FB[Y][1]));
    }
  }
  for (int X = 0; X < 2; ++X)
    for (int Y = 0; Y < 4; ++Y)
      for (int H = 0; H < 2; ++H) {
        int R = RowBase + WM + X * 16 + L / 4 + H * 8, Co = ColumnBase + WN + Y * 8 + L % 4 * 2;
        *(float2 *)(C + (size_t)R * N + Co) = make_float2(Acc[X][Y][2 * H], Acc[X][Y][2 * H + 1]);
      }
}

// ldmatrix with and without .trans: thread l stores what it got.
extern "C" __global__ void loadMatrices(const unsigned short *In, unsigned *Plain, unsigned *Transposed) {
  __shared__ __align__(16) unsigned short S[4 * 64];
  for (int I = threadIdx.x; I < 256; I += 32)
    S[I] = In[I];
  __syncthreads();
  unsigned R[4];
  unsigned At = sharedAddress(S + threadIdx.x * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(R[0]), "=r"(R[1]), "=r"(R[2]), "=r"(R[3]) : "r"(At));
  for (int I = 0; I < 4; ++I)
    Plain[I * 32 + threadIdx.x] = R[I];
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(R[0]), "=r"(R[1]), "=r"(R[2]), "=r"(R[3]) : "r"(At));
  for (int I = 0; I < 4; ++I)
    Transposed[I * 32 + threadIdx.x] = R[I];
}

// A float matmul without tensor cores: the emulator's speed is measured on it.
extern "C" __global__ void __launch_bounds__(256) floatMatmul(const float *A, const float *B, float *C, int N) {
  __shared__ float SA[16][64], SB[16][64];
  int T = threadIdx.x, TX = T % 16, TY = T / 16;
  float Acc[4][4] = {};
  for (int K0 = 0; K0 < N; K0 += 16) {
    for (int I = T; I < 1024; I += 256) {
      SA[I % 16][I / 16] = A[(blockIdx.y * 64 + I / 16) * N + K0 + I % 16];
      SB[I / 64][I % 64] = B[(K0 + I / 64) * N + blockIdx.x * 64 + I % 64];
    }
    __syncthreads();
    for (int K = 0; K < 16; ++K)
      for (int X = 0; X < 4; ++X)
        for (int Y = 0; Y < 4; ++Y)
          Acc[X][Y] += SA[K][TY * 4 + X] * SB[K][TX * 4 + Y];
    __syncthreads();
  }
  for (int X = 0; X < 4; ++X)
    for (int Y = 0; Y < 4; ++Y)
      C[(blockIdx.y * 64 + TY * 4 + X) * N + blockIdx.x * 64 + TX * 4 + Y] = Acc[X][Y];
}
