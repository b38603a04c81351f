package dev.warpstep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Who may name whom: the table of rooms, checked on the text of the sources. Comments do not count;
 * imports and qualified names do.
 */
final class Rooms {
  private static final Pattern COMMENT = Pattern.compile("(?s)/\\*.*?\\*/|//[^\\n]*");
  private static final Pattern PACKAGE = Pattern.compile("(?m)^package\\s+([\\w.]+)\\s*;");
  private static final Pattern QUALIFIED =
      Pattern.compile("\\b(?:dev\\.warpstep|jcuda|java\\.lang\\.foreign)(?:\\.(?:\\w+|\\*))+");
  private static final Pattern INCLUDE =
      Pattern.compile("(?m)^\\s*#\\s*include\\s*([<\"][^>\"]+[>\"])");

  private static final Predicate<String> JCUDA = within("jcuda");
  private static final Predicate<String> LAYOUT =
      matching("java\\.lang\\.foreign\\.(\\w*Layout(\\..*)?|\\*)");
  private static final Predicate<String> FACADE = matching("dev\\.warpstep\\.([A-Z].*|\\*)");
  private static final Predicate<String> CPU = within("dev.warpstep.backend.cpu");
  private static final Predicate<String> CUDA = within("dev.warpstep.backend.cuda");

  /**
   * One row of the table.
   *
   * @param packages which packages it is about
   * @param forbidden names that their sources may not contain
   */
  private record Room(String rule, Predicate<String> packages, Predicate<String> forbidden) {}

  private static final List<Room> ROOMS =
      List.of(
          new Room(
              "only backend.cuda, JCuda's adapter and unfused.cuda name JCuda",
              within("dev.warpstep.backend.cuda")
                  .or(within("dev.warpstep.adapter.jcuda"))
                  .or(within("dev.warpstep.unfused.cuda"))
                  .negate(),
              JCUDA),
          new Room(
              "the unfused step knows the façade alone",
              within("dev.warpstep.unfused"),
              within("dev.warpstep.backend").or(within("dev.warpstep.plan"))),
          new Room(
              "adapters know the façade alone",
              within("dev.warpstep.adapter"),
              within("dev.warpstep.backend").or(within("dev.warpstep.plan")).or(LAYOUT)),
          new Room("the façade knows no memory layouts", "dev.warpstep"::equals, LAYOUT),
          new Room(
              "the façade knows no schedules", "dev.warpstep"::equals, within("dev.warpstep.lr")),
          new Room(
              "schedules know the façade alone",
              within("dev.warpstep.lr"),
              within("dev.warpstep")
                  .and(FACADE.negate())
                  .and(within("dev.warpstep.lr").negate())
                  .or(within("java.lang.foreign"))),
          new Room(
              "façade and schedules know no checkpoints",
              ((Predicate<String>) "dev.warpstep"::equals).or(within("dev.warpstep.lr")),
              within("dev.warpstep.checkpoint")),
          new Room(
              "checkpoints know the façade and schedules alone",
              within("dev.warpstep.checkpoint"),
              within("dev.warpstep")
                  .and(FACADE.negate())
                  .and(within("dev.warpstep.lr").negate())
                  .and(within("dev.warpstep.checkpoint").negate())),
          new Room(
              "files of PyTorch know no schedules",
              within("dev.warpstep.checkpoint.torch"),
              within("dev.warpstep.lr")),
          new Room(
              "plan knows neither façade nor backends",
              within("dev.warpstep.plan"),
              within("dev.warpstep").and(within("dev.warpstep.plan").negate())),
          new Room(
              "backend knows neither façade nor the rooms that implement it",
              "dev.warpstep.backend"::equals,
              FACADE.or(CPU).or(CUDA)),
          new Room(
              "backend.cpu knows neither façade nor backend.cuda",
              within("dev.warpstep.backend.cpu"),
              FACADE.or(CUDA)),
          new Room(
              "backend.cuda knows neither façade nor backend.cpu",
              within("dev.warpstep.backend.cuda"),
              FACADE.or(CPU)));

  private Rooms() {}

  private static Predicate<String> within(String room) {
    return name -> name.equals(room) || name.startsWith(room + ".");
  }

  private static Predicate<String> matching(String regex) {
    return Pattern.compile(regex).asMatchPredicate();
  }

  /** What a Java source may not name: one line for each rule and name. */
  static List<String> violationsInJava(String source) {
    String code = COMMENT.matcher(source).replaceAll(" ");
    Matcher declaration = PACKAGE.matcher(code);
    if (!declaration.find()) {
      return List.of(); // module-info.java is in no room
    }
    String owner = declaration.group(1);
    List<String> violations = new ArrayList<>();
    for (Matcher name = QUALIFIED.matcher(code); name.find(); ) {
      // Its own package is not somebody else's.
      if (name.start() == declaration.start(1)) {
        continue;
      }
      for (Room room : ROOMS) {
        if (room.packages().test(owner) && room.forbidden().test(name.group())) {
          violations.add(room.rule() + ": " + name.group());
        }
      }
    }
    return violations;
  }

  /** What a header of {@code kernels/rules} may not include. */
  static List<String> violationsInRule(String source) {
    List<String> violations = new ArrayList<>();
    String code = COMMENT.matcher(source).replaceAll(" ");
    for (Matcher include = INCLUDE.matcher(code); include.find(); ) {
      if (!include.group(1).matches("\"rules/\\w+\\.h\"|<cstdint>|<cstddef>")) {
        violations.add(
            "kernels/rules include only each other, <cstdint> and <cstddef>: " + include.group(1));
      }
    }
    return violations;
  }

  /** Every file under a folder whose name ends so. */
  static List<Path> sources(Path folder, String ending) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.toString().endsWith(ending)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
