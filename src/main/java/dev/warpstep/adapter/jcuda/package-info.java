/** Device pointers and streams of JCuda as parameters and devices. */
package dev.warpstep.adapter.jcuda;
