// The norm pass: one read of all gradients, reduced in the order of NOTE [lane order], and the verdict on them.
#pragma once

#include "cuda/intrinsics.cuh"
#include "cuda/tuning.h"
#include "gradients.h"

namespace warpstep {

constexpr int kLanesOfThread = kLanes / kThreads;
constexpr int kRounds = kReductionTile / kLanes;

static_assert(kLanesOfThread == kVectorElements, "a vector has one element for each lane of a thread");

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

/// A full tile at an address that vectors can be read from: a thread has lanes 4t to 4t + 3.
template <class Norm>
WS_DEVICE void reduce_by_vectors(const float* tile, double* lanes) {
    float element[kRounds][kVectorElements];
    double sum[kVectorElements] = {};
#pragma unroll
    for (int round = 0; round < kRounds; round++) {
        load<Caching::kKept>(tile + round * kLanes + thread() * kVectorElements, element[round]);
    }
#pragma unroll
    for (int round = 0; round < kRounds; round++) {
#pragma unroll
        for (int lane = 0; lane < kVectorElements; lane++) {
            sum[lane] = Norm::combine(sum[lane], Norm::term(element[round][lane]));
        }
    }
#pragma unroll
    for (int lane = 0; lane < kVectorElements; lane++) {
        lanes[thread() * kVectorElements + lane] = sum[lane];
    }
}

/// Any tile: a thread has lanes t, t + 256, t + 512 and t + 768.
template <class Norm>
WS_DEVICE void reduce_by_elements(const float* tile, uint32_t count, double* lanes) {
#pragma unroll
    for (int part = 0; part < kLanesOfThread; part++) {
        uint32_t lane = thread() + part * kThreads;
        double sum = 0.0;
#pragma unroll
        for (int round = 0; round < kRounds; round++) {
            if (lane + round * kLanes < count) {
                float element[1];
                load<Caching::kKept>(tile + lane + round * kLanes, element);
                sum = Norm::combine(sum, Norm::term(element[0]));
            }
        }
        lanes[lane] = sum;
    }
}

/// The tiles' values as one tile of any length. What other blocks wrote is read behind the first-level cache.
template <class Norm>
WS_DEVICE double reduce_partials(const WsNormLaunch& launch, double* lanes) {
    const double* partials = reinterpret_cast<const double*>(launch.partials);
#pragma unroll 1
    for (int lane = thread(); lane < kLanes; lane += kThreads) {
        double sum = 0.0;
        for (uint64_t tile = lane; tile < launch.tile_count; tile += kLanes) {
            sum = Norm::combine(sum, __ldcg(partials + tile));
        }
        lanes[lane] = sum;
    }
    return fold<Norm>(lanes);
}

template <class Norm>
WS_DEVICE void norm_pass(const WsNormLaunch& launch) {
    __shared__ double lanes[kLanes];
    for (uint64_t index = blockIdx.x; index < launch.tile_count; index += gridDim.x) {
        WsChunk tile = load_line<WsChunk>(launch.tiles, index);
        WsTensor tensor = load_line<WsTensor>(launch.tensors, tile.tensor);
        const float* begin = reinterpret_cast<const float*>(tensor.gradient) + tile.begin;
        if (tile.element_count == kReductionTile && reinterpret_cast<uint64_t>(begin) % sizeof(float4) == 0) {
            reduce_by_vectors<Norm>(begin, lanes);
        } else {
            reduce_by_elements<Norm>(begin, tile.element_count, lanes);
        }
        double partial = fold<Norm>(lanes);
        if (thread() == 0) {
            __stcg(reinterpret_cast<double*>(launch.partials) + index, partial);
        }
        __syncthreads();  // until the first thread has read its lane
    }
    if (!last_block_to_arrive(launch.ticket)) {
        return;
    }
    double total = reduce_partials<Norm>(launch, lanes);
    if (thread() == 0) {
        conclude(*reinterpret_cast<WsControl*>(launch.control), total);
    }
}

}  // namespace warpstep
