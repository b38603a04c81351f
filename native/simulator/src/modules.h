// Modules and the functions in them.
#pragma once

#include "driver.h"
#include "images.h"
#include "kernels.h"

namespace simulator {

struct Function {
    CUcontext context;
    CUmodule module;
    const Kernel* kernel;
    int most_dynamic_shared;
};

/// Null if there is none of that handle, or its module was unloaded.
Function* find_function(CUfunction handle);

/// Shared memory of a block when nobody asked for more.
constexpr int kSharedBytes = 48 << 10;

}  // namespace simulator
