// Capture by streams, and the graphs that come of it.
#include <functional>
#include <thread>
#include <utility>

#include "plan.h"
#include "test.h"

namespace {

constexpr int kGlobal = CU_STREAM_CAPTURE_MODE_GLOBAL;
constexpr int kThreadLocal = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
constexpr int kRelaxed = CU_STREAM_CAPTURE_MODE_RELAXED;

CUstream capturing_stream(int mode = kGlobal, unsigned int flags = CU_STREAM_NON_BLOCKING) {
    CUstream stream = new_stream(flags);
    OK(cuStreamBeginCapture_v2(stream, mode));
    return stream;
}

CUevent new_event() {
    CUevent event;
    OK(cuEventCreate(&event, 0));
    return event;
}

int status(CUstream stream) {
    int status;
    OK(cuStreamIsCapturing(stream, &status));
    return status;
}

CUgraph end(CUstream stream) {
    CUgraph graph;
    OK(cuStreamEndCapture(stream, &graph));
    return graph;
}

CUgraphExec instantiate(CUgraph graph) {
    CUgraphExec exec;
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    return exec;
}

size_t nodes(CUgraph graph) {
    size_t count;
    OK(cuGraphGetNodes(graph, nullptr, &count));
    return count;
}

/// Ends a capture that a rule was broken in.
void ends_with(CUresult code, CUstream stream) {
    auto graph = reinterpret_cast<CUgraph>(1);
    RETURNS(code, cuStreamEndCapture(stream, &graph));
    CHECK(graph == nullptr && status(stream) == CU_STREAM_CAPTURE_STATUS_NONE);
}

/// In a thread of its own, with the same context.
void elsewhere(const Driver& driver, const std::function<void()>& act) {
    std::thread([&] {
        OK(cuCtxSetCurrent(driver.context));
        act();
    }).join();
}

/// One tensor that Adam steps.
struct Adam {
    static constexpr int64_t kCount = 5000, kChunk = 1000;

    Adam() {
        std::vector<float> gradient(kCount);
        for (int64_t i = 0; i < kCount; i++) {
            gradient[i] = static_cast<float>(i % 17) - 8;
        }
        std::vector<WsChunk> chunks;
        for (int64_t begin = 0; begin < kCount; begin += kChunk) {
            chunks.push_back({begin, kChunk, 0});
        }
        WsRow row = {};
        for (auto& slot : row.slot) {
            slot = 0.5;
        }
        std::vector<float> zeros(kCount);
        tensor = {upload(gradient), upload(gradient), {upload(zeros), upload(zeros)}, kCount, 0, 0, 0, 0, {}};
        argument = {upload(std::vector<WsTensor>{tensor}),
                    upload(chunks),
                    upload(std::vector<WsRow>{row}),
                    upload(std::vector<int64_t>{0}),
                    upload(std::vector<uint32_t>{0}),
                    1,
                    static_cast<uint32_t>(chunks.size()),
                    upload(std::vector<WsControl>{neutral()}),
                    0,
                    0,
                    0};
    }

    void step(CUstream stream) {
        WsLaunch copy = argument;
        void* parameters[] = {&copy};
        OK(cuLaunchKernel(function, 3, 1, 1, 256, 1, 1, 0, stream, parameters, nullptr));
        copy = {};  // the driver has what it needs
    }

    int64_t steps() const { return download<int64_t>(argument.counters, 1)[0]; }

