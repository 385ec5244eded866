//! Npcap, which may be missing: it is looked for when it is needed, and never in the working directory.
//!
//! The program is linked so that `wpcap.dll` is loaded at the first call of one of its functions. Without the DLL such
//! a call would end the process, so [`load`] comes before each.

#![allow(unsafe_code)]

use std::ffi::OsString;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::OnceLock;

use tapflow_common::input::libpcap::{self, Libpcap};
use tapflow_common::input::live::{Interface, LiveDevice, LiveSettings};
use tapflow_common::input::{FilterCompiler, FrameFilter};
use tapflow_core::LinkType;
use windows_sys::Win32::System::LibraryLoader::{LOAD_WITH_ALTERED_SEARCH_PATH, LoadLibraryExW};
use windows_sys::Win32::System::SystemInformation::GetSystemDirectoryW;

/// What to do where the system does not let a user capture.
const ADVICE: &str = "run as administrator, or install Npcap for all users";

/// Loads `wpcap.dll`, once.
///
/// # Errors
/// It is not installed: where to get it.
fn load() -> Result<(), &'static str> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let is_loaded = *LOADED.get_or_init(|| {
        let Some(system) = system_directory() else { return false };
        // Npcap has a folder of its own; in its compatible mode, and WinPcap, the system's.
        [system.join("Npcap").join("wpcap.dll"), system.join("wpcap.dll")].into_iter().any(|path| {
            let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
            // SAFETY: the path ends with a zero; the DLL's own libraries are looked for beside it.
            let module =
                unsafe { LoadLibraryExW(path.as_ptr(), std::ptr::null_mut(), LOAD_WITH_ALTERED_SEARCH_PATH) };
            !module.is_null()
        })
    });
    if is_loaded {
        Ok(())
    } else {
        Err("this needs Npcap, which is not installed: get it from https://npcap.com")
    }
}

fn system_directory() -> Option<PathBuf> {
    let mut path = [0; 1024];
    // SAFETY: the length is that of the buffer; the answer is the number of characters, or of those needed.
    let length = unsafe { GetSystemDirectoryW(path.as_mut_ptr(), path.len() as u32) };
    let path = path.get(..length as usize).filter(|path| !path.is_empty())?;
    Some(OsString::from_wide(path).into())
}

/// Filter expressions, by Npcap.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filters;

impl FilterCompiler for Filters {
    fn compile(&self, link: LinkType, expression: &str) -> Result<Box<dyn FrameFilter + Send>, String> {
        load()?;
        Libpcap.compile(link, expression)
    }

    fn is_missing(&self) -> bool {
        load().is_err()
    }
}

/// The interfaces that can be captured from.
///
/// # Errors
/// Npcap is missing, or cannot tell.
pub(crate) fn interfaces() -> Result<Vec<Interface>, String> {
    load().map_err(|reason| format!("cannot list interfaces: {reason}"))?;
    libpcap::interfaces()
}

/// Opens an interface.
///
/// # Errors
/// Npcap is missing, or cannot open it: why, and what to do.
pub(crate) fn open(settings: &LiveSettings) -> Result<Box<dyn LiveDevice>, String> {
    load().map_err(|reason| format!("cannot capture: {reason}"))?;
    libpcap::open(settings, ADVICE)
}
