/** What a step walks over, as data: built once, read by every backend. */
package dev.warpstep.plan;
