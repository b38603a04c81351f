package dev.warpstep.cli.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What came of a rule on a model.
 *
 * @param fused milliseconds of a step
 * @param unfused milliseconds of a step, by name of the way
 * @param ratios time unfused over fused, round by round, by name of the way
 * @param stepsPerSample steps that were timed together
 * @param gigabytesPerSecond of the fused step
 */
public record Row(
    Rule rule,
    ModelShape model,
    Samples fused,
    Map<String, Samples> unfused,
    Map<String, Samples> ratios,
    int stepsPerSample,
    double gigabytesPerSecond) {
  /**
   * Measures.
   *
   * @param seconds to take
   */
  public static Row measure(
      Place place, Rule rule, ModelShape model, Subject subject, double seconds) {
    List<String> names = List.copyOf(subject.unfused().keySet());
    List<Contender> contenders = new ArrayList<>(List.of(subject.fused()));
    names.forEach(name -> contenders.add(subject.unfused().get(name)));
    Race race = new Race(place, contenders, model.stepsPerSample(), subject::flip);
    race.run(seconds);
    Map<String, Samples> unfused = new LinkedHashMap<>();
    Map<String, Samples> ratios = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      unfused.put(names.get(i), race.millis(i + 1));
      ratios.put(names.get(i), race.ratios(i + 1, 0));
    }
    return new Row(
        rule,
        model,
        race.millis(0),
        unfused,
        ratios,
        race.stepsPerSample(),
        race.gigabytesPerSecond(0));
  }
}
