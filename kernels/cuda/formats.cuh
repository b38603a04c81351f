// What the arrays of a tensor hold, and how a block walks over them: the traversal is the same for all.
//
//              arrays                              computes in    accesses
//   Float32    all fp32                            fp32           16 bytes, two of each array in flight
//   Mixed      any of fp32, fp16 and bf16          fp32           4 elements, 8 or 16 bytes
//   Float64    all fp64                            fp64           8 bytes
//
// Mixed asks for the type of each array while it runs: all threads of a block go the same way, and one kernel serves what
// would be a hundred. It takes arrays of fp32, too, so that one launch has tensors of all kinds.
#pragma once

#include "cuda/intrinsics.cuh"
#include "cuda/tuning.h"
#include "elements.h"
#include "plan.h"

namespace warpstep {

WS_DEVICE int size_of(int type) { return type == WS_FLOAT32 ? 4 : type == WS_FLOAT64 ? 8 : 2; }

/// What a block knows of the arrays of its tensor, in shared memory.
template <int States>
struct Arrays {
    uint64_t parameter;
    uint64_t gradient;
    uint64_t average;            // or 0
    uint64_t state[States + 1];  // one is unused, since C++ has no empty arrays
    uint64_t master;
    WsFormat format;
    uint64_t key;  // of stochastic rounding
};

struct Float32 {
    using Real = float;
    static constexpr bool kVectors = true;
    static constexpr bool kSums = false;

    template <int Width, int States>
    static constexpr int kAccesses = Width == 1 ? kElementsInFlight : vectors_in_flight(States);

    /// What a load brings, until it is needed.
    template <int Width>
    struct Loaded {
        float value[Width];
    };

    template <int States>
    static WS_DEVICE bool takes_vectors(const Arrays<States>& arrays, int64_t begin) {
        uint64_t addresses = arrays.parameter | arrays.gradient | arrays.average;
#pragma unroll
        for (int i = 0; i < States; i++) {
            addresses |= arrays.state[i];
        }
        return (addresses | static_cast<uint64_t>(begin) * sizeof(float)) % sizeof(float4) == 0;
    }

    template <int Width, int States>
    static WS_DEVICE void load_parameter(const Arrays<States>& arrays, int64_t at, Loaded<Width>& to) {
        load<Caching::kKept>(reinterpret_cast<const float*>(arrays.parameter) + at, to.value);
    }

    template <int Width, int States>
    static WS_DEVICE void load_gradient(const Arrays<States>& arrays, int64_t at, Loaded<Width>& to) {
        load<Caching::kStreamed>(reinterpret_cast<const float*>(arrays.gradient) + at, to.value);
    }

    template <int Width, int States>
    static WS_DEVICE void load_state(const Arrays<States>& arrays, int i, int64_t at, Loaded<Width>& to) {
        load<Caching::kStreamed>(reinterpret_cast<const float*>(arrays.state[i]) + at, to.value);
    }

    template <int Width, int States>
    static WS_DEVICE void widen_parameter(const Arrays<States>&, const Loaded<Width>& from, float (&to)[Width]) {
        copy(from, to);
    }

    template <int Width, int States>
    static WS_DEVICE void widen_gradient(const Arrays<States>&, const Loaded<Width>& from, float (&to)[Width]) {
        copy(from, to);
    }

    template <int Width, int States>
    static WS_DEVICE void widen_state(const Arrays<States>&, const Loaded<Width>& from, float (&to)[Width]) {
        copy(from, to);
    }

    /// Nothing is rounded.
    template <int Width>
    struct Random {
        template <int States>
        WS_DEVICE Random(const Arrays<States>&, int64_t) {}
    };

    template <int Width, int States>
    static WS_DEVICE void store_parameter(const Arrays<States>& arrays, int64_t at, const Random<Width>&,
                                          float (&values)[Width]) {
        store<Caching::kKept>(reinterpret_cast<float*>(arrays.parameter) + at, values);
    }

    template <int Width, int States>
    static WS_DEVICE void store_state(const Arrays<States>& arrays, int i, int64_t at, const Random<Width>&,
                                      const float (&values)[Width]) {
        store<Caching::kStreamed>(reinterpret_cast<float*>(arrays.state[i]) + at, values);
    }

