//! `seeds TARGET DIRECTORY CAPTURE…`: writes the seeds that a fuzz target makes of captures.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tapflow_tests::answers::sha256;
use tapflow_tests::fuzz::{Material, TARGETS, Target};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (name, directory) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let Some(target) = TARGETS.into_iter().find(|target| name == target.name) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("usage: seeds TARGET DIRECTORY CAPTURE…\ntargets: {}", names.join(" "));
        return ExitCode::from(2);
    };
    match write(&target, Path::new(&directory), arguments.map(PathBuf::from)) {
        Ok(count) => {
            println!("{}: {count} seeds", target.name);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("seeds: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(
    target: &Target,
    directory: &Path,
    captures: impl Iterator<Item = PathBuf>,
) -> Result<usize, String> {
    let mut count = 0;
    for capture in captures {
        let material = Material::read(&capture).map_err(|error| format!("{}: {error}", capture.display()))?;
        for seed in (target.seeds)(&material) {
            let path = directory.join(&sha256(&seed)[..16]);
            std::fs::write(&path, seed).map_err(|error| format!("{}: {error}", path.display()))?;
            count += 1;
        }
    }
    Ok(count)
}
