#include "cuda/entries.cu"
#include "unfused/primitives.cu"

#include "kernels.h"

namespace simulator {
namespace {

// So many registers leave room for the blocks that the launch bounds ask for.
constexpr int kRegisters = 65536 / (warpstep::kThreads * warpstep::kBlocksPerMultiprocessor);

template <auto kFunction, class... Parameters, size_t... I>
Kernel describe(const char* name, void (*)(Parameters...), std::index_sequence<I...>) {
    auto call = [](const void* const* arguments) { kFunction(*static_cast<const Parameters*>(arguments[I])...); };
    return {name, {sizeof(Parameters)...}, call, warpstep::kThreads, kRegisters};
}

template <auto kFunction, class... Parameters>
Kernel describe(const char* name, void (*function)(Parameters...)) {
    return describe<kFunction>(name, function, std::index_sequence_for<Parameters...>());
}

}  // namespace

const std::vector<Kernel>& kernels() {
#define SIMULATOR_KERNEL_OF(name, ...) describe<&name##_f32>(#name "_f32", &name##_f32),
#define SIMULATOR_UNFUSED(name, ...)                           \
    describe<&tensor_##name>("tensor_" #name, &tensor_##name), \
        describe<&foreach_##name>("foreach_" #name, &foreach_##name),
    static auto& kernels = *new std::vector<Kernel>{
        WS_ENTRIES(SIMULATOR_KERNEL_OF) WS_NORMS(SIMULATOR_KERNEL_OF)
            describe<&update_scaler>("update_scaler", &update_scaler),
        UNFUSED_OPERATIONS(SIMULATOR_UNFUSED)
            describe<&adam_of_twelve_arguments>("adam_of_twelve_arguments", &adam_of_twelve_arguments)};
#undef SIMULATOR_KERNEL_OF
#undef SIMULATOR_UNFUSED
    return kernels;
}

const Kernel* find_kernel(const std::string& name) {
    for (const Kernel& kernel : kernels()) {
        if (name == kernel.name) {
            return &kernel;
        }
    }
    return nullptr;
}

}  // namespace simulator
