// What cuModuleLoadData is given: a fat binary, one machine code file or one PTX text.
#pragma once

#include <set>
#include <string>

#include "driver.h"

namespace simulator {

/// What the driver would load for the simulated architecture.
struct Image {
    bool is_ptx;
    int architecture;  // 10 * major + minor that it was made for
    bool names_known;  // not if it is compressed
    std::set<std::string> kernels;
};

/// Chooses as the driver does: machine code of the same major architecture and no later minor, else PTX of no later one.
CUresult choose_image(const void* data, Image* chosen);

/// The fat binary that stands in for the real one.
std::string stand_in_image();

}  // namespace simulator