    CUfunction function = kernel("adam_f32");
    WsTensor tensor;
    WsLaunch argument;
};

void a_replay_has_the_bits_of_eager_launches() {
    Driver driver;
    Adam eager, replayed;
    for (int i = 0; i < 4; i++) {
        eager.step(nullptr);
    }
    CUstream stream = capturing_stream();
    int64_t launches = simulator_launches();
    replayed.step(stream);
    replayed.step(stream);
    CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_ACTIVE && simulator_pending_operations() == 4);
    CUgraph graph = end(stream);
    CHECK(nodes(graph) == 2 && status(stream) == CU_STREAM_CAPTURE_STATUS_NONE);
    CUgraphExec exec = instantiate(graph);
    OK(cuGraphDestroy(graph));
    CHECK(simulator_launches() == launches && replayed.steps() == 0 && eager.steps() == 4);
    OK(cuGraphUpload(exec, stream));
    OK(cuGraphLaunch(exec, stream));
    OK(cuGraphLaunch(exec, stream));
    CHECK(simulator_pending_operations() == 2 && simulator_graph_launches() == 2);
    CHECK(simulator_launches() == launches + 4 && replayed.steps() == 0, "a forgotten synchronisation shows");
    OK(cuStreamSynchronize(stream));
    CHECK(replayed.steps() == 4);
    CHECK(download<uint32_t>(eager.tensor.parameter, Adam::kCount) ==
          download<uint32_t>(replayed.tensor.parameter, Adam::kCount));
    for (int i = 0; i < 2; i++) {
        CHECK(download<uint32_t>(eager.tensor.state[i], Adam::kCount) ==
              download<uint32_t>(replayed.tensor.state[i], Adam::kCount));
    }
}

void copies_happen_at_replay() {
    Driver driver;
    CUdeviceptr memory = upload(std::vector<unsigned int>(3, 0));
    unsigned int pageable = 1, result = 0, *pinned = pinned_word(1);
    CUstream stream = capturing_stream();
    int64_t copies = simulator_copies(), waited = simulator_synchronisations();
    OK(cuMemcpyHtoDAsync_v2(memory, &pageable, 4, stream));
    OK(cuMemcpyHtoDAsync_v2(memory + 4, pinned, 4, stream));
    OK(cuMemsetD32Async(memory + 8, 7, 1, stream));
    OK(cuMemcpyDtoHAsync_v2(&result, memory + 8, 4, stream));
    CUgraph graph = end(stream);
    CUgraphExec exec = instantiate(graph);
    CHECK(nodes(graph) == 4 && simulator_copies() == copies && simulator_synchronisations() == waited);
    for (unsigned int value : {2U, 3U}) {
        pageable = *pinned = value;
        result = 0;
        OK(cuGraphLaunch(exec, stream));
        CHECK(result == 0);
        OK(cuStreamSynchronize(stream));
        CHECK(result == 7 && download<unsigned int>(memory, 3) == (std::vector<unsigned int>{value, value, 7}));
    }
    CHECK(simulator_copies() == copies + 8 + 2);
    CUgraphNode handles[6];
    size_t count = 6;
    OK(cuGraphGetNodes(graph, handles, &count));
    CHECK(count == 4 && handles[0] != handles[3] && handles[3] != nullptr && handles[4] == nullptr);
}

void waiting_for_a_capture_breaks_it() {
    Driver driver;
    CUevent event = new_event();
    OK(cuEventRecord(event, nullptr));
    const std::vector<std::pair<CUresult, std::function<CUresult(CUstream)>>> calls = {
        {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](CUstream stream) { return cuStreamSynchronize(stream); }},
        {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](CUstream stream) { return cuStreamQuery(stream); }},
        {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](CUstream stream) { return cuStreamDestroy_v2(stream); }},
        {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](CUstream) { return cuCtxSynchronize(); }},
        {CUDA_ERROR_STREAM_CAPTURE_ISOLATION, [&](CUstream stream) { return cuStreamWaitEvent(stream, event, 0); }},
        {CUDA_ERROR_CAPTURED_EVENT,
         [](CUstream stream) {
             CUevent captured = new_event();
             OK(cuEventRecord(captured, stream));
             float time;
             RETURNS(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&time, captured, captured));
             CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
             RETURNS(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(captured));
             return cuEventSynchronize(captured);
         }},
    };
    for (auto& [code, call] : calls) {
        CUstream stream = capturing_stream(kRelaxed);
        RETURNS(code, call(stream));
        CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
        RETURNS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuMemsetD32Async(upload(std::vector<int>{0}), 0, 1, stream));
        ends_with(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, stream);
        OK(cuStreamSynchronize(stream));
        OK(cuStreamDestroy_v2(stream));
    }
}

