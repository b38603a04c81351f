/**
 * What a step costs. Every figure comes with the bytes moved and with the {@link
 * dev.warpstep.benchmarks.Probe} of the same run, since the memory decides the speed of an
 * optimizer and memory differs from machine to machine and from minute to minute.
 */
package dev.warpstep.benchmarks;
