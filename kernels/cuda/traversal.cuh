// The CUDA traversal: a persistent grid over the chunk table, tiles within a chunk, cells within a tile. Knows spans,
// lanes and accesses, what every rule has in common (gradients.h), and no rule's formula.
//
//     chunk         | tile | tile | tile | rest |             walked by one block
//     vector tile   thread 0: 0 1 2 3, thread 1: 4 5 6 7, ...  twice: 2,048 elements
//     element tile  thread 0: 0, thread 1: 1, ...              four times: 1,024 elements
//
// How often depends on the format (formats.cuh).//
// A cell knows no neighbours and no thread, so neither the grid nor the cut into chunks and tiles can change a result.
#pragma once

#include <utility>

#include "cuda/formats.cuh"
#include "cuda/intrinsics.cuh"
#include "cuda/reduction.cuh"
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
template <class Format, class Rule>
struct Resident {
    using Real = typename Format::Real;

    uint32_t index;
    bool zeroes;  // the gradient
    bool averages;
    bool skips;
    Arrays<Rule::kStateCount> arrays;
    Treatment<Real> treatment;
    typename Rule::Coefficients coefficients;

    WS_DEVICE void become(const WsLaunch& launch, uint32_t new_index) {
        index = new_index;
        auto verdict = load_line<WsControl, WsVerdict>(launch.control + offsetof(WsControl, verdict), 0);
        skips = verdict.skip != 0;
        zeroes = verdict.zero_gradients != 0;
        averages = verdict.average != 0;
        treatment = Treatment<Real>::of(verdict);
        forget_memory();  // the double precision below needs the registers
        WsTensor tensor = load_line<WsTensor>(launch.tensors, index);
        arrays.parameter = tensor.parameter;
        arrays.gradient = tensor.gradient;
        arrays.average = averages ? tensor.average : 0;
        averages = arrays.average != 0;
        // A parameter that only its average follows has itself as gradient.
        zeroes = zeroes && tensor.gradient != tensor.parameter;
#pragma unroll
        for (int i = 0; i < Rule::kStateCount; i++) {
            arrays.state[i] = tensor.state[i];
        }
        arrays.master = tensor.master;
        arrays.format = tensor.format;
        if (tensor.format.stochastic != 0) {
            auto control = reinterpret_cast<const WsControl*>(launch.control);
            arrays.key = rounding_key(load_word(&control->seed), load_word(&control->steps), tensor.counter);
        }
        forget_memory();
        auto hyper = load_line<WsRow, typename Rule::Hyper>(launch.rows, tensor.row);
        coefficients = Rule::coefficients(hyper, load_counter(launch.counters, tensor.counter) + 1);
    }
};

// NOTE [sums]
// A chunk that is summed up is a tile of a reduction. Its lanes, NOTE [lane order] in gradients.h, are in shared memory, since
// a thread has no registers for 16 doubles: four arrays of 1,024, of which a thread has lanes 4t to 4t + 3 while it walks by
// vectors and lanes t + 256 k while it walks by elements.
struct Sums {
    double* lanes;  // null: nothing is summed up

    WS_DEVICE bool wanted() const { return lanes != nullptr; }

    WS_DEVICE void clear() const {
        for (int i = thread(); i < 4 * kLanes; i += kThreads) {
            lanes[i] = 0.0;
        }
        __syncthreads();
    }

    template <class Real>
    WS_DEVICE void add(int lane, Real gradient, Real before, Real after) const {
        add(lane, TwoNorm::term(gradient));
        add(kLanes + lane, TwoNorm::term(after));
        add(2 * kLanes + lane, TwoNorm::term(after - before));
        add(3 * kLanes + lane, gradient == 0 ? 1.0 : 0.0);
    }