    template <int Width, int States>
    static WS_DEVICE void zero_gradient(const Arrays<States>& arrays, int64_t at) {
        constexpr float zeros[Width] = {};
        store<Caching::kStreamed>(reinterpret_cast<float*>(arrays.gradient) + at, zeros);
    }

private:
    template <int Width>
    static WS_DEVICE void copy(const Loaded<Width>& from, float (&to)[Width]) {
#pragma unroll
        for (int lane = 0; lane < Width; lane++) {
            to[lane] = from.value[lane];
        }
    }
};

struct Float64 {
    using Real = double;
    static constexpr bool kVectors = false;
    static constexpr bool kSums = true;

    /// For those who check gradients: nobody trains in fp64, and a thread has only so many registers.
    template <int Width, int States>
    static constexpr int kAccesses = 1;

    template <int Width>
    struct Loaded {
        double value;
    };

    template <int States>
    static WS_DEVICE bool takes_vectors(const Arrays<States>&, int64_t) {
        return false;
    }

    template <int Width, int States>
    static WS_DEVICE void load_parameter(const Arrays<States>& arrays, int64_t at, Loaded<Width>& to) {
        to.value = load<Caching::kKept>(reinterpret_cast<const double*>(arrays.parameter) + at);
    }

    template <int Width, int States>
    static WS_DEVICE void load_gradient(const Arrays<States>& arrays, int64_t at, Loaded<Width>& to) {
        to.value = load<Caching::kStreamed>(reinterpret_cast<const double*>(arrays.gradient) + at);
    }

    template <int Width, int States>
    static WS_DEVICE void load_state(const Arrays<States>& arrays, int i, int64_t at, Loaded<Width>& to) {
        to.value = load<Caching::kStreamed>(reinterpret_cast<const double*>(arrays.state[i]) + at);
    }

    template <int Width, int States>
    static WS_DEVICE void widen_parameter(const Arrays<States>&, const Loaded<Width>& from, double (&to)[Width]) {
        to[0] = from.value;
    }

    template <int Width, int States>
    static WS_DEVICE void widen_gradient(const Arrays<States>&, const Loaded<Width>& from, double (&to)[Width]) {
        to[0] = from.value;
    }

    template <int Width, int States>
    static WS_DEVICE void widen_state(const Arrays<States>&, const Loaded<Width>& from, double (&to)[Width]) {
        to[0] = from.value;
    }

    template <int Width>
    using Random = Float32::Random<Width>;

    template <int Width, int States>
    static WS_DEVICE void store_parameter(const Arrays<States>& arrays, int64_t at, const Random<Width>&,
                                          double (&values)[Width]) {
        store<Caching::kKept>(reinterpret_cast<double*>(arrays.parameter) + at, values[0]);
    }

    template <int Width, int States>
    static WS_DEVICE void store_state(const Arrays<States>& arrays, int i, int64_t at, const Random<Width>&,
                                      const double (&values)[Width]) {
        store<Caching::kStreamed>(reinterpret_cast<double*>(arrays.state[i]) + at, values[0]);
    }

    template <int Width, int States>
    static WS_DEVICE void zero_gradient(const Arrays<States>& arrays, int64_t at) {
        store<Caching::kStreamed>(reinterpret_cast<double*>(arrays.gradient) + at, 0.0);
    }
};

struct Mixed {
    using Real = float;
    static constexpr bool kVectors = true;
    static constexpr bool kSums = true;

    template <int Width, int States>
    static constexpr int kAccesses = Width == 1 ? kElementsInFlight / 2 : mixed_vectors_in_flight(States);

    /// Elements as they lie in memory: an fp32 a word, two 16-bit ones a word. Of a parameter with a remainder, that comes in
    /// the second half.
    template <int Width>
    struct Loaded {
        uint32_t word[Width == 1 ? 2 : Width];
    };

    template <int States>
    static WS_DEVICE bool takes_vectors(const Arrays<States>& arrays, int64_t begin) {
        const WsFormat& format = arrays.format;
        bool aligned = divisible(arrays.parameter, begin, size_of(format.parameter)) &&
                       divisible(arrays.gradient, begin, size_of(format.gradient)) &&
                       divisible(arrays.average, begin, sizeof(float)) &&
                       divisible(arrays.master, begin, format.master == WS_REMAINDER ? 2 : 4);
#pragma unroll
        for (int i = 0; i < States; i++) {
            aligned = aligned && divisible(arrays.state[i], begin, size_of(format.state));
        }
        return aligned;
    }

