// The kernels: one for each line of the table of entries, named <entry>_f32, one for each norm, <norm>_f32, and one for the
// gradient scale.
#include "entries.h"

#include "cuda/norm.cuh"
#include "cuda/traversal.cuh"

// Blocks are one-dimensional, of kThreads threads; the grid is of any size. The launch is read where it lies, in
// constant memory: without __grid_constant__ each thread would keep a copy.
#define WS_KERNEL_OF(name, ...)                                                                          \
    extern "C" __global__ void __launch_bounds__(warpstep::kThreads, warpstep::kBlocksPerMultiprocessor) \
        name##_f32(const __grid_constant__ WsLaunch launch) {                                            \
        warpstep::update_cells<__VA_ARGS__>(launch);                                                     \
        warpstep::advance_counters<__VA_ARGS__>(launch);                                                 \
    }
WS_ENTRIES(WS_KERNEL_OF)
#undef WS_KERNEL_OF

#define WS_KERNEL_OF(name, ...)                                                                          \
    extern "C" __global__ void __launch_bounds__(warpstep::kThreads, warpstep::kBlocksPerMultiprocessor) \
        name##_f32(const __grid_constant__ WsNormLaunch launch) {                                        \
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
