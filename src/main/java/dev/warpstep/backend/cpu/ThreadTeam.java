package dev.warpstep.backend.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that share the items of one job at a time with the caller. Handing out a job allocates
 * nothing and takes no lock among the threads; the caller works too, and waits for items rather
 * than for threads, so that a thread which wakes late costs nothing.
 *
 * <p>A ticket holds the job's number and how many of its items are still to be taken:
 *
 * <pre>
 *   63            32 31             0
 *   +---------------+---------------+
 *   |  job number   |  items left   |     taking an item is one compare-and-set, items left - 1
 *   +---------------+---------------+
 * </pre>
 *
 * Whoever takes an item knows that its job is not over, so it may read the job's fields then, and
 * only then.
 */
final class ThreadTeam implements AutoCloseable {
  /** A job: called once for each item, by any thread; must not throw. */
  interface Job {
    void run(int item);
  }

  /**
   * How long an idle thread looks for a job before it sleeps. A loop that does nothing but step
   * comes back within that time; a training loop, whose other passes take milliseconds, does not.
   */
  private static final long SPIN_NANOS = 50_000;

  /**
   * A worker that the system has taken off its processor in the middle of an item needs one back.
   */
  private static final int SPINS_BEFORE_YIELD = 1_000;

  private static final VarHandle TICKET;

  static {
    try {
      TICKET = MethodHandles.lookup().findVarHandle(ThreadTeam.class, "ticket", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Worker[] workers;
  private final AtomicInteger done = new AtomicInteger();
  private volatile long ticket;
  private volatile boolean closed;
  private Job job;
  private int itemCount;
  private long lastEnd = System.nanoTime() - SPIN_NANOS;

  /**
   * @param threads how many threads work on a job, the caller included; positive
   */
  ThreadTeam(int threads) {
    workers = new Worker[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      workers[i] = new Worker("warpstep-cpu-" + (i + 1));
    }
    try {
      for (Worker worker : workers) {
        worker.start();
      }
    } catch (OutOfMemoryError e) { // the system's limit of threads
      close();
      throw e;
    }
  }

  /**
   * Runs every item of a job and returns when all are done. One job at a time.
   *
   * <p>Waking a sleeping thread can take the caller 100 microseconds, when the system lets the
   * woken thread run in its place. Only a large job is worth that, or the hope that many more
   * follow at once; otherwise the threads that still look for work share the job with the caller.
   *
   * @param large whether the job would take the caller alone well over 100 microseconds
   */
  @SuppressWarnings("ThreadPriorityCheck") // the caller has nothing left to do but wait
  synchronized void run(Job newJob, int newItemCount, boolean large) {
    if (workers.length == 0 || newItemCount <= 1) {
      for (int item = 0; item < newItemCount; item++) {
        newJob.run(item);
      }
      return;
    }
    job = newJob;
    itemCount = newItemCount;
    done.set(0);
    long number = (ticket >>> 32) + 1;
    ticket = number << 32 | newItemCount;
    if (large || System.nanoTime() - lastEnd < SPIN_NANOS) {
      for (Worker worker : workers) {
        if (worker.sleeping) {
          LockSupport.unpark(worker);
        }
      }
    }
    work();
    for (int spin = 1; done.get() != newItemCount; spin++) {
      if (spin % SPINS_BEFORE_YIELD == 0) {
        Thread.yield();
      } else {
        Thread.onSpinWait();
      }
    }
    job = null;
    lastEnd = System.nanoTime();
  }

  /** Takes items of the current job until none is left. */
  private void work() {
    for (; ; ) {
      long seen = ticket;
      int left = (int) seen;
      if (left == 0) {
        return;
      }
      if (TICKET.compareAndSet(this, seen, seen - 1)) {
        try {
          job.run(itemCount - left);
        } finally {
          done.incrementAndGet();
        }
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Worker worker : workers) {
      LockSupport.unpark(worker);
    }
  }

  private final class Worker extends Thread {
    volatile boolean sleeping;

    Worker(String name) {
      super(name);
      setDaemon(true);
    }

    @Override
    public void run() {
      while (!closed) {
        work();
        awaitJob();
      }
    }

    private void awaitJob() {
      long begin = System.nanoTime();
      do {
        if ((int) ticket != 0 || closed) {
          return;
        }
        Thread.onSpinWait();
      } while (System.nanoTime() - begin < SPIN_NANOS);
      sleeping = true;
      while ((int) ticket == 0 && !closed) {
        LockSupport.park(ThreadTeam.this);
      }
      sleeping = false;
    }
  }
}
