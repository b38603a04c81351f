// The norm pass: one read of all gradients, reduced in the order of NOTE [lane order], and the verdict on them.
#pragma once

#include "cuda/formats.cuh"
#include "cuda/intrinsics.cuh"
#include "cuda/reduction.cuh"
#include "cuda/tuning.h"
#include "gradients.h"

namespace warpstep {

constexpr int kLanesOfThread = kLanes / kThreads;
constexpr int kRounds = kReductionTile / kLanes;

static_assert(kLanesOfThread == kVectorElements, "a vector has one element for each lane of a thread");

/// A thread's elements of a tile, all asked for before the first is used: `element[round]`.
template <class Norm, class Element, int Width, int Rounds>
WS_DEVICE void combine(const Element (&element)[Rounds][Width], double (&sum)[Width]) {
#pragma unroll
    for (int round = 0; round < Rounds; round++) {
#pragma unroll
        for (int lane = 0; lane < Width; lane++) {
            sum[lane] = Norm::combine(sum[lane], Norm::term(element[round][lane]));
        }
    }
}

template <int Width>
WS_DEVICE void keep(const double (&sum)[Width], double* lanes) {
#pragma unroll
    for (int lane = 0; lane < Width; lane++) {
        lanes[thread() * Width + lane] = sum[lane];
    }
}

/// A full tile of fp32 at an address that vectors can be read from: a thread has lanes 4t to 4t + 3.
template <class Norm>
WS_DEVICE void reduce_by_vectors(const float* tile, double* lanes) {
    float element[kRounds][kVectorElements];
    double sum[kVectorElements] = {};
#pragma unroll
    for (int round = 0; round < kRounds; round++) {
        load<Caching::kKept>(tile + round * kLanes + thread() * kVectorElements, element[round]);
    }
    combine<Norm>(element, sum);
    keep(sum, lanes);
}

/// The same of 16-bit elements.
template <class Norm>
WS_DEVICE void reduce_halves_by_vectors(uint64_t tile, int type, double* lanes) {
    uint2 loaded[kRounds];
    double sum[kVectorElements] = {};
#pragma unroll
    for (int round = 0; round < kRounds; round++) {
        loaded[round] =
            load<Caching::kKept>(reinterpret_cast<const uint2*>(tile) + (round * kLanes) / kVectorElements + thread());
    }
#pragma unroll
    for (int round = 0; round < kRounds; round++) {
        Mixed::Loaded<kVectorElements> halves = {{loaded[round].x, loaded[round].y}};
        float element[1][kVectorElements];
        Mixed::widen(type, halves, element[0]);
        combine<Norm>(element, sum);
    }
    keep(sum, lanes);
}

/// Any element of any type.
WS_DEVICE double load_element(uint64_t array, int type, uint64_t at) {
    if (type == WS_FLOAT64) {
        return load<Caching::kKept>(reinterpret_cast<const double*>(array) + at);
    }
    if (type == WS_FLOAT32) {
        return static_cast<double>(load<Caching::kKept>(reinterpret_cast<const float*>(array) + at));
    }
    uint32_t half = load<Caching::kKept>(reinterpret_cast<const uint16_t*>(array) + at);
    return static_cast<double>(type == WS_BFLOAT16 ? from_bfloat16(half) : from_float16(half));
}

/// Any tile: a thread has lanes t, t + 256, t + 512 and t + 768.
template <class Norm>
WS_DEVICE void reduce_by_elements(uint64_t tile, int type, uint32_t count, double* lanes) {
#pragma unroll
    for (int part = 0; part < kLanesOfThread; part++) {
        uint32_t lane = thread() + part * kThreads;
        double sum = 0.0;
#pragma unroll
        for (int round = 0; round < kRounds; round++) {
            if (lane + round * kLanes < count) {
                sum = Norm::combine(sum, Norm::term(load_element(tile, type, lane + round * kLanes)));
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
        int type = tensor.format.gradient;
        uint64_t begin = tensor.gradient + static_cast<uint64_t>(tile.begin) * size_of(type);
        bool full = tile.element_count == kReductionTile;
        if (full && type == WS_FLOAT32 && begin % sizeof(float4) == 0) {
            reduce_by_vectors<Norm>(reinterpret_cast<const float*>(begin), lanes);
        } else if (full && size_of(type) == 2 && begin % sizeof(uint2) == 0) {
            reduce_halves_by_vectors<Norm>(begin, type, lanes);
        } else {
            reduce_by_elements<Norm>(begin, type, tile.element_count, lanes);
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
