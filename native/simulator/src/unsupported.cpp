#include "unsupported.h"

#include <set>
#include <string>

#include "call.h"
#include "simulator.h"
#include "text.h"

namespace simulator {
namespace {

std::set<std::string>& unexpected() {
    static auto& names = *new std::set<std::string>;
    return names;
}

CUresult refuse(const char* name) {
    return always(name, [&] {
        unexpected().insert(name);
        return failure(CUDA_ERROR_NOT_SUPPORTED, "%s is not simulated", name);
    });
}

}  // namespace

void forget_unexpected_calls() { unexpected().clear(); }

}  // namespace simulator

// Whatever the arguments are, they are not looked at.
#define SIMULATOR_REFUSE(name) \
    SIMULATOR_DRIVER name() { return simulator::refuse(__func__); }
SIMULATOR_UNSUPPORTED(SIMULATOR_REFUSE)

size_t simulator_unexpected_calls(char* buffer, size_t bytes) {
    auto lock = simulator::lock_driver();
    std::string text;
    for (const std::string& name : simulator::unexpected()) {
        text += name + "\n";
    }
    return simulator::copy_text(text, buffer, bytes);
}
