// The CUDA traversal: a persistent grid over the chunk table, tiles within a chunk, cells within a tile. Knows spans,
// lanes and accesses, what every rule has in common (gradients.h), and no rule's formula.
//
//     chunk         | tile | tile | tile | rest |             walked by one block
//     vector tile   thread 0: 0 1 2 3, thread 1: 4 5 6 7, ...  twice: 2,048 elements
//     element tile  thread 0: 0, thread 1: 1, ...              four times: 1,024 elements
//
// A cell knows no neighbours and no thread, so neither the grid nor the cut into chunks and tiles can change a result.
#pragma once

#include <utility>

#include "cuda/intrinsics.cuh"
#include "cuda/tuning.h"
#include "gradients.h"
#include "plan.h"

namespace warpstep {

// NOTE [access width]
// Vectors need every array at a multiple of 16 bytes; a parameter or gradient may be a view that begins anywhere. Then
// all arrays are accessed element by element, with neighbouring threads at neighbouring elements: each access of a warp
// still is 128 consecutive bytes. Keeping vectors for the states would make a thread own four consecutive elements, and
// each of the four accesses to the misaligned array touch every sector of 512 bytes, which quadruples its traffic to
// the second-level cache. The rest of a chunk goes by elements too: it spreads a small tensor over four times as many
// threads.

// NOTE [registers]
// Two vectors in flight of five arrays are 40 registers, and IEEE division and square root want most of the other 24.
// Hence whatever a block has in common lives in shared memory and is read where it is needed, coefficients even once
// per cell. In registers, they made the rules with three states spill on every architecture, into the memory that is
// the bottleneck.

/// The tensor that a block works on, in shared memory.
template <class Rule>
struct Resident {
    uint32_t index;
    bool zeroes;  // the gradient
    float* parameter;
    float* gradient;
    float* average;                       // or null
    float* state[Rule::kStateCount + 1];  // one is unused, since C++ has no empty arrays
    WsVerdict verdict;
    typename Rule::Coefficients coefficients;

    WS_DEVICE void become(const WsLaunch& launch, uint32_t new_index) {
        index = new_index;
        verdict = load_line<WsControl, WsVerdict>(launch.control + offsetof(WsControl, verdict), 0);
        forget_memory();  // the double precision below needs the registers
        WsTensor tensor = load_line<WsTensor>(launch.tensors, index);
        parameter = reinterpret_cast<float*>(tensor.parameter);
        gradient = reinterpret_cast<float*>(tensor.gradient);
        average = verdict.average != 0 ? reinterpret_cast<float*>(tensor.average) : nullptr;
        // A parameter that only its average follows has itself as gradient.
        zeroes = verdict.zero_gradients != 0 && gradient != parameter;
#pragma unroll
        for (int i = 0; i < Rule::kStateCount; i++) {
            state[i] = reinterpret_cast<float*>(tensor.state[i]);
        }
        forget_memory();
        auto hyper = load_line<WsRow, typename Rule::Hyper>(launch.rows, tensor.row);
        coefficients = Rule::coefficients(hyper, load_counter(launch.counters, tensor.counter) + 1);
    }

