package dev.warpstep.cli;

import dev.warpstep.Optimizer;
import dev.warpstep.lr.ChainedScheduler;
import dev.warpstep.lr.LRScheduler;
import dev.warpstep.lr.ReduceLROnPlateau;
import dev.warpstep.lr.SequentialLR;
import dev.warpstep.lr.Warmup;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A schedule, or several, as a line of text.
 *
 * <pre>
 *   sequence = chain { "@" epoch chain }         the next one from an epoch on: {@link SequentialLR}
 *   chain    = schedule { "*" schedule }         at once: {@link ChainedScheduler}
 *   schedule = name { ":" key "=" value }
 * </pre>
 */
final class ScheduleExpression {
  private static final Pattern AT = Pattern.compile("@\\s*(\\d{1,9}+)");

  private final List<List<Part>> chains = new ArrayList<>();
  private final List<Long> milestones = new ArrayList<>();

  private record Part(ScheduleKind kind, Map<String, String> settings) {
    LRScheduler make(Optimizer optimizer) {
      return kind.make(optimizer, new ScheduleSettings(kind.key(), settings));
    }
  }

  /** A schedule, and what takes it from epoch to epoch. */
  interface Drawn {
    /** At the present epoch. */
    LRScheduler schedule();

    /** Goes to the next epoch. */
    void step();
  }

  /**
   * @param settings more of them, of the only schedule
   * @throws IllegalArgumentException if there is no such schedule, or the text is none
   */
  ScheduleExpression(String text, Map<String, String> settings) {
    Matcher at = AT.matcher(text);
    int begin = 0;
    while (at.find()) {
      chains.add(chain(text.substring(begin, at.start())));
      milestones.add(Long.parseLong(at.group(1)));
      begin = at.end();
    }
    chains.add(chain(text.substring(begin)));
    if (!settings.isEmpty()) {
      if (chains.size() > 1 || chains.getFirst().size() > 1) {
        throw new IllegalArgumentException(
            "--set is for one schedule alone; of several, write name:key=value");
      }
      settings.forEach((key, value) -> put(chains.getFirst().getFirst().settings(), key, value));
    }
  }

  private static List<Part> chain(String text) {
    return Arrays.stream(text.split("\\*", -1)).map(ScheduleExpression::part).toList();
  }

  private static Part part(String text) {
    List<String> words = List.of(text.strip().split("\\s*:\\s*", -1));
    Map<String, String> settings = new LinkedHashMap<>();
    for (String setting : words.subList(1, words.size())) {
      int equals = setting.indexOf('=');
      if (equals < 1) {
        throw new IllegalArgumentException(
            "%s: a setting must be key=value, was %s".formatted(words.getFirst(), setting));
      }
      put(settings, setting.substring(0, equals).strip(), setting.substring(equals + 1).strip());
    }
    return new Part(ScheduleKind.ofKey(words.getFirst()), settings);
  }

  private static void put(Map<String, String> settings, String key, String value) {
    if (settings.put(key, value) != null) {
      throw new IllegalArgumentException("%s must be given once, was given twice".formatted(key));
    }
  }

  /**
   * Makes the schedule.
   *
   * @param warmup epochs of a linear warmup from a share of the rate before it, or 0
   * @throws IllegalArgumentException if a setting is missing, foreign, or out of range
   */
  Drawn make(Optimizer optimizer, double warmupStart, int warmup) {
    List<LRScheduler> made = new ArrayList<>();
    double[] metrics = metrics();
    for (List<Part> chain : chains) {
      List<LRScheduler> parts = chain.stream().map(part -> part.make(optimizer)).toList();
      made.add(parts.size() == 1 ? parts.getFirst() : new ChainedScheduler(optimizer, parts));
    }
    LRScheduler whole =
        made.size() == 1
            ? made.getFirst()
            : new SequentialLR(
                optimizer, made, milestones.stream().mapToLong(Long::longValue).toArray());
    LRScheduler schedule = warmup > 0 ? Warmup.linear(warmupStart, warmup, whole) : whole;
    return new Drawn() {
      @Override
      public LRScheduler schedule() {
        return schedule;
      }

      @Override
      public void step() {
        if (schedule instanceof ReduceLROnPlateau plateau) {
          plateau.step(metrics[(int) Math.min(plateau.lastEpoch(), metrics.length - 1)]);
        } else {
          schedule.step();
        }
      }
    };
  }

  /** What a schedule that needs metrics sees, epoch by epoch; the last one stays. */
  private double[] metrics() {
    Part first = chains.getFirst().getFirst();
    if (first.kind() != ScheduleKind.REDUCE_ON_PLATEAU) {
      return new double[0];
    }
    ScheduleSettings settings = new ScheduleSettings(first.kind().key(), first.settings());
    double[] metrics = settings.allReal("metrics");
    first.settings().remove("metrics");
    return metrics;
  }
}
