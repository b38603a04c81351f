/** The command line: trains with the library and without it, and shows both side by side. */
package dev.warpstep.cli;
