// The CPU traversal: one loop over a span, with a rule inlined into it. Compiled once per instruction set (WS_ISA names it);
// the vectoriser chooses widths and writes the tails, and every width gives the same bits because a cell knows no neighbours.
#include "update.h"

#include <cstring>
#include <utility>

#include "elements.h"
#include "entries.h"
#include "gradients.h"

#ifndef WS_ISA
#error "compile with -DWS_ISA=<one of WS_ISAS>"
#endif
#define WS_CONCAT(a, b) a##b
#define WS_TABLE(prefix, isa) WS_CONCAT(prefix, isa)

// Parameter, gradient and states never overlap; without the promise the vectoriser gives up at five arrays.
#if defined(__clang__)
#define WS_INDEPENDENT_CELLS _Pragma("clang loop vectorize(assume_safety)")
#else
#define WS_INDEPENDENT_CELLS _Pragma("GCC ivdep")
#endif

namespace warpstep {
namespace {

// What every rule has in common goes over a block at a time, while it lies in the first-level cache: memory still is passed
// over once, and there is one loop for each thing instead of one for each combination of rule, things and element types.
// A block is one round of the lanes of a reduction.
constexpr int64_t kBlock = kLanes;

/// The arrays of a block as the rule takes them: where they lie, or where they were converted to.
template <class Real>
struct Cells {
    Real* parameter;
    const Real* gradient;
    Real* state[WS_MAX_STATES];
    int64_t count;
};

// Inlined always: behind a call, coefficients could be among the floats that are stored, and nothing would be vectorised.
template <class Rule, class Real, size_t... I>
inline __attribute__((always_inline)) void update_cells(const typename Rule::Coefficients& coefficients,
                                                        const Cells<Real>& cells, std::index_sequence<I...>) {
    Real* parameter = cells.parameter;
    const Real* gradient = cells.gradient;
    Real* state[sizeof...(I) + 1] = {cells.state[I]..., nullptr};
    int64_t count = cells.count;
    // All loads, then all stores: a reference into an array would be read again after a store to another one, and arrays
    // whose addresses agree in their last 12 bits, as all large ones do, then look to the processor as if they overlapped.
    // Adam loses a tenth of its bandwidth and a quarter of its speed in the cache that way.
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        Real p = parameter[i];
        Real s[sizeof...(I) + 1] = {state[I][i]..., 0};
        Rule::update(coefficients, gradient[i], p, s[I]...);
        parameter[i] = p;
        ((state[I][i] = s[I]), ...);
    }
}

template <class Real>
void treat(const Treatment<Real>& treatment, const Real* gradient, Real* result, int64_t count) {
    Treatment<Real> t = treatment;
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        result[i] = t.treated(gradient[i]);
    }
}

template <class Real>
void update_average(const Treatment<Real>& treatment, Real* average, const Real* parameter, int64_t count) {
    Treatment<Real> t = treatment;
    if (t.replaces_average()) {
        std::memcpy(average, parameter, count * sizeof(Real));
        return;
    }
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        average[i] = t.moved(average[i], parameter[i]);
    }
}

/// A block of 16-bit elements as floats.
void widen(int type, const char* array, float* values, int64_t count) {
    auto elements = reinterpret_cast<const uint16_t*>(array);
    if (type == WS_BFLOAT16) {
        WS_INDEPENDENT_CELLS
        for (int64_t i = 0; i < count; i++) {
            values[i] = from_bfloat16(elements[i]);
        }
    } else {
        WS_INDEPENDENT_CELLS
        for (int64_t i = 0; i < count; i++) {
            values[i] = from_float16(elements[i]);
        }
    }
}

