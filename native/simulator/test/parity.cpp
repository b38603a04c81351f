// Every kernel against the CPU library, by bits, whatever the launch looks like.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <sstream>

#include "test.h"
#include "warpstep.h"

namespace {

// Around the sizes of vectors, tiles and chunks; several tensors, so that a block meets more than one.
const std::vector<std::vector<int64_t>> kPlans = {
    {0, 1}, {15, 16, 17}, {127, 128, 129, 1}, {1023, 1024, 1025}, {2047, 2048, 2049}, {4095, 4096, 4097, 8192, 20000}};

struct Tensor {
    int64_t count;
    size_t shift;  // elements by which parameter and gradient begin beside a multiple of 16 bytes
    std::vector<float> parameter, gradient, state[WS_MAX_STATES];
};

struct Launch {
    const char* order_name;
    int order;
    unsigned int blocks;
    int64_t chunk;
    size_t shift;
};

int entry_of(const std::string& name) {
    for (int entry = 0; entry < ws_entry_count(); entry++) {
        if (name == ws_entry_name(entry) + std::string("_f32")) {
            return entry;
        }
    }
    return -1;
}

int states_of(int entry) {
    std::string names = ws_entry_states(entry);
    return names.empty() ? 0 : 1 + static_cast<int>(std::count(names.begin(), names.end(), ','));
}

WsRow row_of(int entry) {
    WsRow row = {};
    std::istringstream names(ws_entry_hyper(entry));
    std::string name;
    for (int slot = 0; std::getline(names, name, ','); slot++) {
        row.slot[slot] = name == "lr"                                                                   ? 1e-2
                         : name == "eps"                                                                ? 1e-8
                         : name == "weight_decay"                                                       ? 1e-2
                         : name == "maximize" || name == "decoupled_weight_decay" || name == "nesterov" ? 1
                         : name == "dampening"                                                          ? 0
                                                                                                        : 0.9;
    }
    return row;
}

std::vector<float> random_values(std::mt19937& random, size_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) {
        value = normal(random);
    }
    if (count > 20) {  // what a careless kernel treats differently
        values[3] = 0.0f;
        values[5] = -0.0f;
        values[7] = 1e-42f;
        values[11] = INFINITY;
        values[13] = 3e38f;
    }
    return values;
}

std::vector<float> squared(std::vector<float> values) {
    for (float& value : values) {
        value *= value;
    }
    return values;
}

std::vector<Tensor> tensors_of(const std::vector<int64_t>& counts, size_t shift, int states) {
    std::mt19937 random(42);
    std::vector<Tensor> tensors;
    for (int64_t count : counts) {
        Tensor tensor = {count, shift, random_values(random, count), random_values(random, count), {}};
        for (int i = 0; i < states; i++) {
            tensor.state[i] = squared(random_values(random, count));
        }
        tensors.push_back(tensor);
    }
    return tensors;
}

/// Uploads behind `shift` elements.
CUdeviceptr upload_view(const std::vector<float>& values, size_t shift) {
    std::vector<float> all(shift, NAN);
    all.insert(all.end(), values.begin(), values.end());
    return all.empty() ? allocate(16) : upload(all) + shift * sizeof(float);
}

void same_bits(const char* what, const std::vector<float>& expected, CUdeviceptr address) {
    std::vector<float> actual = download<float>(address, expected.size());
    for (size_t i = 0; i < expected.size(); i++) {
        bool both_nan = std::isnan(expected[i]) && std::isnan(actual[i]);
        CHECK(both_nan || std::memcmp(&expected[i], &actual[i], sizeof(float)) == 0,
              "%s: element %zu of %zu is %a, should be %a",
              what,
              i,
              expected.size(),
              actual[i],
              expected[i]);
    }
}