void calls_that_no_stream_sees_depend_on_the_mode() {
    Driver driver;
    CUdeviceptr memory = allocate(4), other = 0;
    unsigned int word;
    CUevent event = new_event();
    CUmodule module = load_module();
    const std::vector<std::function<CUresult()>> calls = {
        [&] { return cuMemAlloc_v2(&other, 4); },
        [&] { return cuMemFree_v2(std::exchange(other, 0)); },
        [&] { return cuMemsetD8_v2(memory, 0, 4); },
        [&] { return cuMemcpyDtoH_v2(&word, memory, 4); },
        [&] { return cuEventQuery(event); },
        [&] { return cuModuleUnload(module); },
    };
    auto all = [&](CUresult code) {
        for (auto& call : calls) {
            RETURNS(code, call());
        }
    };
    CUstream relaxed = capturing_stream(kRelaxed);
    CHECK(calls[0]() == CUDA_SUCCESS && calls[1]() == CUDA_SUCCESS && calls[2]() == CUDA_SUCCESS);
    OK(cuGraphDestroy(end(relaxed)));
    for (int mode : {kGlobal, kThreadLocal}) {
        CUstream stream = capturing_stream(mode);
        if (mode == kThreadLocal) {
            elsewhere(driver, [&] { CHECK(calls[0]() == CUDA_SUCCESS && calls[1]() == CUDA_SUCCESS); });
            CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
            all(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        } else {
            elsewhere(driver, [&] {
                int exchanged = kThreadLocal;
                OK(cuThreadExchangeStreamCaptureMode(&exchanged));
                CHECK(exchanged == kGlobal && calls[0]() == CUDA_SUCCESS && calls[1]() == CUDA_SUCCESS);
                OK(cuThreadExchangeStreamCaptureMode(&exchanged));
                CHECK(exchanged == kThreadLocal && status(stream) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
                all(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
            });
        }
        ends_with(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, stream);
    }
    CUstream stream = capturing_stream();
    int exchanged = kRelaxed;
    OK(cuThreadExchangeStreamCaptureMode(&exchanged));
    all(CUDA_SUCCESS);
    OK(cuThreadExchangeStreamCaptureMode(&exchanged));
    end(stream);
    exchanged = 3;
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuThreadExchangeStreamCaptureMode(&exchanged));
}

void the_null_stream_stays_outside() {
    Driver driver;
    CUdeviceptr memory = allocate(4);
    RETURNS(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture_v2(nullptr, kGlobal));
    CUstream apart = capturing_stream();
    OK(cuMemsetD32Async(memory, 1, 1, nullptr));
    OK(cuStreamSynchronize(nullptr));
    OK(cuGraphDestroy(end(apart)));
    for (bool waits : {false, true}) {
        CUstream blocking = capturing_stream(kRelaxed, 0);
        int status_of_null;
        RETURNS(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuStreamIsCapturing(nullptr, &status_of_null));
        CHECK(status(blocking) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
        RETURNS(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, waits ? cuStreamSynchronize(nullptr) : cuMemsetD8_v2(memory, 1, 1));
        ends_with(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, blocking);
    }
}

void streams_fork_and_join() {
    Driver driver;
    CUdeviceptr memory = upload(std::vector<unsigned int>(2, 0));
    CUstream origin = capturing_stream(), side = new_stream(CU_STREAM_NON_BLOCKING);
    CUevent fork = new_event(), join = new_event();
    OK(cuMemsetD32Async(memory, 1, 2, origin));
    OK(cuEventRecord(fork, origin));
    OK(cuStreamWaitEvent(side, fork, 0));
    CHECK(status(side) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
    int captures;
    unsigned long long first, second;
    OK(cuStreamGetCaptureInfo_v2(origin, &captures, &first, nullptr, nullptr, nullptr));
    OK(cuStreamGetCaptureInfo_v2(side, &captures, &second, nullptr, nullptr, nullptr));
    CHECK(captures == CU_STREAM_CAPTURE_STATUS_ACTIVE && first == second);
    OK(cuMemsetD32Async(memory + 4, 2, 1, side));
    CUgraph graph;
    RETURNS(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(side, &graph));
    OK(cuEventRecord(join, side));
    OK(cuStreamWaitEvent(origin, join, 0));
    graph = end(origin);
    CHECK(nodes(graph) == 2 && status(side) == CU_STREAM_CAPTURE_STATUS_NONE);
    OK(cuGraphLaunch(instantiate(graph), origin));
    OK(cuStreamSynchronize(origin));
    CHECK(download<unsigned int>(memory, 2) == (std::vector<unsigned int>{1, 2}));

    RETURNS(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(join));
    RETURNS(CUDA_ERROR_CAPTURED_EVENT, cuStreamWaitEvent(side, join, 0));
    OK(cuEventRecord(join, side));
    OK(cuEventSynchronize(join));

    OK(cuStreamBeginCapture_v2(origin, kGlobal));
    OK(cuEventRecord(fork, origin));
    OK(cuStreamWaitEvent(side, fork, 0));
    OK(cuMemsetD32Async(memory, 3, 1, side));
    ends_with(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, origin);

    OK(cuStreamBeginCapture_v2(origin, kGlobal));
    OK(cuEventRecord(fork, origin));
    RETURNS(CUDA_ERROR_NOT_SUPPORTED, cuEventRecordWithFlags(fork, origin, CU_EVENT_RECORD_EXTERNAL));
    OK(cuStreamBeginCapture_v2(side, kGlobal));
    RETURNS(CUDA_ERROR_STREAM_CAPTURE_MERGE, cuStreamWaitEvent(side, fork, 0));
    ends_with(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, side);
    ends_with(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, origin);
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuEventRecordWithFlags(fork, origin, CU_EVENT_RECORD_EXTERNAL));
}

void captures_begin_and_end_once() {
    Driver driver;
    CUgraph graph;
    CUstream stream = new_stream(0);
    RETURNS(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(stream, &graph));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuStreamBeginCapture_v2(stream, 3));
    OK(cuStreamBeginCapture_v2(stream, kThreadLocal));
    RETURNS(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(stream, kThreadLocal));
    elsewhere(driver, [&] { RETURNS(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, cuStreamEndCapture(stream, &graph)); });
    OK(cuGraphDestroy(end(stream)));
    OK(cuStreamBeginCapture_v2(stream, kRelaxed));
    elsewhere(driver, [&] { end(stream); });
}

void launches_of_one_graph_run_one_after_the_other() {
    Driver driver;
    Adam adam;
    CUstream first = capturing_stream(), second = new_stream(CU_STREAM_NON_BLOCKING);
    adam.step(first);
    CUgraphExec exec = instantiate(end(first));
    OK(cuGraphLaunch(exec, first));
    OK(cuGraphLaunch(exec, second));
    OK(cuStreamSynchronize(second));
    CHECK(adam.steps() == 2);
    // Within another capture, it is one node of that graph.
    OK(cuStreamBeginCapture_v2(second, kGlobal));
    int64_t launches = simulator_launches();
    OK(cuGraphLaunch(exec, second));
    adam.step(second);
    CUgraph outer = end(second);
    CHECK(nodes(outer) == 2 && simulator_graph_launches() == 2 && simulator_launches() == launches);
    OK(cuGraphLaunch(instantiate(outer), second));
    OK(cuGraphExecDestroy(exec));
    CHECK(simulator_graph_launches() == 3 && simulator_launches() == launches + 2);
    OK(cuCtxSynchronize());
    CHECK(adam.steps() == 4);
}

/// Captures something, frees what it needs, and replays.
void replay_fails(CUresult code, const char* words, const std::function<void(CUstream)>& capture,
                  const std::function<void()>& take_away) {
    CUstream stream = capturing_stream();
    capture(stream);
    CUgraphExec exec = instantiate(end(stream));
    OK(cuGraphLaunch(exec, stream));
    take_away();
    OK(cuGraphLaunch(exec, stream));
    RETURNS(code, cuStreamSynchronize(stream));
    CHECK(says(words));
    RETURNS(code, cuGraphExecDestroy(exec));  // as everything does now
    OK(cuDevicePrimaryCtxRelease_v2(0));
    CHECK(simulator_live_graphs() == 0 && simulator_live_graph_execs() == 0);
}

void what_a_graph_uses_must_live() {
    {
        Driver driver;
        Adam adam;
        replay_fails(
            CUDA_ERROR_ILLEGAL_ADDRESS,
            "of a freed allocation",
            [&](CUstream stream) { adam.step(stream); },
            [&] { OK(cuMemFree_v2(adam.tensor.gradient)); });
    }
    {
        Driver driver;
        CUdeviceptr memory = allocate(4);
        replay_fails(
            CUDA_ERROR_ILLEGAL_ADDRESS,
            "of a freed allocation",
            [&](CUstream stream) { OK(cuMemsetD32Async(memory, 0, 1, stream)); },
            [&] { OK(cuMemFree_v2(memory)); });
    }
    {
        Driver driver;
        CUdeviceptr memory = allocate(4);
        unsigned int* word = pinned_word(1);
        replay_fails(
            CUDA_ERROR_ILLEGAL_ADDRESS,
            "no page-locked memory any more",
            [&](CUstream stream) { OK(cuMemcpyHtoDAsync_v2(memory, word, 4, stream)); },
            [&] { OK(cuMemFreeHost(word)); });
    }
    {
        Driver driver;
        Adam adam;
        CUmodule module = load_module();
        OK(cuModuleGetFunction(&adam.function, module, "adam_f32"));
        replay_fails(
            CUDA_ERROR_LAUNCH_FAILED,
            "its module was unloaded",
            [&](CUstream stream) { adam.step(stream); },
            [&] { OK(cuModuleUnload(module)); });
    }
}

void graphs_are_given_back() {
    Driver driver;
    CUstream stream = capturing_stream();
    CUgraph graph = end(stream);
    CUgraphExec exec;
    simulator_fail_call("cuGraphInstantiateWithFlags", 1, CUDA_ERROR_OUT_OF_MEMORY, 0);
    RETURNS(CUDA_ERROR_OUT_OF_MEMORY, cuGraphInstantiateWithFlags(&exec, graph, 0));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiateWithFlags(&exec, graph, 2));
    RETURNS(CUDA_ERROR_NOT_SUPPORTED, cuGraphInstantiateWithFlags(&exec, graph, 4));
    exec = instantiate(graph);
    CHECK(nodes(graph) == 0 && simulator_live_graphs() == 1 && simulator_live_graph_execs() == 1);
    OK(cuGraphLaunch(exec, stream));
    OK(cuGraphDestroy(graph));
    OK(cuGraphExecDestroy(exec));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(graph));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuGraphExecDestroy(exec));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, stream));
    CHECK(simulator_live_graphs() == 0 && simulator_live_graph_execs() == 0);
    OK(cuStreamBeginCapture_v2(stream, kGlobal));
    OK(cuDevicePrimaryCtxRelease_v2(0));  // in the middle of a capture
    OK(cuDevicePrimaryCtxRetain(&driver.context, 0));
    OK(cuCtxSetCurrent(driver.context));
    allocate(4);
}

}  // namespace

void test_graphs() {
    a_replay_has_the_bits_of_eager_launches();
    copies_happen_at_replay();
    waiting_for_a_capture_breaks_it();
    calls_that_no_stream_sees_depend_on_the_mode();
    the_null_stream_stays_outside();
    streams_fork_and_join();
    captures_begin_and_end_once();
    launches_of_one_graph_run_one_after_the_other();
    what_a_graph_uses_must_live();
    graphs_are_given_back();
}
