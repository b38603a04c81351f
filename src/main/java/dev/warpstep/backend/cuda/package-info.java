/** Updates on NVIDIA GPUs; the only room but JCuda's adapter that may import JCuda. */
package dev.warpstep.backend.cuda;
