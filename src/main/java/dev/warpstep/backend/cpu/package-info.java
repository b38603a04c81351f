/**
 * Updates on the processor: the native library, its threads, and steps made of short calls to it.
 */
package dev.warpstep.backend.cpu;
