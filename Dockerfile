# CUDA 12.6 and JDK 25: builds Warpstep, runs its tests, checks itself and trains.
#
#   docker build -t warpstep .
#   docker run --rm --gpus all warpstep        checks itself and trains, on the GPU that it finds
#
# Each RUN line is a step of packaging/image.sh, which does the same where no image can be built.
FROM nvidia/cuda:12.6.3-devel-ubuntu24.04
# Where Maven looks for JDKs. The JRE that Ubuntu's Maven brings along only runs Maven itself.
COPY --from=eclipse-temurin:25-jdk /opt/java/openjdk /usr/lib/jvm/temurin-25-jdk
WORKDIR /warpstep

COPY packaging/image.sh packaging/
RUN packaging/image.sh prerequisites

COPY . .
RUN packaging/image.sh verify
RUN packaging/image.sh selfcheck
RUN packaging/image.sh train

CMD ["packaging/image.sh", "selfcheck", "train"]
