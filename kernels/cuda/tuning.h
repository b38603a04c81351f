// The numbers that shape the CUDA traversal, each with its reason. Any of them may change without changing a result.
#pragma once

#include <cstdint>

namespace warpstep {

/// 256 threads × 64 registers × 4 blocks are exactly the 65,536 registers of every GPU since Turing. Blocks of 512
/// leave ptxas no more registers and balance worse: one block less per multiprocessor is then half of what is in
/// flight.
constexpr int kThreads = 256;

/// 4 blocks per multiprocessor bound a thread to 64 registers. What a bandwidth-bound kernel needs is not threads but
/// bytes in flight, and more registers per thread hold more of them than a fifth block would.
constexpr int kBlocksPerMultiprocessor = 4;

/// Elements of one access: 16 bytes are the widest load that Turing to Hopper have.
constexpr int kVectorElements = 4;

/// Vectors of each array that a thread asks for before it computes, for rules with so many states. Adam then has 2 · 4 ·
/// 16 B · 1,024 threads = 128 KiB per multiprocessor in flight. 4.3 TB/s at 800 ns of latency need 26 KB on each of 132,
/// so the memory stays busy while most warps compute or pass from one chunk to the next. With three states, one vector of
/// five arrays still is 80 KiB, and two spill on sm_120.
constexpr int vectors_in_flight(int states) { return states < 3 ? 2 : 1; }

/// Single elements of each array that a thread asks for before it computes, where vectors do not fit.
constexpr int kElementsInFlight = 4;

/// In mixed formats a vector of 16-bit elements is 8 bytes, and what converts and rounds it wants registers.
constexpr int mixed_vectors_in_flight(int states) { return states < 2 ? 2 : 1; }

/// Elements of a chunk in a large model. 8,192 are 229 kB of Adam's traffic, so reading 16 bytes of table costs
/// nothing, yet 124 M parameters are 15,190 chunks: 28.8 rounds for the 528 blocks of an H200, of which the last wastes
/// little. For a small model the host may cut smaller chunks, best multiples of a tile, until every block has one. A
/// chunk of this size is also the tile of a reduction, which lets both passes walk one table.
constexpr int64_t kChunkElements = 4 * kThreads * kVectorElements * vectors_in_flight(0);

static_assert(kChunkElements == 8192, "reductions take their shape from this tile: another size changes their bits");

}  // namespace warpstep
