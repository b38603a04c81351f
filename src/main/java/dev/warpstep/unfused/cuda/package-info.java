/**
 * The unfused step on a CUDA device, as one writes it with JCuda: a kernel per operation, launched
 * for each tensor or once for all of them. Ends at the same bits as the fused step.
 */
package dev.warpstep.unfused.cuda;
