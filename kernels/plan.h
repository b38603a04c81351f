/* The ABI: every struct that Java, the CPU library and the CUDA kernels share. C11, C++17 and CUDA read it. */
#ifndef WARPSTEP_PLAN_H
#define WARPSTEP_PLAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define WS_STATIC_ASSERT static_assert
#else
#define WS_STATIC_ASSERT _Static_assert
#endif

/** Raised whenever a struct below, an entry's meaning or a signature of warpstep.h changes. */
#define WS_ABI_VERSION 2

/** No rule keeps more state arrays per parameter than this. */
#define WS_MAX_STATES 3

/** Hyper-parameters of one param group.
 *
 * All doubles, in the order of the rule's `Hyper` struct; switches are 0 or 1. Kept in double so that coefficients are
 * folded in double and rounded to float once.
 *
 *     0        8        16                                  64
 *     +--------+--------+-----------------------------------+
 *     | slot 0 | slot 1 | ...                        slot 7 |
 *     +--------+--------+-----------------------------------+
 */
typedef struct WsRow {
    double slot[8];
} WsRow;

/** Where one tensor lives. Addresses are of the device that runs the plan; unused states are 0. The gradient is never
 * 0: tensors without a gradient are not part of a plan. 64 bytes, so that one tensor is half a cache line of a GPU. */
typedef struct WsTensor {
    uint64_t parameter;
    uint64_t gradient;
    uint64_t state[WS_MAX_STATES];
    int64_t element_count;
    uint32_t row;      /* index into the rows: the param group */
    uint32_t counter;  /* index into the step counters */
    uint64_t reserved; /* 0 */
} WsTensor;

/** A contiguous piece of one tensor; the unit that one block (or one span of a CPU thread) walks. */
typedef struct WsChunk {
    int64_t begin; /* first element within the tensor */
    uint32_t element_count;
    uint32_t tensor;
} WsChunk;

/** The one argument of an update kernel: where the tables are. All addresses are of the device. */
typedef struct WsLaunch {
    uint64_t tensors;  /* const WsTensor[tensor_count] */
    uint64_t chunks;   /* const WsChunk[chunk_count] */
    uint64_t rows;     /* const WsRow[] */
    uint64_t counters; /* int64_t[]: completed updates of each tensor's state; without state they stay */
    uint64_t ticket; /* uint32_t, 0 between launches: counts finished blocks, so that the last one advances counters */
    uint32_t tensor_count;
    uint32_t chunk_count;
} WsLaunch;

WS_STATIC_ASSERT(sizeof(WsRow) == 64, "rows are 64 bytes");
WS_STATIC_ASSERT(sizeof(WsTensor) == 64, "tensors are 64 bytes");
WS_STATIC_ASSERT(offsetof(WsTensor, state) == 16, "states follow parameter and gradient");
WS_STATIC_ASSERT(offsetof(WsTensor, element_count) == 40, "the count follows the states");
WS_STATIC_ASSERT(offsetof(WsTensor, row) == 48, "the row follows the count");
WS_STATIC_ASSERT(offsetof(WsTensor, counter) == 52, "the counter follows the row");
WS_STATIC_ASSERT(sizeof(WsChunk) == 16, "chunks are 16 bytes");
WS_STATIC_ASSERT(offsetof(WsChunk, element_count) == 8, "the count follows the begin");
WS_STATIC_ASSERT(offsetof(WsChunk, tensor) == 12, "the tensor follows the count");
WS_STATIC_ASSERT(sizeof(WsLaunch) == 48, "a launch is 48 bytes");
WS_STATIC_ASSERT(offsetof(WsLaunch, tensor_count) == 40, "counts follow the addresses");

#endif
