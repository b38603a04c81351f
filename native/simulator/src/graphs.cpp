#include "graphs.h"

#include "call.h"
#include "settings.h"
#include "simulator.h"
#include "streams.h"

namespace simulator {
namespace {

using Nodes = std::shared_ptr<const std::vector<Node>>;

struct Graph {
    CUcontext context;
    Nodes nodes;
};

/// Keeps the nodes alive by itself: the graph it was made of may be destroyed.
struct GraphExec {
    CUcontext context;
    Nodes nodes;
    CUstream last_stream = nullptr;
    uint64_t last_operation = 0;
};

struct Registry {
    std::map<CUgraph, Graph> graphs;
    std::map<CUgraphExec, GraphExec> execs;
};

Registry& registry() {
    static auto& registry = *new Registry;
    return registry;
}

template <class Body>
CUresult with_graph(const char* name, CUgraph handle, Body body) {
    return in_context(name, [&](Context& context) {
        Graph* graph = find(registry().graphs, handle);
        return graph != nullptr
                   ? body(context, *graph)
                   : failure(CUDA_ERROR_INVALID_VALUE, "%s: there is no graph %p", name, static_cast<void*>(handle));
    });
}

template <class Body>
CUresult with_exec(const char* name, CUgraphExec handle, Body body) {
    return in_context(name, [&](Context& context) {
        GraphExec* exec = find(registry().execs, handle);
        return exec != nullptr ? body(context, *exec)
                               : failure(CUDA_ERROR_INVALID_VALUE,
                                         "%s: there is no executable graph %p",
                                         name,
                                         static_cast<void*>(handle));
    });
}

/// One after the other, in the order in which they were captured: one of those that their dependencies allow.
CUresult run_nodes(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
        CUresult result = node.work.execute();
        if (result != CUDA_SUCCESS) {
            return result;
        }
    }
    return CUDA_SUCCESS;
}

Work work_of(const Nodes& nodes) {
    Work work = {0, 0, [nodes] { return run_nodes(*nodes); }};
    for (const Node& node : *nodes) {
        work.kernels += node.work.kernels;
        work.copies += node.work.copies;
    }
    return work;
}

/// Only one launch of an executable graph runs at a time, in whichever streams they are.
Work after_last_launch(const GraphExec& exec, Work work) {
    CUcontext context = exec.context;
    CUstream stream = exec.last_stream;
    uint64_t operation = exec.last_operation;
    work.execute = [context, stream, operation, execute = std::move(work.execute)] {
        Context* owner = find_context(context);
        CUresult result = owner == nullptr ? CUDA_SUCCESS : run_stream(*owner, stream, operation);
        return result == CUDA_SUCCESS ? execute() : result;
    };
    return work;
}

}  // namespace

CUgraph create_graph(const Context& context, std::vector<Node> nodes) {
    auto handle = new_handle_of<CUgraph>();
    registry().graphs[handle] = {context.handle, std::make_shared<const std::vector<Node>>(std::move(nodes))};
    return handle;
}

void destroy_graphs_of(CUcontext context) {
    erase_of_context(registry().graphs, context);
    erase_of_context(registry().execs, context);
}

}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
    return with_graph(__func__, handle, [&](Context&, Graph& graph) {
        size_t all = graph.nodes->size();
        if (nodes == nullptr) {
            *count = all;
            return CUDA_SUCCESS;
        }
        for (size_t i = 0; i < *count; i++) {
            nodes[i] = i < all ? (*graph.nodes)[i].handle : nullptr;
        }
        *count = *count < all ? *count : all;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuGraphDestroy(CUgraph handle) {
    return with_graph(__func__, handle, [&](Context&, Graph&) {
        registry().graphs.erase(handle);
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph handle, unsigned long long flags) {
    return with_graph(__func__, handle, [&](Context&, Graph& graph) {
        if ((flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) != 0) {
            return failure(CUDA_ERROR_NOT_SUPPORTED, "cuGraphInstantiate: launches by the device are not simulated");
        }
        if ((flags &
             ~(CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY)) != 0) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuGraphInstantiate: there are no flags %llu", flags);
        }
        note("%zu nodes", graph.nodes->size());
        *exec = new_handle_of<CUgraphExec>();
        registry().execs[*exec] = {graph.context, graph.nodes};
        return CUDA_SUCCESS;
    });
}

/// Nothing is left to do for the first launch.
SIMULATOR_DRIVER cuGraphUpload(CUgraphExec handle, CUstream stream_handle) {
    return with_exec(__func__, handle, [&](Context& context, GraphExec&) {
        CUstream stream;
        CUresult result = find_stream(context, stream_handle, &stream);
        return result == CUDA_SUCCESS ? check_waiting("cuGraphUpload", context, stream) : result;
    });
}

SIMULATOR_DRIVER cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
    if (only_answers()) {
        return CUDA_SUCCESS;
    }
    return with_exec(__func__, handle, [&](Context& context, GraphExec& exec) {
        note("%zu nodes", exec.nodes->size());
        if (exec.context != context.handle) {
            return failure(CUDA_ERROR_NOT_SUPPORTED, "cuGraphLaunch: a graph of another context is not simulated");
        }
        CUstream stream;
        CUresult result = find_stream(context, stream_handle, &stream);
        if (result == CUDA_SUCCESS) {
            result = check_giving("cuGraphLaunch", context, stream);
        }
        if (result != CUDA_SUCCESS) {
            return result;
        }
        Work work = work_of(exec.nodes);
        if (stream_of(stream)->place.capture == nullptr) {  // else it becomes one node of another graph
            counts().graph_launches++;
            work = after_last_launch(exec, std::move(work));
            exec.last_stream = stream;
            exec.last_operation = next_operation();
        }
        return enqueue("cuGraphLaunch", context, stream, std::move(work));
    });
}

SIMULATOR_DRIVER cuGraphExecDestroy(CUgraphExec handle) {
    return with_exec(__func__, handle, [&](Context&, GraphExec&) {
        registry().execs.erase(handle);
        return CUDA_SUCCESS;
    });
}

int64_t simulator_live_graphs() {
    auto lock = lock_driver();
    return static_cast<int64_t>(registry().graphs.size());
}

int64_t simulator_live_graph_execs() {
    auto lock = lock_driver();
    return static_cast<int64_t>(registry().execs.size());
}
