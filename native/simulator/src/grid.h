// The execution of one launch.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "driver.h"
#include "kernels.h"
#include "simulator/device.h"

namespace simulator {

struct Grid {
    const Kernel* kernel;
    uint3 blocks, threads;
    CUcontext context;
    size_t dynamic_shared;                                 // bytes
    std::vector<std::vector<std::max_align_t>> arguments;  // copies, made when the launch was called
};

/// Runs all blocks. The failure of a kernel is explained in simulator_last_failure.
CUresult run_grid(const Grid& grid);

}  // namespace simulator
