# An image of cross for Windows, with an import library for Npcap. The context is frontend-windows.
ARG CROSS_BASE_IMAGE
FROM $CROSS_BASE_IMAGE

# The program loads wpcap.dll when it first calls it, and starts without it.
COPY wpcap.def /opt/wpcap/
RUN x86_64-w64-mingw32-dlltool --machine i386:x86-64 --input-def /opt/wpcap/wpcap.def --dllname wpcap.dll \
    --output-delaylib /opt/wpcap/libwpcap.a

# Every wpcap.dll has the functions of this version.
ENV LIBPCAP_LIBDIR=/opt/wpcap LIBPCAP_VER=1.2.1 \
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS="-C link-arg=-ldelayimp"
ENV PROPTEST_CASES=30
