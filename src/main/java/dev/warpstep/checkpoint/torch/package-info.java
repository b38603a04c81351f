/** Optimizer state in PyTorch's own files, read without executing anything. */
package dev.warpstep.checkpoint.torch;
