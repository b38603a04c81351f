// The C ABI: names of entries and instruction sets, and the dispatch of an update to the variant the caller chose.
#include "warpstep.h"

#include <sys/mman.h>

#include <cstring>

#include "elements.h"
#include "entries.h"
#include "gradients.h"
#include "update.h"

namespace {

struct Entry {
    const char* name;
    const char* states;
    const char* hyper;
};

using Real = float;  // names do not depend on it
#define WS_ENTRY_OF(name, ...) {#name, __VA_ARGS__::kStates, __VA_ARGS__::kHyper},
constexpr Entry kEntries[] = {WS_ENTRIES(WS_ENTRY_OF)};

struct Isa {
    const char* name;
    const WsUpdate* float_updates;
    const WsUpdate* double_updates;
    const WsReduce* reduces;
    bool (*supported)();
};

[[maybe_unused]] bool supported_baseline() { return true; }

#if defined(__x86_64__)
bool supported_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool supported_avx512() {
    return supported_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

#define WS_ISA_OF(name) {#name, ws_updates_float_##name, ws_updates_double_##name, ws_reduces_##name, supported_##name},
constexpr Isa kIsas[] = {WS_ISAS(WS_ISA_OF)};

constexpr int32_t kEntryCount = sizeof kEntries / sizeof *kEntries;
constexpr int32_t kIsaCount = sizeof kIsas / sizeof *kIsas;

bool is_entry(int32_t entry) { return 0 <= entry && entry < kEntryCount; }

bool is_isa(int32_t isa) { return 0 <= isa && isa < kIsaCount; }

template <class Norm>
double reduce_partials(const double* partials, int64_t count) {
    double lanes[warpstep::kLanes] = {};
    for (int64_t tile = 0; tile < count; tile++) {
        double& lane = lanes[tile % warpstep::kLanes];
        lane = Norm::combine(lane, partials[tile]);
    }
    return warpstep::fold_lanes<Norm>(lanes);
}

}  // namespace

int32_t ws_abi_version(void) { return WS_ABI_VERSION; }

int32_t ws_isa_count(void) { return kIsaCount; }

const char* ws_isa_name(int32_t isa) { return is_isa(isa) ? kIsas[isa].name : nullptr; }

int32_t ws_isa_supported(int32_t isa) { return is_isa(isa) && kIsas[isa].supported(); }

int32_t ws_entry_count(void) { return kEntryCount; }

const char* ws_entry_name(int32_t entry) { return is_entry(entry) ? kEntries[entry].name : nullptr; }

const char* ws_entry_states(int32_t entry) { return is_entry(entry) ? kEntries[entry].states : nullptr; }

const char* ws_entry_hyper(int32_t entry) { return is_entry(entry) ? kEntries[entry].hyper : nullptr; }

void ws_update(int32_t isa, int32_t entry, const WsRow* row, int64_t step, const WsControl* control,
               const WsFormat* format, int32_t tensor, void* parameter, void* gradient, void* state0, void* state1,
               void* state2, void* average, void* master, WsSums* sums, int64_t begin, int64_t count) {
    auto from_begin = [=](void* array, int64_t size) {
        return array == nullptr ? nullptr : static_cast<char*>(array) + begin * size;
    };
    bool is_double = format->parameter == WS_FLOAT64;
    int64_t state_size = ws_size_of(format->state);
    WsSpan span = {from_begin(parameter, ws_size_of(format->parameter)),
                   from_begin(gradient, ws_size_of(format->gradient)),
                   {from_begin(state0, state_size), from_begin(state1, state_size), from_begin(state2, state_size)},
                   from_begin(average, is_double ? 8 : 4),
                   from_begin(master, format->master == WS_REMAINDER ? 2 : 4),
                   sums == nullptr ? nullptr : sums + begin / warpstep::kReductionTile,
                   *format,
                   format->stochastic ? warpstep::rounding_key(control->seed, control->steps, tensor) : 0,
                   begin,
                   count};
    const WsVerdict& verdict = control->verdict;
    if (verdict.skip == 0) {
        const Isa& code = kIsas[isa];
        (is_double ? code.double_updates : code.float_updates)[entry](row, step, verdict, span);
    } else if (verdict.zero_gradients != 0 && gradient != parameter) {
        std::memset(span.gradient, 0, count * ws_size_of(format->gradient));
    }
}

void ws_norm(int32_t isa, int32_t infinity, int32_t type, const void* gradient, int64_t begin, int64_t count,
             double* partials) {
    WsReduce reduce = kIsas[isa].reduces[infinity];
    for (int64_t at = begin; at < begin + count; at += warpstep::kReductionTile) {
        int64_t left = begin + count - at;
        partials[at / warpstep::kReductionTile] =
            reduce(type,
                   static_cast<const char*>(gradient) + at * ws_size_of(type),
                   left < warpstep::kReductionTile ? left : warpstep::kReductionTile);
    }
}

void ws_conclude(WsControl* control, const double* partials, int64_t count) {
    bool infinity = (control->flags & WS_INFINITY_NORM) != 0;
    warpstep::conclude(*control,
                       infinity ? reduce_partials<warpstep::InfinityNorm>(partials, count)
                                : reduce_partials<warpstep::TwoNorm>(partials, count));
}

void ws_update_scaler(WsScaler* scaler) { warpstep::update_scaler(*scaler); }

namespace {

constexpr int64_t kHugePageBytes = 2 << 20;

int64_t whole_pages(int64_t size_bytes) { return (size_bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes; }

}  // namespace

void* ws_allocate(int64_t size_bytes) {
    // The system aligns to small pages: one huge page more, of which what lies before and behind is given back.
    int64_t size = whole_pages(size_bytes);
    void* mapped = mmap(nullptr, size + kHugePageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return nullptr;
    }
    char* begin = static_cast<char*>(mapped);
    int64_t before = (kHugePageBytes - reinterpret_cast<intptr_t>(begin) % kHugePageBytes) % kHugePageBytes;
    if (before > 0) {
        munmap(begin, before);
    }
    if (before < kHugePageBytes) {
        munmap(begin + before + size, kHugePageBytes - before);
    }
#ifdef MADV_HUGEPAGE
    madvise(begin + before, size, MADV_HUGEPAGE);  // a wish: small pages are slower, not wrong
#endif
    return begin + before;
}

void ws_free(void* memory, int64_t size_bytes) { munmap(memory, whole_pages(size_bytes)); }
