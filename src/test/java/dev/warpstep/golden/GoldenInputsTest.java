package dev.warpstep.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.golden.GoldenCase.Dtype;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * The Java generator against the values its Python twin recorded, and what the golden files hold.
 */
class GoldenInputsTest {
  @Test
  void drawsWhatTheScriptDrew() {
    Set<String> seen = new TreeSet<>();
    for (String line : GoldenCases.lines("inputs.txt")) {
      List<String> words = GoldenCases.words(line);
      String kind = words.getFirst();
      String drawn =
          switch (kind) {
            case "initial", "slope", "centre" -> constant(kind, words);
            case "wild", "vanishing" -> gradient(kind, words);
            case "bowl" -> bowl(words);
            case "sample" -> sample(words);
            default -> throw new AssertionError("unknown line " + line);
          };
      assertEquals(expected(words), drawn, line);
      seen.add(kind);
    }
    assertEquals(Set.of("initial", "slope", "centre", "wild", "vanishing", "bowl", "sample"), seen);
  }

  @Test
  void wholeTensorsAreDrawnElementByElement() {
    GoldenInputs inputs = new GoldenInputs(42);
    float[] floats = inputs.initialFloats(3, 100);
    double[] doubles = inputs.initialDoubles(3, 100);
    for (GoldenInputs.Gradient kind : GoldenInputs.Gradient.values()) {
      float[] narrow = inputs.gradient(kind, 3, 7, floats);
      double[] wide = inputs.gradient(kind, 3, 7, doubles);
      for (int i = 0; i < floats.length; i++) {
        assertEquals(inputs.initial(3, i), floats[i]);
        assertEquals(floats[i], doubles[i]);
        float one =
            switch (kind) {
              case WILD -> inputs.wild(3, 7, i);
              case VANISHING -> inputs.vanishing(3, 7, i);
              case BOWL -> inputs.bowl(3, i, floats[i]);
            };
        assertEquals(one, narrow[i]);
        assertEquals(one, (float) wide[i], Math.ulp(one));
      }
    }
  }

  @Test
  void everyFileReadsAndEveryCaseIsComplete() {
    for (String optimizer : GoldenCases.OPTIMIZERS) {
      for (Dtype dtype : Dtype.values()) {
        List<GoldenCase> cases = GoldenCases.of(optimizer, dtype);
        assertTrue(cases.size() > 25, optimizer);
        assertEquals(cases.size(), cases.stream().map(GoldenCase::name).distinct().count());
        for (GoldenCase golden : cases) {
          assertEquals(golden.steps(), golden.snapshots().getLast().step(), golden::toString);
          assertEquals(golden.groups().size(), golden.savedGroups().size(), golden::toString);
          for (GoldenCase.Snapshot snapshot : golden.snapshots()) {
            assertEquals(golden.tensors().size(), snapshot.tensors().size(), golden::toString);
          }
        }
      }
    }
  }

  @Test
  void knowsTheDefaultsOfPyTorch() {
    assertEquals("2.13.0", GoldenCases.torchVersion());
    assertEquals(
        new GoldenCase.TypedValue("float", "0.01"),
        GoldenCases.defaults("AdamW").get("weight_decay"));
    for (String optimizer : GoldenCases.OPTIMIZERS) {
      Map<String, GoldenCase.TypedValue> defaults = GoldenCases.defaults(optimizer);
      assertEquals("lr", defaults.keySet().iterator().next());
      GoldenCase unchanged = GoldenCases.of(optimizer, Dtype.FLOAT32).getFirst();
      assertEquals("defaults", unchanged.name());
      assertEquals(defaults.get("lr"), unchanged.savedGroups().getFirst().get("lr"));
    }
  }

  @Test
  void optionsFollowTheChanges() {
    GoldenCase golden =
        GoldenCases.of("SGD", Dtype.FLOAT64).stream()
            .filter(c -> c.name().equals("options_change"))
            .findFirst()
            .orElseThrow();
    assertEquals(0, golden.optionsAt(1, 0).number("weight_decay", 0));
    assertEquals(0.1, golden.optionsAt(2, 0).number("weight_decay", 0));
    assertEquals(0.9, golden.optionsAt(2, 0).number("momentum", 0));
    assertEquals(0.5, golden.optionsAt(7, 0).number("momentum", 0));
    assertEquals(
        List.of(false, true),
        List.of(golden.optionsAt(5, 0).flag("maximize"), golden.optionsAt(6, 0).flag("maximize")));
  }

  private static String expected(List<String> words) {
    if (words.getFirst().equals("sample")) {
      return String.join(" ", words.subList(2, words.size()));
    }
    return Double.toHexString(Double.parseDouble(words.getLast()));
  }

  private static String constant(String kind, List<String> words) {
    GoldenInputs inputs = new GoldenInputs(Long.parseLong(words.get(1)));
    int tensor = Integer.parseInt(words.get(2));
    long index = Long.parseLong(words.get(3));
    return Double.toHexString(
        switch (kind) {
          case "initial" -> inputs.initial(tensor, index);
          case "slope" -> inputs.slope(tensor, index);
          default -> inputs.centre(tensor, index);
        });
  }

  private static String gradient(String kind, List<String> words) {
    GoldenInputs inputs = new GoldenInputs(Long.parseLong(words.get(1)));
    int tensor = Integer.parseInt(words.get(2));
    int step = Integer.parseInt(words.get(3));
    long index = Long.parseLong(words.get(4));
    return Double.toHexString(
        kind.equals("wild")
            ? inputs.wild(tensor, step, index)
            : inputs.vanishing(tensor, step, index));
  }

  private static String bowl(List<String> words) {
    GoldenInputs inputs = new GoldenInputs(Long.parseLong(words.get(2)));
    int tensor = Integer.parseInt(words.get(3));
    long index = Long.parseLong(words.get(4));
    double parameter = Double.parseDouble(words.get(5));
    return Double.toHexString(
        words.get(1).equals("float32")
            ? inputs.bowl(tensor, index, (float) parameter)
            : inputs.bowl(tensor, index, parameter));
  }

  private static String sample(List<String> words) {
    List<String> indices = new ArrayList<>();
    for (int index : GoldenInputs.sampleIndices(Integer.parseInt(words.get(1)))) {
      indices.add(Integer.toString(index));
    }
    return String.join(" ", indices);
  }
}
