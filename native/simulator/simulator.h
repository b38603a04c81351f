/* What tests ask of the software CUDA driver and tell it. Exported by the same libcuda.so.1 as the driver's own functions.
 *
 * Every function may be called at any time, from any thread. Names of driver functions are given without a version suffix:
 * "cuMemAlloc" is cuMemAlloc_v2. Texts are copied into `buffer`, cut to `bytes`, NUL-terminated; the result is the length
 * of the whole text. */
#ifndef WARPSTEP_SIMULATOR_H
#define WARPSTEP_SIMULATOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIMULATOR_EXPORT __attribute__((visibility("default")))

/** Destroys every context and what is in it, forgets counts, failures and faults, and restores the defaults below. What cuInit
 * did stays done; pointers and handles from before stay invalid and are not given out again. Threads keep the capture mode that
 * cuThreadExchangeStreamCaptureMode gave them. */
SIMULATOR_EXPORT void simulator_reset(void);

/** Compute capability of every device. Default 9.0. */
SIMULATOR_EXPORT void simulator_set_architecture(int major, int minor);

/** Number of devices; with 0, cuInit returns CUDA_ERROR_NO_DEVICE. Default 1. */
SIMULATOR_EXPORT void simulator_set_devices(int count);

/** Multiprocessors of every device. Default 4, so that small tensors already fill it. */
SIMULATOR_EXPORT void simulator_set_multiprocessors(int count);

/** Answer of cuDriverGetVersion, 1000 * major + 10 * minor. PTX of a later version is refused. Default 13000. */
SIMULATOR_EXPORT void simulator_set_driver_version(int version);

/** Memory of every device. Default 4 GiB. */
SIMULATOR_EXPORT void simulator_set_memory(uint64_t bytes);

/** 1: asynchronous operations wait in their stream until somebody waits for them, so that a forgotten synchronisation shows
 * as wrong data. 0: they happen at once. Default 1. */
SIMULATOR_EXPORT void simulator_deferred(int deferred);

enum {
    SIMULATOR_ASCENDING = 0,
    SIMULATOR_DESCENDING = 1,
    SIMULATOR_RANDOM = 2,   /* of blocks, and of the threads in each */
    SIMULATOR_PARALLEL = 3, /* blocks on two threads of the processor, in random order */
};

/** In which order blocks, and the threads of a block between two barriers, run. No result may depend on it. Default
 * ascending. */
SIMULATOR_EXPORT void simulator_block_order(int order, uint64_t seed);

/** 1: cuLaunchKernel, cuGraphLaunch and what gets, pushes and pops the current context do nothing but return CUDA_SUCCESS, so
 * that what a caller measures is its own binding. Default 0. */
SIMULATOR_EXPORT void simulator_only_answer(int only_answer);

/** Makes the nth next call (1 is the very next) of the function, or of any with NULL, return `code` without doing anything;
 * with `sticky`, all of its calls after that, too. Faults add up. */
SIMULATOR_EXPORT void simulator_fail_call(const char* name, int nth, int code, int sticky);

/** Forgets the faults of simulator_fail_call. */
SIMULATOR_EXPORT void simulator_clear_faults(void);

/** Calls of a driver function, or of all with NULL, failed ones included. */
SIMULATOR_EXPORT int64_t simulator_calls(const char* name);

/** Kernels launched; copies and fills of any kind, asynchronous or not; allocations of device memory. What a stream captures
 * counts when its graph is launched, each time, and not when it is captured. */
SIMULATOR_EXPORT int64_t simulator_launches(void);
SIMULATOR_EXPORT int64_t simulator_copies(void);
SIMULATOR_EXPORT int64_t simulator_allocations(void);

/** Launches of graphs, however many kernels each has. One that a stream captures becomes part of another graph and does not
 * count. */
SIMULATOR_EXPORT int64_t simulator_graph_launches(void);

/** Times the host waited for a device: cu*Synchronize, and what waits by the way, such as cuMemcpyHtoD, cuMemFree or an
 * asynchronous copy to pageable memory. */
SIMULATOR_EXPORT int64_t simulator_synchronisations(void);

/** What was not given back yet. */
SIMULATOR_EXPORT int64_t simulator_live_allocations(void);
SIMULATOR_EXPORT int64_t simulator_live_bytes(void);
SIMULATOR_EXPORT int64_t simulator_live_host_allocations(void);
SIMULATOR_EXPORT int64_t simulator_live_streams(void);
SIMULATOR_EXPORT int64_t simulator_live_events(void);
SIMULATOR_EXPORT int64_t simulator_live_modules(void);
SIMULATOR_EXPORT int64_t simulator_live_graphs(void);
SIMULATOR_EXPORT int64_t simulator_live_graph_execs(void);

/** Retains of primary contexts that were not released, over all devices. */
SIMULATOR_EXPORT int64_t simulator_retained_contexts(void);

/** Operations that wait in the streams. */
SIMULATOR_EXPORT int64_t simulator_pending_operations(void);

/** Why the driver last refused something or a kernel failed: kernel, block, thread, access and address. */
SIMULATOR_EXPORT size_t simulator_last_failure(char* buffer, size_t bytes);

/** The last calls, one a line: name, details, result. */
SIMULATOR_EXPORT size_t simulator_trace(char* buffer, size_t bytes);

/** Names of driver functions that were called but are not simulated, one a line. */
SIMULATOR_EXPORT size_t simulator_unexpected_calls(char* buffer, size_t bytes);

/** Names of the kernels that can be launched, one a line. */
SIMULATOR_EXPORT size_t simulator_kernels(char* buffer, size_t bytes);

/** A fat binary that cuModuleLoadData accepts for every architecture from Turing on, and that has all kernels: it stands in
 * for the real one where that was not built. Copied if it fits; the result is its size. */
SIMULATOR_EXPORT size_t simulator_image(void* buffer, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
