// Where the thread-local variables of this library lie.
#pragma once

#include <cstdint>

// NOTE [shared memory]
// A __shared__ variable is thread_local: blocks run one at a time on a thread of the processor, so the fibers of a block see
// one variable, and blocks that run in parallel see different ones. The current runner of block.cpp is this library's only other
// thread_local variable, and the standard library is linked dynamically. Thus the library's thread-local storage is shared
// memory, and the dynamic loader knows where it lies: it can be filled with ones before each block, so that a value that a
// block did not write, or that an earlier block left behind, shows as NaN.

namespace simulator {

/// The thread-local storage of this library in the calling thread; one of its variables must have been touched before.
void find_thread_storage(uint64_t* begin, uint64_t* bytes);

}  // namespace simulator
