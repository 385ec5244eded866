/* The one function of Windows' bcryptprimitives.dll that Rust's library calls, for a Wine that has no such DLL. Only
 * the tests' Wine gets it. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    while (length > 0) {
        ULONG part = length < 0x10000000 ? (ULONG)length : 0x10000000;
        if (!RtlGenRandom(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
