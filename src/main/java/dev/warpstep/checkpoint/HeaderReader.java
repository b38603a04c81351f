package dev.warpstep.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import dev.warpstep.DType;
import java.io.ByteArrayInputStream;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a {@link Header}, and believes nothing of it. */
final class HeaderReader {
  private final Allowance allowance;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, Header.Tensor> tensors = new LinkedHashMap<>();
  private long end;

  private HeaderReader(Allowance allowance) {
    this.allowance = allowance;
  }

  /**
   * A header whose checksum fits.
   *
   * @param bytes after the length
   * @param dataBytes what follows in the file
   * @throws HeaderException if anything is not as {@link HeaderWriter} writes it, or the tensors
   *     are not exactly what follows
   */
  static Header read(byte[] bytes, long dataBytes, Allowance allowance) throws IOException {
    checkBeginning(bytes);
    HeaderReader reader = new HeaderReader(allowance);
    try (JsonParser json =
        Json.FACTORY.createParser(
            // Strict: bytes that are no UTF-8 are refused.
            new InputStreamReader(
                new ByteArrayInputStream(bytes), StandardCharsets.UTF_8.newDecoder()))) {
      reader.read(json);
    } catch (JsonProcessingException e) {
      throw new HeaderException("is no JSON as it must be: " + e.getOriginalMessage());
    } catch (CharConversionException | CharacterCodingException e) {
      throw new HeaderException("is no UTF-8: " + e.getMessage());
    }
    if (reader.end != dataBytes) {
      throw new HeaderException(
          "has tensors of %d bytes, the file has %d after it".formatted(reader.end, dataBytes));
    }
    return new Header(reader.metadata, reader.tensors);
  }

  private static void checkBeginning(byte[] bytes) throws HeaderException {
    String beginning =
        new String(
            bytes,
            0,
            Math.min(bytes.length, Header.BEFORE_CHECKSUM.length() + Checksum.DIGITS),
            StandardCharsets.ISO_8859_1);
    if (!beginning.startsWith(Header.BEFORE_VERSION)) {
      throw new HeaderException("is not that of a Warpstep checkpoint");
    }
    if (!beginning.startsWith(Header.BEFORE_CHECKSUM)
        || beginning.length() < Header.BEFORE_CHECKSUM.length() + Checksum.DIGITS) {
      String version =
          beginning.substring(Header.BEFORE_VERSION.length()).replaceFirst("(?s)\".*", "");
      throw new HeaderException(
          "must be of version %s, was '%s'".formatted(Header.CURRENT_VERSION, version));
    }
    String digits = beginning.substring(Header.BEFORE_CHECKSUM.length());
    String actual = Checksum.ofHeader(bytes);
    if (!digits.equals(actual)) {
      throw new HeaderException(
          "must have the checksum that it says, '%s', has %s".formatted(digits, actual));
    }
  }

  private void read(JsonParser json) throws IOException {
    expect(json.nextToken(), JsonToken.START_OBJECT);
    expect(json.nextToken(), JsonToken.FIELD_NAME);
    expect(json.nextToken(), JsonToken.START_OBJECT);
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      readMetadata(json);
    }
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      readTensor(json);
    }
    expect(json.nextToken(), null);
  }

  private void readMetadata(JsonParser json) throws IOException {
    String key = Json.unicode(json.currentName());
    json.nextToken();
    String value = text(json);
    allowance.chargeMetadata(key, value);
    if (metadata.putIfAbsent(key, value) != null) {
      throw new HeaderException(key, "is there twice");
    }
  }

  private void readTensor(JsonParser json) throws IOException {
    String name = Json.unicode(json.currentName());
    allowance.chargeTensor(name);
    expect(json.nextToken(), JsonToken.START_OBJECT);
    String dtype = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String field = json.currentName();
      json.nextToken();
      switch (field) {
        case "dtype" -> dtype = once(name, field, dtype, text(json));
        case "shape" -> shape = once(name, field, shape, integers(name, json));
        case "data_offsets" -> offsets = once(name, field, offsets, integers(name, json));
        default -> throw new HeaderException(name, "has '%s', which it must not".formatted(field));
      }
    }
    if (dtype == null || shape == null || offsets == null || offsets.size() != 2) {
      throw new HeaderException(name, "must have a dtype, a shape and two offsets");
    }
    Header.Tensor tensor = tensor(name, dtype, shape, offsets);
    if (tensors.putIfAbsent(name, tensor) != null) {
      throw new HeaderException(name, "is there twice");
    }
  }

  private static String text(JsonParser json) throws IOException {
    expect(json.currentToken(), JsonToken.VALUE_STRING);
    return Json.unicode(json.getText());
  }

  private static <T> T once(String name, String field, T before, T value) throws HeaderException {
    if (before != null) {
      throw new HeaderException(name, "has %s twice".formatted(field));
    }
    return value;
  }

  private List<Long> integers(String name, JsonParser json) throws IOException {
    expect(json.currentToken(), JsonToken.START_ARRAY);
    List<Long> integers = new ArrayList<>();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      long integer = Json.integer(json);
      if (integer < 0 || integers.size() == Header.MOST_DIMENSIONS) {
        throw new HeaderException(
            name,
            "must have at most %d dimensions, none negative".formatted(Header.MOST_DIMENSIONS));
      }
      allowance.chargeDimension();
      integers.add(integer);
    }
    return integers;
  }

  private Header.Tensor tensor(String name, String code, List<Long> shape, List<Long> offsets)
      throws HeaderException {
    DType dtype =
        Arrays.stream(DType.values())
            .filter(type -> Header.code(type).equals(code))
            .findAny()
            .orElseThrow(() -> new HeaderException(name, "has an unknown dtype, " + code));
    long sizeBytes = sizeBytes(name, dtype, shape);
    if (offsets.get(0) != end || offsets.get(1) - offsets.get(0) != sizeBytes) {
      throw new HeaderException(
          name,
          "must be at [%d, %d] for %s of shape %s, was at %s"
              .formatted(end, end + sizeBytes, dtype, shape, offsets));
    }
    end += sizeBytes;
    return new Header.Tensor(dtype, shape, offsets.get(0), sizeBytes);
  }

  private static long sizeBytes(String name, DType dtype, List<Long> shape) throws HeaderException {
    long elements = 1;
    for (long dimension : shape) {
      try {
        elements = Math.multiplyExact(elements, dimension);
        // Of every part of the product, so that no order of the dimensions overflows elsewhere.
        Math.multiplyExact(elements, (long) Long.BYTES);
      } catch (ArithmeticException e) {
        throw new HeaderException(name, "has a shape that is too large, %s".formatted(shape));
      }
    }
    return elements * dtype.sizeBytes();
  }

  private static void expect(JsonToken actual, JsonToken expected) throws HeaderException {
    if (actual != expected) {
      throw new HeaderException("must have %s, had %s".formatted(expected, actual));
    }
  }
}
