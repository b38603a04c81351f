package dev.warpstep.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ModelTest {
  /** As their authors publish them. */
  @ParameterizedTest
  @CsvSource({
    "mlp_100k, 10, 100234",
    "resnet50, 161, 25557032",
    "gpt2_124m, 148, 124439808",
    "bert_large, 398, 336226108",
    "gpt2_1p5b, 580, 1557611200",
    "llama_7b, 291, 6738415616",
    "many_10000x1000, 10000, 10000000",
    "groups_465, 465, 476160"
  })
  void hasTheTensorsOfTheRealModel(String key, int tensors, long parameters) {
    ModelShape shape = Model.of(key).shape();

    assertEquals(key, shape.key());
    assertEquals(tensors, shape.sizes().size());
    assertEquals(parameters, shape.parameterCount());
  }

  @Test
  void namesTheModelsThereAre() {
    var e = assertThrows(IllegalArgumentException.class, () -> Model.of("nosuch"));
    assertTrue(
        e.getMessage().matches("model must be one of mlp_100k, .*, was nosuch"), e::getMessage);
  }
}
