package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.List;

/** The stack of a pickle with its marks, and its memo. */
final class PickleStack {
  /** Python's own pickler stops near this depth. */
  private static final int MOST_MARKS = 1_000;

  private final Source source;
  private final String entry;
  private final Budget budget;
  private final List<Object> values = new ArrayList<>();
  private final List<Integer> marks = new ArrayList<>();
  private final List<Object> memo = new ArrayList<>();
  private int highest;

  PickleStack(Source source, String entry, Budget budget) {
    this.source = source;
    this.entry = entry;
    this.budget = budget;
  }

  /**
   * Puts an object on top.
   *
   * @param bytes of memory that the object takes besides its place on the stack
   */
  void push(Object value, long bytes) throws CheckpointException {
    budget.charge(entry, bytes);
    values.add(value);
    if (values.size() > highest) {
      highest = values.size();
      budget.charge(entry, Footprint.ITEM);
    }
  }

  Object pop() throws CheckpointException {
    Object top = peek();
    values.removeLast();
    return top;
  }

  /** The object on top; those below the last mark cannot be reached. */
  Object peek() throws CheckpointException {
    if (values.size() <= bottom()) {
      throw source.refuse(entry, "takes an object from an empty stack");
    }
    return values.getLast();
  }

  /** The objects that were put down last. */
  List<Object> pop(int count) throws CheckpointException {
    if (values.size() - bottom() < count) {
      throw source.refuse(entry, "takes %d objects from a stack that has fewer", count);
    }
    return cut(values.size() - count);
  }

  void mark() throws CheckpointException {
    if (marks.size() == MOST_MARKS) {
      throw source.refuse(entry, "is nested deeper than %d", MOST_MARKS);
    }
    marks.add(values.size());
  }

  /** The objects since the last mark, which is removed. */
  List<Object> popMark() throws CheckpointException {
    if (marks.isEmpty()) {
      throw source.refuse(entry, "goes back to a mark that is not there");
    }
    return cut(marks.removeLast());
  }

  private int bottom() {
    return marks.isEmpty() ? 0 : marks.getLast();
  }

  private List<Object> cut(int from) {
    List<Object> tail = values.subList(from, values.size());
    List<Object> cut = new ArrayList<>(tail);
    tail.clear();
    return cut;
  }

  /** Remembers the object on top. Every pickler counts the places up from 0. */
  void memoize(long place) throws CheckpointException {
    Object top = peek();
    if (place < 0 || place > memo.size()) {
      throw source.refuse(
          entry, "remembers an object as number %d, when it has %d", place, memo.size());
    }
    if (place < memo.size()) {
      memo.set((int) place, top);
    } else {
      budget.charge(entry, Footprint.ITEM);
      memo.add(top);
    }
  }

  void memoize() throws CheckpointException {
    memoize(memo.size());
  }

  Object remembered(long place) throws CheckpointException {
    if (place < 0 || place >= memo.size()) {
      throw source.refuse(entry, "asks for object %d of the %d it remembers", place, memo.size());
    }
    return memo.get((int) place);
  }

  /** The only object that is left. Stack and memo end here, and what they took is given back. */
  Object result() throws CheckpointException {
    Object result = pop();
    if (!values.isEmpty() || !marks.isEmpty()) {
      throw source.refuse(entry, "stops with %d objects left over", values.size());
    }
    budget.refund((long) Footprint.ITEM * (highest + memo.size()));
    return result;
  }
}
