/** What the command line trains on: images in IDX files, and points about a parabola. */
package dev.warpstep.cli.data;
