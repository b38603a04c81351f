package dev.warpstep.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class ThreadTeamTest {
  private static final long SEED = 99;
  private static final int JOBS = 20_000;
  private static final int MOST_ITEMS = 40;

  @BeforeAll
  static void printSeed() {
    System.out.println("ThreadTeamTest: seed " + SEED);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void runsEachItemOfEachJobExactlyOnce(int threads) throws InterruptedException {
    SplittableRandom random = new SplittableRandom(SEED + threads);
    try (ThreadTeam team = new ThreadTeam(threads)) {
      for (int number = 0; number < JOBS; number++) {
        int items = random.nextInt(MOST_ITEMS + 1);
        AtomicIntegerArray runs = new AtomicIntegerArray(MOST_ITEMS + 1);
        team.run(runs::incrementAndGet, items, random.nextBoolean());
        for (int item = 0; item <= MOST_ITEMS; item++) {
          assertEquals(item < items ? 1 : 0, runs.get(item), "item " + item + " of " + items);
        }
        if (random.nextInt(100) == 0) {
          Thread.sleep(1); // long enough for all workers to go to sleep
        }
      }
    }
  }

  @Test
  void allThreadsWorkAtOnce() throws InterruptedException {
    try (ThreadTeam team = new ThreadTeam(3)) {
      for (int round = 0; round < 20; round++) {
        CountDownLatch together = new CountDownLatch(3);
        Set<Thread> seen = ConcurrentHashMap.newKeySet();
        AtomicInteger late = new AtomicInteger();
        team.run(
            item -> {
              seen.add(Thread.currentThread());
              together.countDown();
              try {
                // An item returns when two others have begun, which takes three threads.
                late.addAndGet(together.await(10, TimeUnit.SECONDS) ? 0 : 1);
              } catch (InterruptedException e) {
                late.incrementAndGet();
              }
            },
            3,
            true);
        assertEquals(0, late.get(), "items that waited in vain");
        assertEquals(3, seen.size());
        assertTrue(seen.contains(Thread.currentThread()));
        Thread.sleep(2);
      }
    }
  }

  @Test
  void smallJobsLetSleepingThreadsSleep() throws InterruptedException {
    int rounds = 20;
    int alone = 0;
    try (ThreadTeam team = new ThreadTeam(3)) {
      for (int round = 0; round < rounds; round++) {
        Thread.sleep(5); // long enough for all workers to go to sleep
        Set<Thread> seen = ConcurrentHashMap.newKeySet();
        team.run(
            item -> {
              seen.add(Thread.currentThread());
              LockSupport.parkNanos(200_000); // time enough for anybody who was woken
            },
            10,
            false);
        alone += seen.equals(Set.of(Thread.currentThread())) ? 1 : 0;
      }
    }
    // Not all: on a busy machine a worker may not have had the time to go to sleep.
    assertTrue(alone > rounds / 2, "rounds without another thread: " + alone);
  }

  @Test
  void writesOfWorkersAreVisibleToTheCaller() {
    int[] written = new int[1000];
    try (ThreadTeam team = new ThreadTeam(4)) {
      for (int round = 1; round <= 2000; round++) {
        int mark = round;
        team.run(item -> written[item] = mark, written.length, true);
        for (int value : written) {
          assertEquals(round, value);
        }
      }
    }
  }

  @Test
  void jobsOfSeveralCallersDoNotMix() throws InterruptedException {
    try (ThreadTeam team = new ThreadTeam(2)) {
      AtomicIntegerArray runs = new AtomicIntegerArray(3 * 2000);
      Thread[] callers = new Thread[3];
      for (int caller = 0; caller < callers.length; caller++) {
        int base = caller * 2000;
        callers[caller] =
            Thread.ofPlatform()
                .start(
                    () -> {
                      for (int job = 0; job < 200; job++) {
                        int first = base + job * 10;
                        team.run(item -> runs.incrementAndGet(first + item), 10, true);
                      }
                    });
      }
      for (Thread caller : callers) {
        caller.join();
      }
      for (int i = 0; i < runs.length(); i++) {
        assertEquals(1, runs.get(i));
      }
    }
  }

  @Test
  void closingEndsTheThreadsAndMayBeRepeated() throws InterruptedException {
    Set<Thread> workers = ConcurrentHashMap.newKeySet();
    ThreadTeam team = new ThreadTeam(3);
    CountDownLatch together = new CountDownLatch(3);
    team.run(
        item -> {
          workers.add(Thread.currentThread());
          together.countDown();
          try {
            together.await(10, TimeUnit.SECONDS);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        },
        3,
        true);
    workers.remove(Thread.currentThread());
    assertEquals(2, workers.size());
    team.close();
    team.close();
    for (Thread worker : workers) {
      assertTrue(worker.join(Duration.ofSeconds(10)), worker.getName());
    }
  }
}