    template <int Width, int States>
    static WS_DEVICE void load_parameter(const Arrays<States>& arrays, int64_t at, Loaded<Width>& to) {
        if (arrays.format.master == WS_MASTER_FLOAT32) {
            load_words<Caching::kStreamed>(arrays.master, at, to);
        } else if (arrays.format.parameter == WS_FLOAT32) {
            load_words<Caching::kKept>(arrays.parameter, at, to);
        } else {
            load_halves<Caching::kKept, 0>(arrays.parameter, at, to);
            if (arrays.format.master == WS_REMAINDER) {
                load_halves<Caching::kStreamed, 1>(arrays.master, at, to);
            }
        }
    }

    template <int Width, int States>
    static WS_DEVICE void load_gradient(const Arrays<States>& arrays, int64_t at, Loaded<Width>& to) {
        load_streamed(arrays.gradient, arrays.format.gradient, at, to);
    }

    template <int Width, int States>
    static WS_DEVICE void load_state(const Arrays<States>& arrays, int i, int64_t at, Loaded<Width>& to) {
        load_streamed(arrays.state[i], arrays.format.state, at, to);
    }

    template <int Width, int States>
    static WS_DEVICE void widen_parameter(const Arrays<States>& arrays, const Loaded<Width>& from, float (&to)[Width]) {
        if (arrays.format.master == WS_REMAINDER) {
#pragma unroll
            for (int lane = 0; lane < Width; lane++) {
                to[lane] = from_bfloat16_and_remainder(half<0>(from, lane), half<1>(from, lane));
            }
        } else {
            bool is_fp32 = arrays.format.master == WS_MASTER_FLOAT32;
            widen(is_fp32 ? static_cast<int>(WS_FLOAT32) : arrays.format.parameter, from, to);
        }
    }

    template <int Width, int States>
    static WS_DEVICE void widen_gradient(const Arrays<States>& arrays, const Loaded<Width>& from, float (&to)[Width]) {
        widen(arrays.format.gradient, from, to);
    }

    template <int Width, int States>
    static WS_DEVICE void widen_state(const Arrays<States>& arrays, const Loaded<Width>& from, float (&to)[Width]) {
        widen(arrays.format.state, from, to);
    }

    /// NOTE [stochastic rounding] in elements.h; the numbers are computed where they are used.
    template <int Width>
    struct Random {
        int64_t first;

        template <int States>
        WS_DEVICE Random(const Arrays<States>&, int64_t at) : first(at) {}

        WS_DEVICE uint32_t bits(uint64_t key, int part, int lane) const {
            return static_cast<uint32_t>(random_bits(key, first + lane) >> 16 * part & 0xffff);
        }
    };

    /// Afterwards the values are those that the next step will read.
    template <int Width, int States>
    static WS_DEVICE void store_parameter(const Arrays<States>& arrays, int64_t at, const Random<Width>& random,
                                          float (&values)[Width]) {
        const WsFormat& format = arrays.format;
        if (format.parameter == WS_FLOAT32) {
            store<Caching::kKept>(reinterpret_cast<float*>(arrays.parameter) + at, values);
            return;
        }
        Loaded<Width> halves = {};
        if (format.master == WS_REMAINDER) {
#pragma unroll
            for (int lane = 0; lane < Width; lane++) {
                uint32_t bits = to_bfloat16_and_remainder(values[lane]);
                set_half<0>(halves, lane, bits >> 16);
                set_half<1>(halves, lane, bits & 0xffff);
            }
            store_halves<Caching::kStreamed, 1>(arrays.master, at, halves);
        } else {
            narrow(format.parameter,
                   format.stochastic != 0 && format.master == WS_NO_MASTER,
                   arrays.key,
                   random,
                   0,
                   values,
                   halves);
            if (format.master == WS_MASTER_FLOAT32) {
                store<Caching::kStreamed>(reinterpret_cast<float*>(arrays.master) + at, values);
            } else {
                widen(format.parameter, halves, values);
            }
        }
        store_halves<Caching::kKept, 0>(arrays.parameter, at, halves);
    }

    template <int Width, int States>
    static WS_DEVICE void store_state(const Arrays<States>& arrays, int i, int64_t at, const Random<Width>& random,
                                      const float (&values)[Width]) {
        if (arrays.format.state == WS_FLOAT32) {
            store<Caching::kStreamed>(reinterpret_cast<float*>(arrays.state[i]) + at, values);
        } else {
            Loaded<Width> halves = {};
            narrow(arrays.format.state, arrays.format.stochastic != 0, arrays.key, random, i + 1, values, halves);
            store_halves<Caching::kStreamed, 0>(arrays.state[i], at, halves);
        }
    }

