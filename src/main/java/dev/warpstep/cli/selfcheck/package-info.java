/**
 * Whether a device computes what it must on this machine: every rule, at sizes and alignments where
 * kernels take another path, compared by bits with the CPU.
 */
package dev.warpstep.cli.selfcheck;
