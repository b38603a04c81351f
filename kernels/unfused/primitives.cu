// The optimizer step as one writes it for a GPU without fusing: a kernel per operation, launched for each tensor or once for
// all. What the fused kernels are compared with; they round where those round, so that both end with the same bits.
//
//     per tensor   y[0] .. y[count - 1], the whole grid
//     foreach      a table of tensors, cut into pieces; a piece is walked by one block
//
// Every operation has the form y = f(y, x) with a factor and a switch, so that one signature serves all.

#include <cstdint>

#include "rules/arithmetic.h"

namespace unfused {

/// Threads of a block, in both forms.
constexpr int kThreads = 256;

/// A part of one tensor: what a block of a foreach launch does before it takes the next.
struct Piece {
    int64_t begin;
    uint32_t element_count;
    uint32_t tensor;
};

/// y = y + factor·x
struct AddScaled {
    static constexpr bool kReadsY = true, kReadsX = true;
    static WS_RULE float of(float y, float x, float factor, int) { return warpstep::fused_multiply_add(factor, x, y); }
};

/// y = factor·y + x, small values flushed
struct DecayAndAdd {
    static constexpr bool kReadsY = true, kReadsX = true;
    static WS_RULE float of(float y, float x, float factor, int) {
        return warpstep::flushed(warpstep::fused_multiply_add(factor, y, x));
    }
};

/// The moving average y of x, small values flushed
struct Average {
    static constexpr bool kReadsY = true, kReadsX = true;
    static WS_RULE float of(float y, float x, float factor, int from_old) {
        return warpstep::flushed(warpstep::MovingAverage<float>{factor, from_old != 0}(y, x));
    }
};

/// y = x²
struct Square {
    static constexpr bool kReadsY = false, kReadsX = true;
    static WS_RULE float of(float, float x, float, int) { return x * x; }
};

/// y = √x
struct SquareRoot {
    static constexpr bool kReadsY = false, kReadsX = true;
    static WS_RULE float of(float, float x, float, int) { return warpstep::square_root(x); }
};

/// y = y + factor
struct Add {
    static constexpr bool kReadsY = true, kReadsX = false;
    static WS_RULE float of(float y, float, float factor, int) { return y + factor; }
};

/// y = x / y
struct DivideInto {
    static constexpr bool kReadsY = true, kReadsX = true;
    static WS_RULE float of(float y, float x, float, int) { return x / y; }
};

/// y = factor·y
struct Scale {
    static constexpr bool kReadsY = true, kReadsX = false;
    static WS_RULE float of(float y, float, float factor, int) { return factor * y; }
};

/// Elements of which every `threads`th is this thread's, four at a time where both arrays allow it.
template <class Operation>
__device__ __forceinline__ void walk(float* y, const float* x, int64_t count, int64_t thread, int64_t threads,
                                     float factor, int from_old) {
    bool vectors = (reinterpret_cast<uint64_t>(y) | reinterpret_cast<uint64_t>(x)) % sizeof(float4) == 0;
    int64_t whole = vectors ? count / 4 : 0;
    float4* y4 = reinterpret_cast<float4*>(y);
    const float4* x4 = reinterpret_cast<const float4*>(x);
    for (int64_t i = thread; i < whole; i += threads) {
        float4 a = {}, b = {};
        if (Operation::kReadsY) {
            a = __ldca(y4 + i);
        }
        if (Operation::kReadsX) {
            b = __ldca(x4 + i);
        }
        float4 result = {Operation::of(a.x, b.x, factor, from_old),
                         Operation::of(a.y, b.y, factor, from_old),
                         Operation::of(a.z, b.z, factor, from_old),
                         Operation::of(a.w, b.w, factor, from_old)};
        __stwb(y4 + i, result);
    }
    for (int64_t i = 4 * whole + thread; i < count; i += threads) {
        float a = Operation::kReadsY ? __ldca(y + i) : 0.0f;
        float b = Operation::kReadsX ? __ldca(x + i) : 0.0f;
        __stwb(y + i, Operation::of(a, b, factor, from_old));
    }
}

template <class Operation>
__device__ __forceinline__ void walk_tensor(float* y, const float* x, int64_t count, float factor, int from_old) {
    int64_t thread = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    walk<Operation>(y, x, count, thread, static_cast<int64_t>(gridDim.x) * kThreads, factor, from_old);
}

template <class Operation>
__device__ __forceinline__ void walk_tensors(const uint64_t* ys, const uint64_t* xs, const Piece* pieces,
                                             int64_t piece_count, float factor, int from_old) {
    for (int64_t i = blockIdx.x; i < piece_count; i += gridDim.x) {
        const int4* words = reinterpret_cast<const int4*>(pieces + i);
        union {
            int4 loaded;
            Piece piece;
        } line = {__ldg(words)};
        float* y = reinterpret_cast<float*>(__ldg(ys + line.piece.tensor)) + line.piece.begin;
        const float* x = reinterpret_cast<const float*>(__ldg(xs + line.piece.tensor)) + line.piece.begin;
        walk<Operation>(y, x, line.piece.element_count, threadIdx.x, kThreads, factor, from_old);
    }
}

}  // namespace unfused

