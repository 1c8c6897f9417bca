# The digest of a base can be given: --build-arg BASE=debian@sha256:…
ARG BASE=debian:trixie-slim

# FFmpeg from Debian's source package, with its security fixes, but only the parts a job needs.
# Built on the builder's own architecture for the target's: emulated, it would take an hour.
FROM --platform=$BUILDPLATFORM ${BASE} AS ffmpeg
ARG TARGETARCH
WORKDIR /build
# Versions are the base's: Debian keeps one of each in a stable release.
# hadolint ignore=DL3008
RUN sed -i 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources \
    && dpkg --add-architecture "$TARGETARCH" \
    && apt-get update -o Acquire::Retries=5 \
    && apt-get install -o Acquire::Retries=5 -y --no-install-recommends \
        build-essential "crossbuild-essential-$TARGETARCH" nasm pkgconf \
        "libdav1d-dev:$TARGETARCH" "libx264-dev:$TARGETARCH" \
        "zlib1g-dev:$TARGETARCH" \
    && apt-get source -o Acquire::Retries=5 --download-only ffmpeg \
    && dpkg-source --extract ffmpeg_*.dsc ffmpeg \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build/ffmpeg
# Decoders, demuxers and parsers: all of FFmpeg's own, as an upload may be anything (the worker
# says which containers it takes). Protocols: file and pipe, so that nothing in an upload can
# make FFmpeg open a socket. Encoders, muxers and filters: for HLS and the thumbnail, and to test
# with; FFmpeg's configure adds the filters that its programs insert by themselves.
RUN case $TARGETARCH in \
        arm64) arch=aarch64 ;; \
        amd64) arch=x86_64 ;; \
        *) echo "no FFmpeg for $TARGETARCH: arm64 or amd64" >&2; exit 1 ;; \
    esac \
    && version=$(dpkg-parsechangelog -S Version) \
    && export PKG_CONFIG_LIBDIR="/usr/lib/$arch-linux-gnu/pkgconfig" \
    && ./configure \
        --prefix=/opt/ffmpeg --extra-version="${version#*-}" \
        --arch="$arch" --target-os=linux --enable-cross-compile --cross-prefix="$arch-linux-gnu-" \
        --pkg-config=pkg-config \
        --enable-shared --disable-static \
        --extra-ldflags=-Wl,-rpath,/opt/ffmpeg/lib --extra-ldexeflags=-pie \
        --disable-autodetect --disable-debug --disable-doc --disable-ffplay --disable-network \
        --enable-gpl --enable-libx264 --enable-libdav1d --enable-zlib \
        --disable-protocols --enable-protocol=file,pipe \
        --disable-indevs --enable-indev=lavfi --disable-outdevs \
        --disable-encoders \
        --enable-encoder=libx264,aac,mjpeg,png,rawvideo,wrapped_avframe,pcm_s16le,pcm_f32le \
        --enable-encoder=webvtt,subrip,mov_text,text \
        --disable-muxers \
        --enable-muxer=segment,stream_segment,hls,mpegts,mp4,mov,matroska,adts,image2,image2pipe \
        --enable-muxer=null,webvtt,srt,rawvideo,wav,pcm_s16le,pcm_f32le,framecrc,framemd5,md5,nut \
        --disable-filters \
        --enable-filter=split,fps,setpts,trim,tpad,scale,format,setsar,setparams \
        --enable-filter=bwdif,lut3d,pad,drawbox,mpdecimate,crop,concat,transpose,hflip,vflip \
        --enable-filter=asetpts,aselect,aresample,aformat,apad,atrim,pan,volume,alimiter,ebur128,astats \
        --enable-filter=highpass,bandreject,afftdn,acompressor \
        --enable-filter=asplit,acrossover,bandpass,join,asetnsamples,aspectralstats,ametadata \
        --enable-filter=thumbnail,signalstats,metadata,tile,aeval,showwavespic \
        --enable-filter=color,testsrc2,sine,anullsrc \
    && make -j"$(nproc)" \
    && make install-progs install-libs \
    && rm -rf /opt/ffmpeg/lib/pkgconfig /opt/ffmpeg/share \
    && install -d /opt/ffmpeg/licenses \
    && cp debian/copyright COPYING.GPLv2 /opt/ffmpeg/licenses/ \
    && echo "${version#*:}" >/opt/ffmpeg/VERSION

# Python packages, chosen for the target by name: nothing is run, so nothing is emulated.
FROM --platform=$BUILDPLATFORM ${BASE} AS packages
ARG TARGETARCH
# Where the builder lends the build its own configuration of pip.
ARG PIP_CONFIG_FILE
# hadolint ignore=DL3008
RUN apt-get update -o Acquire::Retries=5 \
    && apt-get install -o Acquire::Retries=5 -y --no-install-recommends ca-certificates python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt .
RUN case $TARGETARCH in arm64) arch=aarch64 ;; *) arch=x86_64 ;; esac \
    && python3 -m pip install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --only-binary=:all: --no-deps --requirement requirements.txt \
        --implementation cp --python-version "$(python3 -c 'import platform; print(platform.python_version())')" \
        --platform "manylinux_2_28_$arch" --platform "manylinux2014_$arch" \
        --target /app/packages \
    && rm -rf /app/packages/bin \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app/packages

# The worker may not write where its code is, so its bytecode is made here.
FROM packages AS code
COPY worker /app/worker
COPY ops /app/ops
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app/worker /app/ops

# The platform is said again, or podman 4 takes the one of the stages before.
# hadolint ignore=DL3065
FROM --platform=$TARGETPLATFORM ${BASE}
# The libraries are those that FFmpeg was linked with: same base, same versions. libseccomp makes
# the filter of its sandbox, which setpriv (in the base) sets.
# hadolint ignore=DL3008
RUN apt-get update -o Acquire::Retries=5 \
    && apt-get install -o Acquire::Retries=5 -y --no-install-recommends \
        ca-certificates libdav1d7 libseccomp2 libx264-164 python3 tini zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache \
    && install -d -m 1777 /scratch
COPY --from=ffmpeg /opt/ffmpeg /opt/ffmpeg
COPY --from=packages /app/packages /app/packages
COPY --from=code /app/worker /app/worker
COPY --from=code /app/ops /app/ops
COPY --chmod=755 entrypoint.sh /app/

# Any user may run it: no entry in /etc/passwd is needed, and home is where everyone may write.
# tini would warn where the runtime's own init is PID 1 (Batch's initProcessEnabled), and need not.
ENV PATH=/opt/ffmpeg/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/app/packages:/app \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/scratch \
    WORKER_WORK_DIR=/scratch \
    TINI_VERBOSITY=0
WORKDIR /scratch
# A job definition with a read-only root and no volume of its own still has a folder to work in.
VOLUME /scratch
# By number, so that a runtime that demands a user other than root can check it.
USER 10001:10001

# Those that change with each build (revision, versions) come from scripts/build-image: podman 4
# would take a LABEL of an argument from its cache, whatever the argument is now.
LABEL org.opencontainers.image.title="academy-video-worker" \
    org.opencontainers.image.description="Transcodes one lecture video to adaptive HLS" \
    org.opencontainers.image.licenses="MIT AND GPL-2.0-or-later"

ENTRYPOINT ["tini", "--", "/app/entrypoint.sh"]
