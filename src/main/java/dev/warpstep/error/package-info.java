/**
 * What can go wrong on a device, as types: every backend throws them, and callers may catch them.
 */
package dev.warpstep.error;
