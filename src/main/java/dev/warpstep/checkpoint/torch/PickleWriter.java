package dev.warpstep.checkpoint.torch;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Writes values in Python's pickle protocol 2, with the opcodes that PyTorch's {@code weights_only}
 * reader takes. Nothing is memoized: a state dict repeats only names.
 */
final class PickleWriter {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private long footprint;

  PickleWriter() {
    op(Opcode.PROTO).write(2);
  }

  /** A dict is {@code beginDict}, keys and values in turn, {@code endDict}; it may be empty. */
  PickleWriter beginDict() {
    pushed(Footprint.DICT);
    op(Opcode.EMPTY_DICT);
    op(Opcode.MARK);
    return this;
  }

  PickleWriter endDict() {
    op(Opcode.SETITEMS);
    return this;
  }

  PickleWriter beginList() {
    pushed(Footprint.SEQUENCE);
    op(Opcode.EMPTY_LIST);
    op(Opcode.MARK);
    return this;
  }

  PickleWriter endList() {
    op(Opcode.APPENDS);
    return this;
  }

  PickleWriter beginTuple() {
    op(Opcode.MARK);
    return this;
  }

  PickleWriter endTuple() {
    pushed(Footprint.SEQUENCE);
    op(Opcode.TUPLE);
    return this;
  }

  PickleWriter none() {
    pushed(0);
    op(Opcode.NONE);
    return this;
  }

  PickleWriter flag(boolean value) {
    pushed(0);
    op(value ? Opcode.NEWTRUE : Opcode.NEWFALSE);
    return this;
  }

  PickleWriter number(double value) {
    pushed(Footprint.NUMBER);
    op(Opcode.BINFLOAT).writeBytes(ByteBuffer.allocate(Double.BYTES).putDouble(value).array());
    return this;
  }

  PickleWriter number(long value) {
    pushed(Footprint.NUMBER);
    if (value == (int) value) {
      op(Opcode.BININT).writeBytes(littleEndian(Integer.BYTES).putInt((int) value).array());
    } else {
      op(Opcode.LONG1).write(Long.BYTES);
      out.writeBytes(littleEndian(Long.BYTES).putLong(value).array());
    }
    return this;
  }

  /**
   * @throws CharacterCodingException if the text has half a surrogate pair, which is no character
   */
  PickleWriter text(String value) throws CharacterCodingException {
    ByteBuffer utf8 = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(value));
    pushed(Footprint.text(value, utf8.remaining()));
    op(Opcode.BINUNICODE).writeBytes(littleEndian(Integer.BYTES).putInt(utf8.remaining()).array());
    out.write(utf8.array(), utf8.arrayOffset(), utf8.remaining());
    return this;
  }

  /** A row-major tensor over a storage of its own. */
  PickleWriter tensor(PickledStorage storage, List<Long> shape) throws CharacterCodingException {
    global("torch._utils", "_rebuild_tensor_v2").beginTuple();
    beginTuple().text("storage").global("torch", storage.type().className());
    text(storage.key()).text("cpu").number(storage.elementCount()).endTuple();
    pushed(Footprint.STORAGE);
    op(Opcode.BINPERSID);
    number(0).beginTuple();
    shape.forEach(this::number);
    endTuple().beginTuple();
    for (int i = 0; i < shape.size(); i++) {
      // As PyTorch counts them: an empty dimension is as wide as one of 1.
      number(shape.subList(i + 1, shape.size()).stream().reduce(1L, (a, b) -> a * Math.max(b, 1)));
    }
    endTuple().flag(false).global("collections", "OrderedDict").beginTuple().endTuple();
    pushed(Footprint.DICT);
    op(Opcode.REDUCE);
    endTuple();
    pushed(Footprint.pickledTensor(shape.size()));
    op(Opcode.REDUCE);
    return this;
  }

  /** The most that reading it charges. */
  long footprint() {
    return footprint;
  }

  /** An object that will be on the stack, and then in another one. */
  private void pushed(long bytes) {
    footprint += bytes + 2 * Footprint.ITEM;
  }

  /** The finished pickle. */
  byte[] finish() {
    op(Opcode.STOP);
    return out.toByteArray();
  }

  private PickleWriter global(String module, String name) {
    pushed(0);
    op(Opcode.GLOBAL).writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
    return this;
  }

  private ByteArrayOutputStream op(int opcode) {
    out.write(opcode);
    return out;
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
