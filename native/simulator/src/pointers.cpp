// What the driver knows of an address.
#include <cstring>

#include "call.h"
#include "memory.h"

namespace simulator {
namespace {

template <class T>
bool put(void* to, T value) {
    std::memcpy(to, &value, sizeof value);
    return true;
}

/// Whether the attribute is known. Of memory that is not the driver's, all are zero.
bool attribute_of(const Allocation* allocation, CUdeviceptr address, int attribute, void* value) {
    bool known = allocation != nullptr;
    switch (attribute) {
        case CU_POINTER_ATTRIBUTE_CONTEXT:
            return put(value, known ? allocation->context : nullptr);
        case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
            return put<unsigned int>(value,
                                     !known                    ? 0
                                     : allocation->on_device() ? CU_MEMORYTYPE_DEVICE
                                                               : CU_MEMORYTYPE_HOST);
        case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
            return put<CUdeviceptr>(value, known ? address : 0);
        case CU_POINTER_ATTRIBUTE_HOST_POINTER:
            return put<CUdeviceptr>(value, known && !allocation->on_device() ? address : 0);
        case CU_POINTER_ATTRIBUTE_BUFFER_ID:
            return put<unsigned long long>(value, known ? allocation->id : 0);
        case CU_POINTER_ATTRIBUTE_IS_MANAGED:
            return put<unsigned int>(value, 0);
        case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
            return put<int>(value, known ? allocation->device : -2);
        case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
            return put<CUdeviceptr>(value, known ? allocation->begin : 0);
        case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
            return put<size_t>(value, known ? allocation->bytes : 0);
        case CU_POINTER_ATTRIBUTE_MAPPED:
            return put<unsigned int>(value, known);
        default:
            return false;
    }
}

CUresult unknown_attribute(int attribute) {
    return failure(CUDA_ERROR_INVALID_VALUE, "pointer attribute %d is not simulated", attribute);
}

}  // namespace
}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuPointerGetAttribute(void* value, int attribute, CUdeviceptr address) {
    return in_context(__func__, [&](Context&) {
        const Allocation* allocation = find_allocation(address);
        if (allocation == nullptr) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuPointerGetAttribute: %s", describe_address(address).c_str());
        }
        if (attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER && allocation->on_device()) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuPointerGetAttribute: device memory has no host pointer");
        }
        return attribute_of(allocation, address, attribute, value) ? CUDA_SUCCESS : unknown_attribute(attribute);
    });
}

SIMULATOR_DRIVER cuPointerGetAttributes(unsigned int count, const int* attributes, void** values, CUdeviceptr address) {
    return in_context(__func__, [&](Context&) {
        for (unsigned int i = 0; i < count; i++) {
            if (!attribute_of(find_allocation(address), address, attributes[i], values[i])) {
                return unknown_attribute(attributes[i]);
            }
        }
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuMemGetAddressRange_v2(CUdeviceptr* begin, size_t* bytes, CUdeviceptr address) {
    return in_context(__func__, [&](Context&) {
        const Allocation* allocation = find_allocation(address);
        if (allocation == nullptr || !allocation->on_device()) {
            return failure(CUDA_ERROR_NOT_FOUND, "cuMemGetAddressRange: %s", describe_address(address).c_str());
        }
        if (begin != nullptr) {
            *begin = allocation->begin;
        }
        if (bytes != nullptr) {
            *bytes = allocation->bytes;
        }
        return CUDA_SUCCESS;
    });
}