    /// All threads of the block must call.
    WS_DEVICE void fold_into(uint64_t table, uint32_t index) const {
        double* sums = reinterpret_cast<double*>(table) + index * (sizeof(WsSums) / sizeof(double));
#pragma unroll 1
        for (int i = 0; i < 4; i++) {
            double sum = fold<TwoNorm>(lanes + i * kLanes);
            if (thread() == 0) {
                __stcg(sums + i, sum);
            }
        }
        __syncthreads();  // until the first thread has read its lanes
    }

private:
    WS_DEVICE void add(int lane, double term) const { lanes[lane] = TwoNorm::combine(lanes[lane], term); }
};

/// Late, when gradient and state have given their registers back. Even the parameter is read again, from the nearest cache:
/// in registers, it would make the rules with three states spill.
template <int Width, class Format, class Rule>
WS_DEVICE void update_average(const Resident<Format, Rule>& tensor, int64_t mine) {
    using Real = typename Format::Real;
    typename Format::template Loaded<Width> loaded = {};
    Real parameter[Width];
    Real average[Width];
    Format::load_parameter(tensor.arrays, mine, loaded);
    Real* at = reinterpret_cast<Real*>(tensor.arrays.average) + mine;
    if constexpr (Width == 1) {
        average[0] = load<Caching::kStreamed>(at);
    } else {
        load<Caching::kStreamed>(at, average);
    }
    Format::widen_parameter(tensor.arrays, loaded, parameter);
#pragma unroll
    for (int lane = 0; lane < Width; lane++) {
        average[lane] = tensor.treatment.averaged(average[lane], parameter[lane]);
    }
    if constexpr (Width == 1) {
        store<Caching::kStreamed>(at, average[0]);
    } else {
        store<Caching::kStreamed>(at, average);
    }
}

/// The cells of one thread in one tile, `mine` being the first. All reads are issued before the first cell is computed.
/// Of a tile that is not full, elements from mine + rest on are left alone. `lane` is of the first cell.
template <class Format, class Rule, int Width, bool FullTile, size_t... I>
WS_DEVICE void update_tile(const Resident<Format, Rule>& tensor, const Sums& sums, int lane, int64_t mine, int rest,
                           std::index_sequence<I...>) {
    using Real = typename Format::Real;
    using Loaded = typename Format::template Loaded<Width>;
    constexpr int accesses = Format::template kAccesses<Width, sizeof...(I)>;
    constexpr int stride = kThreads * Width;
    // The zeros are never seen, but without them the compiler keeps the cells of the last tile alive as their stand-in.
    Loaded parameter[accesses] = {};
    Loaded gradient[accesses] = {};
    [[maybe_unused]] Loaded state[sizeof...(I) + 1][accesses] = {};
#pragma unroll
    for (int a = 0; a < accesses; a++) {
        if (FullTile || a * stride < rest) {
            Format::load_gradient(tensor.arrays, mine + a * stride, gradient[a]);
            Format::load_parameter(tensor.arrays, mine + a * stride, parameter[a]);
            (Format::load_state(tensor.arrays, I, mine + a * stride, state[I][a]), ...);
        }
    }
#pragma unroll
    for (int a = 0; a < accesses; a++) {
        if (FullTile || a * stride < rest) {
            Real p[Width];
            Real g[Width];
            [[maybe_unused]] Real s[sizeof...(I) + 1][Width];
            Format::widen_parameter(tensor.arrays, parameter[a], p);
            Format::widen_gradient(tensor.arrays, gradient[a], g);
            (Format::widen_state(tensor.arrays, state[I][a], s[I]), ...);
#pragma unroll
            for (int i = 0; i < Width; i++) {
                Rule::update(tensor.coefficients, tensor.treatment.treated(g[i]), p[i], s[I][i]...);
                forget_memory();  // NOTE [registers]
            }
            typename Format::template Random<Width> random(tensor.arrays, mine + a * stride);
            Format::store_parameter(tensor.arrays, mine + a * stride, random, p);
            (Format::store_state(tensor.arrays, I, mine + a * stride, random, s[I]), ...);
            if constexpr (Format::kSums) {
                if (sums.wanted()) {
                    Real before[Width];
                    Format::widen_parameter(tensor.arrays, parameter[a], before);
#pragma unroll
                    for (int i = 0; i < Width; i++) {
                        sums.add((lane + a * stride + i) % kLanes, g[i], before[i], p[i]);
                    }
                }
            }
        }
    }
    forget_memory();
    if (tensor.zeroes) {
#pragma unroll
        for (int a = 0; a < accesses; a++) {
            if (FullTile || a * stride < rest) {
                Format::template zero_gradient<Width>(tensor.arrays, mine + a * stride);
            }
        }
    }
    if (tensor.averages) {
#pragma unroll
        for (int a = 0; a < accesses; a++) {
            if (FullTile || a * stride < rest) {
                update_average<Width>(tensor, mine + a * stride);
            }
        }
    }
}

