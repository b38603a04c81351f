// The end of a reduction: the lanes of NOTE [lane order] become one value.
#pragma once

#include "cuda/intrinsics.cuh"
#include "cuda/tuning.h"
#include "gradients.h"

namespace warpstep {

/// Folds the lanes in halves. All threads of the block must call; the result is the first thread's.
template <class Norm>
WS_DEVICE double fold(double* lanes) {
#pragma unroll 1
    for (int half = kLanes / 2; half > 0; half /= 2) {
        __syncthreads();
        for (int lane = thread(); lane < half; lane += kThreads) {
            lanes[lane] = Norm::combine(lanes[lane], lanes[lane + half]);
        }
    }
    return lanes[0];
}

}  // namespace warpstep
