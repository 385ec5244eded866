//! Every fuzz target, run as an ordinary test: over its seeds, over seeds with some bytes changed, over
//! noise, and over every input that once failed (`tests/data/fuzz/NAME/`).

use std::path::PathBuf;

use tapflow_tests::answers::{corpus, own_captures};
use tapflow_tests::fuzz::{Material, TARGETS, Target};
use tapflow_tests::not_tested;
use tapflow_tests::program::on_all_processors;

/// Changed copies of each seed.
const CHANGED: u64 = 8;
/// Inputs of noise for each target.
const NOISE: u64 = 500;

/// Small numbers that look random (xorshift64*), the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }
}

fn change(input: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len());
        match (numbers.below(4), input.get_mut(at)) {
            (0, _) => input.truncate(at),
            (1, Some(byte)) => *byte = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
            (_, Some(byte)) => *byte = numbers.next() as u8,
            _ => {}
        }
    }
}

fn run_over_seeds(captures: Vec<PathBuf>) {
    on_all_processors(&captures, |capture| {
        let material = Material::read(capture).expect("a capture");
        for Target { run, seeds, slow, .. } in TARGETS {
            for seed in seeds(&material) {
                run(&seed);
                let mut numbers = Numbers(seed.len() as u64 + 1);
                for _ in 0..if slow { CHANGED / 10 } else { CHANGED } {
                    let mut input = seed.clone();
                    change(&mut input, &mut numbers);
                    run(&input);
                }
            }
        }
    });
}

fn captures_in(directory: PathBuf) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut captures: Vec<_> = entries
        .filter(|path| {
            path.extension().is_some_and(|ending| ["pcap", "pcapng", "cap"].iter().any(|e| ending == *e))
        })
        .collect();
    captures.sort();
    captures
}

#[test]
fn seeds_of_own_captures_and_changed_ones() {
    let mut captures = captures_in(own_captures());
    assert!(captures.len() > 100);
    captures.extend(captures_in(own_captures().join("tls")));
    run_over_seeds(captures);
}

#[test]
fn seeds_of_the_corpus_and_changed_ones() {
    let Some(corpus) = corpus() else { return not_tested("no corpus: set TAPFLOW_CORPUS") };
    let mut captures = captures_in(corpus.join("captures"));
    captures.extend(captures_in(corpus.join("malformed")));
    assert!(captures.len() > 400);
    run_over_seeds(captures);
}

#[test]
fn noise() {
    for Target { run, slow, .. } in TARGETS {
        let mut numbers = Numbers(1);
        run(&[]);
        for _ in 0..if slow { NOISE / 10 } else { NOISE } {
            let length = numbers.below(300);
            let input: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
            run(&input);
        }
    }
}

#[test]
fn inputs_that_once_failed() {
    for Target { name, run, .. } in TARGETS {
        let Ok(inputs) = std::fs::read_dir(own_captures().join("fuzz").join(name)) else { continue };
        for input in inputs {
            let path = input.expect("an entry").path();
            run(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
}

/// A target that no fuzzer runs, or a fuzzer without ordinary test, would go unnoticed.
#[test]
fn every_target_has_its_program() {
    let folder = tapflow_tests::answers::repository().join("fuzz/fuzz_targets");
    let mut programs: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of fuzz targets")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    programs.sort();
    assert_eq!(programs, TARGETS.map(|target| target.name));
}
