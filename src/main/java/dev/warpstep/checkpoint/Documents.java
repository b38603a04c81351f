package dev.warpstep.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.warpstep.AveragedState;
import dev.warpstep.GradScalerState;
import dev.warpstep.HyperParameter;
import dev.warpstep.StateTensor;
import dev.warpstep.StochasticRounding;
import dev.warpstep.lr.SchedulerState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Values of metadata that are JSON, as {@link Keys} shows them: how each is written and read. */
final class Documents {
  private Documents() {}

  static String hyperParameters(Map<HyperParameter, Double> values) throws IOException {
    return Json.write(
        json -> {
          json.writeStartObject();
          for (Map.Entry<HyperParameter, Double> value : values.entrySet()) {
            json.writeNumberField(value.getKey().key(), value.getValue());
          }
          json.writeEndObject();
        });
  }

  static Map<HyperParameter, Double> hyperParameters(String key, String value, Allowance allowance)
      throws IOException {
    Fields fields = Fields.of(key, value, allowance);
    Map<HyperParameter, Double> hyperParameters = new EnumMap<>(HyperParameter.class);
    for (String name : fields.names()) {
      HyperParameter hyperParameter =
          Arrays.stream(HyperParameter.values())
              .filter(constant -> constant.key().equals(name))
              .findAny()
              .orElseThrow(() -> new HeaderException(key, "has an unknown " + name));
      hyperParameters.put(hyperParameter, fields.number(name));
    }
    return hyperParameters;
  }

  static String scheduler(SchedulerState state) throws IOException {
    return Json.write(json -> scheduler(json, state));
  }

  private static void scheduler(JsonGenerator json, SchedulerState state) throws IOException {
    json.writeStartObject();
    json.writeStringField("scheduler", state.scheduler());
    json.writeObjectFieldStart("values");
    for (Map.Entry<String, List<Double>> values : state.values().entrySet()) {
      json.writeArrayFieldStart(values.getKey());
      for (double value : values.getValue()) {
        json.writeNumber(value);
      }
      json.writeEndArray();
    }
    json.writeEndObject();
    json.writeArrayFieldStart("schedulers");
    for (SchedulerState part : state.schedulers()) {
      scheduler(json, part);
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  static SchedulerState scheduler(String key, String value, Allowance allowance)
      throws IOException {
    return scheduler(Fields.of(key, value, allowance));
  }

  private static SchedulerState scheduler(Fields fields) throws IOException {
    fields.expect("scheduler", "values", "schedulers");
    Map<String, List<Double>> values = new LinkedHashMap<>();
    Fields lists = fields.object("values");
    for (String name : lists.names()) {
      values.put(name, lists.numbers(name));
    }
    List<SchedulerState> parts = new ArrayList<>();
    for (Fields part : fields.objects("schedulers")) {
      parts.add(scheduler(part));
    }
    return new SchedulerState(fields.text("scheduler"), values, parts);
  }

  static String scaler(GradScalerState scaler) throws IOException {
    return Json.write(
        json -> {
          json.writeStartObject();
          json.writeNumberField("scale", scaler.scale());
          json.writeNumberField("growth_factor", scaler.growthFactor());
          json.writeNumberField("backoff_factor", scaler.backoffFactor());
          json.writeNumberField("growth_interval", scaler.growthInterval());
          json.writeNumberField("_growth_tracker", scaler.growthTracker());
          json.writeEndObject();
        });
  }

  static GradScalerState scaler(Fields fields) throws IOException {
    fields.expect("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker");
    try {
      return new GradScalerState(
          fields.number("scale"),
          fields.number("growth_factor"),
          fields.number("backoff_factor"),
          Math.toIntExact(fields.integer("growth_interval")),
          Math.toIntExact(fields.integer("_growth_tracker")));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw fields.refusal(e);
    }
  }

  static String rounding(StochasticRounding rounding) throws IOException {
    return Json.write(
        json -> {
          json.writeStartObject();
          json.writeNumberField("seed", rounding.seed());
          json.writeNumberField("steps", rounding.steps());
          json.writeEndObject();
        });
  }

  static StochasticRounding rounding(Fields fields) throws IOException {
    fields.expect("seed", "steps");
    return new StochasticRounding(fields.integer("seed"), fields.count("steps"));
  }

  /** Without its tensors. */
  static String average(AveragedState average) throws IOException {
    return Json.write(
        json -> {
          json.writeStartObject();
          if (average.decay().isPresent()) {
            json.writeNumberField("decay", average.decay().getAsDouble());
          }
          json.writeNumberField("updates", average.updates());
          json.writeEndObject();
        });
  }

  static AveragedState average(Fields fields, Map<String, StateTensor> tensors) throws IOException {
    OptionalDouble decay = OptionalDouble.empty();
    if (fields.names().contains("decay")) {
      fields.expect("decay", "updates");
      decay = OptionalDouble.of(fields.number("decay"));
    } else {
      fields.expect("updates");
    }
    try {
      return new AveragedState(decay, fields.count("updates"), tensors);
    } catch (IllegalArgumentException e) {
      throw fields.refusal(e);
    }
  }
}
