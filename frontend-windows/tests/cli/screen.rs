//! What a console shows: text of every alphabet, whatever the console's code page; a pipe has the bytes as they are.

#![allow(unsafe_code)]

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::Command;

use tapflow_tests::frames::{SYN, TcpFrame};
use tapflow_tests::program;
use windows_sys::Win32::Foundation::{FALSE, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};
use windows_sys::Win32::System::Console::{
    CONSOLE_TEXTMODE_BUFFER, COORD, CreateConsoleScreenBuffer, ReadConsoleOutputCharacterW,
    SetConsoleOutputCP,
};
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

use super::receivers::capture;
use super::support::{Place, Run};

/// Whether this test has a console of its own; if not, runs it once more in a process that has one. Its window is not
/// shown.
///
/// # Panics
/// The test failed there.
pub(crate) fn has_own_console(test: &str) -> bool {
    const MARK: &str = "TAPFLOW_TEST_WITH_CONSOLE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(MARK, "yes").creation_flags(CREATE_NO_WINDOW);
    let run: Run = program::output(&mut command).into();
    let told = String::from_utf8_lossy(&run.out).into_owned();
    assert!(run.status == Some(0) && told.contains("1 passed"), "{told}{}", run.err);
    false
}

/// A screen that only one program writes to.
struct Screen(OwnedHandle);

impl Screen {
    fn new() -> Self {
        // SAFETY: without pointers.
        let handle = unsafe {
            CreateConsoleScreenBuffer(
                GENERIC_READ | GENERIC_WRITE,
                FILE_SHARE_READ | FILE_SHARE_WRITE,
                std::ptr::null(),
                CONSOLE_TEXTMODE_BUFFER,
                std::ptr::null(),
            )
        };
        assert!(handle != INVALID_HANDLE_VALUE, "{}", std::io::Error::last_os_error());
        // SAFETY: the handle is this one's alone.
        Self(unsafe { OwnedHandle::from_raw_handle(handle) })
    }

    /// What stands in its first line, up to the last visible character.
    fn first_line(&self) -> String {
        let (mut text, mut length) = ([0; 70], 0);
        // SAFETY: the length is that of the buffer.
        let read = unsafe {
            ReadConsoleOutputCharacterW(
                self.0.as_raw_handle(),
                text.as_mut_ptr(),
                text.len() as u32,
                COORD { X: 0, Y: 0 },
                &raw mut length,
            )
        };
        assert!(read != FALSE, "{}", std::io::Error::last_os_error());
        String::from_utf16(&text[..length as usize]).unwrap().trim_end().to_owned()
    }
}

/// A capture of one flow with these bytes.
fn flow(bytes: &[u8]) -> Vec<u8> {
    capture(&[(1, TcpFrame::up(99, SYN, b"")), (2, TcpFrame::up(100, 0, bytes))])
}

const BYTES: &[u8] = b"gr\xc3\xbc\xc3\x9fe, \xd0\xbc\xd0\xb8\xd1\x80\xff.";

#[test]
fn a_console_shows_every_alphabet_and_marks_what_is_no_text() {
    if !has_own_console("screen::a_console_shows_every_alphabet_and_marks_what_is_no_text") {
        return;
    }
    for code_page in [65001, 437] {
        let place = Place::new();
        place.put("a.pcap", flow(BYTES));
        let screen = Screen::new();
        // SAFETY: without pointers.
        assert!(unsafe { SetConsoleOutputCP(code_page) } != FALSE);
        let mut command = place.command(&["-C", "-B", "-r", "a.pcap"]);
        command.stdout(screen.0.try_clone().unwrap());
        let run: Run = program::output(&mut command).into();
        run.ends_with(0);
        assert_eq!(screen.first_line(), "grüße, мир\u{fffd}.", "code page {code_page}");
    }
}

#[test]
fn messages_on_a_console_are_text_too() {
    if !has_own_console("screen::messages_on_a_console_are_text_too") {
        return;
    }
    let place = Place::new();
    let screen = Screen::new();
    let mut command = place.command(&["-q", "-r", "grüße.pcap"]);
    command.stderr(screen.0.try_clone().unwrap());
    assert_eq!(command.status().unwrap().code(), Some(1));
    assert!(screen.first_line().starts_with("tapflow: grüße.pcap: "), "{}", screen.first_line());
}

#[test]
fn a_pipe_and_a_file_have_the_bytes_as_they_are() {
    let place = Place::new();
    place.put("a.pcap", flow(BYTES));
    let run = place.tapflow(&["-C", "-B", "-0", "-r", "a.pcap"]).ends_with(0);
    assert_eq!(run.out, BYTES);
    let mut command = place.command(&["-C", "-B", "-0", "-r", "a.pcap"]);
    command.stdout(std::fs::File::create(place.path("out")).unwrap());
    assert!(command.status().unwrap().success());
    assert_eq!(std::fs::read(place.path("out")).unwrap(), BYTES);
}