void run(const char* name, int entry, const std::vector<int64_t>& counts, const Launch& launch) {
    constexpr int64_t steps = 3;
    Driver driver;
    simulator_block_order(launch.order, 7);
    WsRow row = row_of(entry);
    std::vector<Tensor> tensors = tensors_of(counts, launch.shift, states_of(entry));
    std::vector<WsTensor> table;
    std::vector<WsChunk> chunks;
    for (Tensor& tensor : tensors) {
        auto index = static_cast<uint32_t>(table.size());
        WsTensor line = {};
        line.parameter = upload_view(tensor.parameter, launch.shift);
        line.gradient = upload_view(tensor.gradient, launch.shift);
        for (int i = 0; i < states_of(entry); i++) {
            line.state[i] = upload_view(tensor.state[i], 0);
        }
        line.element_count = tensor.count;
        line.counter = static_cast<uint32_t>(tensors.size()) - 1 - index;
        table.push_back(line);
        for (int64_t begin = 0; begin < tensor.count; begin += launch.chunk) {
            chunks.push_back({begin, static_cast<uint32_t>(std::min(launch.chunk, tensor.count - begin)), index});
        }
    }
    WsLaunch argument = {upload(table),
                         upload(chunks),
                         upload(std::vector<WsRow>{row}),
                         upload(std::vector<int64_t>(tensors.size(), 0)),
                         upload(std::vector<uint32_t>{0}),
                         static_cast<uint32_t>(table.size()),
                         static_cast<uint32_t>(chunks.size()),
                         upload(std::vector<WsControl>{neutral()}),
                         0,
                         0,
                         0};
    CUfunction function = kernel(name);
    void* parameters[] = {&argument};
    WsControl control = neutral();
    WsFormat format = {};
    for (int64_t step = 1; step <= steps; step++) {
        OK(cuLaunchKernel(function, launch.blocks, 1, 1, 256, 1, 1, 0, nullptr, parameters, nullptr));
        for (Tensor& t : tensors) {
            ws_update(0,
                      entry,
                      &row,
                      step,
                      &control,
                      &format,
                      0,
                      t.parameter.data(),
                      t.gradient.data(),
                      t.state[0].data(),
                      t.state[1].data(),
                      t.state[2].data(),
                      nullptr,
                      nullptr,
                      nullptr,
                      0,
                      t.count);
        }
    }
    OK(cuCtxSynchronize());
    for (size_t i = 0; i < tensors.size(); i++) {
        char what[200];
        std::snprintf(what,
                      sizeof what,
                      "%s, %zu elements, %u blocks, chunks of %zu, shift %zu, %s",
                      name,
                      static_cast<size_t>(tensors[i].count),
                      launch.blocks,
                      static_cast<size_t>(launch.chunk),
                      launch.shift,
                      launch.order_name);
        same_bits(what, tensors[i].parameter, table[i].parameter);
        for (int s = 0; s < states_of(entry); s++) {
            same_bits(what, tensors[i].state[s], table[i].state[s]);
        }
    }
    // What is counted are updates of state.
    int64_t updates = states_of(entry) > 0 ? steps : 0;
    for (int64_t counted : download<int64_t>(argument.counters, tensors.size())) {
        CHECK(counted == updates, "%s: the counter is %d", name, static_cast<int>(counted));
    }
    CHECK(download<uint32_t>(argument.ticket, 1)[0] == 0);
}

void a_million_elements_of_adam_take_a_tenth_of_a_second() {
    Driver driver;
    constexpr int64_t count = 1 << 20;
    CUdeviceptr arrays[4];
    for (CUdeviceptr& array : arrays) {
        array = upload(std::vector<float>(count, 0.5f));
    }
    std::vector<WsChunk> chunks;
    for (int64_t begin = 0; begin < count; begin += 8192) {
        chunks.push_back({begin, 8192, 0});
    }
    WsTensor tensor = {arrays[0], arrays[1], {arrays[2], arrays[3]}, count, 0, 0, 0, 0, {}};
    WsLaunch argument = {upload(std::vector<WsTensor>{tensor}),
                         upload(chunks),
                         upload(std::vector<WsRow>{row_of(entry_of("adam_f32"))}),
                         upload(std::vector<int64_t>{0}),
                         upload(std::vector<uint32_t>{0}),
                         1,
                         static_cast<uint32_t>(chunks.size()),
                         upload(std::vector<WsControl>{neutral()}),
                         0,
                         0,
                         0};
    CUfunction function = kernel("adam_f32");
    void* parameters[] = {&argument};
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        auto start = std::chrono::steady_clock::now();
        OK(cuLaunchKernel(function, 16, 1, 1, 256, 1, 1, 0, nullptr, parameters, nullptr));
        OK(cuCtxSynchronize());
        best =
            std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::printf("simulator: Adam on 1,048,576 elements takes %.0f ms\n", best);
}

}  // namespace

void test_parity() {
    char names[4096];
    simulator_kernels(names, sizeof names);
    const std::vector<std::pair<const char*, int>> orders = {{"ascending", SIMULATOR_ASCENDING},
                                                             {"descending", SIMULATOR_DESCENDING},
                                                             {"random", SIMULATOR_RANDOM},
                                                             {"parallel", SIMULATOR_PARALLEL}};
    std::istringstream lines(names);
    std::string name;
    int kernels = 0, launches = 0;
    while (std::getline(lines, name)) {
        int entry = entry_of(name);
        if (entry < 0) {
            continue;  // a norm, or the gradient scale
        }
        kernels++;
        for (const auto& plan : kPlans) {
            for (auto& [order_name, order] : orders) {
                for (size_t shift : {0, 1, 2, 3}) {
                    for (unsigned int blocks : {1U, 3U, 16U}) {
                        run(name.c_str(), entry, plan, {order_name, order, blocks, blocks == 3 ? 1000 : 8192, shift});
                        launches++;
                    }
                }
            }
        }
    }
    CHECK(kernels == ws_entry_count(), "%d kernels, %d entries", kernels, ws_entry_count());
    std::printf("simulator: %d kernels have the bits of the CPU library in %d runs\n", kernels, launches);
    a_million_elements_of_adam_take_a_tenth_of_a_second();
}
