// Launches: what the driver refuses at once, and what waits in the stream.
#include <cstring>
#include <memory>

#include "call.h"
#include "grid.h"
#include "modules.h"
#include "settings.h"
#include "streams.h"

namespace simulator {
namespace {

CUresult check_shape(const Function& function, const uint3& blocks, const uint3& threads, unsigned int shared) {
    const char* name = function.kernel->name;
    if (blocks.x < 1 || blocks.y < 1 || blocks.z < 1 || blocks.x > 2147483647 || blocks.y > 65535 || blocks.z > 65535) {
        return failure(
            CUDA_ERROR_INVALID_VALUE, "%s: a grid of %u x %u x %u blocks", name, blocks.x, blocks.y, blocks.z);
    }
    uint64_t count = static_cast<uint64_t>(threads.x) * threads.y * threads.z;
    if (threads.x > 1024 || threads.y > 1024 || threads.z > 64 || count < 1 || count > 1024) {
        return failure(
            CUDA_ERROR_INVALID_VALUE, "%s: a block of %u x %u x %u threads", name, threads.x, threads.y, threads.z);
    }
    if (count > static_cast<uint64_t>(function.kernel->most_threads)) {
        return failure(CUDA_ERROR_INVALID_VALUE,
                       "%s: a block of %zu threads, its launch bound is %d",
                       name,
                       static_cast<size_t>(count),
                       function.kernel->most_threads);
    }
    if (shared > static_cast<unsigned int>(function.most_dynamic_shared)) {
        return failure(CUDA_ERROR_INVALID_VALUE, "%s: %u bytes of dynamic shared memory", name, shared);
    }
    return CUDA_SUCCESS;
}

CUresult copy_arguments(const Kernel& kernel, void** parameters, Grid* grid) {
    for (size_t i = 0; i < kernel.parameter_bytes.size(); i++) {
        if (parameters == nullptr || parameters[i] == nullptr) {
            return failure(CUDA_ERROR_INVALID_VALUE, "%s: parameter %zu is missing", kernel.name, i);
        }
        size_t bytes = kernel.parameter_bytes[i];
        grid->arguments.emplace_back((bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t));
        std::memcpy(grid->arguments.back().data(), parameters[i], bytes);
    }
    return CUDA_SUCCESS;
}

}  // namespace
}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuLaunchKernel(CUfunction handle, unsigned int blocks_x, unsigned int blocks_y, unsigned int blocks_z,
                                unsigned int threads_x, unsigned int threads_y, unsigned int threads_z,
                                unsigned int shared, CUstream stream_handle, void** parameters, void** extra) {
    if (only_answers()) {
        return CUDA_SUCCESS;
    }
    return in_context(__func__, [&](Context& context) {
        Function* function = find_function(handle);
        if (function == nullptr || function->context != context.handle) {
            return failure(CUDA_ERROR_INVALID_HANDLE, "cuLaunchKernel: no such function in the current context");
        }
        const Kernel& kernel = *function->kernel;
        note("%s (%u, %u, %u) x (%u, %u, %u)",
             kernel.name,
             blocks_x,
             blocks_y,
             blocks_z,
             threads_x,
             threads_y,
             threads_z);
        if (extra != nullptr) {
            return failure(CUDA_ERROR_NOT_SUPPORTED, "%s: arguments by `extra` are not simulated", kernel.name);
        }
        auto grid = std::make_shared<Grid>();
        *grid = {
            &kernel, {blocks_x, blocks_y, blocks_z}, {threads_x, threads_y, threads_z}, context.handle, shared, {}};
        CUstream stream;
        CUresult result = find_stream(context, stream_handle, &stream);
        if (result == CUDA_SUCCESS) {
            result = check_shape(*function, grid->blocks, grid->threads, shared);
        }
        if (result == CUDA_SUCCESS) {
            result = copy_arguments(kernel, parameters, grid.get());
        }
        if (result != CUDA_SUCCESS) {
            return result;
        }
        auto run = [grid, handle] {
            // A graph may outlive the code of its kernels.
            return find_function(handle) == nullptr
                       ? failure(CUDA_ERROR_LAUNCH_FAILED, "%s: its module was unloaded", grid->kernel->name)
                       : run_grid(*grid);
        };
        return enqueue("cuLaunchKernel", context, stream, {1, 0, run});
    });
}
