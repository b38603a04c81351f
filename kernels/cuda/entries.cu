// The kernels: three for each line of the table of entries, named <entry>_f32, <entry>_mixed and <entry>_f64 after their
// format, one for each norm, and one for the gradient scale.
#include "entries.h"

#include "cuda/norm.cuh"
#include "cuda/traversal.cuh"

// Blocks are one-dimensional, of kThreads threads; the grid is of any size. The launch is read where it lies, in
// constant memory: without __grid_constant__ each thread would keep a copy. With sums, a launch brings 32 KiB of shared memory.
#define WS_KERNEL(name, format, rule, blocks)                                \
    extern "C" __global__ void __launch_bounds__(warpstep::kThreads, blocks) \
        name(const __grid_constant__ WsLaunch launch) {                      \
        warpstep::update_cells<warpstep::format, rule>(launch);              \
        warpstep::advance_counters<rule>(launch);                            \
    }

namespace warpstep::single_precision {
using Real = float;
#define WS_KERNEL_OF(name, ...)                                           \
    using name##_rule = __VA_ARGS__;                                      \
    WS_KERNEL(name##_f32, Float32, name##_rule, kBlocksPerMultiprocessor) \
    WS_KERNEL(name##_mixed, Mixed, name##_rule, kBlocksPerMultiprocessor)
WS_ENTRIES(WS_KERNEL_OF)
#undef WS_KERNEL_OF
}  // namespace warpstep::single_precision

namespace warpstep::double_precision {
using Real = double;
#define WS_KERNEL_OF(name, ...)      \
    using name##_rule = __VA_ARGS__; \
    WS_KERNEL(name##_f64, Float64, name##_rule, kBlocksPerMultiprocessor)
WS_ENTRIES(WS_KERNEL_OF)
#undef WS_KERNEL_OF
}  // namespace warpstep::double_precision

#define WS_KERNEL_OF(name, ...)                                                                          \
    extern "C" __global__ void __launch_bounds__(warpstep::kThreads, warpstep::kBlocksPerMultiprocessor) \
        name##_pass(const __grid_constant__ WsNormLaunch launch) {                                       \
        warpstep::norm_pass<__VA_ARGS__>(launch);                                                        \
    }
WS_NORMS(WS_KERNEL_OF)
#undef WS_KERNEL_OF

// One block of any size.
extern "C" __global__ void __launch_bounds__(warpstep::kThreads, warpstep::kBlocksPerMultiprocessor)
    update_scaler(const __grid_constant__ uint64_t scaler) {
    if (threadIdx.x == 0) {
        warpstep::update_scaler(*reinterpret_cast<WsScaler*>(scaler));
    }
}