/// Floats as a block of 16-bit elements.
void narrow(int type, const float* values, char* array, int64_t count) {
    auto elements = reinterpret_cast<uint16_t*>(array);
    if (type == WS_BFLOAT16) {
        WS_INDEPENDENT_CELLS
        for (int64_t i = 0; i < count; i++) {
            elements[i] = static_cast<uint16_t>(to_bfloat16(values[i]));
        }
    } else {
        WS_INDEPENDENT_CELLS
        for (int64_t i = 0; i < count; i++) {
            elements[i] = static_cast<uint16_t>(to_float16(values[i]));
        }
    }
}

/// `part` says which 16 bits of the random numbers are this array's.
void narrow_stochastically(int type, const float* values, const uint64_t* random, int part, char* array,
                           int64_t count) {
    auto elements = reinterpret_cast<uint16_t*>(array);
    if (type == WS_BFLOAT16) {
        WS_INDEPENDENT_CELLS
        for (int64_t i = 0; i < count; i++) {
            auto bits = static_cast<uint32_t>(random[i] >> 16 * part & 0xffff);
            elements[i] = static_cast<uint16_t>(to_bfloat16_stochastically(values[i], bits));
        }
    } else {
        WS_INDEPENDENT_CELLS
        for (int64_t i = 0; i < count; i++) {
            auto bits = static_cast<uint32_t>(random[i] >> 16 * part & 0xffff);
            elements[i] = static_cast<uint16_t>(to_float16_stochastically(values[i], bits));
        }
    }
}

void join(const char* upper, const char* lower, float* values, int64_t count) {
    auto elements = reinterpret_cast<const uint16_t*>(upper);
    auto remainders = reinterpret_cast<const uint16_t*>(lower);
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        values[i] = from_bfloat16_and_remainder(elements[i], remainders[i]);
    }
}

void split(const float* values, char* upper, char* lower, int64_t count) {
    auto elements = reinterpret_cast<uint16_t*>(upper);
    auto remainders = reinterpret_cast<uint16_t*>(lower);
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = to_bfloat16_and_remainder(values[i]);
        elements[i] = static_cast<uint16_t>(bits >> 16);
        remainders[i] = static_cast<uint16_t>(bits);
    }
}

void fill_random(uint64_t key, int64_t begin, uint64_t* random, int64_t count) {
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        random[i] = random_bits(key, begin + i);
    }
}

/// Room for a block of each array that has to be converted.
struct Staging {
    float parameter[kBlock];
    float gradient[kBlock];
    float state[WS_MAX_STATES][kBlock];
    uint64_t random[kBlock];
};

float* fp32(char* array) { return reinterpret_cast<float*>(array); }

bool is_16_bit(int type) { return type == WS_FLOAT16 || type == WS_BFLOAT16; }

/// The arrays of a block of which some are of 16 bits. Those of fp32 stay where they are.
template <int States>
Cells<float> staged(const WsSpan& block, Staging& staging) {
    const WsFormat& format = block.format;
    Cells<float> cells = {fp32(block.parameter), fp32(block.gradient), {}, block.count};
    if (format.master == WS_MASTER_FLOAT32) {
        cells.parameter = fp32(block.master);
    } else if (format.master == WS_REMAINDER) {
        cells.parameter = staging.parameter;
        join(block.parameter, block.master, staging.parameter, block.count);
    } else if (is_16_bit(format.parameter)) {
        cells.parameter = staging.parameter;
        widen(format.parameter, block.parameter, staging.parameter, block.count);
    }
    if (is_16_bit(format.gradient)) {
        cells.gradient = staging.gradient;
        widen(format.gradient, block.gradient, staging.gradient, block.count);
    }
    for (int i = 0; i < States; i++) {
        if (is_16_bit(format.state)) {
            cells.state[i] = staging.state[i];
            widen(format.state, block.states[i], staging.state[i], block.count);
        } else {
            cells.state[i] = fp32(block.states[i]);
        }
    }
    return cells;
}

