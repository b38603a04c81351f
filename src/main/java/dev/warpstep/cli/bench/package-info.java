/**
 * What the {@code bench} command and the project's benchmarks measure with: models as lists of
 * tensor sizes, the contenders, the ceilings of the memory, and what times them.
 */
package dev.warpstep.cli.bench;