    template <int Width, int States>
    static WS_DEVICE void zero_gradient(const Arrays<States>& arrays, int64_t at) {
        if (arrays.format.gradient == WS_FLOAT32) {
            constexpr float zeros[Width] = {};
            store<Caching::kStreamed>(reinterpret_cast<float*>(arrays.gradient) + at, zeros);
        } else {
            store_halves<Caching::kStreamed, 0>(arrays.gradient, at, Loaded<Width>{});
        }
    }

    /// Reads elements of a type that all threads agree on.
    template <int Width>
    static WS_DEVICE void load_streamed(uint64_t array, int type, int64_t at, Loaded<Width>& to) {
        if (type == WS_FLOAT32) {
            load_words<Caching::kStreamed>(array, at, to);
        } else {
            load_halves<Caching::kStreamed, 0>(array, at, to);
        }
    }

    template <int Width>
    static WS_DEVICE void widen(int type, const Loaded<Width>& from, float (&to)[Width]) {
#pragma unroll
        for (int lane = 0; lane < Width; lane++) {
            to[lane] = type == WS_FLOAT32    ? float_of(from.word[lane])
                       : type == WS_BFLOAT16 ? from_bfloat16(half<0>(from, lane))
                                             : from_float16(half<0>(from, lane));
        }
    }

private:
    static WS_DEVICE bool divisible(uint64_t address, int64_t begin, int size) {
        return (address + static_cast<uint64_t>(begin) * size) % (kVectorElements * size) == 0;
    }

    template <Caching caching, int Width>
    static WS_DEVICE void load_words(uint64_t array, int64_t at, Loaded<Width>& to) {
        const uint32_t* from = reinterpret_cast<const uint32_t*>(array) + at;
        if constexpr (Width == kVectorElements) {
            uint4 vector = load<caching>(reinterpret_cast<const uint4*>(from));
            to.word[0] = vector.x;
            to.word[1] = vector.y;
            to.word[2] = vector.z;
            to.word[3] = vector.w;
        } else {
            to.word[0] = load<caching>(from);
        }
    }

    /// The second part is a remainder's.
    template <Caching caching, int Part, int Width>
    static WS_DEVICE void load_halves(uint64_t array, int64_t at, Loaded<Width>& to) {
        const uint16_t* from = reinterpret_cast<const uint16_t*>(array) + at;
        if constexpr (Width == kVectorElements) {
            uint2 vector = load<caching>(reinterpret_cast<const uint2*>(from));
            to.word[2 * Part] = vector.x;
            to.word[2 * Part + 1] = vector.y;
        } else {
            to.word[Part] = load<caching>(from);
        }
    }

    template <Caching caching, int Part, int Width>
    static WS_DEVICE void store_halves(uint64_t array, int64_t at, const Loaded<Width>& from) {
        uint16_t* to = reinterpret_cast<uint16_t*>(array) + at;
        if constexpr (Width == kVectorElements) {
            store<caching>(reinterpret_cast<uint2*>(to), uint2{from.word[2 * Part], from.word[2 * Part + 1]});
        } else {
            store<caching>(to, static_cast<uint16_t>(from.word[Part]));
        }
    }

    template <int Part, int Width>
    static WS_DEVICE uint32_t half(const Loaded<Width>& from, int lane) {
        if constexpr (Width == 1) {
            return from.word[Part];
        } else {
            uint32_t word = from.word[2 * Part + lane / 2];
            return lane % 2 == 0 ? word & 0xffff : word >> 16;
        }
    }

    /// On halves that are zero.
    template <int Part, int Width>
    static WS_DEVICE void set_half(Loaded<Width>& to, int lane, uint32_t bits) {
        to.word[Width == 1 ? Part : 2 * Part + lane / 2] |= bits << (lane % 2 == 0 ? 0 : 16);
    }

    template <int Width>
    static WS_DEVICE void narrow(int type, bool stochastic, uint64_t key, const Random<Width>& random, int part,
                                 const float (&values)[Width], Loaded<Width>& halves) {
#pragma unroll
        for (int lane = 0; lane < Width; lane++) {
            uint32_t bits;
            if (stochastic) {
                uint32_t chance = random.bits(key, part, lane);
                bits = type == WS_BFLOAT16 ? to_bfloat16_stochastically(values[lane], chance)
                                           : to_float16_stochastically(values[lane], chance);
            } else {
                bits = type == WS_BFLOAT16 ? to_bfloat16(values[lane]) : to_float16(values[lane]);
            }
            set_half<0>(halves, lane, bits);
        }
    }
};

}  // namespace warpstep
