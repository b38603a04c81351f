// libcublas.so.12 for tests: the few functions that the unfused step calls. They move vectors to the host through the driver's
// own functions, compute there with one rounding per operation, and move the result back, in order with the stream. Runs with
// the software driver and with a real one.

#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using Status = int;
constexpr Status kSuccess = 0, kNotInitialised = 1, kInvalidValue = 7, kExecutionFailed = 13;

struct Handle {
    void* stream = nullptr;
};

}  // namespace

extern "C" {

int cuStreamSynchronize(void* stream);
int cuMemcpyDtoH_v2(void* to, uint64_t from, size_t bytes);
int cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t bytes);
}

namespace {

/// A vector on the device, as it is when everything queued before is done.
bool read(Handle* handle, const float* device, int count, std::vector<float>& host) {
    host.resize(count);
    return cuStreamSynchronize(handle->stream) == 0 &&
           cuMemcpyDtoH_v2(host.data(), reinterpret_cast<uint64_t>(device), sizeof(float) * count) == 0;
}

Status write(float* device, const std::vector<float>& host) {
    int code = cuMemcpyHtoD_v2(reinterpret_cast<uint64_t>(device), host.data(), sizeof(float) * host.size());
    return code == 0 ? kSuccess : kExecutionFailed;
}

/// Other strides than 1 are not needed.
Status invalid(const Handle* handle, int count, int stride_x, int stride_y) {
    if (handle == nullptr) {
        return kNotInitialised;
    }
    return count <= 0 || stride_x != 1 || stride_y != 1 ? kInvalidValue : kSuccess;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

Status cublasCreate_v2(Handle** handle) {
    *handle = new Handle;
    return kSuccess;
}

Status cublasDestroy_v2(Handle* handle) {
    delete handle;
    return kSuccess;
}

Status cublasSetStream_v2(Handle* handle, void* stream) {
    handle->stream = stream;
    return kSuccess;
}

Status cublasSscal_v2(Handle* handle, int count, const float* alpha, float* x, int stride) {
    if (Status status = invalid(handle, count, stride, 1)) {
        return status;
    }
    std::vector<float> values;
    if (!read(handle, x, count, values)) {
        return kExecutionFailed;
    }
    for (float& value : values) {
        value = *alpha * value;
    }
    return write(x, values);
}

Status cublasSaxpy_v2(Handle* handle, int count, const float* alpha, const float* x, int stride_x, float* y,
                      int stride_y) {
    if (Status status = invalid(handle, count, stride_x, stride_y)) {
        return status;
    }
    std::vector<float> addends, values;
    if (!read(handle, x, count, addends) || !read(handle, y, count, values)) {
        return kExecutionFailed;
    }
    for (int i = 0; i < count; i++) {
        values[i] = std::fma(*alpha, addends[i], values[i]);
    }
    return write(y, values);
}

Status cublasSnrm2_v2(Handle* handle, int count, const float* x, int stride, float* result) {
    if (Status status = invalid(handle, count, stride, 1)) {
        return status;
    }
    std::vector<float> values;
    if (!read(handle, x, count, values)) {
        return kExecutionFailed;
    }
    double sum = 0;
    for (float value : values) {
        sum += static_cast<double>(value) * value;
    }
    *result = static_cast<float>(std::sqrt(sum));
    return kSuccess;
}
}
#pragma GCC visibility pop
