// What lies in memory and what the rules compute with: conversions between element types, rounding to nearest and
// stochastic rounding. The same text on every device.
//
//   float16     1 sign, 5 exponent, 10 mantissa bits      IEEE 754 binary16
//   bfloat16    1 sign, 8 exponent,  7 mantissa bits      the upper half of a float
//   remainder   what a bfloat16 lacks of the float that it was rounded from; together they are that float
//
// Rounding is to nearest, ties to even, but for a bfloat16 with a remainder: there ties go away from zero, since the
// remainder of a tie does not tell which way it went.
#pragma once

#include <cstdint>

#include "rules/arithmetic.h"

namespace warpstep {

WS_RULE uint32_t bits_of(float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

WS_RULE float float_of(uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

WS_RULE float from_bfloat16(uint32_t bits) { return float_of(bits << 16); }

WS_RULE float from_float16(uint32_t bits) {
#ifdef __CUDA_ARCH__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<uint16_t>(bits)));
    return value;
#else
    uint32_t magnitude = (bits & 0x7fffu) << 13;
    uint32_t exponent = magnitude & (0x7c00u << 13);
    uint32_t rebiased = magnitude + (112u << 23);
    // An exponent of ones stays one; a subnormal is the difference of two normal numbers.
    rebiased += exponent == (0x7c00u << 13) ? 112u << 23 : exponent == 0 ? 1u << 23 : 0;
    uint32_t widened = exponent == 0 ? bits_of(float_of(rebiased) - float_of(113u << 23)) : rebiased;
    return float_of(widened | (bits & 0x8000u) << 16);
#endif
}

constexpr uint32_t kNotANumberBfloat16 = 0x7fc0;
constexpr uint32_t kNotANumberFloat16 = 0x7e00;
constexpr uint32_t kInfinity = 0x7f800000;

WS_RULE uint32_t to_bfloat16(float value) {
    uint32_t bits = bits_of(value);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
    return (bits & 0x7fffffffu) > kInfinity ? kNotANumberBfloat16 : rounded;
}

WS_RULE uint32_t to_float16(float value) {
#ifdef __CUDA_ARCH__
    uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
#else
    uint32_t bits = bits_of(value);
    uint32_t magnitude = bits & 0x7fffffffu;
    // Adding 1/2 lets the sum's own rounding cut a subnormal at 2^-24.
    uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
    uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1)) >> 13;
    uint32_t rounded = magnitude < (113u << 23) ? subnormal : magnitude < (143u << 23) ? normal : 0x7c00u;
    return (magnitude > kInfinity ? kNotANumberFloat16 : rounded) | (bits >> 16 & 0x8000u);
#endif
}

// NOTE [stochastic rounding]
// A value between two neighbours of its type becomes the upper one with the probability of its distance from the lower
// one, to 2^-16 of their distance (fp16: 2^-13 in the normal range), so that on average small updates are not lost. The
// random numbers are a function of seed, step, tensor and element, by SplitMix64 (Steele, Lea and Flood 2014), hence the
// same on every device and in a run that was resumed. 64 bits serve one element: 16 for the parameter and for each state.

WS_RULE uint64_t mixed_bits(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/// What all elements of a tensor share in one step.
WS_RULE uint64_t rounding_key(uint64_t seed, uint64_t step, uint64_t tensor) {
    return mixed_bits(mixed_bits(mixed_bits(seed) + step) + tensor);
}

WS_RULE uint64_t random_bits(uint64_t key, uint64_t element) {
    return mixed_bits(key + (element + 1) * 0x9e3779b97f4a7c15u);
}

/// `random` has 16 bits.
WS_RULE uint32_t to_bfloat16_stochastically(float value, uint32_t random) {
    uint32_t bits = bits_of(value);
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t rounded = (magnitude < kInfinity ? bits + random : bits) >> 16;
    return magnitude > kInfinity ? kNotANumberBfloat16 : rounded;
}

/// `random` has 16 bits.
WS_RULE uint32_t to_float16_stochastically(float value, uint32_t random) {
    uint32_t bits = bits_of(value);
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t normal = (magnitude - (112u << 23) + (random >> 3)) >> 13;
    // Multiples of 2^-40, of which 2^16 are the distance of two subnormal numbers.
    bool is_subnormal = magnitude < (113u << 23);
    auto fixed = static_cast<int32_t>((is_subnormal ? float_of(magnitude) : 0.0f) * 1099511627776.0f);
    uint32_t subnormal = (static_cast<uint32_t>(fixed) + random) >> 16;
    uint32_t rounded = is_subnormal ? subnormal : magnitude < (143u << 23) ? normal : 0x7c00u;
    return (magnitude > kInfinity ? kNotANumberFloat16 : rounded) | (bits >> 16 & 0x8000u);
}

/// The bfloat16 in the upper half, its remainder in the lower.
WS_RULE uint32_t to_bfloat16_and_remainder(float value) {
    uint32_t bits = bits_of(value);
    uint32_t split = ((bits + 0x8000u) & 0xffff0000u) | (bits & 0xffffu);
    return (bits & 0x7fffffffu) > kInfinity ? kNotANumberBfloat16 << 16 : split;
}

WS_RULE float from_bfloat16_and_remainder(uint32_t upper, uint32_t remainder) {
    return float_of((upper << 16) + remainder - (remainder << 1 & 0x10000u));
}

}  // namespace warpstep
