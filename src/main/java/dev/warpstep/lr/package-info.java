/**
 * Learning rate schedules: {@code torch.optim.lr_scheduler} over the param groups of an optimizer.
 *
 * <p>A schedule writes {@code lr}, and where it says so {@code momentum} or {@code beta1}, into
 * every group: when it is made, and at each {@link dev.warpstep.lr.LRScheduler#step() step}. The
 * optimizer's next step uses them. What an epoch is, a pass over the data or a batch, is the
 * caller's choice: it is one call of {@code step()}.
 */
package dev.warpstep.lr;
