#include "memory.h"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdlib>
#include <cstring>

#include "call.h"
#include "settings.h"
#include "streams.h"

// NOTE [device memory]
// One reserved range of addresses, from which allocations are cut one after the other, never twice: a freed address stays
// invalid for good. The range is unreadable except while the device works, so that Java cannot use a device pointer by
// accident. Opening and closing neighbours together costs few system calls for a launch and makes few mappings, where guard
// pages around each allocation would end at the 65,530 mappings of a Linux process.
//
//     | gap | allocation (odd multiple of 256) | gap | freed | gap | allocation | ... never used yet ...
//
// The gaps are what makes an access that misses its allocation by less than 64 KiB miss every other one, too.

namespace simulator {
namespace {

constexpr uint64_t kArenaBytes = 1ULL << 40;
constexpr uint64_t kGapBytes = 64 << 10;
constexpr uint64_t kNeighbourhoodBytes = 64 << 20;
constexpr uint64_t kPage = 4 << 10;
// What cuMemAlloc promises is 256; half of the real driver's 512, so that nothing relies on more.
constexpr uint64_t kAlignment = 256;
// Uninitialised memory is all ones, which is NaN in every floating-point format. Filling touches every page; in larger
// allocations only the first part is filled, the rest is zero and takes no memory before it is used.
constexpr uint64_t kFilledBytes = 256 << 20;

struct Registry {
    std::map<uint64_t, Allocation> live;
    std::map<uint64_t, uint64_t> freed;       // begin, bytes
    std::map<CUdevice, uint64_t> live_bytes;  // of device memory
    uint64_t arena = 0;
    uint64_t used = 0;
    int accesses = 0;
    uint64_t last_id = 0;
};

Registry& registry() {
    static auto& registry = *new Registry;
    return registry;
}

uint64_t round_up(uint64_t bytes, uint64_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

/// Live device memory. Neighbours are opened together; what lies between those further apart was freed, and opening it would
/// cost more with every allocation that a process ever made.
std::vector<DeviceMemoryAccess::Span> spans_of_device_memory() {
    std::vector<DeviceMemoryAccess::Span> spans;
    const Registry& r = registry();
    for (auto next = r.live.lower_bound(r.arena); next != r.live.lower_bound(r.arena + r.used); next++) {
        const Allocation& allocation = next->second;
        if (spans.empty() || allocation.begin - spans.back().end() > kNeighbourhoodBytes) {
            spans.push_back({allocation.begin, 0});
        }
        spans.back().bytes = allocation.end() - spans.back().begin;
    }
    return spans;
}

Allocation& add(uint64_t begin, uint64_t bytes, MemoryKind kind, const Context& context) {
    return registry().live[begin] = {begin, bytes, kind, context.handle, context.device, ++registry().last_id};
}

void protect(uint64_t begin, uint64_t bytes, int protection) {
    if (bytes > 0 && mprotect(pointer(begin), bytes, protection) != 0) {
        std::abort();  // out of mappings, of which the driver uses a few
    }
}

}  // namespace

CUresult allocate_device(const Context& context, uint64_t bytes, uint64_t* address) {
    Registry& r = registry();
    if (bytes == 0) {
        return failure(CUDA_ERROR_INVALID_VALUE, "cuMemAlloc: 0 bytes");
    }
    uint64_t taken = live_bytes(context.device);
    if (bytes > settings().memory || taken > settings().memory - bytes) {
        return failure(CUDA_ERROR_OUT_OF_MEMORY,
                       "cuMemAlloc: %" PRIu64 " bytes, %" PRIu64 " of %" PRIu64 " are taken",
                       bytes,
                       taken,
                       settings().memory);
    }
    if (r.arena == 0) {
        void* mapped = mmap(nullptr, kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) {
            return failure(CUDA_ERROR_OUT_OF_MEMORY, "no %" PRIu64 " bytes of addresses", kArenaBytes);
        }
        r.arena = reinterpret_cast<uint64_t>(mapped);
    }
    uint64_t size = round_up(bytes + kAlignment, kPage) + kGapBytes;
    if (size > kArenaBytes - r.used) {
        return failure(CUDA_ERROR_OUT_OF_MEMORY, "cuMemAlloc: no address was left that was never used");
    }
    uint64_t begin = r.arena + r.used + kGapBytes + kAlignment;
    r.used += size;
    DeviceMemoryAccess access(begin, bytes);
    std::memset(pointer(begin), 0xff, bytes < kFilledBytes ? bytes : kFilledBytes);
    add(begin, bytes, MemoryKind::kDevice, context);
    r.live_bytes[context.device] += bytes;
    counts().allocations++;
    *address = begin;
    return CUDA_SUCCESS;
}

void release(const Allocation& allocation) {
    uint64_t begin = allocation.begin, bytes = allocation.bytes;
    if (allocation.on_device()) {
        uint64_t page = begin / kPage * kPage;
        madvise(pointer(page), round_up(begin + bytes - page, kPage), MADV_DONTNEED);
        registry().freed[begin] = bytes;
        registry().live_bytes[allocation.device] -= bytes;
    } else if (allocation.kind == MemoryKind::kPinned) {
        munmap(pointer(begin - kPage), round_up(bytes, kPage) + 2 * kPage);
    }
    registry().live.erase(begin);
}

CUresult allocate_pinned(const Context& context, uint64_t bytes, void** address) {
    if (bytes == 0) {
        return failure(CUDA_ERROR_INVALID_VALUE, "no page-locked memory of 0 bytes");
    }
    uint64_t size = round_up(bytes, kPage);
    void* mapped = mmap(nullptr, size + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return failure(CUDA_ERROR_OUT_OF_MEMORY, "no %" PRIu64 " bytes of page-locked memory", bytes);
    }
    *address = static_cast<unsigned char*>(mapped) + kPage;
    mprotect(*address, size, PROT_READ | PROT_WRITE);
    std::memset(*address, 0xff, bytes < kFilledBytes ? bytes : kFilledBytes);
    add(reinterpret_cast<uint64_t>(*address), bytes, MemoryKind::kPinned, context);
    return CUDA_SUCCESS;
}

CUresult register_host(const Context& context, uint64_t begin, uint64_t bytes) {
    auto& live = registry().live;
    auto after = live.lower_bound(begin);
    if ((after != live.end() && after->first - begin < bytes) || find_allocation(begin) != nullptr) {
        return failure(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "0x%" PRIx64 ": part of it is the driver's", begin);
    }
    add(begin, bytes, MemoryKind::kRegistered, context);
    return CUDA_SUCCESS;
}

uint64_t live_bytes(CUdevice device) { return registry().live_bytes[device]; }

int64_t count_allocations(bool on_device) {
    int64_t count = 0;
    for (auto& [begin, allocation] : registry().live) {
        count += allocation.on_device() == on_device;
    }
    return count;
}

const Allocation* find_allocation(uint64_t address) {
    auto& live = registry().live;
    auto after = live.upper_bound(address);
    return after != live.begin() && std::prev(after)->second.holds(address, 1) ? &std::prev(after)->second : nullptr;
}

CUresult check_device_range(const char* what, uint64_t address, uint64_t bytes) {
    const Allocation* found = find_allocation(address);
    if (found != nullptr && found->on_device() && found->holds(address, bytes)) {
        return CUDA_SUCCESS;
    }
    return failure(
        CUDA_ERROR_INVALID_VALUE, "%s of %" PRIu64 " bytes: %s", what, bytes, describe_address(address).c_str());
}

std::string describe_address(uint64_t address) {
    char text[256];
    auto print = [&](const char* how, uint64_t begin, uint64_t bytes) {
        std::snprintf(text,
                      sizeof text,
                      "0x%" PRIx64 " is byte %" PRIu64 " of %s allocation of %" PRIu64 " bytes",
                      address,
                      address - begin,
                      how,
                      bytes);
        return text;
    };
    if (const Allocation* found = find_allocation(address)) {
        return print(found->on_device() ? "a live" : "a page-locked host", found->begin, found->bytes);
    }
    auto& freed = registry().freed;
    auto dead = freed.upper_bound(address);
    if (dead != freed.begin() && address - std::prev(dead)->first < std::prev(dead)->second) {
        return print("a freed", std::prev(dead)->first, std::prev(dead)->second);
    }
    auto& live = registry().live;
    auto after = live.upper_bound(address);
    if (after != live.begin() && address - std::prev(after)->first < std::prev(after)->second.bytes + kGapBytes) {
        return print("(past the end of) an", std::prev(after)->first, std::prev(after)->second.bytes);
    }
    std::snprintf(text, sizeof text, "0x%" PRIx64 " is in no allocation", address);
    return text;
}

bool is_pinned(const void* address, uint64_t bytes) {
    const Allocation* found = find_allocation(reinterpret_cast<uint64_t>(address));
    return found != nullptr && !found->on_device() && found->holds(reinterpret_cast<uint64_t>(address), bytes);
}

DeviceMemoryAccess::DeviceMemoryAccess() : DeviceMemoryAccess(spans_of_device_memory()) {}

DeviceMemoryAccess::DeviceMemoryAccess(uint64_t address, uint64_t bytes)
    : DeviceMemoryAccess(std::vector<Span>{{address, bytes}}) {}

DeviceMemoryAccess::DeviceMemoryAccess(std::vector<Span> spans) {
    // Within another access, everything is open already: that of a launch, the only one with something inside.
    if (registry().accesses++ == 0) {
        for (Span& span : spans) {
            uint64_t begin = span.begin / kPage * kPage;
            span = {begin, round_up(span.end() - begin, kPage)};
            protect(span.begin, span.bytes, PROT_READ | PROT_WRITE);
        }
        spans_ = std::move(spans);
    }
}

DeviceMemoryAccess::~DeviceMemoryAccess() {
    registry().accesses--;
    for (const Span& span : spans_) {
        protect(span.begin, span.bytes, PROT_NONE);
    }
}

void free_memory_of(CUcontext context) {
    auto& live = registry().live;
    for (auto next = live.begin(); next != live.end();) {
        auto allocation = next++;
        if (allocation->second.context == context) {
            release(allocation->second);
        }
    }
}

}  // namespace simulator
