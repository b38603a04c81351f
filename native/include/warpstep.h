/* C ABI of the CPU library. The only header that the Java bindings are generated from. */
#ifndef WARPSTEP_H
#define WARPSTEP_H

#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WS_EXPORT __attribute__((visibility("default")))
#else
#define WS_EXPORT
#endif

/** WS_ABI_VERSION of the library, to be compared with the one the caller was built with. */
WS_EXPORT int32_t ws_abi_version(void);

/** Instruction sets this library was compiled for, worst first; all give the same bits. */
WS_EXPORT int32_t ws_isa_count(void);

/** Name of an instruction set ("baseline", "avx2", "avx512"), or NULL when out of range. */
WS_EXPORT const char* ws_isa_name(int32_t isa);

/** Whether this processor has the instruction set: 1 or 0. */
WS_EXPORT int32_t ws_isa_supported(int32_t isa);

/** Number of update entries; their indices are 0 to count - 1. */
WS_EXPORT int32_t ws_entry_count(void);

/** Name of an entry ("adam"), or NULL when out of range. */
WS_EXPORT const char* ws_entry_name(int32_t entry);

/** Names of the entry's state arrays, in the order of ws_update's arguments, separated by commas. */
WS_EXPORT const char* ws_entry_states(int32_t entry);

/** Names of the entry's hyper-parameters, in the order of WsRow's slots, separated by commas. */
WS_EXPORT const char* ws_entry_hyper(int32_t entry);

/** One optimizer step over elements [begin, begin + count) of one tensor, as the control's verdict says. `step` counts from 1.
 * Arrays are what the format says, must not overlap and need no alignment beyond that of their elements; states that the entry
 * does not have, the average and the master may be NULL. `tensor` names the tensor in the keys of stochastic rounding. With
 * `sums`, elements from 8,192 n on are summed up in sums[n] while they are updated; `begin` is a multiple of 8,192 then, and so
 * is `count` unless the tensor ends there. Neither blocks nor allocates. The instruction set must be supported, the entry in
 * range and the format possible: the caller checks them. */
WS_EXPORT void ws_update(int32_t isa, int32_t entry, const WsRow* row, int64_t step, const WsControl* control,
                         const WsFormat* format, int32_t tensor, void* parameter, void* gradient, void* state0,
                         void* state1, void* state2, void* average, void* master, WsSums* sums, int64_t begin,
                         int64_t count);

/** Reduces elements [begin, begin + count) of one gradient of a type (WS_FLOAT32, ...), 8,192 at a time: the value of elements
 * from 8,192 n on goes to partials[n]. `begin` is a multiple of 8,192, and so is `count` unless the gradient ends there. The
 * values are sums of squares, or with `infinity` = 1 largest magnitudes. The instruction set must be supported. */
WS_EXPORT void ws_norm(int32_t isa, int32_t infinity, int32_t type, const void* gradient, int64_t begin, int64_t count,
                       double* partials);

/** Ends a norm pass: reduces the values of all tiles, tensor after tensor, and writes the verdict and a result. */
WS_EXPORT void ws_conclude(WsControl* control, const double* partials, int64_t count);

/** torch.amp.GradScaler.update. */
WS_EXPORT void ws_update_scaler(WsScaler* scaler);

/** Zeros from the system, in huge pages where it grants them, aligned to 2 MiB; NULL if there is not enough memory. A step
 * that streams through small pages spends a fifth of its time on address translation. */
WS_EXPORT void* ws_allocate(int64_t size_bytes);

/** Gives back what ws_allocate returned, with the size asked for. */
WS_EXPORT void ws_free(void* memory, int64_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
