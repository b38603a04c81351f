// The kernels: one for each line of the table of entries, named <entry>_f32.
#include "entries.h"

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
