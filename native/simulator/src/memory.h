// All memory the driver gave out: where it is, whose it is, and what was freed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "contexts.h"
#include "driver.h"

namespace simulator {

enum class MemoryKind { kDevice, kPinned, kRegistered };

struct Allocation {
    uint64_t begin;
    uint64_t bytes;
    MemoryKind kind;
    CUcontext context;
    CUdevice device;
    uint64_t id;

    uint64_t end() const { return begin + bytes; }
    bool on_device() const { return kind == MemoryKind::kDevice; }
    bool holds(uint64_t address, uint64_t size) const {
        return begin <= address && size <= bytes && address - begin <= bytes - size;
    }
};

/// New memory in which every byte is 0xff: NaN in every floating-point format.
CUresult allocate_device(const Context& context, uint64_t bytes, uint64_t* address);
CUresult allocate_pinned(const Context& context, uint64_t bytes, void** address);

/// Makes memory of the caller reachable for the device.
CUresult register_host(const Context& context, uint64_t begin, uint64_t bytes);

/// Ends an allocation, at once.
void release(const Allocation& allocation);

uint64_t live_bytes(CUdevice device);

/// Live allocations of device memory, or of all other.
int64_t count_allocations(bool on_device);

/// The live allocation that holds this byte, or null.
const Allocation* find_allocation(uint64_t address);

/// Whether all of it is in one live allocation of device memory; if not, CUDA_ERROR_INVALID_VALUE.
CUresult check_device_range(const char* what, uint64_t address, uint64_t bytes);

/// Where an address lies: in which allocation, live or freed, or how far from the next one.
std::string describe_address(uint64_t address);

/// Whether the driver can reach the host memory without staging: pinned or registered.
bool is_pinned(const void* address, uint64_t bytes);

/// While one lives, device memory can be read and written; otherwise touching it from the host is a fault, as it would be
/// with a real device. See NOTE [device memory] in memory.cpp.
class DeviceMemoryAccess {
public:
    struct Span {
        uint64_t begin, bytes;

        uint64_t end() const { return begin + bytes; }
    };

    DeviceMemoryAccess();
    /// Of one range only, which is faster where much memory is in use.
    DeviceMemoryAccess(uint64_t address, uint64_t bytes);
    ~DeviceMemoryAccess();
    DeviceMemoryAccess(const DeviceMemoryAccess&) = delete;
    DeviceMemoryAccess& operator=(const DeviceMemoryAccess&) = delete;

private:
    explicit DeviceMemoryAccess(std::vector<Span> spans);

    std::vector<Span> spans_;
};

}  // namespace simulator
