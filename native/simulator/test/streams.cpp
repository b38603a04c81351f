#include "test.h"

namespace {

void forgotten_synchronisation_shows() {
    Driver driver;
    CUdeviceptr memory = allocate(4);
    CUstream stream = new_stream(CU_STREAM_NON_BLOCKING);
    unsigned int* word = pinned_word(0);
    OK(cuMemsetD32Async(memory, 5, 1, stream));
    OK(cuMemcpyDtoHAsync_v2(word, memory, 4, stream));
    CHECK(*word == 0 && simulator_pending_operations() == 2);
    OK(cuStreamSynchronize(stream));
    CHECK(*word == 5 && simulator_pending_operations() == 0);
    // A copy that waits for the null stream does not wait for this one.
    OK(cuMemsetD32Async(memory, 6, 1, stream));
    CHECK(download<unsigned int>(memory, 1)[0] == 5);
    simulator_deferred(0);
    OK(cuMemsetD32Async(memory, 7, 1, stream));
    CHECK(download<unsigned int>(memory, 1)[0] == 7);
}

void pageable_memory_is_staged_and_pinned_memory_is_not() {
    Driver driver;
    CUdeviceptr memory = allocate(4);
    CUstream stream = new_stream(0);
    unsigned int pageable = 1, *pinned = pinned_word(1);
    OK(cuMemcpyHtoDAsync_v2(memory, &pageable, 4, stream));
    pageable = 2;
    CHECK(download<unsigned int>(memory, 1)[0] == 1);
    OK(cuMemcpyHtoDAsync_v2(memory, pinned, 4, stream));
    *pinned = 2;  // too early
    CHECK(download<unsigned int>(memory, 1)[0] == 2);
    int64_t waited = simulator_synchronisations();
    OK(cuMemcpyDtoHAsync_v2(&pageable, memory, 4, stream));
    CHECK(pageable == 2 && simulator_synchronisations() == waited + 1);
}

void blocking_streams_take_turns_with_the_null_stream() {
    Driver driver;
    CUdeviceptr memory = allocate(4);
    CUstream stream = new_stream(0);
    OK(cuMemsetD32Async(memory, 1, 1, stream));
    OK(cuMemsetD32Async(memory, 2, 1, nullptr));
    OK(cuMemsetD32Async(memory, 3, 1, stream));
    OK(cuMemsetD32Async(memory, 4, 1, nullptr));
    CHECK(download<unsigned int>(memory, 1)[0] == 4);
    OK(cuMemsetD32Async(memory, 5, 1, nullptr));
    OK(cuMemsetD32Async(memory, 6, 1, stream));
    OK(cuStreamSynchronize(stream));
    CHECK(download<unsigned int>(memory, 1)[0] == 6);
}

void events_order_streams() {
    Driver driver;
    CUdeviceptr memory = allocate(4);
    CUstream first = new_stream(CU_STREAM_NON_BLOCKING), second = new_stream(CU_STREAM_NON_BLOCKING);
    CUevent event;
    OK(cuEventCreate(&event, 0));
    OK(cuEventQuery(event));
    OK(cuMemsetD32Async(memory, 1, 1, first));
    OK(cuEventRecord(event, first));
    OK(cuStreamWaitEvent(second, event, 0));
    OK(cuMemsetD32Async(memory, 2, 1, second));
    OK(cuMemsetD32Async(memory, 3, 1, first));
    OK(cuEventRecord(event, first));
    OK(cuStreamSynchronize(second));
    CHECK(download<unsigned int>(memory, 1)[0] == 2);
    RETURNS(CUDA_ERROR_NOT_READY, cuEventQuery(event));
    OK(cuEventQuery(event));
    CHECK(download<unsigned int>(memory, 1)[0] == 3);
    OK(cuMemsetD32Async(memory, 4, 1, first));
    RETURNS(CUDA_ERROR_NOT_READY, cuStreamQuery(first));
    OK(cuStreamQuery(first));
    OK(cuEventSynchronize(event));
    OK(cuEventDestroy_v2(event));
    RETURNS(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, first));
    OK(cuStreamDestroy_v2(first));
    RETURNS(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(first));
    CHECK(simulator_live_streams() == 1 && simulator_live_events() == 0);
}

}  // namespace

void test_streams() {
    forgotten_synchronisation_shows();
    pageable_memory_is_staged_and_pinned_memory_is_not();
    blocking_streams_take_turns_with_the_null_stream();
    events_order_streams();
}
