package dev.warpstep.checkpoint.torch;

/**
 * A storage that a pickle refers to: memory that tensors are views of.
 *
 * @param type of the elements
 * @param key of the entry with the elements, {@code data/KEY}
 * @param elementCount how many there are
 */
record PickledStorage(StorageType type, String key, long elementCount) {}
