#!/usr/bin/env bash
# Makes target/bundle: what runs on a host that has neither JDK nor Maven nor network. `mvn -Pbundle -DskipTests package` runs
# it, after it has put the libraries into target/bundle/lib.
#
#   packaging/bundle.sh JAR        Warpstep's jar; the jar of its tests lies beside it
#
#   bin/         warpstep, test and benchmark
#   runtime/     a Java runtime of the modules that are used, and a font
#   lib/         Warpstep and what its command line needs; in lib/test what tests and benchmarks need besides
#   and the sources with target/cuda, where tests look for them: kernels/, data/ and others
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jar=${1:?Warpstep\'s jar}
jdk=${TOOLCHAIN_JAVA_HOME:?Maven sets it to the JDK it found}
bundle=target/bundle
work=target/bundle-work

started=$SECONDS
rm -rf "$work"
mkdir -p "$work"

pack() {
  "$jdk/bin/jar" --create --file="$bundle/lib/test/$1.jar" -C "$work/$1" .
}

cp "$jar" "$bundle/lib/"
cp "${jar%.jar}-tests.jar" "$bundle/lib/test/warpstep-tests.jar"

# What prints the causes of skipped tests after Maven's tests.
"$jdk/bin/javac" -d "$work/skipped" .ci/Skipped.java
pack skipped

if [[ -d benchmarks/src/main/java ]]; then
  find benchmarks/src/main/java -name '*.java' >"$work/benchmarks.txt"
  "$jdk/bin/javac" -d "$work/warpstep-benchmarks" -encoding UTF-8 -proc:full \
    --class-path "$bundle/lib/*:$bundle/lib/test/*" "@$work/benchmarks.txt"
  pack warpstep-benchmarks
fi

# java.desktop draws; jdk.zipfs lets JUnit look for tests in a jar; JMH needs jdk.unsupported. Not compressed: 93 MB instead
# of 62, but 22 MB instead of 35 in a tar.xz.
"$jdk/bin/jlink" --add-modules java.desktop,java.logging,java.management,jdk.management,jdk.unsupported,jdk.zipfs \
  --strip-debug --no-header-files --no-man-pages --output "$bundle/runtime"

# Without fontconfig, as GPU hosts often are, Java cannot draw a letter unless it is told which font to take. PDFBox, which
# XChart brings along, has one; its licence (OFL) is in the same jar.
"$jdk/bin/jar" --extract --dir "$work/font" --file "$bundle"/lib/pdfbox-*.jar org/apache/pdfbox/resources/ttf
mkdir "$bundle/runtime/lib/fonts"
mv "$work"/font/org/apache/pdfbox/resources/ttf/LiberationSans-Regular.ttf "$bundle/runtime/lib/fonts/"
cat >"$bundle/runtime/lib/fontconfig.properties" <<'EOF'
version=1
allfonts.latin-1=Liberation Sans
sequence.allfonts=latin-1
filename.Liberation_Sans=$JRE_LIB_FONTS/LiberationSans-Regular.ttf
EOF

# The sources, whose text some tests read, and what kernels/cuda/build.sh reports.
sources=(.ci .dockerignore Dockerfile CONTRIBUTING.md LICENSE NOTICE README.md benchmarks data kernels native packaging
  pom.xml src)
for source in "${sources[@]}"; do
  [[ ! -e $source ]] || tar -c --exclude=target "$source" | tar -x -C "$bundle"
done
for report in target/cuda/*.ptx target/cuda/ptxas.txt target/classes/dev/warpstep/cuda/absent.txt; do
  [[ ! -e $report ]] || install -D -m 644 "$report" "$bundle/$report"
done

cp -R packaging/bin "$bundle/"
chmod 755 "$bundle"/bin/*
rm -rf "$work"
echo "bundle: made $bundle ($(du -sm "$bundle" | cut -f1) MB) in $((SECONDS - started)) s"
