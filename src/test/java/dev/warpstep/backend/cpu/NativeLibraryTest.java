package dev.warpstep.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.backend.Entry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class NativeLibraryTest {
  @Test
  void listsTheTableOfEntries() {
    List<Entry> entries = NativeLibrary.get().entries();
    Entry amsgrad =
        entries.stream().filter(entry -> entry.name().equals("adam_amsgrad")).findFirst().get();
    assertEquals(List.of("exp_avg", "exp_avg_sq", "max_exp_avg_sq"), amsgrad.states());
    assertEquals("lr", amsgrad.hyperParameters().getFirst());
    assertEquals(List.of(), entries.getFirst().states());
    assertEquals(10, entries.size());
    assertTrue(NativeLibrary.unavailabilityCause().isEmpty());
  }

  @Test
  void alwaysSupportsTheBaseline() {
    assertTrue(NativeLibrary.get().isas().getFirst().supported());
    assertEquals("baseline", NativeLibrary.get().isas().getFirst().name());
    assertEquals("baseline", CpuBackend.supportedIsas().getFirst());
  }

  @Test
  void refusesALibraryWhoseChecksumDoesNotFit() throws IOException {
    byte[] library = "library".getBytes(StandardCharsets.UTF_8);
    String checksum = "2a7ff6020b4e0dfe8a12a85ef5ddb0b8a4d9ec1c0f9e2fd0a1c5b1b4f2b1e6e2";
    String message =
        assertThrows(
                IOException.class, () -> NativeLibrary.verify(library, checksum, "libwarpstep.so"))
            .getMessage();
    assertTrue(message.startsWith("libwarpstep.so is damaged: its SHA-256 is "), message);
    String actual = message.replaceFirst(".*its SHA-256 is ([0-9a-f]{64}),.*", "$1");
    NativeLibrary.verify(library, actual, "libwarpstep.so");
  }

  @Test
  void namesAnUnknownKernelOrInstructionSet() {
    try (CpuBackend backend = new CpuBackend(1, Optional.empty())) {
      assertEquals(
          "there is no kernel named lion",
          assertThrows(IllegalArgumentException.class, () -> backend.entry("lion")).getMessage());
    }
    assertThrows(IllegalArgumentException.class, () -> new CpuBackend(1, Optional.of("avx1024")));
  }
}
