//! Whose clock stamps packets: the kernel's, or the adapter's (pcap-tstamp(7)). The bindings set a type without
//! telling whether libpcap takes it, and list none.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use pcap::{Capture, Inactive};

use crate::input::live::TimestampType;

/// The kernel's clock when it gets a packet: what there is without any choice.
const HOST: &str = "host";

unsafe extern "C" {
    fn pcap_list_tstamp_types(capture: *mut Handle, types: *mut *mut c_int) -> c_int;
    fn pcap_free_tstamp_types(types: *mut c_int);
    fn pcap_tstamp_type_val_to_name(value: c_int) -> *const c_char;
    fn pcap_tstamp_type_val_to_description(value: c_int) -> *const c_char;
    fn pcap_tstamp_type_name_to_val(name: *const c_char) -> c_int;
    fn pcap_set_tstamp_type(capture: *mut Handle, value: c_int) -> c_int;
}

/// libpcap's `pcap_t`.
#[repr(C)]
struct Handle {
    _opaque: [u8; 0],
}

fn handle(capture: &Capture<Inactive>) -> *mut Handle {
    capture.as_ptr().cast()
}

/// The types that an interface has; an empty list is the kernel's alone.
pub(super) fn list(capture: &Capture<Inactive>) -> Vec<TimestampType> {
    let mut values = ptr::null_mut();
    // SAFETY: the handle lives as long as `capture`; libpcap puts an array of as many values as it answers, or null,
    // into `values`, which is freed once, below.
    let count = unsafe { pcap_list_tstamp_types(handle(capture), &mut values) };
    let mut types = Vec::new();
    for at in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: `at` is below the number of values.
        let value = unsafe { *values.add(at) };
        // SAFETY: both take any number, and answer null or a string that lives for ever.
        let (name, description) = unsafe {
            (text(pcap_tstamp_type_val_to_name(value)), text(pcap_tstamp_type_val_to_description(value)))
        };
        types.extend(name.map(|name| TimestampType { name, description: description.unwrap_or_default() }));
    }
    if !values.is_null() {
        // SAFETY: it came from `pcap_list_tstamp_types`.
        unsafe { pcap_free_tstamp_types(values) };
    }
    if types.is_empty() {
        types.push(TimestampType { name: HOST.to_owned(), description: "Host".to_owned() });
    }
    types
}

/// Has packets stamped so.
///
/// # Errors
/// The interface does not have this type: which it has.
pub(super) fn set(capture: &Capture<Inactive>, name: &str) -> Result<(), String> {
    let types = list(capture);
    let known = |name: &str| types.iter().any(|known| known.name == name);
    let names: Vec<_> = types.iter().map(|known| known.name.as_str()).collect();
    let refusal = || {
        format!("it has no timestamps of the type '{}'; it has {}", name.escape_default(), names.join(", "))
    };
    if !known(name) {
        return Err(refusal());
    }
    let Ok(c_name) = CString::new(name) else { return Err(refusal()) };
    // SAFETY: a string that ends in 0; the handle lives as long as `capture`.
    let status =
        unsafe { pcap_set_tstamp_type(handle(capture), pcap_tstamp_type_name_to_val(c_name.as_ptr())) };
    // Without a choice there is nothing to set.
    if status == 0 || name == HOST { Ok(()) } else { Err(refusal()) }
}

/// # Safety
/// `text` is null or a string that ends in 0.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller says.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