/// Writes back what was staged. Afterwards the parameter's cells hold what the next step will read.
template <int States>
void write_back(const WsSpan& block, Staging& staging, const Cells<float>& cells) {
    const WsFormat& format = block.format;
    bool stochastic = format.stochastic != 0;
    if (stochastic) {
        fill_random(block.key, block.begin, staging.random, block.count);
    }
    if (format.master == WS_REMAINDER) {
        split(cells.parameter, block.parameter, block.master, block.count);
    } else if (is_16_bit(format.parameter)) {
        if (stochastic && format.master == WS_NO_MASTER) {
            narrow_stochastically(format.parameter, cells.parameter, staging.random, 0, block.parameter, block.count);
        } else {
            narrow(format.parameter, cells.parameter, block.parameter, block.count);
        }
        if (format.master == WS_NO_MASTER) {
            widen(format.parameter, block.parameter, cells.parameter, block.count);
        }
    }
    for (int i = 0; i < States && is_16_bit(format.state); i++) {
        if (stochastic) {
            narrow_stochastically(format.state, cells.state[i], staging.random, i + 1, block.states[i], block.count);
        } else {
            narrow(format.state, cells.state[i], block.states[i], block.count);
        }
    }
}

/// Sums of a tile, lane by lane: NOTE [lane order] in gradients.h.
struct Lanes {
    double gradient[kLanes];
    double parameter[kLanes];
    double update[kLanes];
    double zeros[kLanes];

    template <class Real>
    void add(const Real* raw_gradient, const Real* before, const Real* after, int64_t count) {
        for (int64_t i = 0; i < count; i++) {
            gradient[i] = TwoNorm::combine(gradient[i], TwoNorm::term(raw_gradient[i]));
            parameter[i] = TwoNorm::combine(parameter[i], TwoNorm::term(after[i]));
            update[i] = TwoNorm::combine(update[i], TwoNorm::term(after[i] - before[i]));
            zeros[i] += raw_gradient[i] == 0 ? 1.0 : 0.0;
        }
    }

    WsSums fold() {
        return {fold_lanes<TwoNorm>(gradient),
                fold_lanes<TwoNorm>(parameter),
                fold_lanes<TwoNorm>(update),
                fold_lanes<TwoNorm>(zeros)};
    }
};

WsSpan block_of(const WsSpan& span, int64_t begin, int64_t most) {
    const WsFormat& format = span.format;
    WsSpan block = span;
    auto move = [begin](char*& array, int64_t size) { array = array == nullptr ? nullptr : array + begin * size; };
    move(block.parameter, ws_size_of(format.parameter));
    move(block.gradient, ws_size_of(format.gradient));
    for (char*& state : block.states) {
        move(state, ws_size_of(format.state));
    }
    move(block.average, format.parameter == WS_FLOAT64 ? 8 : 4);
    move(block.master, format.master == WS_REMAINDER ? 2 : 4);
    block.begin += begin;
    block.count = span.count - begin < most ? span.count - begin : most;
    return block;
}

template <class Real>
bool needs_staging(const WsFormat& format) {
    if constexpr (sizeof(Real) == sizeof(double)) {
        return false;
    } else {
        return (format.parameter | format.gradient | format.state) != WS_FLOAT32;
    }
}

