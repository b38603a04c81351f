package dev.warpstep.checkpoint.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** Pickles put together by hand, as no pickler would, in files that are sound otherwise. */
final class Pickles {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  Pickles() {
    raw(Opcode.PROTO, 2);
  }

  Pickles raw(int... bytes) {
    for (int value : bytes) {
      out.write(value);
    }
    return this;
  }

  Pickles text(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    raw(Opcode.BINUNICODE).u32(utf8.length);
    out.writeBytes(utf8);
    return this;
  }

  Pickles u32(long value) {
    out.writeBytes(
        ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt((int) value).array());
    return this;
  }

  Pickles number(long value) {
    raw(Opcode.LONG1, 8);
    out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    return this;
  }

  Pickles global(String module, String name) {
    raw(Opcode.GLOBAL);
    out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.ISO_8859_1));
    return this;
  }

  Pickles repeated(int times, int... bytes) {
    for (int i = 0; i < times; i++) {
      raw(bytes);
    }
    return this;
  }

  /** A tensor of fp32 over storage 0. */
  Pickles tensor(long elements, long offset, long[] shape, long[] strides) {
    return tensor("FloatStorage", elements, offset, shape, strides);
  }

  /** A tensor over storage 0. */
  Pickles tensor(String storage, long elements, long offset, long[] shape, long[] strides) {
    global("torch._utils", "_rebuild_tensor_v2").raw(Opcode.MARK, Opcode.MARK).text("storage");
    global("torch", storage).text("0").text("cpu").number(elements);
    raw(Opcode.TUPLE, Opcode.BINPERSID).number(offset).raw(Opcode.MARK);
    for (long size : shape) {
      number(size);
    }
    raw(Opcode.TUPLE, Opcode.MARK);
    for (long stride : strides) {
      number(stride);
    }
    raw(Opcode.TUPLE, Opcode.NEWFALSE).global("collections", "OrderedDict");
    return raw(Opcode.EMPTY_TUPLE, Opcode.REDUCE, Opcode.TUPLE, Opcode.REDUCE);
  }

  /** The state dict of SGD with a group of so many parameters, and what {@code state} writes. */
  static Pickles sgd(int parameters, Pickles state) {
    Pickles pickle = new Pickles().raw(Opcode.EMPTY_DICT, Opcode.MARK).text("param_groups");
    pickle.raw(Opcode.EMPTY_LIST, Opcode.EMPTY_DICT, Opcode.MARK);
    for (String key : TorchLayout.of(TorchOptimizer.SGD).keys()) {
      pickle.text(key).raw(Opcode.BININT1, 0);
    }
    pickle.text("params").raw(Opcode.EMPTY_LIST, Opcode.MARK);
    for (int i = 0; i < parameters; i++) {
      pickle.number(i);
    }
    pickle.raw(Opcode.APPENDS).text("param_names").raw(Opcode.EMPTY_LIST, Opcode.MARK);
    for (int i = 0; i < parameters; i++) {
      pickle.text("p" + i);
    }
    pickle.raw(Opcode.APPENDS, Opcode.SETITEMS, Opcode.APPEND).text("state");
    pickle.raw(Opcode.EMPTY_DICT, Opcode.MARK).append(state);
    return pickle.raw(Opcode.SETITEMS, Opcode.SETITEMS);
  }

  /** What another one writes. */
  Pickles append(Pickles other) {
    byte[] entries = other.out.toByteArray();
    out.write(entries, 2, entries.length - 2); // without PROTO
    return this;
  }

  byte[] stop() {
    return raw(Opcode.STOP).out.toByteArray();
  }

  /** A file with this pickle, and these storages. */
  Path write(Path file, byte[][] storages) throws IOException {
    return write(file, stop(), storages);
  }

  /** A file with this pickle, and storages of so many bytes. */
  Path write(Path file, int... storageBytes) throws IOException {
    return write(file, stop(), storageBytes);
  }

  static Path write(Path file, byte[] pickle, int... storageBytes) throws IOException {
    byte[][] storages = new byte[storageBytes.length][];
    Arrays.setAll(storages, i -> new byte[storageBytes[i]]);
    return write(file, pickle, storages);
  }

  private static Path write(Path file, byte[] pickle, byte[][] storages) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ZipWriter zip = new ZipWriter(channel, "archive");
      zip.entry("data.pkl", pickle);
      for (int i = 0; i < storages.length; i++) {
        zip.entry("data/" + i, storages[i]);
      }
      zip.entry("version", new byte[] {'3', '\n'});
      zip.finish();
    }
    return file;
  }
}
