package dev.warpstep.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MemoryRangeTest {
  private static final Object[] OWNERS = {new Object(), new Object()};
  private static final int BYTES = 40;

  private final SplittableRandom random = new SplittableRandom(5);

  @Test
  void findsTheWrittenRangeThatAnotherOneOverlaps() {
    int found = 0;
    for (int trial = 0; trial < 2_000; trial++) {
      List<MemoryRange.Use> uses = new ArrayList<>();
      for (int i = random.nextInt(8); i >= 0; i--) {
        MemoryRange.Use use = new MemoryRange.Use("use " + i, range(), random.nextBoolean());
        uses.add(use);
        if (conflicts(uses)) {
          uses.removeLast();
        }
      }
      assertTrue(MemoryRange.conflict(uses).isEmpty());
      MemoryRange.Written written = new MemoryRange.Written(uses);
      MemoryRange read = range();
      Optional<MemoryRange.Use> overlapping = written.overlapping(read);
      boolean expected =
          uses.stream().anyMatch(use -> use.written() && sharesAByte(use.range(), read));
      assertEquals(expected, overlapping.isPresent(), () -> read + " and " + uses);
      overlapping.ifPresent(use -> assertTrue(use.written() && sharesAByte(use.range(), read)));
      found += expected ? 1 : 0;
    }
    assertTrue(found > 200 && found < 1_800, "a poor test: " + found);
  }

  @Test
  void findsAConflictAmongAllUses() {
    int found = 0;
    for (int trial = 0; trial < 2_000; trial++) {
      List<MemoryRange.Use> uses = new ArrayList<>();
      for (int i = random.nextInt(5); i >= 0; i--) {
        uses.add(new MemoryRange.Use("use " + i, range(), random.nextBoolean()));
      }
      boolean expected = conflicts(uses);
      assertEquals(expected, MemoryRange.conflict(uses).isPresent(), uses::toString);
      found += expected ? 1 : 0;
    }
    assertTrue(found > 200 && found < 1_800, "a poor test: " + found);
  }

  /** Up to 7 bytes, also none. */
  private MemoryRange range() {
    int begin = random.nextInt(BYTES);
    return new MemoryRange(OWNERS[random.nextInt(2)], begin, begin + random.nextInt(8));
  }

  private static boolean conflicts(List<MemoryRange.Use> uses) {
    for (int i = 0; i < uses.size(); i++) {
      for (int j = 0; j < i; j++) {
        if ((uses.get(i).written() || uses.get(j).written())
            && sharesAByte(uses.get(i).range(), uses.get(j).range())) {
          return true;
        }
      }
    }
    return false;
  }

  private static boolean sharesAByte(MemoryRange one, MemoryRange other) {
    for (long at = 0; at < 2 * BYTES; at++) {
      if (one.owner() == other.owner()
          && at >= one.begin()
          && at < one.end()
          && at >= other.begin()
          && at < other.end()) {
        return true;
      }
    }
    return false;
  }
}
