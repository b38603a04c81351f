/**
 * The optimizer step as one writes it without a fused library: one pass over a tensor for each
 * operation. It is what the command line and the benchmarks compare with, and ends at the same bits
 * as the fused step because it rounds where that one rounds.
 */
package dev.warpstep.unfused;
