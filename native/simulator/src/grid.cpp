#include "grid.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>

#include "block.h"
#include "call.h"
#include "memory.h"
#include "settings.h"

namespace simulator {
namespace {

// The list of blocks then takes 128 MiB; who needs more blocks should use a persistent grid.
constexpr uint64_t kMostBlocks = 1 << 24;

template <class Number>
std::vector<Number> in_order(uint64_t count, int order, uint64_t seed) {
    std::vector<Number> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    if (order == SIMULATOR_DESCENDING) {
        std::reverse(numbers.begin(), numbers.end());
    } else if (order != SIMULATOR_ASCENDING) {
        std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64(seed));
    }
    return numbers;
}

uint3 place(uint64_t number, const uint3& size) {
    uint64_t row = number / size.x;
    return {static_cast<unsigned int>(number % size.x),
            static_cast<unsigned int>(row % size.y),
            static_cast<unsigned int>(row / size.y)};
}

class GridRun {
public:
    explicit GridRun(const Grid& grid)
        : grid_(grid),
          blocks_(in_order<uint64_t>(static_cast<uint64_t>(grid.blocks.x) * grid.blocks.y * grid.blocks.z,
                                     settings().order, settings().seed)) {}

    CUresult run() {
        if (settings().order == SIMULATOR_PARALLEL) {
            std::vector<std::thread> others;
            for (unsigned int slot = 1; slot < BlockRunner::kSlots; slot++) {
                others.emplace_back([this, slot] { take_blocks(slot); });
            }
            take_blocks(0);
            for (std::thread& other : others) {
                other.join();
            }
        } else {
            take_blocks(0);
        }
        return failure_.code == CUDA_SUCCESS ? CUDA_SUCCESS : failure(failure_.code, "%s", failure_.message.c_str());
    }

private:
    void take_blocks(unsigned int slot) {
        BlockRunner runner(grid_, slot);
        uint64_t threads = static_cast<uint64_t>(grid_.threads.x) * grid_.threads.y * grid_.threads.z;
        int order = settings().order;
        auto thread_order = in_order<unsigned int>(threads, order, settings().seed);
        for (uint64_t i; !failed_ && (i = next_++) < blocks_.size();) {
            KernelFailure failure = runner.run(place(blocks_[i], grid_.blocks), thread_order);
            if (failure.code != CUDA_SUCCESS && !failed_.exchange(true)) {
                failure_ = failure;
            }
        }
    }

    const Grid& grid_;
    std::vector<uint64_t> blocks_;
    std::atomic<uint64_t> next_ = 0;
    std::atomic<bool> failed_ = false;
    KernelFailure failure_;
};

}  // namespace

CUresult run_grid(const Grid& grid) {
    if (static_cast<uint64_t>(grid.blocks.x) * grid.blocks.y > kMostBlocks / grid.blocks.z) {
        return failure(CUDA_ERROR_LAUNCH_TIMEOUT, "%s: too many blocks to simulate", grid.kernel->name);
    }
    DeviceMemoryAccess access;
    return GridRun(grid).run();
}

}  // namespace simulator