template <class Real, class Rule>
void update(const WsRow* row, int64_t step, const WsVerdict& verdict, const WsSpan& span) {
    constexpr int kStates = Rule::kStateCount;
    constexpr auto states = std::make_index_sequence<kStates>();
    typename Rule::Hyper hyper;
    std::memcpy(&hyper, row, sizeof hyper);
    typename Rule::Coefficients coefficients = Rule::coefficients(hyper, step);
    Treatment<Real> treatment = Treatment<Real>::of(verdict);
    bool treats = treatment.multiplier != 1 || treatment.largest < __builtin_inff();
    bool averages = verdict.average != 0 && span.average != nullptr;
    // A parameter that only its average follows has itself as gradient.
    bool zeroes = verdict.zero_gradients != 0 && span.gradient != span.parameter;
    bool staging = needs_staging<Real>(span.format);
    bool sums = span.sums != nullptr;
    int64_t stride = treats || averages || zeroes || staging || sums ? kBlock : span.count;
    Staging stage;
    Lanes lanes;
    for (int64_t begin = 0; begin < span.count; begin += stride) {
        WsSpan block = block_of(span, begin, stride);
        Cells<Real> cells;
        if constexpr (sizeof(Real) == sizeof(float)) {
            cells = staging ? staged<kStates>(block, stage) : Cells<Real>{};
        }
        if (!staging) {
            cells = {reinterpret_cast<Real*>(block.parameter),
                     reinterpret_cast<Real*>(block.gradient),
                     {reinterpret_cast<Real*>(block.states[0]),
                      reinterpret_cast<Real*>(block.states[1]),
                      reinterpret_cast<Real*>(block.states[2])},
                     block.count};
        }
        const Real* raw_gradient = cells.gradient;
        Real before[kBlock];
        Real treated[kBlock];
        if (sums) {
            std::memcpy(before, cells.parameter, block.count * sizeof(Real));
            if (begin % kReductionTile == 0) {
                std::memset(&lanes, 0, sizeof lanes);
            }
        }
        if (treats) {
            treat(treatment, raw_gradient, treated, block.count);
            cells.gradient = treated;
        }
        update_cells<Rule>(coefficients, cells, states);
        if constexpr (sizeof(Real) == sizeof(float)) {
            if (staging) {
                write_back<kStates>(block, stage, cells);
            }
        }
        if (averages) {
            update_average(treatment, reinterpret_cast<Real*>(block.average), cells.parameter, block.count);
        }
        if (sums) {
            lanes.add(raw_gradient, before, cells.parameter, block.count);
            if ((begin + kBlock) % kReductionTile == 0 || begin + kBlock >= span.count) {
                span.sums[begin / kReductionTile] = lanes.fold();
            }
        }
        if (zeroes) {
            std::memset(block.gradient, 0, block.count * ws_size_of(span.format.gradient));
        }
    }
}

// NOTE [lane order] in gradients.h.
template <class Norm, class Real>
void reduce_round(const Real* round, double* lanes, int64_t width) {
    for (int64_t lane = 0; lane < width; lane++) {
        lanes[lane] = Norm::combine(lanes[lane], Norm::term(round[lane]));
    }
}

template <class Norm>
double reduce(int type, const char* tile, int64_t count) {
    double lanes[kLanes] = {};
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        int64_t width = count - begin < kLanes ? count - begin : kLanes;
        const char* round = tile + begin * ws_size_of(type);
        if (type == WS_FLOAT64) {
            reduce_round<Norm>(reinterpret_cast<const double*>(round), lanes, width);
        } else if (type == WS_FLOAT32) {
            reduce_round<Norm>(reinterpret_cast<const float*>(round), lanes, width);
        } else {
            float values[kLanes];
            widen(type, round, values, width);
            reduce_round<Norm>(values, lanes, width);
        }
    }
    return fold_lanes<Norm>(lanes);
}

}  // namespace
}  // namespace warpstep

#define WS_UPDATE_OF(name, ...) &warpstep::update<Real, __VA_ARGS__>,
namespace single_precision {
using Real = float;
extern "C" const WsUpdate WS_TABLE(ws_updates_float_, WS_ISA)[] = {WS_ENTRIES(WS_UPDATE_OF)};
}  // namespace single_precision
namespace double_precision {
using Real = double;
extern "C" const WsUpdate WS_TABLE(ws_updates_double_, WS_ISA)[] = {WS_ENTRIES(WS_UPDATE_OF)};
}  // namespace double_precision

#define WS_REDUCE_OF(name, ...) &warpstep::reduce<__VA_ARGS__>,
extern "C" const WsReduce WS_TABLE(ws_reduces_, WS_ISA)[] = {WS_NORMS(WS_REDUCE_OF)};
