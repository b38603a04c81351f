/**
 * A multilayer perceptron in plain Java, forward and backward, so that there is something to
 * optimize. Results do not depend on the number of threads.
 */
package dev.warpstep.cli.network;
