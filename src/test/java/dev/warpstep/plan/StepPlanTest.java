package dev.warpstep.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepPlanTest {
  private static final long SEED = 7;

  @BeforeAll
  static void printSeed() {
    System.out.println("StepPlanTest: seed " + SEED);
  }

  @Test
  void cutsLargeTensorsAndPacksSmallOnes() {
    StepPlan plan = plan(16_384, 40_000, 10, 10, 10, 20_000);
    assertEquals(
        List.of(
            "0: 0+16384",
            "0: 16384+16384",
            "0: 32768+7232",
            "1: 0+10",
            "2: 0+10",
            "3: 0+10",
            "4: 0+16384",
            "4: 16384+3616"),
        chunks(plan));
    assertEquals(List.of("0-1", "1-2", "2-6", "6-7", "7-8"), items(plan));
    checkCovers(plan, 16_384);
  }

  @Test
  void anItemIsFullButNeverFuller() {
    assertEquals(List.of("0-2", "2-3"), items(plan(100, 60, 40, 1)));
    assertEquals(List.of("0-1", "1-3"), items(plan(100, 60, 41, 1)));
  }

  @Test
  void tensorsWithoutElementsHaveNoChunks() {
    StepPlan plan = plan(8, 0, 3, 0, 0, 9, 0);
    assertEquals(List.of("1: 0+3", "4: 0+8", "4: 8+1"), chunks(plan));
    assertEquals(6, plan.tensors().size());
    assertEquals(12, plan.elementCount());
    checkCovers(plan, 8);
  }

  @Test
  void nothingToWalkIsNoItem() {
    for (StepPlan plan : List.of(plan(8), plan(8, 0, 0))) {
      assertEquals(0, plan.chunkCount());
      assertEquals(0, plan.itemCount());
      assertEquals(0, plan.elementCount());
    }
  }

  @Test
  void tensorsPast32BitsAreCutWith64BitOffsets() {
    long elements = (1L << 32) + 12_345;
    StepPlan plan = plan(16_384, 5, elements, 3);
    checkCovers(plan, 16_384);
    assertEquals(elements + 8, plan.elementCount());
    int last = plan.chunkCount() - 2;
    assertEquals(1, plan.chunkTensor(last));
    assertEquals(1L << 32, plan.chunkBegin(last));
    assertEquals(12_345, plan.chunkElements(last));
  }

  @Test
  void manyTensorsArePackedTightly() {
    long[] sizes = new long[100_000];
    Arrays.fill(sizes, 100);
    StepPlan plan = plan(16_384, sizes);
    checkCovers(plan, 16_384);
    assertEquals(100_000, plan.chunkCount());
    assertEquals(Math.ceilDiv(100_000, 163), plan.itemCount());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 1024, 2048, Integer.MAX_VALUE})
  void randomTensorsAreCoveredExactlyOnceInOrder(int chunkElements) {
    SplittableRandom random = new SplittableRandom(SEED + chunkElements);
    for (int round = 0; round < 50; round++) {
      long most = 3L * Math.min(chunkElements, 4096) + 2;
      long[] sizes =
          LongStream.generate(() -> random.nextInt(4) == 0 ? 0 : random.nextLong(most))
              .limit(random.nextInt(40))
              .toArray();
      checkCovers(plan(chunkElements, sizes), chunkElements);
    }
  }

  @Test
  void refusesChunksThatAreNoneOrTooMany() {
    assertThrows(IllegalArgumentException.class, () -> plan(0, 1));
    assertThrows(IllegalArgumentException.class, () -> plan(-1, 1));
    IllegalArgumentException tooMany =
        assertThrows(IllegalArgumentException.class, () -> plan(1, 1L << 40));
    assertTrue(tooMany.getMessage().contains("chunkElements = 1"), tooMany.getMessage());
  }

  @Test
  void refusesNegativeNumbersAndNamesThem() {
    for (long[] wrong : new long[][] {{-1, 0, 0}, {0, -1, 0}, {0, 0, -1}}) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () -> new StepPlan.Tensor(wrong[0], (int) wrong[1], (int) wrong[2]));
      assertTrue(refused.getMessage().contains("-1"), refused.getMessage());
    }
  }

  private static StepPlan plan(int chunkElements, long... sizes) {
    List<StepPlan.Tensor> tensors = new ArrayList<>();
    for (long size : sizes) {
      tensors.add(new StepPlan.Tensor(size, 0, tensors.size()));
    }
    return StepPlan.of(tensors, chunkElements);
  }

  /** Every element is in exactly one chunk, every chunk in exactly one item, all in order. */
  private static void checkCovers(StepPlan plan, int chunkElements) {
    int chunk = 0;
    for (int tensor = 0; tensor < plan.tensors().size(); tensor++) {
      long elements = plan.tensors().get(tensor).elementCount();
      long covered = 0;
      while (covered < elements) {
        assertEquals(tensor, plan.chunkTensor(chunk));
        assertEquals(covered, plan.chunkBegin(chunk));
        int length = plan.chunkElements(chunk);
        assertTrue(0 < length && length <= chunkElements, () -> "a chunk of " + length);
        covered += length;
        chunk++;
      }
      assertEquals(elements, covered, "a chunk crosses its tensor's end");
    }
    assertEquals(chunk, plan.chunkCount());
    int next = 0;
    for (int item = 0; item < plan.itemCount(); item++) {
      assertEquals(next, plan.itemBegin(item));
      assertTrue(plan.itemEnd(item) > next, "an item without chunks");
      long elements = 0;
      for (; next < plan.itemEnd(item); next++) {
        elements += plan.chunkElements(next);
      }
      long total = elements;
      assertTrue(elements <= chunkElements, () -> "an item of " + total + " elements");
    }
    assertEquals(next, plan.chunkCount());
  }

  private static List<String> chunks(StepPlan plan) {
    List<String> chunks = new ArrayList<>();
    for (int i = 0; i < plan.chunkCount(); i++) {
      chunks.add(
          "%d: %d+%d".formatted(plan.chunkTensor(i), plan.chunkBegin(i), plan.chunkElements(i)));
    }
    return chunks;
  }

  private static List<String> items(StepPlan plan) {
    List<String> items = new ArrayList<>();
    for (int i = 0; i < plan.itemCount(); i++) {
      items.add(plan.itemBegin(i) + "-" + plan.itemEnd(i));
    }
    return items;
  }
}
