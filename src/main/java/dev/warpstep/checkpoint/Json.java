package dev.warpstep.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamWriteConstraints;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON within limits: small documents as maps, lists, strings and numbers. */
final class Json {
  /** Also of what is written: nested schedules take two levels each. */
  private static final int MOST_LEVELS = 100;

  private static final int MOST_DIGITS = 100;
  private static final int MOST_NAME_CHARS = 100_000;
  private static final int MOST_TEXT_CHARS = 2 << 20;

  /** Names are not cached: a hostile file would fill the cache. */
  static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MOST_LEVELS)
                  .maxNumberLength(MOST_DIGITS)
                  .maxNameLength(MOST_NAME_CHARS)
                  .maxStringLength(MOST_TEXT_CHARS)
                  .build())
          .streamWriteConstraints(
              StreamWriteConstraints.builder().maxNestingDepth(MOST_LEVELS).build())
          .build();

  private Json() {}

  /** Writes a document. */
  @FunctionalInterface
  interface Document {
    void writeTo(JsonGenerator json) throws IOException;
  }

  /** A document as text. */
  static String write(Document document) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = FACTORY.createGenerator(text)) {
      document.writeTo(json);
    }
    return text.toString();
  }

  /**
   * An object: values are strings, {@link Long}s, {@link Double}s, maps and lists.
   *
   * @throws HeaderException if it is none, has a name twice, anything after it, other values, or is
   *     beyond a limit
   */
  static Map<String, Object> object(String entry, String text, Allowance allowance)
      throws IOException {
    allowance.chargeDocument(text);
    try (JsonParser json = FACTORY.createParser(new StringReader(text))) {
      if (json.nextToken() == JsonToken.START_OBJECT) {
        Map<String, Object> object = object(json, allowance);
        if (json.nextToken() == null) {
          return object;
        }
      }
      throw new HeaderException(entry, "must be one JSON object");
    } catch (HeaderException e) {
      throw new HeaderException(entry, e.getMessage());
    } catch (JsonProcessingException e) {
      throw new HeaderException(entry, e.getOriginalMessage());
    }
  }

  private static Map<String, Object> object(JsonParser json, Allowance allowance)
      throws IOException {
    Map<String, Object> object = new LinkedHashMap<>();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = unicode(json.currentName());
      allowance.chargeText(name);
      json.nextToken();
      if (object.putIfAbsent(name, value(json, allowance)) != null) {
        throw new HeaderException("has '%s' twice".formatted(name));
      }
    }
    return object;
  }

  private static Object value(JsonParser json, Allowance allowance) throws IOException {
    allowance.chargeValue();
    switch (json.currentToken()) {
      case START_OBJECT -> {
        return object(json, allowance);
      }
      case START_ARRAY -> {
        List<Object> list = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
          list.add(value(json, allowance));
        }
        return list;
      }
      case VALUE_STRING -> {
        String text = unicode(json.getText());
        allowance.chargeText(text);
        return text;
      }
      case VALUE_NUMBER_INT -> {
        return integer(json);
      }
      case VALUE_NUMBER_FLOAT -> {
        return json.getDoubleValue();
      }
      default -> throw new HeaderException("must not have " + json.currentToken());
    }
  }

  /**
   * The text, if it has no half of a surrogate pair, which JSON can escape and UTF-8 cannot hold.
   *
   * @throws HeaderException if it has one
   */
  static String unicode(String text) throws HeaderException {
    int width;
    for (int i = 0; i < text.length(); i += width) {
      int codePoint = text.codePointAt(i);
      width = Character.charCount(codePoint);
      if (width == 1 && Character.isSurrogate((char) codePoint)) {
        throw new HeaderException(text, "is no valid Unicode");
      }
    }
    return text;
  }

  /** The integer that a parser is at. */
  static long integer(JsonParser json) throws IOException {
    if (json.currentToken() != JsonToken.VALUE_NUMBER_INT) {
      throw new HeaderException("must have an integer, had " + json.getText());
    }
    if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
      throw new HeaderException("must have integers of 64 bits, had " + json.getText());
    }
    return json.getLongValue();
  }
}
