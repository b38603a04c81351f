// The settings that tests make; simulator.h documents them.
#include <atomic>

#include "call.h"
#include "contexts.h"
#include "settings.h"

namespace simulator {
namespace {

std::atomic<bool> only_answer_is_on = false;

}  // namespace

bool only_answers() { return only_answer_is_on.load(std::memory_order_relaxed); }

}  // namespace simulator

using namespace simulator;

void simulator_reset() {
    auto lock = lock_driver();
    only_answer_is_on = false;
    settings() = {};
    destroy_all_contexts();
    forget_calls();
    forget_unexpected_calls();
}

void simulator_set_architecture(int major, int minor) {
    auto lock = lock_driver();
    settings().major = major;
    settings().minor = minor;
}

void simulator_set_devices(int count) {
    auto lock = lock_driver();
    settings().devices = count;
}

void simulator_set_multiprocessors(int count) {
    auto lock = lock_driver();
    settings().multiprocessors = count;
}

void simulator_set_driver_version(int version) {
    auto lock = lock_driver();
    settings().driver_version = version;
}

void simulator_set_memory(uint64_t bytes) {
    auto lock = lock_driver();
    settings().memory = bytes;
}

void simulator_deferred(int deferred) {
    auto lock = lock_driver();
    settings().deferred = deferred != 0;
}

void simulator_block_order(int order, uint64_t seed) {
    auto lock = lock_driver();
    settings().order = order;
    settings().seed = seed;
}

void simulator_only_answer(int only_answer) { only_answer_is_on = only_answer != 0; }

int64_t simulator_retained_contexts() {
    auto lock = lock_driver();
    return retained_contexts();
}
