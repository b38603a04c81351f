/**
 * Fused optimizers with the shape of {@code torch.optim}: a {@link dev.warpstep.Device}, {@link
 * dev.warpstep.Parameter}s over memory of the caller, {@link dev.warpstep.ParamGroup}s of them, and
 * an {@link dev.warpstep.Optimizer} that updates all of them in one pass over memory.
 *
 * <p>An fp32 parameter costs 4 bytes for itself, 4 for its gradient and 4 for each state array; a
 * step reads all of them and writes all but the gradient once:
 *
 * <table>
 *   <caption>Bytes moved per parameter and step</caption>
 *   <tr><td>SGD 12, with momentum 20</td><td>RMSprop 20, centered or with momentum 28, both 36</td>
 *       <td>Adam and AdamW 28, with AMSGrad 36</td></tr>
 * </table>
 */
package dev.warpstep;
