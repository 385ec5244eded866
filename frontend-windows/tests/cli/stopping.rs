//! Runs that end before their input does: by Ctrl-C, because the console is closed, or because the session ends.

#![allow(unsafe_code)]

use std::io::Read;
use std::os::windows::io::AsRawHandle;
use std::process::Child;

use windows_sys::Win32::Foundation::{CloseHandle, FALSE, TRUE};
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT,
    GenerateConsoleCtrlEvent, SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Threading::CreateRemoteThread;
use windows_sys::core::BOOL;
use windows_sys::{s, w};

use super::screen::has_own_console;
use super::support::{Place, end_of, half, half_read, wait_until};

/// Sends an event to a program as a console does: by a thread in it that begins at the system's `CtrlRoutine`.
pub(crate) fn send(child: &Child, event: u32) {
    // SAFETY: both names end with a zero; the library is in every process, at the same address in all of them.
    let routine = unsafe { GetProcAddress(GetModuleHandleW(w!("kernel32.dll")), s!("CtrlRoutine")) }.unwrap();
    // SAFETY: CtrlRoutine is a function of threads; its argument is the event's number.
    let thread = unsafe {
        let routine = std::mem::transmute::<
            unsafe extern "system" fn() -> isize,
            unsafe extern "system" fn(*mut std::ffi::c_void) -> u32,
        >(routine);
        let event = std::ptr::without_provenance(event as usize);
        CreateRemoteThread(
            child.as_raw_handle(),
            std::ptr::null(),
            0,
            Some(routine),
            event,
            0,
            std::ptr::null_mut(),
        )
    };
    assert!(!thread.is_null(), "{}", std::io::Error::last_os_error());
    // SAFETY: a handle that is used no more.
    unsafe { CloseHandle(thread) };
}

#[test]
fn what_a_console_sends_ends_a_run_as_the_end_of_the_input_does() {
    for (event, status, name) in [
        (CTRL_C_EVENT, 130, "Ctrl-C"),
        (CTRL_BREAK_EVENT, 130, "Ctrl-C"),
        (CTRL_CLOSE_EVENT, 129, "the end of the console"),
        (CTRL_LOGOFF_EVENT, 143, "the end of the session"),
        (CTRL_SHUTDOWN_EVENT, 143, "the end of the session"),
    ] {
        let place = Place::new();
        let (child, _stdin) = half_read(&place, &[]);
        send(&child, event);
        let run = end_of(child).ends_with(status);
        let stopped = format!("tapflow: stopped by {name}; ");
        run.says(&[&stopped, "30 packets", "ended:      early, in standard input"]);
        assert_eq!(place.files("o"), half(&place));
        assert!(place.report("o").contains("ended early"));
    }
}

/// Keeps the test itself running.
unsafe extern "system" fn ignore(_: u32) -> BOOL {
    TRUE
}

#[test]
fn ctrl_c_comes_through_the_console() {
    if !has_own_console("stopping::ctrl_c_comes_through_the_console") {
        return;
    }
    let place = Place::new();
    let (child, _stdin) = half_read(&place, &[]);
    // SAFETY: a function of this program; no pointers. The event is for all processes of the console: these two.
    let sent = unsafe {
        SetConsoleCtrlHandler(Some(ignore), TRUE) != FALSE
            && GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0) != FALSE
    };
    assert!(sent, "{}", std::io::Error::last_os_error());
    end_of(child).ends_with(130).says(&["tapflow: stopped by Ctrl-C; ", "30 packets"]);
    assert_eq!(place.files("o"), half(&place));
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let place = Place::new();
    // Nobody reads its output: it cannot end well.
    let mut child = place.start(&["-C", "-r", "@wire-loss-reorder.pcap"]);
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    send(&child, CTRL_C_EVENT);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    send(&child, CTRL_C_EVENT);
    wait_until("the end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
