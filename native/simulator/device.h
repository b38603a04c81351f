// CUDA C++ for the host compiler: gives meaning to the words that kernels are written with. Threads of a block are fibers on
// one thread of the processor, and every access to global memory is checked against the live allocations. What a kernel
// uses and this header lacks does not compile; add it here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
// One thread of the processor runs one block at a time, see NOTE [shared memory] in src/thread_storage.h.
#define __shared__ static thread_local

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
struct alignas(8) uint2 {
    unsigned int x, y;
};
struct uint3 {
    unsigned int x, y, z;
};
struct alignas(16) uint4 {
    unsigned int x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(8) ushort4 {
    unsigned short x, y, z, w;
};
struct alignas(16) ulonglong2 {
    unsigned long long x, y;
};
using dim3 = uint3;

namespace simulator {

const uint3& thread_index();
const uint3& block_index();
const uint3& block_dimensions();
const uint3& grid_dimensions();

enum class Access { kRead, kWrite, kAtomic };

/// Ends the kernel with an error unless the address is a multiple of the alignment and all bytes are in one live allocation.
void check(const volatile void* address, size_t bytes, size_t alignment, Access access);

/// What a collective does with the values that its threads bring.
enum class Collective { kExchange, kBallot, kCountTrue };

/// Waits for all threads of the block. The result is the number of threads whose predicate is true.
unsigned int barrier(bool predicate, const char* file, int line);

/// Waits for the lanes of the mask; the result is the source lane's value, or a bit for each lane with a value but 0.
uint64_t warp(Collective collective, unsigned int mask, uint64_t value, int source_lane, const char* file, int line);

[[noreturn]] void trap(const char* file, int line);

/// What the launch brought beyond the kernel's own shared memory; ends the kernel with an error if that is less.
void* dynamic_shared_memory(size_t bytes);

int lane();

template <class T>
T load(const T* address) {
    static_assert(std::is_trivially_copyable_v<T>, "memory holds bytes");
    check(address, sizeof(T), alignof(T), Access::kRead);
    T value;
    std::memcpy(&value, address, sizeof value);
    return value;
}

template <class T>
void store(T* address, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>, "memory holds bytes");
    check(address, sizeof(T), alignof(T), Access::kWrite);
    std::memcpy(address, &value, sizeof value);
}

/// Replaces the value by change(value), at once as seen by other blocks; the result is the old value.
template <class T, class Change>
T replace(T* address, Change change) {
    check(address, sizeof(T), alignof(T), Access::kAtomic);
    T old, changed;
    __atomic_load(address, &old, __ATOMIC_RELAXED);
    do {
        changed = change(old);
    } while (!__atomic_compare_exchange(address, &old, &changed, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return old;
}

template <class T>
struct Itself {
    using Type = T;
};
/// A parameter type that is not deduced, so that atomicAdd(pointer_to_64_bits, 1) compiles.
template <class T>
using Same = typename Itself<T>::Type;

template <class T>
T exchange(unsigned int mask, T value, int source_lane, const char* file, int line) {
    static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable_v<T>, "shuffles move up to 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = warp(Collective::kExchange, mask, bits, source_lane, file, line);
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

template <class To, class From>
To bits_of(From from) {
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

}  // namespace simulator

#define threadIdx (::simulator::thread_index())
#define blockIdx (::simulator::block_index())
#define blockDim (::simulator::block_dimensions())
#define gridDim (::simulator::grid_dimensions())
#define warpSize 32

// The place of the caller, for messages, and to see whether threads wait at the same barrier.
#define SIMULATOR_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(SIMULATOR_PLACE) { simulator::barrier(false, file, line); }
inline int __syncthreads_count(int predicate, SIMULATOR_PLACE) { return simulator::barrier(predicate, file, line); }
inline int __syncthreads_or(int predicate, SIMULATOR_PLACE) { return simulator::barrier(predicate, file, line) != 0; }
inline int __syncthreads_and(int predicate, SIMULATOR_PLACE) { return simulator::barrier(!predicate, file, line) == 0; }
inline void __syncwarp(unsigned int mask = ~0U, SIMULATOR_PLACE) {
    simulator::warp(simulator::Collective::kBallot, mask, 0, 0, file, line);
}

template <class T>
T __shfl_sync(unsigned int mask, T value, int source, int width = 32, SIMULATOR_PLACE) {
    int segment = simulator::lane() & -width;
    return simulator::exchange(mask, value, segment | (source & (width - 1)), file, line);
}
template <class T>
T __shfl_xor_sync(unsigned int mask, T value, int other, int width = 32, SIMULATOR_PLACE) {
    int lane = simulator::lane(), source = lane ^ other;
    return simulator::exchange(mask, value, source < (lane & -width) + width ? source : lane, file, line);
}
template <class T>
T __shfl_down_sync(unsigned int mask, T value, unsigned int delta, int width = 32, SIMULATOR_PLACE) {
    int lane = simulator::lane(), source = lane + static_cast<int>(delta);
    return simulator::exchange(mask, value, source < (lane & -width) + width ? source : lane, file, line);
}
template <class T>
T __shfl_up_sync(unsigned int mask, T value, unsigned int delta, int width = 32, SIMULATOR_PLACE) {
    int lane = simulator::lane(), source = lane - static_cast<int>(delta);
    return simulator::exchange(mask, value, source >= (lane & -width) ? source : lane, file, line);
}
inline unsigned int __ballot_sync(unsigned int mask, int predicate, SIMULATOR_PLACE) {
    return static_cast<unsigned int>(
        simulator::warp(simulator::Collective::kBallot, mask, predicate != 0, 0, file, line));
}
inline int __any_sync(unsigned int mask, int predicate, SIMULATOR_PLACE) {
    return __ballot_sync(mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned int mask, int predicate, SIMULATOR_PLACE) {
    return __ballot_sync(mask, !predicate, file, line) == 0;
}

// clang-format off
template <class T> T __ldg(const T* from) { return simulator::load(from); }
template <class T> T __ldca(const T* from) { return simulator::load(from); }
template <class T> T __ldcg(const T* from) { return simulator::load(from); }
template <class T> T __ldcs(const T* from) { return simulator::load(from); }
template <class T> T __ldlu(const T* from) { return simulator::load(from); }
template <class T> T __ldcv(const T* from) { return simulator::load(from); }
template <class T> void __stwb(T* to, simulator::Same<T> value) { simulator::store(to, value); }
template <class T> void __stcg(T* to, simulator::Same<T> value) { simulator::store(to, value); }
template <class T> void __stcs(T* to, simulator::Same<T> value) { simulator::store(to, value); }
template <class T> void __stwt(T* to, simulator::Same<T> value) { simulator::store(to, value); }

#define SIMULATOR_ATOMIC(name, changed)                                               \
    template <class T>                                                                \
    T name(T* address, simulator::Same<T> value) {                                    \
        return simulator::replace(address, [=](T old) -> T { return changed; });      \
    }
SIMULATOR_ATOMIC(atomicAdd, old + value)
SIMULATOR_ATOMIC(atomicSub, old - value)
SIMULATOR_ATOMIC(atomicMin, value < old ? value : old)
SIMULATOR_ATOMIC(atomicMax, value > old ? value : old)
SIMULATOR_ATOMIC(atomicAnd, old & value)
SIMULATOR_ATOMIC(atomicOr, old | value)
SIMULATOR_ATOMIC(atomicXor, old ^ value)
SIMULATOR_ATOMIC(atomicExch, (static_cast<void>(old), value))
SIMULATOR_ATOMIC(atomicInc, old >= value ? 0 : old + 1)
#undef SIMULATOR_ATOMIC

template <class T>
T atomicCAS(T* address, simulator::Same<T> expected, simulator::Same<T> value) {
    return simulator::replace(address, [=](T old) { return old == expected ? value : old; });
}

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __threadfence(); }
inline void __threadfence_system() { __threadfence(); }
[[noreturn]] inline void __trap(SIMULATOR_PLACE) { simulator::trap(file, line); }

inline unsigned int __float_as_uint(float value) { return simulator::bits_of<unsigned int>(value); }
inline float __uint_as_float(unsigned int value) { return simulator::bits_of<float>(value); }
inline int __float_as_int(float value) { return simulator::bits_of<int>(value); }
inline float __int_as_float(int value) { return simulator::bits_of<float>(value); }
inline long long __double_as_longlong(double value) { return simulator::bits_of<long long>(value); }
inline double __longlong_as_double(long long value) { return simulator::bits_of<double>(value); }
inline int __popc(unsigned int value) { return __builtin_popcount(value); }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __clz(int value) { return value == 0 ? 32 : __builtin_clz(value); }
// clang-format on