    template <size_t... I>
    WS_DEVICE bool takes_vectors(int64_t begin, std::index_sequence<I...>) const {
        uint64_t addresses =
            (reinterpret_cast<uint64_t>(parameter + begin) | ... | reinterpret_cast<uint64_t>(state[I] + begin));
        addresses |= reinterpret_cast<uint64_t>(gradient + begin);
        addresses |= average == nullptr ? 0 : reinterpret_cast<uint64_t>(average + begin);
        return addresses % sizeof(float4) == 0;
    }
};

/// Late, when gradient and state have given their registers back. Even the parameter is read again, from the nearest cache:
/// in registers, it would make the rules with three states spill.
template <int Width, class Rule>
WS_DEVICE void update_average(const Resident<Rule>& tensor, int64_t mine) {
    float average[Width];
    float parameter[Width];
    load<Caching::kStreamed>(tensor.average + mine, average);
    load<Caching::kKept>(tensor.parameter + mine, parameter);
#pragma unroll
    for (int lane = 0; lane < Width; lane++) {
        average[lane] = averaged(tensor.verdict, average[lane], parameter[lane]);
    }
    store<Caching::kStreamed>(tensor.average + mine, average);
}

/// The cells of one thread in one tile, `mine` being the first. All reads are issued before the first cell is computed.
/// Of a tile that is not full, elements from mine + rest on are left alone.
template <class Rule, int Width, bool FullTile, size_t... I>
WS_DEVICE void update_tile(const Resident<Rule>& tensor, int64_t mine, int rest, std::index_sequence<I...>) {
    constexpr int accesses = kAccesses<Width, sizeof...(I)>;
    constexpr int stride = kThreads * Width;
    // The zeros are never seen, but without them the compiler keeps the cells of the last tile alive as their stand-in.
    float parameter[accesses][Width] = {};
    float gradient[accesses][Width] = {};
    float state[sizeof...(I) + 1][accesses][Width] = {};
#pragma unroll
    for (int a = 0; a < accesses; a++) {
        if (FullTile || a * stride < rest) {
            load<Caching::kStreamed>(tensor.gradient + mine + a * stride, gradient[a]);
            load<Caching::kKept>(tensor.parameter + mine + a * stride, parameter[a]);
            (load<Caching::kStreamed>(tensor.state[I] + mine + a * stride, state[I][a]), ...);
        }
    }
#pragma unroll
    for (int a = 0; a < accesses; a++) {
        if (FullTile || a * stride < rest) {
#pragma unroll
            for (int lane = 0; lane < Width; lane++) {
                float g = treated(tensor.verdict, gradient[a][lane]);
                Rule::update(tensor.coefficients, g, parameter[a][lane], state[I][a][lane]...);
                forget_memory();  // NOTE [registers]
            }
            store<Caching::kKept>(tensor.parameter + mine + a * stride, parameter[a]);
            (store<Caching::kStreamed>(tensor.state[I] + mine + a * stride, state[I][a]), ...);
        }
    }
    forget_memory();
    if (tensor.zeroes) {
#pragma unroll
        for (int a = 0; a < accesses; a++) {
            if (FullTile || a * stride < rest) {
                constexpr float zeros[Width] = {};
                store<Caching::kStreamed>(tensor.gradient + mine + a * stride, zeros);
            }
        }
    }
    if (tensor.average != nullptr) {
#pragma unroll
        for (int a = 0; a < accesses; a++) {
            if (FullTile || a * stride < rest) {
                update_average<Width>(tensor, mine + a * stride);
            }
        }
    }
}

template <class Rule>
WS_DEVICE void update_chunk(const Resident<Rule>& tensor, int64_t begin, uint32_t count) {
    constexpr auto states = std::make_index_sequence<Rule::kStateCount>();
    if (tensor.takes_vectors(begin, states)) {
        constexpr int elements = kTileElements<kVectorElements, Rule::kStateCount>;
#pragma unroll 1
        for (; count >= elements; count -= elements) {
            update_tile<Rule, kVectorElements, true>(tensor, begin + thread() * kVectorElements, 0, states);
            begin += elements;
        }
    }
    // Full or not: a copy for full tiles would save a comparison an element and be a sixth of all code.
#pragma unroll 1
    for (uint32_t mine = thread(); mine < count; mine += kTileElements<1, Rule::kStateCount>) {
        update_tile<Rule, 1, false>(tensor, begin + mine, static_cast<int>(count - mine), states);
    }
}

/// What is left of a chunk's step when it is skipped.
template <class Rule>
WS_DEVICE void zero_gradients(const Resident<Rule>& tensor, int64_t begin, uint32_t count) {
#pragma unroll 1
    for (uint32_t i = thread(); i < count; i += kThreads) {
        constexpr float zero[1] = {};
        store<Caching::kStreamed>(tensor.gradient + begin + i, zero);
    }
}

/// Every cell of the plan once. One thread looks a tensor up and folds its coefficients, since double precision is slow
/// on most GPUs, and only when the next chunk is of another tensor.
template <class Rule>
WS_DEVICE void update_cells(const WsLaunch& launch) {
    __shared__ Resident<Rule> tensor;
    if (thread() == 0) {
        tensor.index = launch.tensor_count;  // none yet
    }
    __syncthreads();
    // 32 bits: the host cuts fewer than 2^31 chunks.
    for (uint32_t index = blockIdx.x; index < launch.chunk_count; index += gridDim.x) {
        WsChunk chunk = load_line<WsChunk>(launch.chunks, index);
        if (chunk.tensor != tensor.index) {
            __syncthreads();  // until all threads are done with the last tensor
            if (thread() == 0) {
                tensor.become(launch, chunk.tensor);
            }
            __syncthreads();
        }
        if (tensor.verdict.skip == 0) {
            update_chunk(tensor, chunk.begin, chunk.element_count);
        } else if (tensor.zeroes) {
            zero_gradients(tensor, chunk.begin, chunk.element_count);
        } else {
            break;
        }
    }
}

/// Counts the step of every tensor, once no block needs the old counts any more. Done here and not by the host, so that
/// a captured graph replays without help.
template <class Rule>
WS_DEVICE void advance_counters(const WsLaunch& launch) {
    // A counter counts the updates of a state: switching to a rule that keeps some must begin at step 1.
    if (Rule::kStateCount == 0 || !last_block_to_arrive(launch.ticket)) {
        return;
    }
    if (load_word(&reinterpret_cast<const WsControl*>(launch.control)->verdict.skip) != 0) {
        return;
    }
    const WsTensor* tensors = reinterpret_cast<const WsTensor*>(launch.tensors);
    // Some reads ahead of their increments: the whole grid waits for this block.
    constexpr int ahead = 4;
#pragma unroll 1
    for (uint64_t begin = thread(); begin < launch.tensor_count; begin += ahead * kThreads) {
        uint32_t counter[ahead];
#pragma unroll
        for (int i = 0; i < ahead; i++) {
            uint64_t tensor = begin + i * kThreads;
            counter[i] = tensor < launch.tensor_count ? load_word(&tensors[tensor].counter) : 0;
        }
#pragma unroll
        for (int i = 0; i < ahead; i++) {
            if (begin + i * kThreads < launch.tensor_count) {
                increment_counter(launch.counters, counter[i]);
            }
        }
    }
}

}  // namespace warpstep
