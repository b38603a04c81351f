// Contexts, and which of them is current in a thread. A device has one primary context, which lives while it is retained.
#pragma once

#include <cstdint>
#include <map>

#include "driver.h"

namespace simulator {

struct Context {
    CUcontext handle;
    CUdevice device;
    unsigned int flags;
    uint64_t id;
    CUstream null_stream;
    CUstream thread_stream;
    CUresult error = CUDA_SUCCESS;  // what a kernel left behind; nothing works here any more
};

/// Null if there is none of that handle, or none any more.
Context* find_context(CUcontext handle);

/// Null if this thread has none.
CUcontext current_context();

/// A number that looks like a pointer, that no object had before, and that cannot be read or written through.
uint64_t new_handle();

template <class Handle>
Handle new_handle_of() {
    return reinterpret_cast<Handle>(new_handle());
}

/// What a handle stands for, or null.
template <class Handle, class Thing>
Thing* find(std::map<Handle, Thing>& things, Handle handle) {
    auto found = things.find(handle);
    return found == things.end() ? nullptr : &found->second;
}

/// Takes all that belonged to a destroyed context out of a registry.
template <class Handle, class Thing>
void erase_of_context(std::map<Handle, Thing>& things, CUcontext context) {
    for (auto thing = things.begin(); thing != things.end();) {
        thing = thing->second.context == context ? things.erase(thing) : std::next(thing);
    }
}

void destroy_all_contexts();

int64_t retained_contexts();

// What a context's end means to the other parts of the driver.
void end_captures_of(CUcontext context);
void destroy_streams_of(CUcontext context);
void destroy_events_of(CUcontext context);
void destroy_graphs_of(CUcontext context);
void destroy_modules_of(CUcontext context);
void free_memory_of(CUcontext context);

}  // namespace simulator
