// What tests can set about the simulated machine; simulator.h documents it.
#pragma once

#include <cstdint>

#include "simulator.h"

namespace simulator {

struct Settings {
    int major = 9;
    int minor = 0;
    int devices = 1;
    int multiprocessors = 4;
    int driver_version = 13000;
    uint64_t memory = 4ULL << 30;
    bool deferred = true;
    int order = SIMULATOR_ASCENDING;
    uint64_t seed = 0;
};

Settings& settings();

/// Whether the calls of a launch only return CUDA_SUCCESS. Read without the driver's lock, whose time would be measured.
bool only_answers();

/// Limits that follow from the architecture.
struct Limits {
    int threads_per_multiprocessor, blocks_per_multiprocessor, shared_per_multiprocessor;
};
Limits limits();

}  // namespace simulator
