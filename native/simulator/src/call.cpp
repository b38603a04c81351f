#include "call.h"

#include <cstdio>
#include <deque>
#include <map>
#include <vector>

#include "simulator.h"
#include "text.h"

namespace simulator {
namespace {

constexpr size_t kTraceLines = 4096;

struct Fault {
    std::string name;  // empty: any
    int64_t calls_until;
    CUresult code;
    bool sticky;
};

struct Book {
    bool initialised = false;
    std::map<std::string, int64_t> calls;
    std::vector<Fault> faults;
    std::deque<std::string> trace;
    std::string failure;
    Counts counts = {};
};

// Never destroyed: Java's threads may call while the process ends.
Book& book() {
    static Book& book = *new Book;
    return book;
}

/// cuMemAlloc of cuMemAlloc_v2.
std::string plain_name(const std::string& name) {
    size_t suffix = name.rfind("_v");
    return suffix == std::string::npos ? name : name.substr(0, suffix);
}

CUresult injected(const std::string& name) {
    CUresult code = CUDA_SUCCESS;
    auto& faults = book().faults;
    for (auto fault = faults.begin(); fault != faults.end();) {
        bool concerned = fault->name.empty() || fault->name == name;
        bool due = concerned && --fault->calls_until <= 0;
        if (due && code == CUDA_SUCCESS) {
            code = failure(fault->code, "%s fails because a test asked for it", name.c_str());
        }
        fault = due && !fault->sticky ? faults.erase(fault) : fault + 1;
    }
    return code;
}

}  // namespace

std::unique_lock<std::recursive_mutex> lock_driver() {
    static auto& mutex = *new std::recursive_mutex;
    return std::unique_lock(mutex);
}

std::string format(const char* format, va_list arguments) {
    char text[1024];
    std::vsnprintf(text, sizeof text, format, arguments);
    return text;
}

CUresult failure(CUresult code, const char* message, ...) {
    va_list arguments;
    va_start(arguments, message);
    book().failure = format(message, arguments);
    va_end(arguments);
    return code;
}

void note(const char* message, ...) {
    va_list arguments;
    va_start(arguments, message);
    book().trace.back() += " " + format(message, arguments);
    va_end(arguments);
}

Counts& counts() { return book().counts; }

void set_initialised() { book().initialised = true; }

Call::Call(const char* name) : lock_(lock_driver()), name_(name) {
    book().calls[plain_name(name)]++;
    book().trace.push_back(name);
    if (book().trace.size() > kTraceLines) {
        book().trace.pop_front();
    }
}

CUresult Call::refusal(bool needs_initialisation) {
    CUresult code = injected(plain_name(name_));
    if (code == CUDA_SUCCESS && needs_initialisation && !book().initialised) {
        code = failure(CUDA_ERROR_NOT_INITIALIZED, "%s: cuInit was not called", name_);
    }
    return code;
}

CUresult Call::refusal(Context*& context) {
    CUresult code = refusal(true);
    if (code != CUDA_SUCCESS) {
        return code;
    }
    CUcontext current = current_context();
    if (current == nullptr) {
        return failure(CUDA_ERROR_INVALID_CONTEXT, "%s: this thread has no current context", name_);
    }
    context = find_context(current);
    if (context == nullptr) {
        return failure(CUDA_ERROR_CONTEXT_IS_DESTROYED, "%s: the current context is destroyed", name_);
    }
    return context->error;  // of a kernel; its message stays
}

CUresult Call::end(CUresult result) {
    note("-> %d", result);
    return result;
}

void forget_calls() {
    bool initialised = book().initialised;
    book() = {};
    book().initialised = initialised;
}

}  // namespace simulator

using namespace simulator;

void simulator_fail_call(const char* name, int nth, int code, int sticky) {
    auto lock = lock_driver();
    book().faults.push_back({name == nullptr ? "" : plain_name(name), nth, code, sticky != 0});
}

void simulator_clear_faults() {
    auto lock = lock_driver();
    book().faults.clear();
}

int64_t simulator_calls(const char* name) {
    auto lock = lock_driver();
    int64_t sum = 0;
    for (auto& [called, times] : book().calls) {
        sum += name == nullptr || called == plain_name(name) ? times : 0;
    }
    return sum;
}

int64_t simulator_launches() { return lock_driver(), counts().launches; }

int64_t simulator_graph_launches() { return lock_driver(), counts().graph_launches; }

int64_t simulator_copies() { return lock_driver(), counts().copies; }

int64_t simulator_allocations() { return lock_driver(), counts().allocations; }

int64_t simulator_synchronisations() { return lock_driver(), counts().synchronisations; }

size_t simulator_last_failure(char* buffer, size_t bytes) {
    auto lock = lock_driver();
    return copy_text(book().failure, buffer, bytes);
}

size_t simulator_trace(char* buffer, size_t bytes) {
    auto lock = lock_driver();
    std::string text;
    for (const std::string& line : book().trace) {
        text += line + "\n";
    }
    return copy_text(text, buffer, bytes);
}
