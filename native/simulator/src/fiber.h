// A call stack of its own, entered and left by hand: how one thread of the processor runs all threads of a block.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#define SIMULATOR_UCONTEXT
#endif
#ifdef SIMULATOR_UCONTEXT
#include <ucontext.h>
#endif

namespace simulator {

class Fiber {
public:
    Fiber();
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// The next resume() calls `entry`, which must never return. What ran here before is abandoned, without destructors.
    void prepare(void (*entry)());

    /// Runs the fiber until it suspends itself.
    void resume();

    /// Back to resume(). Called on the fiber's own stack.
    void suspend();

private:
    void entered();

    unsigned char* stack_;
    void (*entry_)() = nullptr;
#ifdef SIMULATOR_UCONTEXT
    ucontext_t inside_, outside_;
#else
    void* inside_ = nullptr;
    void* outside_ = nullptr;
#endif
#ifdef __SANITIZE_ADDRESS__
    void* fake_stack_inside_ = nullptr;
    void* fake_stack_outside_ = nullptr;
    const void* outer_stack_ = nullptr;
    size_t outer_bytes_ = 0;
#endif
    friend void start_fiber(Fiber* fiber);
};

}  // namespace simulator