// clang-format off
#define UNFUSED_OPERATIONS(OPERATION)       \
    OPERATION(add_scaled,    AddScaled)     \
    OPERATION(decay_and_add, DecayAndAdd)   \
    OPERATION(average,       Average)       \
    OPERATION(square,        Square)        \
    OPERATION(square_root,   SquareRoot)    \
    OPERATION(add,           Add)           \
    OPERATION(divide_into,   DivideInto)    \
    OPERATION(scale,         Scale)
// clang-format on

#define UNFUSED_KERNELS_OF(name, Operation)                                                                      \
    extern "C" __global__ void __launch_bounds__(unfused::kThreads)                                              \
        tensor_##name(float* y, const float* x, int64_t count, float factor, int from_old) {                     \
        unfused::walk_tensor<unfused::Operation>(y, x, count, factor, from_old);                                 \
    }                                                                                                            \
    extern "C" __global__ void __launch_bounds__(unfused::kThreads) foreach_##name(const uint64_t* ys,           \
                                                                                   const uint64_t* xs,           \
                                                                                   const unfused::Piece* pieces, \
                                                                                   int64_t piece_count,          \
                                                                                   float factor,                 \
                                                                                   int from_old) {               \
        unfused::walk_tensors<unfused::Operation>(ys, xs, pieces, piece_count, factor, from_old);                \
    }
UNFUSED_OPERATIONS(UNFUSED_KERNELS_OF)
#undef UNFUSED_KERNELS_OF

/// Adam in one pass over one tensor, as one writes it by hand: every scalar is an argument.
extern "C" __global__ void __launch_bounds__(unfused::kThreads)
    adam_of_twelve_arguments(float* p, const float* g, float* m, float* v, int64_t count, float step_size, float eps,
                             float first_factor, int first_from_old, float second_factor, int second_from_old,
                             float decay) {
    int64_t stride = static_cast<int64_t>(gridDim.x) * unfused::kThreads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * unfused::kThreads + threadIdx.x; i < count; i += stride) {
        float old = __ldca(p + i);
        float gradient = warpstep::fused_multiply_add(decay, old, __ldca(g + i));
        float first = warpstep::flushed(
            warpstep::MovingAverage<float>{first_factor, first_from_old != 0}(__ldca(m + i), gradient));
        float second = warpstep::flushed(
            warpstep::MovingAverage<float>{second_factor, second_from_old != 0}(__ldca(v + i), gradient * gradient));
        __stwb(m + i, first);
        __stwb(v + i, second);
        float quotient = first / (warpstep::square_root(second) + eps);
        __stwb(p + i, warpstep::fused_multiply_add(-step_size, quotient, old));
    }
}
