# An image of cross for ARM Linux with musl, with a libpcap to be linked into the program.
ARG CROSS_BASE_IMAGE
FROM $CROSS_BASE_IMAGE

# What the toolchain calls the machine, as in aarch64-linux-musl-gcc.
ARG TOOLS
# The distribution's source, without what would need other libraries.
RUN sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/sources.list \
    && apt-get update \
    && apt-get install -y --no-install-recommends bison dpkg-dev flex make \
    && mkdir -p /opt/libpcap/source && cd /opt/libpcap/source && apt-get source --only-source libpcap \
    && cd /opt/libpcap && source/libpcap-*/configure --host="$TOOLS" --disable-shared --disable-dbus \
        --disable-bluetooth --disable-rdma --disable-usb --without-libnl --with-pcap=linux CC="$TOOLS-gcc" \
    && make libpcap.a \
    && rm -rf /opt/libpcap/source /var/lib/apt/lists/*

ENV LIBPCAP_LIBDIR=/opt/libpcap LIBPCAP_VER=1.9.1
# Cargo's runner starts tests; the tests start the program. Property tests try fewer cases. Without GLib's allocator an
# emulated program with threads can start others (cross/environment).
ARG MACHINE
ENV TAPFLOW_RUNNER="/qemu-runner $MACHINE" PROPTEST_CASES=30 G_SLICE=always-malloc
