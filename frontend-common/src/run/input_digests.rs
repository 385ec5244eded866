//! Digests of the input files (`--hash-inputs`), calculated by a thread beside the run.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::report::InputDigests;
use crate::scan::hash::{Algorithm, Hasher};
use crate::stage::{Stop, spawn};

/// Bytes read at a time.
const PART: usize = 1 << 20;

/// The result for each file.
pub(super) type InputDigestsResults = Vec<Result<InputDigests, String>>;

/// Starts the thread. `files` are those of `paths` that are open already.
///
/// # Errors
/// An input that can be read only once, and what the system says.
pub(super) fn start(
    paths: Vec<PathBuf>,
    mut files: Vec<Option<File>>,
    algorithms: Vec<Algorithm>,
    stop: Stop,
) -> Result<JoinHandle<InputDigestsResults>, String> {
    for path in &paths {
        // A path without metadata was reported, and is not read either.
        if is_stdin(path) || path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let name = path.display();
            return Err(format!("{name}: not a file, it can be read only once; leave out --hash-inputs"));
        }
    }
    spawn("input digests", move || {
        files.resize_with(paths.len(), || None);
        let digests = |(path, file): (&PathBuf, Option<File>)| {
            let digests = digest(path, file, &algorithms, &stop).transpose()?;
            Some(digests.map_err(|error| format!("no digest of {}: {error}", path.display())))
        };
        paths.iter().zip(files).filter_map(digests).collect()
    })
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The digests of a file; none when the run is asked to stop before its end.
fn digest(
    path: &Path,
    file: Option<File>,
    algorithms: &[Algorithm],
    stop: &Stop,
) -> io::Result<Option<InputDigests>> {
    let mut file = file.map_or_else(|| File::open(path), Ok)?;
    let mut hasher = Hasher::new(algorithms);
    let (mut part, mut size) = (vec![0; PART], 0);
    while !stop.is_asked() {
        match file.read(&mut part) {
            Ok(0) => {
                return Ok(Some(InputDigests { path: path.into(), size, digests: hasher.finish() }));
            }
            Ok(count) => {
                size += count as u64;
                hasher.update(part.get(..count).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
