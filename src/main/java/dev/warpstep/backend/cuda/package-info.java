/** Updates on NVIDIA GPUs; the only room that may import JCuda. */
package dev.warpstep.backend.cuda;
