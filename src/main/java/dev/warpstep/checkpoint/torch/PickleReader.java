package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Reads a pickle into plain values: {@link String}, {@link Long}, {@link Double}, {@link Boolean},
 * {@link PickleNone}, {@link PickleSequence}, {@link PickleDict}, {@link PickledTensor}, {@link
 * PickledStorage} and {@link Global}. What a pickle can make Python do beyond that is refused. It
 * is one loop: no depth of nesting needs a deep stack.
 */
final class PickleReader {
  private static final int LONGEST_LINE = 256;

  private final Source source;
  private final String entry;
  private final Bytes bytes;
  private final Budget budget;
  private final PickleStack stack;
  private final PickleCalls calls;

  private PickleReader(Source source, String entry, Bytes bytes, Budget budget) {
    this.source = source;
    this.entry = entry;
    this.bytes = bytes;
    this.budget = budget;
    this.stack = new PickleStack(source, entry, budget);
    this.calls = new PickleCalls(source, entry);
  }

  /**
   * The object that an entry holds.
   *
   * @throws IOException if it is no pickle, needs more than the subset of a state dict or more
   *     memory than the budget
   */
  static Object read(Source source, ZipRecord record, Bytes bytes, Budget budget)
      throws IOException {
    return new PickleReader(source, record.name(), bytes, budget).read();
  }

  private Object read() throws IOException {
    if (bytes.u8() != Opcode.PROTO) {
      throw source.refuse(entry, "is no pickle of protocol 2 or later");
    }
    int protocol = bytes.u8();
    if (protocol < 2 || protocol > 5) {
      throw source.refuse(entry, "must be a pickle of protocol 2 to 5, was %d", protocol);
    }
    for (int opcode = bytes.u8(); opcode != Opcode.STOP; opcode = bytes.u8()) {
      run(opcode);
    }
    if (bytes.remaining() != 0) {
      throw source.refuse(entry, "goes on for %d bytes after its end", bytes.remaining());
    }
    return stack.result();
  }

  private void run(int opcode) throws IOException {
    switch (opcode) {
      case Opcode.FRAME -> bytes.i64(); // how much may be read ahead
      case Opcode.MARK -> stack.mark();
      case Opcode.NONE -> stack.push(PickleNone.NONE, 0);
      case Opcode.NEWTRUE -> stack.push(true, 0);
      case Opcode.NEWFALSE -> stack.push(false, 0);
      case Opcode.BININT -> number(bytes.i32());
      case Opcode.BININT1 -> number(bytes.u8());
      case Opcode.BININT2 -> number(bytes.u16());
      case Opcode.LONG1 -> number(twosComplement(bytes.u8()));
      case Opcode.BINFLOAT -> stack.push(bytes.f64(), Footprint.NUMBER);
      case Opcode.BINUNICODE -> text(bytes.u32());
      case Opcode.SHORT_BINUNICODE -> text(bytes.u8());
      case Opcode.BINUNICODE8 -> text(bytes.i64());
      case Opcode.EMPTY_DICT -> stack.push(new PickleDict(), Footprint.DICT);
      case Opcode.EMPTY_LIST -> stack.push(PickleSequence.list(), Footprint.SEQUENCE);
      case Opcode.EMPTY_TUPLE -> tuple(List.of());
      case Opcode.TUPLE -> tuple(stack.popMark());
      case Opcode.TUPLE1 -> tuple(stack.pop(1));
      case Opcode.TUPLE2 -> tuple(stack.pop(2));
      case Opcode.TUPLE3 -> tuple(stack.pop(3));
      case Opcode.APPEND -> append(stack.pop(1));
      case Opcode.APPENDS -> append(stack.popMark());
      case Opcode.SETITEM -> put(stack.pop(2));
      case Opcode.SETITEMS -> put(stack.popMark());
      case Opcode.BINPUT -> stack.memoize(bytes.u8());
      case Opcode.LONG_BINPUT -> stack.memoize(bytes.u32());
      case Opcode.MEMOIZE -> stack.memoize();
      case Opcode.BINGET -> stack.push(stack.remembered(bytes.u8()), 0);
      case Opcode.LONG_BINGET -> stack.push(stack.remembered(bytes.u32()), 0);
      case Opcode.GLOBAL -> stack.push(calls.global(line(), line()), 0);
      case Opcode.STACK_GLOBAL -> {
        List<Object> names = stack.pop(2);
        stack.push(calls.global(names.getFirst(), names.getLast()), 0);
      }
      case Opcode.REDUCE -> {
        List<Object> call = stack.pop(2);
        Object result = calls.reduce(call.getFirst(), call.getLast());
        stack.push(
            result, result instanceof PickledTensor tensor ? tensor.bytes() : Footprint.DICT);
      }
      case Opcode.BUILD -> calls.build(stack.pop(), stack.peek());
      case Opcode.BINPERSID -> stack.push(calls.storage(stack.pop()), Footprint.STORAGE);
      default -> throw source.refuse(entry, "has opcode 0x%02x, which is refused", opcode);
    }
  }

  private void number(long value) throws CheckpointException {
    // Java keeps the small ones.
    stack.push(value, value == (byte) value ? 0 : Footprint.NUMBER);
  }

  private long twosComplement(int length) throws IOException {
    if (length > Long.BYTES) {
      throw source.refuse(entry, "has a whole number of %d bytes, beyond 8", length);
    }
    long value = 0;
    for (int i = 0; i < length; i++) {
      value |= (long) bytes.u8() << (8 * i);
    }
    int unused = Long.SIZE - 8 * length;
    return length == 0 ? 0 : value << unused >> unused;
  }

  private void text(long length) throws IOException {
    if (length > Limits.LONGEST_TEXT) {
      throw source.refuse(entry, "has a text of %d bytes, beyond %d", length, Limits.LONGEST_TEXT);
    }
    String text = bytes.text(length);
    stack.push(text, Footprint.text(text, length));
  }

  private void tuple(List<Object> values) throws CheckpointException {
    long size = Footprint.SEQUENCE + (long) Footprint.TUPLE_ITEM * values.size();
    stack.push(PickleSequence.tuple(values), values.isEmpty() ? 0 : size);
  }

  private void append(List<Object> added) throws CheckpointException {
    if (!(stack.peek() instanceof PickleSequence list) || !list.isList()) {
      throw source.refuse(entry, "appends to what is no list");
    }
    budget.charge(entry, (long) Footprint.ITEM * added.size());
    list.append(added);
  }

  private void put(List<Object> keysAndValues) throws CheckpointException {
    if (!(stack.peek() instanceof PickleDict dict) || keysAndValues.size() % 2 != 0) {
      throw source.refuse(entry, "sets items of what is no dict, or a key without a value");
    }
    budget.charge(entry, (long) Footprint.ITEM * keysAndValues.size());
    dict.add(keysAndValues);
  }

  private String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int next = bytes.u8(); next != '\n'; next = bytes.u8()) {
      if (line.size() == LONGEST_LINE) {
        throw source.refuse(entry, "names a global of more than %d characters", LONGEST_LINE);
      }
      line.write(next);
    }
    return line.toString(StandardCharsets.ISO_8859_1);
  }
}
