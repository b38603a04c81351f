#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace {

// Room for a kernel's arrays, and for a signal that arrives meanwhile: with AVX-512 its frame alone is 3 KB.
constexpr size_t kStackBytes = 64 << 10;
constexpr size_t kGuardBytes = 4 << 10;

}  // namespace

#ifndef SIMULATOR_UCONTEXT
// swapcontext asks the system for the signal mask, twice for every thread and barrier; this stays in the process.
// simulator_switch(from, to): keeps what a called function must keep on the stack, notes the stack in *from, goes on with `to`.
extern "C" void simulator_switch(void** from, void* to);
extern "C" void simulator_start();
asm(R"(
.text
.type simulator_switch, @function
simulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size simulator_switch, . - simulator_switch
.type simulator_start, @function
simulator_start:
    movq %rbx, %rdi
    call *%r12
    ud2
.size simulator_start, . - simulator_start
)");
#endif

namespace simulator {

void start_fiber(Fiber* fiber) {
    fiber->entered();
    fiber->entry_();
    std::abort();
}

Fiber::Fiber() {
    void* mapped = mmap(
        nullptr, kStackBytes + kGuardBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED || mprotect(mapped, kGuardBytes, PROT_NONE) != 0) {
        std::abort();  // the test machine has no room for 64 KiB
    }
    stack_ = static_cast<unsigned char*>(mapped) + kGuardBytes;
}

Fiber::~Fiber() { munmap(stack_ - kGuardBytes, kStackBytes + kGuardBytes); }

void Fiber::prepare(void (*entry)()) {
    entry_ = entry;
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(stack_, kStackBytes);
    fake_stack_inside_ = nullptr;
#endif
#ifdef SIMULATOR_UCONTEXT
    getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack_;
    inside_.uc_stack.ss_size = kStackBytes;
    inside_.uc_link = nullptr;
    // makecontext passes ints; pointers are put together again.
    auto address = reinterpret_cast<uintptr_t>(this);
    void (*start)(unsigned int, unsigned int) = [](unsigned int high, unsigned int low) {
        start_fiber(reinterpret_cast<Fiber*>(static_cast<uintptr_t>(high) << 32 | low));
    };
    makecontext(&inside_,
                reinterpret_cast<void (*)()>(start),
                2,
                static_cast<unsigned int>(static_cast<uint64_t>(address) >> 32),
                static_cast<unsigned int>(address));
#else
    // As simulator_switch leaves a stack: r15 r14 r13 r12 rbx rbp, return address; above it 16-byte alignment for a call.
    auto** top = reinterpret_cast<void**>(stack_ + kStackBytes) - 2;
    *--top = reinterpret_cast<void*>(simulator_start);
    *--top = nullptr;
    *--top = this;
    *--top = reinterpret_cast<void*>(start_fiber);
    top -= 3;
    inside_ = top;
#endif
}

void Fiber::entered() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack_inside_, &outer_stack_, &outer_bytes_);
#endif
}

void Fiber::resume() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&fake_stack_outside_, stack_, kStackBytes);
#endif
#ifdef SIMULATOR_UCONTEXT
    swapcontext(&outside_, &inside_);
#else
    simulator_switch(&outside_, inside_);
#endif
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack_outside_, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&fake_stack_inside_, outer_stack_, outer_bytes_);
#endif
#ifdef SIMULATOR_UCONTEXT
    swapcontext(&inside_, &outside_);
#else
    simulator_switch(&inside_, outside_);
#endif
    entered();
}

}  // namespace simulator
