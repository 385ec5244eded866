//! Stands for the crate `test`, which the compiler gives the list of a crate's tests: runs them one after another. The
//! first that panics ends the emulator with status 1.
#![no_std]

extern crate std;

use std::print;
use std::string::String;

pub use ShouldPanic::*;
pub use TestFn::*;
pub use TestName::*;
pub use TestType::*;

pub enum TestName {
    StaticTestName(&'static str),
}

#[derive(PartialEq)]
pub enum ShouldPanic {
    No,
    Yes,
    YesWithMessage(&'static str),
}

pub enum TestType {
    UnitTest,
    IntegrationTest,
    Unknown,
}

pub enum TestFn {
    StaticTestFn(fn() -> Result<(), String>),
}

pub struct TestDesc {
    pub name: TestName,
    pub ignore: bool,
    pub ignore_message: Option<&'static str>,
    pub source_file: &'static str,
    pub start_line: usize,
    pub start_col: usize,
    pub end_line: usize,
    pub end_col: usize,
    pub should_panic: ShouldPanic,
    pub compile_fail: bool,
    pub no_run: bool,
    pub test_type: TestType,
}

pub struct TestDescAndFn {
    pub desc: TestDesc,
    pub testfn: TestFn,
}

pub fn assert_test_result((): ()) -> Result<(), String> {
    Ok(())
}

pub fn test_main_static(tests: &[&TestDescAndFn]) {
    let (mut passed, mut most) = (0, 0);
    for TestDescAndFn { desc, testfn: StaticTestFn(run) } in tests {
        let StaticTestName(name) = desc.name;
        if desc.ignore {
            print(format_args!("test {name} ... ignored\n"));
            continue;
        }
        // There is nothing to catch a panic with.
        assert!(desc.should_panic == No, "{name} is expected to panic, which cannot be tested here");
        print(format_args!("test {name} ... "));
        if let Err(error) = run() {
            panic!("{error}");
        }
        // SAFETY: a test leaves nothing behind.
        most = most.max(unsafe { std::forget() });
        print(format_args!("ok\n"));
        passed += 1;
    }
    print(format_args!("\ntest result: ok. {passed} passed; 0 failed; at most {most} bytes allocated\n\n"));
}
