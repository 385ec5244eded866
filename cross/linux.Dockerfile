# An image of cross for Linux on another machine, with that machine's libpcap.
ARG CROSS_BASE_IMAGE
FROM $CROSS_BASE_IMAGE

ARG CROSS_DEB_ARCH
RUN dpkg --add-architecture "$CROSS_DEB_ARCH" \
    && apt-get update \
    && apt-get install -y --no-install-recommends "libpcap0.8-dev:$CROSS_DEB_ARCH" \
    && rm -rf /var/lib/apt/lists/*

# Where the library is; its version names functions that every distribution's has.
ARG MULTIARCH
ENV LIBPCAP_LIBDIR=/usr/lib/$MULTIARCH LIBPCAP_VER=1.9.1
# Cargo's runner starts tests; the tests start the program. Property tests try fewer cases. Without GLib's allocator an
# emulated program with threads can start others (cross/environment).
ARG MACHINE
ENV TAPFLOW_RUNNER="/linux-runner $MACHINE" PROPTEST_CASES=30 G_SLICE=always-malloc
