#include "block.h"

#include <array>
#include <cinttypes>
#include <cstdarg>
#include <cstring>
#include <map>

#include "call.h"
#include "memory.h"
#include "thread_storage.h"

namespace simulator {
namespace {

thread_local BlockRunner* runner = nullptr;

constexpr unsigned int kWarp = 32;

std::deque<Thread>& threads_of(unsigned int slot, unsigned int count) {
    static auto& pools = *new std::array<std::deque<Thread>, BlockRunner::kSlots>;
    std::deque<Thread>& threads = pools[slot];
    if (threads.size() < count) {
        threads.resize(count);
    }
    return threads;
}

/// Leaves nothing to be destroyed: it never returns.
void run_thread() {
    runner->call_kernel();
    runner->wait(Thread::kExited, "", 0);
}

__attribute__((format(printf, 1, 2))) std::string print(const char* text, ...) {
    va_list arguments;
    va_start(arguments, text);
    std::string result = format(text, arguments);
    va_end(arguments);
    return result;
}

const char* file_name(const char* path) {
    const char* slash = std::strrchr(path, '/');
    return slash == nullptr ? path : slash + 1;
}

}  // namespace

BlockRunner::BlockRunner(const Grid& grid, unsigned int slot)
    : grid_(grid),
      thread_count_(grid.threads.x * grid.threads.y * grid.threads.z),
      threads_(threads_of(slot, thread_count_)),
      dynamic_shared_((grid.dynamic_shared + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t)) {
    runner = this;
    find_thread_storage(&shared_.begin, &shared_.bytes);
    for (const auto& argument : grid.arguments) {
        arguments_.push_back(argument.data());
    }
    for (unsigned int i = 0; i < thread_count_; i++) {
        unsigned int row = i / grid.threads.x;
        threads_[i].index = {i % grid.threads.x, row % grid.threads.y, row / grid.threads.y};
    }
}

BlockRunner::~BlockRunner() { runner = nullptr; }

unsigned int BlockRunner::thread_number() const {
    const uint3& index = running_->index;
    return (index.z * grid_.threads.y + index.y) * grid_.threads.x + index.x;
}

void BlockRunner::fill_shared_memory() {
    std::memset(reinterpret_cast<void*>(shared_.begin), 0xff, shared_.bytes);
    if (!dynamic_shared_.empty()) {
        std::memset(dynamic_shared_.data(), 0xff, dynamic_shared_.size() * sizeof(std::max_align_t));
    }
    runner = this;
}

KernelFailure BlockRunner::run(uint3 block, const std::vector<unsigned int>& order) {
    block_ = block;
    fill_shared_memory();
    for (unsigned int i = 0; i < thread_count_; i++) {
        threads_[i].state = Thread::kReady;
        threads_[i].fiber.prepare(run_thread);
    }
    while (!all_exited()) {
        for (unsigned int i : order) {
            running_ = &threads_[i];
            if (running_->state == Thread::kReady) {
                running_->fiber.resume();
            }
            if (failure_.code != CUDA_SUCCESS) {
                return failure_;
            }
        }
        if (!release_barrier() && !release_collectives() && !all_exited()) {
            return stuck();
        }
    }
    return {};
}

bool BlockRunner::all_exited() const {
    for (unsigned int i = 0; i < thread_count_; i++) {
        if (threads_[i].state != Thread::kExited) {
            return false;
        }
    }
    return true;
}

/// Lets the threads go on if all wait at one barrier.
bool BlockRunner::release_barrier() {
    const Thread& first = threads_[0];
    uint64_t count_true = 0;
    for (unsigned int i = 0; i < thread_count_; i++) {
        const Thread& thread = threads_[i];
        if (thread.state != Thread::kAtBarrier || thread.line != first.line ||
            std::strcmp(thread.file, first.file) != 0) {
            return false;
        }
        count_true += thread.brought;
    }
    for (unsigned int i = 0; i < thread_count_; i++) {
        threads_[i].state = Thread::kReady;
        threads_[i].taken = count_true;
    }
    return true;
}

bool BlockRunner::release_collectives() {
    bool released = false;
    for (unsigned int i = 0; i < thread_count_; i++) {
        if (threads_[i].state == Thread::kAtCollective) {
            released |= release_collective(i / kWarp * kWarp, threads_[i].mask);
        }
    }
    return released;
}

/// Lets lanes of a warp go on if all that the mask names wait at one collective.
bool BlockRunner::release_collective(unsigned int warp_begin, unsigned int mask) {
    const Thread* first = nullptr;
    uint64_t brought[kWarp], ballot = 0;
    std::memset(brought, 0xff, sizeof brought);  // what a lane outside the mask would have to say
    for (unsigned int lane = 0; lane < kWarp; lane++) {
        if ((mask >> lane & 1) == 0) {
            continue;
        }
        if (warp_begin + lane >= thread_count_) {
            return false;
        }
        const Thread& thread = threads_[warp_begin + lane];
        first = first == nullptr ? &thread : first;
        if (thread.state != Thread::kAtCollective || thread.mask != mask || thread.collective != first->collective ||
            thread.line != first->line || std::strcmp(thread.file, first->file) != 0) {
            return false;
        }
        brought[lane] = thread.brought;
        ballot |= static_cast<uint64_t>(thread.brought != 0) << lane;
    }
    for (unsigned int lane = 0; lane < kWarp; lane++) {
        if ((mask >> lane & 1) != 0) {
            Thread& thread = threads_[warp_begin + lane];
            thread.taken = thread.collective == Collective::kBallot ? ballot : brought[thread.source_lane % kWarp];
            thread.state = Thread::kReady;
        }
    }
    return true;
}

KernelFailure BlockRunner::stuck() const {
    std::map<std::string, std::pair<unsigned int, unsigned int>> places;  // how many, and the first of them
    for (unsigned int i = 0; i < thread_count_; i++) {
        const Thread& thread = threads_[i];
        const char* what = thread.state == Thread::kAtBarrier ? "barrier" : "warp collective";
        std::string place = thread.state == Thread::kExited
                                ? "exited"
                                : print("at the %s in %s:%d", what, file_name(thread.file), thread.line);
        if (places[place].first++ == 0) {
            places[place].second = i;
        }
    }
    std::string text = print("%s, block (%u, %u, %u): threads wait for others that do not come:",
                             grid_.kernel->name,
                             block_.x,
                             block_.y,
                             block_.z);
    for (auto& [place, threads] : places) {
        text += print(" %u %s (the first is %u);", threads.first, place.c_str(), threads.second);
    }
    text.pop_back();
    return {CUDA_ERROR_LAUNCH_FAILED, text};
}

void BlockRunner::wait(Thread::State state, const char* file, int line) {
    running_->state = state;
    running_->file = file;
    running_->line = line;
    running_->fiber.suspend();
}

void BlockRunner::explain(CUresult code, const std::string& message) {
    const uint3& thread = running_->index;
    failure_ = {code,
                print("%s, block (%u, %u, %u), thread (%u, %u, %u): ",
                      grid_.kernel->name,
                      block_.x,
                      block_.y,
                      block_.z,
                      thread.x,
                      thread.y,
                      thread.z) +
                    message};
}

void BlockRunner::stop() {
    running_->fiber.suspend();  // for good
    std::abort();
}

void BlockRunner::check(uint64_t address, size_t bytes, size_t alignment, Access access) {
    Range& hit = hits_[(address >> 12) % kHits];
    if (address % alignment == 0 && hit.holds(address, bytes)) {
        return;
    }
    if (access == Access::kAtomic && shared_.holds(address, bytes)) {
        return;
    }
    const char* what = access == Access::kRead ? "read" : access == Access::kWrite ? "write" : "atomic";
    if (address % alignment != 0) {
        explain(
            CUDA_ERROR_MISALIGNED_ADDRESS,
            print("%s of %zu bytes at 0x%" PRIx64 ", which is not a multiple of %zu", what, bytes, address, alignment));
        stop();
    }
    const Allocation* found = find_allocation(address);
    if (found == nullptr || !found->holds(address, bytes)) {
        explain(CUDA_ERROR_ILLEGAL_ADDRESS, print("%s of %zu bytes: ", what, bytes) + describe_address(address));
        stop();
    }
    if (found->on_device() && found->context != grid_.context) {
        explain(CUDA_ERROR_ILLEGAL_ADDRESS, print("%s of %zu bytes: of another context", what, bytes));
        stop();
    }
    hit = {found->begin, found->bytes};
}

// What device.h asks for.

const uint3& thread_index() { return runner->thread().index; }

const uint3& block_index() { return runner->block(); }

const uint3& block_dimensions() { return runner->grid().threads; }

const uint3& grid_dimensions() { return runner->grid().blocks; }

int lane() { return static_cast<int>(runner->thread_number() % kWarp); }

void check(const volatile void* address, size_t bytes, size_t alignment, Access access) {
    runner->check(reinterpret_cast<uint64_t>(address), bytes, alignment, access);
}

unsigned int barrier(bool predicate, const char* file, int line) {
    runner->thread().brought = predicate;
    runner->wait(Thread::kAtBarrier, file, line);
    return static_cast<unsigned int>(runner->thread().taken);
}

uint64_t warp(Collective collective, unsigned int mask, uint64_t value, int source_lane, const char* file, int line) {
    if ((mask >> lane() & 1) == 0) {
        runner->explain(CUDA_ERROR_LAUNCH_FAILED,
                        print("the mask 0x%x in %s:%d leaves its own lane out", mask, file_name(file), line));
        runner->stop();
    }
    Thread& thread = runner->thread();
    thread.collective = collective;
    thread.mask = mask;
    thread.brought = value;
    thread.source_lane = source_lane;
    runner->wait(Thread::kAtCollective, file, line);
    return thread.taken;
}

void* dynamic_shared_memory(size_t bytes) {
    if (bytes > runner->grid().dynamic_shared) {
        runner->explain(
            CUDA_ERROR_ILLEGAL_ADDRESS,
            print("%zu bytes of dynamic shared memory, the launch brought %zu", bytes, runner->grid().dynamic_shared));
        runner->stop();
    }
    return runner->dynamic_shared();
}

void trap(const char* file, int line) {
    runner->explain(CUDA_ERROR_LAUNCH_FAILED, print("trap in %s:%d", file_name(file), line));
    runner->stop();
}

}  // namespace simulator
