package dev.warpstep.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/** Writes a {@link Header}. */
final class HeaderWriter {
  private HeaderWriter() {}

  /**
   * The bytes after the length, with their checksum.
   *
   * @param checksums of tensors, by name
   * @param padding spaces at the end, at least; more make the length a multiple of 8
   * @throws HeaderException if it is longer than a reader takes
   */
  static byte[] write(Header header, Map<String, String> checksums, long padding)
      throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = Json.FACTORY.createGenerator(out)) {
      json.writeStartObject();
      json.writeObjectFieldStart(Keys.METADATA);
      json.writeStringField(Keys.VERSION, Header.CURRENT_VERSION);
      json.writeStringField(Keys.CHECKSUM, Checksum.NONE);
      for (Map.Entry<String, String> entry : header.metadata().entrySet()) {
        json.writeStringField(Json.unicode(entry.getKey()), Json.unicode(entry.getValue()));
      }
      for (Map.Entry<String, String> checksum : checksums.entrySet()) {
        json.writeStringField(Keys.TENSOR_CHECKSUM + checksum.getKey(), checksum.getValue());
      }
      json.writeEndObject();
      for (Map.Entry<String, Header.Tensor> tensor : header.tensors().entrySet()) {
        writeTensor(json, Json.unicode(tensor.getKey()), tensor.getValue());
      }
      json.writeEndObject();
    }
    return complete(out.toByteArray(), padding);
  }

  private static byte[] complete(byte[] json, long padding) throws IOException {
    long length = Math.ceilDiv(json.length + padding, Header.ALIGNMENT) * Header.ALIGNMENT;
    if (length > Header.MOST_BYTES) {
      throw new HeaderException(
          "must be at most %d bytes, would be %d".formatted(Header.MOST_BYTES, length));
    }
    byte[] bytes = Arrays.copyOf(json, (int) length);
    Arrays.fill(bytes, json.length, bytes.length, (byte) ' ');
    byte[] digits = Checksum.ofHeader(bytes).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(digits, 0, bytes, Header.BEFORE_CHECKSUM.length(), digits.length);
    return bytes;
  }

  private static void writeTensor(JsonGenerator json, String name, Header.Tensor tensor)
      throws IOException {
    json.writeObjectFieldStart(name);
    json.writeStringField("dtype", Header.code(tensor.dtype()));
    json.writeArrayFieldStart("shape");
    for (long dimension : tensor.shape()) {
      json.writeNumber(dimension);
    }
    json.writeEndArray();
    json.writeArrayFieldStart("data_offsets");
    json.writeNumber(tensor.begin());
    json.writeNumber(tensor.begin() + tensor.sizeBytes());
    json.writeEndArray();
    json.writeEndObject();
  }
}
