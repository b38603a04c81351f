// The execution of one block after the other on one thread of the processor.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "fiber.h"
#include "grid.h"

namespace simulator {

/// Why a kernel ended early.
struct KernelFailure {
    CUresult code = CUDA_SUCCESS;
    std::string message;
};

/// One thread of a block.
struct Thread {
    enum State { kReady, kAtBarrier, kAtCollective, kExited };

    Fiber fiber;
    uint3 index;
    State state;
    // Where it waits, with what it brought there and what it is to take from there.
    const char* file;
    int line;
    Collective collective;
    unsigned int mask;
    int source_lane;
    uint64_t brought, taken;
};

class BlockRunner {
public:
    /// So many runners can live at a time, each with a `slot` of its own: stacks are kept there from one to the next.
    static constexpr unsigned int kSlots = 2;

    /// Makes this thread of the processor run blocks of a grid, until the runner is destroyed.
    BlockRunner(const Grid& grid, unsigned int slot);
    ~BlockRunner();

    /// `order` is one of the threads, all of them.
    KernelFailure run(uint3 block, const std::vector<unsigned int>& order);

    const Grid& grid() const { return grid_; }
    const uint3& block() const { return block_; }
    Thread& thread() { return *running_; }
    unsigned int thread_number() const;
    void* dynamic_shared() { return dynamic_shared_.data(); }

    void call_kernel() { grid_.kernel->call(arguments_.data()); }
    void check(uint64_t address, size_t bytes, size_t alignment, Access access);
    void wait(Thread::State state, const char* file, int line);

    /// How a kernel fails: explain, then stop. In two steps, since what a fiber holds when it stops is never destroyed.
    void explain(CUresult code, const std::string& message);
    [[noreturn]] void stop();

private:
    struct Range {
        uint64_t begin = 0, bytes = 0;

        bool holds(uint64_t address, size_t size) const { return size <= bytes && address - begin <= bytes - size; }
    };

    void fill_shared_memory();
    bool all_exited() const;
    bool release_barrier();
    bool release_collectives();
    bool release_collective(unsigned int warp_begin, unsigned int mask);
    KernelFailure stuck() const;

    const Grid& grid_;
    std::vector<const void*> arguments_;
    unsigned int thread_count_;
    std::deque<Thread>& threads_;
    uint3 block_ = {};
    Thread* running_ = nullptr;
    KernelFailure failure_;
    Range shared_;
    std::vector<std::max_align_t> dynamic_shared_;
    // Ranges that accesses hit last, by page of the address: most accesses walk along few arrays.
    static constexpr unsigned int kHits = 64;
    Range hits_[kHits];
};

}  // namespace simulator
