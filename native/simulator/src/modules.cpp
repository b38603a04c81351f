#include "modules.h"

#include <cstring>

#include "call.h"
#include "capture.h"
#include "settings.h"
#include "simulator.h"
#include "streams.h"
#include "text.h"

namespace simulator {
namespace {

struct Module {
    CUcontext context;
    Image image;
};

struct Registry {
    std::map<CUmodule, Module> modules;
    std::map<CUfunction, Function> functions;
};

Registry& registry() {
    static auto& registry = *new Registry;
    return registry;
}

CUresult load(const char* name, CUmodule* module, const void* data) {
    return without_capture(name, [&](Context& context) {
        Image image;
        CUresult result = choose_image(data, &image);
        if (result == CUDA_SUCCESS) {
            note("%s_%d", image.is_ptx ? "compute" : "sm", image.architecture);
            *module = new_handle_of<CUmodule>();
            registry().modules[*module] = {context.handle, image};
        }
        return result;
    });
}

template <class Body>
CUresult with_function(const char* name, CUfunction handle, Body body) {
    return in_context(name, [&](Context&) {
        Function* function = find_function(handle);
        return function == nullptr ? failure(CUDA_ERROR_INVALID_HANDLE, "%s: there is no such function", name)
                                   : body(*function);
    });
}

CUresult most_blocks(const char* name, int* blocks, CUfunction handle, int threads, size_t dynamic_shared) {
    return with_function(name, handle, [&](Function& function) {
        if (threads <= 0) {
            return failure(CUDA_ERROR_INVALID_VALUE, "%s: %d threads", name, threads);
        }
        *blocks = 0;
        if (threads <= function.kernel->most_threads) {
            int warps = (threads + 31) / 32;
            int shared = static_cast<int>(dynamic_shared) + 1024;
            *blocks = std::min({limits().blocks_per_multiprocessor,
                                limits().threads_per_multiprocessor / (warps * 32),
                                65536 / (function.kernel->registers * warps * 32),
                                limits().shared_per_multiprocessor / shared});
        }
        return CUDA_SUCCESS;
    });
}

}  // namespace

Function* find_function(CUfunction handle) { return find(registry().functions, handle); }

void destroy_modules_of(CUcontext context) {
    erase_of_context(registry().modules, context);
    erase_of_context(registry().functions, context);
}

}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuModuleLoadData(CUmodule* module, const void* image) { return load(__func__, module, image); }

SIMULATOR_DRIVER cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int, int*, void**) {
    return load(__func__, module, image);
}

SIMULATOR_DRIVER cuModuleLoadFatBinary(CUmodule* module, const void* image) { return load(__func__, module, image); }

SIMULATOR_DRIVER cuModuleUnload(CUmodule module) {
    return without_capture(__func__, [&](Context& context) {
        if (find(registry().modules, module) == nullptr) {
            return failure(CUDA_ERROR_INVALID_HANDLE, "cuModuleUnload: there is no such module");
        }
        CUresult result = run_context(context);
        auto& functions = registry().functions;
        for (auto function = functions.begin(); function != functions.end();) {
            function = function->second.module == module ? functions.erase(function) : std::next(function);
        }
        registry().modules.erase(module);
        return result;
    });
}

SIMULATOR_DRIVER cuModuleGetFunction(CUfunction* function, CUmodule handle, const char* name) {
    return in_context(__func__, [&](Context& context) {
        note("%s", name);
        const Module* module = find(registry().modules, handle);
        if (module == nullptr) {
            return failure(CUDA_ERROR_INVALID_HANDLE, "cuModuleGetFunction: there is no such module");
        }
        const Kernel* kernel = find_kernel(name);
        if (kernel == nullptr) {
            return failure(CUDA_ERROR_NOT_FOUND, "no kernel is named %s", name);
        }
        if (module->image.names_known && module->image.kernels.count(name) == 0) {
            return failure(CUDA_ERROR_NOT_FOUND, "the image has no kernel %s, only this library has", name);
        }
        *function = new_handle_of<CUfunction>();
        registry().functions[*function] = {context.handle, handle, kernel, kSharedBytes};
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuFuncGetAttribute(int* value, int attribute, CUfunction handle) {
    return with_function(__func__, handle, [&](Function& function) {
        int architecture = settings().major * 10 + settings().minor;
        switch (attribute) {
            case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
                *value = function.kernel->most_threads;
                break;
            case CU_FUNC_ATTRIBUTE_NUM_REGS:
                *value = function.kernel->registers;
                break;
            case CU_FUNC_ATTRIBUTE_PTX_VERSION:
            case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
                *value = architecture;
                break;
            case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
                *value = function.most_dynamic_shared;
                break;
            case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
                *value = -1;
                break;
            case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
            case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
            case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
            case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
                *value = 0;
                break;
            default:
                return failure(CUDA_ERROR_INVALID_VALUE, "function attribute %d is not simulated", attribute);
        }
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
    return with_function(__func__, handle, [&](Function& function) {
        if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES && 0 <= value &&
            value < limits().shared_per_multiprocessor) {
            function.most_dynamic_shared = value;
            return CUDA_SUCCESS;
        }
        return attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT && -1 <= value && value <= 100
                   ? CUDA_SUCCESS
                   : failure(CUDA_ERROR_INVALID_VALUE, "function attribute %d cannot be set to %d", attribute, value);
    });
}

SIMULATOR_DRIVER cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads,
                                                             size_t dynamic_shared) {
    return most_blocks(__func__, blocks, function, threads, dynamic_shared);
}

SIMULATOR_DRIVER cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction function, int threads,
                                                                      size_t dynamic_shared, unsigned int) {
    return most_blocks(__func__, blocks, function, threads, dynamic_shared);
}

int64_t simulator_live_modules() {
    auto lock = lock_driver();
    return static_cast<int64_t>(registry().modules.size());
}

size_t simulator_kernels(char* buffer, size_t bytes) {
    std::string text;
    for (const Kernel& kernel : kernels()) {
        text += std::string(kernel.name) + "\n";
    }
    return copy_text(text, buffer, bytes);
}

size_t simulator_image(void* buffer, size_t bytes) {
    std::string image = stand_in_image();
    if (image.size() <= bytes) {
        std::memcpy(buffer, image.data(), image.size());
    }
    return image.size();
}
