/**
 * What the façade asks of a device: memory, tables and prepared steps. Two rooms implement it,
 * {@code backend.cpu} and {@code backend.cuda}; neither knows the other, the façade, or any rule.
 */
package dev.warpstep.backend;
