package dev.warpstep;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/**
 * Hooks of one kind, in the order in which they run. Who runs them walks the list as it was then.
 *
 * @param <H> the kind
 */
final class HookList<H> {
  /** Replaced, never changed. The same hook may be registered twice, hence the registrations. */
  private List<Registration<H>> registrations = List.of();

  private static final class Registration<H> {
    final H hook;

    Registration(H hook) {
      this.hook = hook;
    }
  }

  HookHandle add(H hook, boolean first) {
    Registration<H> added = new Registration<>(Objects.requireNonNull(hook, "hook"));
    List<Registration<H>> more = new ArrayList<>(registrations);
    more.add(first ? 0 : more.size(), added);
    registrations = List.copyOf(more);
    return new HookHandle(
        () ->
            registrations =
                registrations.stream().filter(registration -> registration != added).toList());
  }

  boolean isEmpty() {
    return registrations.isEmpty();
  }

  void run(Consumer<H> call) {
    registrations.forEach(registration -> call.accept(registration.hook));
  }

  /** What the hooks make of a value, one after the other. */
  <T> T fold(T value, BiFunction<H, T, T> call) {
    T folded = value;
    for (Registration<H> registration : registrations) {
      folded = call.apply(registration.hook, folded);
    }
    return folded;
  }
}
