package dev.warpstep;

/** A registered hook, to be removed; as {@code torch.utils.hooks.RemovableHandle}. */
public final class HookHandle implements AutoCloseable {
  private final Runnable removal;

  HookHandle(Runnable removal) {
    this.removal = removal;
  }

  /** Removes the hook, if it is still registered. A call that runs hooks now still runs it. */
  public void remove() {
    removal.run();
  }

  /** As {@link #remove}. */
  @Override
  public void close() {
    remove();
  }
}
