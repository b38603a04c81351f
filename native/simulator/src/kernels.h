// The kernels, by name: the project's own CUDA text, compiled for this processor.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace simulator {

struct Kernel {
    const char* name;
    std::vector<size_t> parameter_bytes;
    void (*call)(const void* const* arguments);  // one address for each parameter
    int most_threads;                            // in a block
    int registers;                               // of a thread
};

const std::vector<Kernel>& kernels();

/// Null if there is none.
const Kernel* find_kernel(const std::string& name);

}  // namespace simulator