/// Elements of each array that a block holds in registers at a time, by elements of an access.
template <class Format, int Width, int States>
constexpr int kTileElements = kThreads* Width* Format::template kAccesses<Width, States>;

template <class Format, class Rule>
WS_DEVICE void update_chunk(const Resident<Format, Rule>& tensor, const Sums& sums, int64_t begin, uint32_t count) {
    constexpr auto states = std::make_index_sequence<Rule::kStateCount>();
    uint32_t done = 0;
    if constexpr (Format::kVectors) {
        if (Format::takes_vectors(tensor.arrays, begin)) {
            constexpr int elements = kTileElements<Format, kVectorElements, Rule::kStateCount>;
#pragma unroll 1
            for (; count - done >= elements; done += elements) {
                int first = thread() * kVectorElements;
                update_tile<Format, Rule, kVectorElements, true>(
                    tensor, sums, done + first, begin + done + first, 0, states);
            }
            if (Format::kSums && sums.wanted()) {
                __syncthreads();  // NOTE [sums]: lanes go to other threads
            }
        }
    }
    // Full or not: a copy for full tiles would save a comparison an element and be a sixth of all code.
#pragma unroll 1
    for (uint32_t mine = done + thread(); mine < count; mine += kTileElements<Format, 1, Rule::kStateCount>) {
        update_tile<Format, Rule, 1, false>(tensor, sums, mine, begin + mine, static_cast<int>(count - mine), states);
    }
}

/// What is left of a chunk's step when it is skipped.
template <class Format, class Rule>
WS_DEVICE void zero_gradients(const Resident<Format, Rule>& tensor, int64_t begin, uint32_t count) {
#pragma unroll 1
    for (uint32_t i = thread(); i < count; i += kThreads) {
        Format::template zero_gradient<1>(tensor.arrays, begin + i);
    }
}

/// Every cell of the plan once. One thread looks a tensor up and folds its coefficients, since double precision is slow
/// on most GPUs, and only when the next chunk is of another tensor.
template <class Format, class Rule>
WS_DEVICE void update_cells(const WsLaunch& launch) {
    __shared__ Resident<Format, Rule> tensor;
    Sums sums = {Format::kSums && launch.sums != 0 ? dynamic_shared_memory<4 * kLanes>() : nullptr};
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
        if (!tensor.skips) {
            if (Format::kSums && sums.wanted()) {
                sums.clear();
            }
            update_chunk(tensor, sums, chunk.begin, chunk.element_count);
            if (Format::kSums && sums.wanted()) {
                sums.fold_into(launch.sums, index);
            }
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
    if ((Rule::kStateCount == 0 && launch.counts_step == 0) || !last_block_to_arrive(launch.ticket)) {
        return;
    }
    auto control = reinterpret_cast<WsControl*>(launch.control);
    if (load_word(&control->verdict.skip) != 0) {
        return;
    }
    if (launch.counts_step != 0 && thread() == 0) {
        atomicAdd(reinterpret_cast<unsigned long long*>(&control->steps), 1ULL);
    }
    if (Rule::kStateCount == 0) {
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
