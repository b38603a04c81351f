// Graphs: what a capture left, to be done again and again.
#pragma once

#include <vector>

#include "capture.h"
#include "contexts.h"
#include "driver.h"

namespace simulator {

CUgraph create_graph(const Context& context, std::vector<Node> nodes);

}  // namespace simulator
