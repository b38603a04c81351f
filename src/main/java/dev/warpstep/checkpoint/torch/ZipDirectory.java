package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.util.Arrays;

/** Walks over a zip file's directory, and over the entries themselves, and compares the two. */
final class ZipDirectory {
  private static final String ENTRY = "directory";
  private static final int KNOWN_FLAGS = ZipLayout.FLAG_DESCRIPTOR | ZipLayout.FLAG_UTF8;

  private final Source source;
  private final ZipEnd end;
  private final Bytes central;
  private final Bytes local;
  private String name = ENTRY;

  ZipDirectory(Source source, ZipEnd end) {
    this.source = source;
    this.end = end;
    this.central = new Bytes(source, ENTRY, end.offset(), end.offset() + end.size());
    this.local = new Bytes(source, "entries", 0, end.offset());
  }

  /**
   * The next entry.
   *
   * @param localOffset where it must begin
   * @throws IOException if directory and entry are not the same, or not PyTorch's
   */
  ZipRecord next(long localOffset) throws IOException {
    check(central.i32() == ZipLayout.CENTRAL_HEADER, "the directory is damaged");
    central.i32(); // versions
    int flags = central.u16();
    int method = central.u16();
    int time = central.i32();
    int crc = central.i32();
    long packed = central.u32();
    long size = central.u32();
    int nameBytes = central.u16();
    int extraBytes = central.u16();
    int commentBytes = central.u16();
    int disk = central.u16();
    central.u16(); // attributes
    central.i32();
    long offset = central.u32();
    byte[] utf8 = central.bytes(nameBytes);
    name = central.decode(utf8);
    ZipExtra extra = ZipExtra.read(source, name, central, extraBytes);
    size = extra.longer(size);
    packed = extra.longer(packed);
    offset = extra.longer(offset);
    check(commentBytes == 0 && disk == 0, "has a comment, or is on another disk");
    check((flags & ~KNOWN_FLAGS) == 0, "is encrypted or of another kind, its flags are " + flags);
    check(method == 0 && packed == size, "is compressed, which PyTorch's tensors never are");
    check(offset == localOffset, "must begin at byte " + localOffset + ", began at " + offset);

    local.seek(offset);
    check(local.i32() == ZipLayout.LOCAL_HEADER, "its header is damaged");
    local.u16(); // version
    check(local.u16() == flags && local.u16() == method && local.i32() == time, "differs in flags");
    boolean descriptor = (flags & ZipLayout.FLAG_DESCRIPTOR) != 0;
    int localCrc = local.i32();
    long localPacked = local.u32();
    long localSize = local.u32();
    boolean sameName = local.u16() == nameBytes;
    int localExtraBytes = local.u16();
    check(
        sameName && Arrays.equals(local.bytes(nameBytes), utf8), "has another name in its header");
    ZipExtra localExtra = ZipExtra.read(source, name, local, localExtraBytes);
    if (!descriptor || localCrc != 0 || localPacked != 0 || localSize != 0) {
      localSize = localExtra.longer(localSize);
      localPacked = localExtra.longer(localPacked);
      check(
          localCrc == crc && localSize == size && localPacked == size,
          "has another size or checksum in its header");
    }
    ZipRecord record = new ZipRecord(name, local.position(), size, crc);
    check(size >= 0 && size <= local.remaining(), "must end before byte " + end.offset());
    local.seek(record.offset() + size);
    if (descriptor) {
      checkDescriptor(record, localExtra.isZip64());
    }
    return record;
  }

  private void checkDescriptor(ZipRecord record, boolean zip64) throws IOException {
    boolean same = local.i32() == ZipLayout.DESCRIPTOR && local.i32() == record.crc();
    long packed = zip64 ? local.i64() : local.u32();
    long size = zip64 ? local.i64() : local.u32();
    check(
        same && packed == record.size() && size == record.size(),
        "has another size or checksum in its descriptor");
  }

  /** Past the last byte of the entry that was read last. */
  long localEnd() {
    return local.position();
  }

  /**
   * @throws IOException if the directory or the entries go on
   */
  void finish(long lastEnd) throws IOException {
    name = ENTRY;
    check(central.remaining() == 0, "has more than the entries that the file's end counts");
    check(lastEnd == end.offset(), "must begin where the last entry ends, at byte " + lastEnd);
  }

  private void check(boolean valid, String reason) throws CheckpointException {
    if (!valid) {
      throw source.refuse(name, "%s", reason);
    }
  }
}
