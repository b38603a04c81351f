package dev.warpstep.rules;

import java.util.List;

/**
 * A rule a second time: double arithmetic, written from the papers and the algorithms that PyTorch
 * documents, without a look at the kernels.
 */
public interface Oracle {
  /** PyTorch's names of the state arrays that these settings keep. */
  List<String> states(Settings settings);

  /**
   * The update of one step, with its settings folded in.
   *
   * @param step how often the element's state was updated, this time included; from 1
   */
  Update at(Settings settings, long step);

  /** An update of one element. */
  interface Update {
    /**
     * Takes the step.
     *
     * @param state in the order of {@link #states}, updated in place
     * @return the new parameter
     */
    double update(double parameter, double gradient, double[] state);
  }
}
