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
#define WS_ABI_VERSION 4

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

/** Element types. */
enum {
    WS_FLOAT32 = 0,
    WS_FLOAT16 = 1,
    WS_BFLOAT16 = 2,
    WS_FLOAT64 = 3,
};

/** What keeps the bits of a parameter that its own type lacks. */
enum {
    WS_NO_MASTER = 0,
    WS_MASTER_FLOAT32 = 1, /* the parameter as fp32; its own array is a rounded copy, written and never read */
    WS_REMAINDER = 2,      /* 16 bits that together with a bf16 parameter are an fp32 one, see elements.h */
};

/** What the elements of a tensor are. Zero: all fp32. A gradient is fp64 exactly if the parameter is, and then there is no
 * master and states are fp64, too. */
typedef struct WsFormat {
    uint8_t parameter;
    uint8_t gradient;
    uint8_t state;      /* of all states */
    uint8_t master;     /* WS_NO_MASTER, ... */
    uint8_t stochastic; /* 1: 16-bit values are rounded stochastically, but for the copy of a master */
    uint8_t reserved[3];
} WsFormat;

/** Where one tensor lives. Addresses are of the device that runs the plan; unused states are 0. The gradient is never
 * 0: tensors without a gradient are not part of a plan. */
typedef struct WsTensor {
    uint64_t parameter;
    uint64_t gradient;
    uint64_t state[WS_MAX_STATES];
    int64_t element_count;
    uint32_t row;     /* index into the rows: the param group */
    uint32_t counter; /* index into the step counters */
    uint64_t average; /* moving average of the parameter, fp32 or for fp64 parameters fp64, or 0 */
    uint64_t master;  /* fp32 or 16 bits an element, as the format says, or 0 */
    WsFormat format;
} WsTensor;

/** A contiguous piece of one tensor; the unit that one block (or one span of a CPU thread) walks. */
typedef struct WsChunk {
    int64_t begin; /* first element within the tensor */
    uint32_t element_count;
    uint32_t tensor;
} WsChunk;

/** What a step does to every gradient and average, folded from all settings: by the norm pass if there is one, else by the
 * host. In double, which each traversal rounds to what it computes with. With all zero but multiplier 1 and largest infinity,
 * a step only updates. */
typedef struct WsVerdict {
    double multiplier;       /* of the gradient: clip coefficient over gradient scale */
    double largest;          /* magnitude that the product is cut to; infinity: any */
    double average_weight;   /* of the parameters in their moving averages */
    uint32_t skip;           /* 1: parameters, state, counters and averages stay as they are */
    uint32_t zero_gradients; /* 1: gradients are zero afterwards, after a skip, too */
    uint32_t average;        /* 1: averages are updated */
    uint32_t reserved;       /* 0 */
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
 *     | settings, 48 bytes | verdict, 40 bytes | counts, seed, 40 bytes | results[0] | ... | results[63] |
 */
typedef struct WsControl {
    double max_norm;  /* that the norm is clipped to; infinity: any */
    double scale;     /* gradients are divided by it, if there is no scaler */
    uint64_t scaler;  /* WsScaler*, or 0 */
    uint64_t average; /* WsAverage*, or 0 */
    double largest;   /* magnitude that elements are clipped to; infinity: any */
    uint32_t flags;   /* WS_INFINITY_NORM, ... */
    uint32_t unused;
    WsVerdict verdict;
    int64_t applied;   /* steps that a norm pass let through */
    uint64_t sequence; /* norm passes so far; pass n leaves its result in results[n % WS_RESULTS], n from 0 */
    uint64_t steps;    /* applied so far, of an optimizer that rounds stochastically */
    uint64_t seed;     /* of stochastic rounding */
    uint64_t reserved;
    WsResult results[WS_RESULTS];
} WsControl;

/** Sums over the elements of one chunk, in the order of NOTE [lane order] in gradients.h. */
typedef struct WsSums {
    double gradient;  /* squares, of the gradient as it lies in memory */
    double parameter; /* squares, after the update */
    double update;    /* squares, of what the update added */
    double zeros;     /* elements of the gradient that are zero */
} WsSums;

/** The one argument of an update kernel: where the tables are. All addresses are of the device. */
typedef struct WsLaunch {
    uint64_t tensors;  /* const WsTensor[tensor_count] */
    uint64_t chunks;   /* const WsChunk[chunk_count] */
    uint64_t rows;     /* const WsRow[] */
    uint64_t counters; /* int64_t[]: completed updates of each tensor's state; without state they stay */
    uint64_t ticket; /* uint32_t, 0 between launches: counts finished blocks, so that the last one advances counters */
    uint32_t tensor_count;
    uint32_t chunk_count;
    uint64_t control; /* WsControl* */
    uint64_t sums;    /* WsSums[chunk_count] of chunks that are tiles of a reduction, or 0; not read by _f32 kernels */
    uint32_t counts_step; /* 1: advance WsControl.steps afterwards */
    uint32_t reserved;
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
WS_STATIC_ASSERT(sizeof(WsFormat) == 8, "a format is 8 bytes");
WS_STATIC_ASSERT(sizeof(WsTensor) == 80, "tensors are 80 bytes");
WS_STATIC_ASSERT(offsetof(WsTensor, state) == 16, "states follow parameter and gradient");
WS_STATIC_ASSERT(offsetof(WsTensor, element_count) == 40, "the count follows the states");
WS_STATIC_ASSERT(offsetof(WsTensor, row) == 48, "the row follows the count");
WS_STATIC_ASSERT(offsetof(WsTensor, counter) == 52, "the counter follows the row");
WS_STATIC_ASSERT(sizeof(WsChunk) == 16, "chunks are 16 bytes");
WS_STATIC_ASSERT(offsetof(WsChunk, element_count) == 8, "the count follows the begin");
WS_STATIC_ASSERT(offsetof(WsChunk, tensor) == 12, "the tensor follows the count");
WS_STATIC_ASSERT(offsetof(WsTensor, average) == 56, "the average follows the counter");
WS_STATIC_ASSERT(offsetof(WsTensor, format) == 72, "the format is last");
WS_STATIC_ASSERT(sizeof(WsVerdict) == 40, "a verdict is 40 bytes");
WS_STATIC_ASSERT(sizeof(WsSums) == 32, "sums are 32 bytes");
WS_STATIC_ASSERT(sizeof(WsScaler) == 32, "a scaler is 32 bytes");
WS_STATIC_ASSERT(offsetof(WsScaler, scale) == 16, "the scale can be read on its own");
WS_STATIC_ASSERT(sizeof(WsAverage) == 16, "an average is 16 bytes");
WS_STATIC_ASSERT(sizeof(WsResult) == 32, "a result is 32 bytes");
WS_STATIC_ASSERT(offsetof(WsControl, verdict) == 48, "the verdict follows the settings");
WS_STATIC_ASSERT(offsetof(WsControl, applied) == 88, "counts follow the verdict");
WS_STATIC_ASSERT(offsetof(WsControl, results) == 128, "the results are last");
WS_STATIC_ASSERT(sizeof(WsNormLaunch) == 48, "a norm's launch is 48 bytes");
WS_STATIC_ASSERT(sizeof(WsLaunch) == 72, "a launch is 72 bytes");
WS_STATIC_ASSERT(offsetof(WsLaunch, tensor_count) == 40, "counts follow the tables");

#endif
