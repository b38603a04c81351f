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
#define SIMULATOR_KERNEL(room, name) describe<&room::name>(#name, &room::name),
#define SIMULATOR_KERNELS_OF(name, ...)                        \
    SIMULATOR_KERNEL(warpstep::single_precision, name##_f32)   \
    SIMULATOR_KERNEL(warpstep::single_precision, name##_mixed) \
    SIMULATOR_KERNEL(warpstep::double_precision, name##_f64)
#define SIMULATOR_PASS_OF(name, ...) SIMULATOR_KERNEL(, name##_pass)
#define SIMULATOR_UNFUSED(name, ...) SIMULATOR_KERNEL(, tensor_##name) SIMULATOR_KERNEL(, foreach_##name)
    static auto& kernels = *new std::vector<Kernel>{
        WS_ENTRIES(SIMULATOR_KERNELS_OF) WS_NORMS(SIMULATOR_PASS_OF) UNFUSED_OPERATIONS(SIMULATOR_UNFUSED)
            SIMULATOR_KERNEL(, update_scaler) SIMULATOR_KERNEL(, adam_of_twelve_arguments)};
#undef SIMULATOR_KERNEL
#undef SIMULATOR_KERNELS_OF
#undef SIMULATOR_PASS_OF
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
