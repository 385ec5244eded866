//! Stands for `std` on a Cortex-M without an operating system, so that the unit tests of a `no_std` crate run there as
//! they are: what such tests use of `std`, the start of a program, memory, and words over semihosting.
//!
//! Made for QEMU's mps2-an386 (see `link.ld`): it loads the sections where they run and gives zeroed memory.
#![no_std]
#![feature(lang_items)]

extern crate alloc;

pub use alloc::{borrow, boxed, collections, format, string, vec};
pub use core::{array, assert_eq, cmp, convert, fmt, iter, mem, net, ops, option, result, slice, str};

use core::alloc::{GlobalAlloc, Layout};
use core::fmt::Write;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

// The table of vectors: the stack, the start, and one end for every fault. The program uses the floating point unit,
// which is off after a reset (ARMv7-M, CPACR).
core::arch::global_asm!(
    ".section .vectors, \"a\"",
    ".word __stack, start",
    ".rept 14",
    ".word fault",
    ".endr",
    ".text",
    ".global start",
    ".thumb_func",
    "start:",
    "ldr r0, =0xe000ed88",
    "ldr r1, [r0]",
    "orr r1, r1, #0xf00000",
    "str r1, [r0]",
    "dsb",
    "isb",
    "movs r0, #0",
    "movs r1, #0",
    "bl main",
    "bl {finish}",
    ".thumb_func",
    "fault:",
    "bl {crash}",
    finish = sym finish,
    crash = sym crash,
);

/// What `main` may return.
#[lang = "termination"]
pub trait Termination {}

impl Termination for () {}

#[lang = "start"]
fn lang_start<T: Termination + 'static>(main: fn() -> T, _: isize, _: *const *const u8, _: u8) -> isize {
    main();
    0
}

/// A request to the debugger, which QEMU stands for ("Semihosting for AArch32 and AArch64").
///
/// # Safety
/// `argument` is what `operation` asks for.
unsafe fn semihosting(operation: u32, argument: *const u32) -> u32 {
    let answer;
    // SAFETY: the debugger reads what the argument says, which the caller answers for.
    unsafe { core::arch::asm!("bkpt 0xab", inout("r0") operation => answer, in("r1") argument) };
    answer
}

/// Ends the emulator with status 0 or 1.
fn end(success: bool) -> ! {
    let reason: usize = if success { 0x20026 } else { 0x20023 };
    loop {
        // SAFETY: SYS_EXIT takes the reason itself.
        unsafe { semihosting(0x18, reason as *const u32) };
    }
}

extern "C" fn finish() -> ! {
    end(true)
}

extern "C" fn crash() -> ! {
    print(format_args!("a fault of the processor\n"));
    end(false)
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    print(format_args!("{info}\n"));
    end(false)
}

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        static HANDLE: AtomicU32 = AtomicU32::new(u32::MAX);
        let mut handle = HANDLE.load(Ordering::Relaxed);
        if handle == u32::MAX {
            let open = [c":tt".as_ptr() as u32, 4, 3];
            // SAFETY: SYS_OPEN takes a name, a mode (4: writing) and the name's length.
            handle = unsafe { semihosting(0x01, open.as_ptr()) };
            HANDLE.store(handle, Ordering::Relaxed);
        }
        let write = [handle, text.as_ptr() as u32, text.len() as u32];
        // SAFETY: SYS_WRITE takes a handle, a place and a length.
        unsafe { semihosting(0x05, write.as_ptr()) };
        Ok(())
    }
}

/// Writes to the debugger's console.
pub fn print(text: fmt::Arguments<'_>) {
    let _ = Console.write_fmt(text);
}

/// Memory that is only taken, never given back; [`forget`] begins anew.
struct Arena;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    static __heap_begin: u8;
    static __heap_end: u8;
}

// SAFETY: one processor without interrupts; every block begins behind the one before it and lies in the heap.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (begin, end) = (&raw const __heap_begin as usize, &raw const __heap_end as usize);
        let start = (begin + TAKEN.load(Ordering::Relaxed)).next_multiple_of(layout.align());
        if start + layout.size() > end {
            return core::ptr::null_mut();
        }
        TAKEN.store(start + layout.size() - begin, Ordering::Relaxed);
        start as *mut u8
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ARENA: Arena = Arena;

/// Gives back all memory, and says how much it was in bytes.
///
/// # Safety
/// Nothing that was allocated is used any more.
pub unsafe fn forget() -> usize {
    TAKEN.swap(0, Ordering::Relaxed)
}
