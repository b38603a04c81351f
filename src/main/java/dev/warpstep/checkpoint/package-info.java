/** State that survives: checkpoints in files, written so that a finished save is never lost. */
package dev.warpstep.checkpoint;
