package dev.warpstep.checkpoint.torch;

/**
 * Where the bytes of one entry of an archive are; they are stored as they are.
 *
 * @param name with the archive's folder
 * @param offset of the first byte in the file
 * @param size in bytes
 * @param crc CRC-32 of the bytes
 */
record ZipRecord(String name, long offset, long size, int crc) {}
