package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RoomsTest {
  private static final Path JAVA = Path.of("src", "main", "java");
  private static final Path RULES = Path.of("kernels", "rules");

  @Test
  void javaSourcesStayInTheirRooms() {
    List<Path> sources = Rooms.sources(JAVA, ".java");
    assertTrue(sources.size() > 30, sources::toString);
    assertEquals(List.of(), violations(sources, Rooms::violationsInJava));
  }

  @Test
  void rulesIncludeNothingThatIsNotArithmetic() {
    List<Path> sources = Rooms.sources(RULES, ".h");
    assertTrue(sources.size() >= 4, sources::toString);
    assertEquals(List.of(), violations(sources, Rooms::violationsInRule));
  }

  @ParameterizedTest
  @CsvSource({
    "dev.warpstep, jcuda.driver.JCudaDriver",
    "dev.warpstep, java.lang.foreign.ValueLayout",
    "dev.warpstep, java.lang.foreign.MemoryLayout.PathElement",
    "dev.warpstep, java.lang.foreign.*",
    "dev.warpstep.checkpoint, jcuda.Pointer",
    "dev.warpstep.adapter.djl, jcuda.Pointer",
    "dev.warpstep.adapter.jcuda, dev.warpstep.backend.cuda.CudaContext",
    "dev.warpstep, dev.warpstep.lr.StepLR",
    "dev.warpstep.lr, dev.warpstep.backend.Storage",
    "dev.warpstep.lr, dev.warpstep.plan.StepPlan",
    "dev.warpstep.lr, java.lang.foreign.MemorySegment",
    "dev.warpstep, dev.warpstep.checkpoint.Checkpoint",
    "dev.warpstep.checkpoint, dev.warpstep.backend.Storage",
    "dev.warpstep.checkpoint, dev.warpstep.plan.StepPlan",
    "dev.warpstep.checkpoint.torch, dev.warpstep.backend.Storage",
    "dev.warpstep.plan, dev.warpstep.Adam",
    "dev.warpstep.plan, dev.warpstep.backend.Storage",
    "dev.warpstep.backend, dev.warpstep.DType",
    "dev.warpstep.backend, dev.warpstep.backend.cpu.CpuBackend",
    "dev.warpstep.backend.cpu, dev.warpstep.backend.cuda.CudaKernels",
    "dev.warpstep.backend.cpu, dev.warpstep.Device",
    "dev.warpstep.backend.cpu, dev.warpstep.*",
    "dev.warpstep.backend.cpu.bindings, jcuda.Pointer",
    "dev.warpstep.backend.cuda, dev.warpstep.backend.cpu.CpuStep",
    "dev.warpstep.backend.cuda, dev.warpstep.Optimizer",
    "dev.warpstep.unfused, jcuda.Pointer",
    "dev.warpstep.unfused.cuda, dev.warpstep.backend.cuda.CudaContext",
    "dev.warpstep.cli.bench, jcuda.driver.CUstream"
  })
  void namesFromTheWrongRoomAreFound(String owner, String name) {
    for (String code :
        List.of(
            "import %s;",
            "import static %s.X;", "class C { %s x; }", "class C { Object x = %s.y(); }")) {
      String source = "package %s;\n".formatted(owner) + code.formatted(name);
      if (!name.endsWith("*") || code.equals("import %s;")) {
        assertEquals(1, Rooms.violationsInJava(source).size(), source);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "dev.warpstep, dev.warpstep.backend.cpu.CpuBackend",
    "dev.warpstep, java.lang.foreign.MemorySegment",
    "dev.warpstep.lr, dev.warpstep.ParamGroup",
    "dev.warpstep.lr, dev.warpstep.HyperParameter",
    "dev.warpstep.checkpoint, dev.warpstep.StateDict",
    "dev.warpstep.checkpoint, dev.warpstep.lr.SchedulerState",
    "dev.warpstep.checkpoint, java.lang.foreign.ValueLayout",
    "dev.warpstep.checkpoint.torch, dev.warpstep.checkpoint.AtomicFile",
    "dev.warpstep.checkpoint.torch, dev.warpstep.checkpoint.CheckpointException",
    "dev.warpstep.checkpoint.torch, java.lang.foreign.ValueLayout",
    "dev.warpstep.plan, dev.warpstep.plan.StepPlan.Tensor",
    "dev.warpstep.adapter.jcuda, dev.warpstep.Parameter",
    "dev.warpstep.adapter.jcuda, jcuda.Pointer",
    "dev.warpstep.backend, dev.warpstep.plan.StepPlan",
    "dev.warpstep.backend.cpu, dev.warpstep.backend.cpu.bindings.WsRow",
    "dev.warpstep.backend.cpu, java.lang.foreign.ValueLayout",
    "dev.warpstep.backend.cuda, jcuda.driver.JCudaDriver",
    "dev.warpstep.unfused.cuda, jcuda.driver.JCudaDriver"
  })
  void namesFromTheRightRoomAreNot(String owner, String name) {
    String source =
        "package %s;\nimport %s;\n/** {@link jcuda.Pointer} */ // jcuda.Pointer\n"
            .formatted(owner, name);
    assertEquals(List.of(), Rooms.violationsInJava(source));
  }

  @ParameterizedTest
  @ValueSource(strings = {"<cmath>", "<cuda_runtime.h>", "\"plan.h\"", "\"cuda/tuning.h\""})
  void foreignIncludesOfRulesAreFound(String header) {
    assertEquals(1, Rooms.violationsInRule("#pragma once\n  # include " + header).size());
    assertEquals(
        List.of(), Rooms.violationsInRule("#include \"rules/arithmetic.h\"\n#include <cstdint>"));
  }

  private static List<String> violations(
      List<Path> sources, Function<String, List<String>> violationsIn) {
    return sources.stream()
        .flatMap(
            file ->
                violationsIn.apply(Rooms.text(file)).stream()
                    .map(violation -> file + ": " + violation))
        .toList();
  }
}
