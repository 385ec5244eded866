#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tapflow_tests::fuzz::http2::run(bytes));
