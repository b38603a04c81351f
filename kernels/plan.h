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
#define WS_ABI_VERSION 3

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
    uint32_t row;     /* index into the rows: the param group */
    uint32_t counter; /* index into the step counters */
    uint64_t average; /* moving average of the parameter, or 0 */
} WsTensor;

/** A contiguous piece of one tensor; the unit that one block (or one span of a CPU thread) walks. */
typedef struct WsChunk {
    int64_t begin; /* first element within the tensor */
    uint32_t element_count;
    uint32_t tensor;
} WsChunk;

/** What a step does to every gradient and average, folded from all settings: by the norm pass if there is one, else by the
 * host. With the first line all zero but multiplier 1 and largest infinity, a step only updates. */
typedef struct WsVerdict {
    float multiplier;          /* of the gradient: clip coefficient over gradient scale */
    float largest;             /* magnitude that the product is cut to; infinity: any */
    uint32_t skip;             /* 1: parameters, state, counters and averages stay as they are */
    uint32_t zero_gradients;   /* 1: gradients are zero afterwards, after a skip, too */
    float average_factor;      /* of the parameters' moving averages, see MovingAverage */
    uint32_t average_from_old; /* 1 or 0 */
    uint32_t average;          /* 1: averages are updated */
    uint32_t reserved;         /* 0 */
} WsVerdict;

/** A dynamic gradient scale, torch.amp.GradScaler's: one for any number of optimizers. */
typedef struct WsScaler {
    double growth_factor;
    double backoff_factor;
    float scale;
    int32_t growth_interval;
    int32_t growth_tracker;  /* steps in a row without an infinity */
    uint32_t found_infinity; /* since the last update of the scale */
} WsScaler;

/** A moving average of an optimizer's parameters. */
typedef struct WsAverage {
    double decay;    /* of the exponential average; negative: the mean of all */
    int64_t updates; /* so far */
} WsAverage;

/** What a norm pass found. */
typedef struct WsResult {
    double norm;     /* of all gradients divided by the scale, before any clipping */
    double scale;    /* the gradient scale of the step */
    int64_t applied; /* steps of the optimizer that were applied, this one included */
    int64_t skipped; /* 1 or 0 */
} WsResult;

/** So many results of an optimizer are kept. */
#define WS_RESULTS 64

/** Settings of the norm pass. */
enum {
    WS_INFINITY_NORM = 1,  /* the largest magnitude, instead of the root of the sum of squares */
    WS_SKIP_NONFINITE = 2, /* do not update if the norm is not finite */
    WS_UPDATE_SCALER = 4,  /* update the scale at once */
    WS_ZERO_GRADIENTS = 8,
};

/** How one optimizer's steps treat gradients. The host writes the settings, and the verdict of a step without a norm pass.
 *
 *     | settings, 48 bytes | verdict, 32 bytes | applied, sequence | results[0] | ... | results[63] |
 */
typedef struct WsControl {
    double max_norm;  /* that the norm is clipped to; infinity: any */
    double scale;     /* gradients are divided by it, if there is no scaler */
    uint64_t scaler;  /* WsScaler*, or 0 */
    uint64_t average; /* WsAverage*, or 0 */
    float largest;    /* magnitude that elements are clipped to; infinity: any */
    uint32_t flags;   /* WS_INFINITY_NORM, ... */
    uint64_t reserved;
    WsVerdict verdict;
    int64_t applied;   /* steps that a norm pass let through */
    uint64_t sequence; /* norm passes so far; pass n leaves its result in results[n % WS_RESULTS], n from 0 */
    WsResult results[WS_RESULTS];
} WsControl;

/** The one argument of an update kernel: where the tables are. All addresses are of the device. */
typedef struct WsLaunch {
    uint64_t tensors;  /* const WsTensor[tensor_count] */
    uint64_t chunks;   /* const WsChunk[chunk_count] */
    uint64_t rows;     /* const WsRow[] */
    uint64_t counters; /* int64_t[]: completed updates of each tensor's state; without state they stay */
    uint64_t ticket; /* uint32_t, 0 between launches: counts finished blocks, so that the last one advances counters */
    uint32_t tensor_count;
    uint32_t chunk_count;
    uint64_t control; /* const WsControl* */
} WsLaunch;

/** The one argument of a norm kernel. Its chunks are the tiles of a reduction, whose size is part of the result. */
typedef struct WsNormLaunch {
    uint64_t tensors;  /* const WsTensor[], of which gradients are read */
    uint64_t tiles;    /* const WsChunk[tile_count] */
    uint64_t partials; /* double[tile_count] */
    uint64_t control;  /* WsControl* */
    uint64_t ticket;   /* as in WsLaunch */
    uint64_t tile_count;
} WsNormLaunch;

WS_STATIC_ASSERT(sizeof(WsRow) == 64, "rows are 64 bytes");
WS_STATIC_ASSERT(sizeof(WsTensor) == 64, "tensors are 64 bytes");
WS_STATIC_ASSERT(offsetof(WsTensor, state) == 16, "states follow parameter and gradient");
WS_STATIC_ASSERT(offsetof(WsTensor, element_count) == 40, "the count follows the states");
WS_STATIC_ASSERT(offsetof(WsTensor, row) == 48, "the row follows the count");
WS_STATIC_ASSERT(offsetof(WsTensor, counter) == 52, "the counter follows the row");
WS_STATIC_ASSERT(sizeof(WsChunk) == 16, "chunks are 16 bytes");
WS_STATIC_ASSERT(offsetof(WsChunk, element_count) == 8, "the count follows the begin");
WS_STATIC_ASSERT(offsetof(WsChunk, tensor) == 12, "the tensor follows the count");
WS_STATIC_ASSERT(offsetof(WsTensor, average) == 56, "the average is last");
WS_STATIC_ASSERT(sizeof(WsVerdict) == 32, "a verdict is 32 bytes");
WS_STATIC_ASSERT(sizeof(WsScaler) == 32, "a scaler is 32 bytes");
WS_STATIC_ASSERT(offsetof(WsScaler, scale) == 16, "the scale can be read on its own");
WS_STATIC_ASSERT(sizeof(WsAverage) == 16, "an average is 16 bytes");
WS_STATIC_ASSERT(sizeof(WsResult) == 32, "a result is 32 bytes");
WS_STATIC_ASSERT(offsetof(WsControl, verdict) == 48, "the verdict follows the settings");
WS_STATIC_ASSERT(offsetof(WsControl, results) == 96, "the results are last");
WS_STATIC_ASSERT(sizeof(WsNormLaunch) == 48, "a norm's launch is 48 bytes");
WS_STATIC_ASSERT(sizeof(WsLaunch) == 56, "a launch is 56 bytes");
WS_STATIC_ASSERT(offsetof(WsLaunch, tensor_count) == 40, "counts follow the tables");

#endif
