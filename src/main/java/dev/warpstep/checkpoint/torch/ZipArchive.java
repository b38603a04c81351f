package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * The entries of a zip file as PyTorch writes it: stored, in the directory's order, without a byte
 * between them. Every entry's header, descriptor and checksum agree with the directory.
 *
 * <pre>
 *   (local header, name, extra | data | descriptor)*
 *   (directory header, name, extra)*
 *   end of directory, 64-bit | its locator | end of directory
 * </pre>
 */
final class ZipArchive {
  private static final int WINDOW = 64 << 10;

  private final Source source;
  private final String folder;
  private final Map<String, ZipRecord> records;

  private ZipArchive(Source source, String folder, Map<String, ZipRecord> records) {
    this.source = source;
    this.folder = folder;
    this.records = records;
  }

  /**
   * Reads the whole file once, to check it.
   *
   * @throws IOException if it is anything else than such an archive, or damaged
   */
  static ZipArchive open(Source source, Budget budget) throws IOException {
    ZipEnd end = ZipEnd.read(source);
    ZipDirectory directory = new ZipDirectory(source, end);
    Map<String, ZipRecord> records = new LinkedHashMap<>();
    String folder = "";
    long next = 0;
    for (long i = 0; i < end.entryCount(); i++) {
      ZipRecord record = directory.next(next);
      budget.charge(record.name(), Footprint.entry(record.name()));
      if (i == 0) {
        folder = record.name().substring(0, record.name().indexOf('/') + 1);
      }
      if (folder.isEmpty() || !record.name().startsWith(folder)) {
        throw source.refuse(record.name(), "is not in the archive's folder '%s'", folder);
      }
      if (records.putIfAbsent(record.name(), record) != null) {
        throw source.refuse(record.name(), "is there twice");
      }
      next = directory.localEnd();
    }
    directory.finish(next);
    ZipArchive archive = new ZipArchive(source, folder, records);
    archive.checkSums();
    return archive;
  }

  /**
   * An entry by its name without the folder.
   *
   * @throws CheckpointException if there is none
   */
  ZipRecord record(String name) throws CheckpointException {
    ZipRecord record = records.get(folder + name);
    if (record == null) {
      throw source.refuse(folder + name, "is missing in the archive");
    }
    return record;
  }

  /** The text of a small entry, if it is there. */
  Optional<String> text(String name) throws IOException {
    ZipRecord record = records.get(folder + name);
    if (record == null) {
      return Optional.empty();
    }
    if (record.size() > 64) {
      throw source.refuse(record.name(), "must be a few characters, has %d bytes", record.size());
    }
    return Optional.of(bytes(record).text(record.size()));
  }

  Bytes bytes(ZipRecord record) {
    return new Bytes(source, record.name(), record.offset(), record.offset() + record.size());
  }

  private void checkSums() throws IOException {
    ByteBuffer window = ByteBuffer.allocate(WINDOW);
    for (ZipRecord record : records.values()) {
      CRC32 crc = new CRC32();
      for (long done = 0; done < record.size(); done += WINDOW) {
        window.clear().limit((int) Math.min(WINDOW, record.size() - done));
        source.read(window, record.offset() + done);
        crc.update(window.flip());
      }
      if ((int) crc.getValue() != record.crc()) {
        throw source.refuse(
            record.name(),
            "is damaged: its CRC-32 must be %08x, was %08x",
            record.crc(),
            crc.getValue());
      }
    }
  }
}
