//! How much memory this process may still take: what the machine has, what its control groups allow (version 1 and 2),
//! and the limits of the process itself.

use std::fs;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};

/// Where control groups are; version 1 has the memory's in a folder of its own.
const GROUPS: &str = "/sys/fs/cgroup";

/// Where the process's addresses are limited, has all threads share one pool of memory: glibc's would take 64 MiB of
/// addresses for each of them.
#[allow(unsafe_code)]
pub(crate) fn spare_addresses() {
    #[cfg(target_env = "gnu")]
    if limit(Resource::RLIMIT_AS).is_some() {
        // SAFETY: a number for the allocator, before there is another thread (mallopt(3)).
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}

/// Bytes that are available; `None` where nothing tells.
pub(crate) fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| field(&text, "MemAvailable:"));
    let machine = machine.map(|kib| kib.saturating_mul(1024));
    let groups = fs::read_to_string("/proc/self/cgroup").ok();
    let groups = groups.and_then(|text| in_groups(Path::new(GROUPS), &text));
    let taken = fs::read_to_string("/proc/self/status").ok();
    let taken = |name| taken.as_deref().and_then(|text| field(text, name)).unwrap_or(0).saturating_mul(1024);
    let limits = [(Resource::RLIMIT_DATA, "VmData:"), (Resource::RLIMIT_AS, "VmSize:")];
    let limits = limits.into_iter().filter_map(|(kind, name)| Some(limit(kind)?.saturating_sub(taken(name))));
    machine.into_iter().chain(groups).chain(limits).min()
}

/// A limit of the process, where there is one.
#[allow(clippy::useless_conversion, reason = "it has 32 bits on some systems")]
fn limit(resource: Resource) -> Option<u64> {
    let (soft, _) = getrlimit(resource).ok()?;
    // Without limit it is the largest number there is, of 32 or 64 bits.
    (soft < libc::RLIM_INFINITY).then_some(soft.into())
}

/// What the control groups of a process leave, from the innermost one up; `list` is its `/proc/self/cgroup`.
fn in_groups(root: &Path, list: &str) -> Option<u64> {
    let lines = list.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        match controllers {
            "" => Some((root.to_owned(), path, ["memory.max", "memory.current", "inactive_file"])),
            controllers if controllers.split(',').any(|controller| controller == "memory") => {
                let names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];
                Some((root.join("memory"), path, names))
            }
            _ => None,
        }
    });
    let mut least = None;
    for (root, path, [limit, usage, cached]) in lines {
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let folder = root.join(group);
            let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
            // `max` is no number: no limit.
            let Some(limit) = number(limit) else { continue };
            // The page cache gives way.
            let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
            let used = number(usage).unwrap_or(0).saturating_sub(field(&statistics, cached).unwrap_or(0));
            let left = limit.saturating_sub(used);
            least = Some(least.map_or(left, |least: u64| least.min(left)));
        }
    }
    least
}

/// The number behind a name, on a line of its own.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix([' ', '\t']))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn put(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn every_group_up_to_the_root_counts_and_its_cache_does_not() {
        let root = tempfile::tempdir().unwrap();
        let (pod, inner) = (root.path().join("pod"), root.path().join("pod/inner"));
        put(
            &pod,
            &[
                ("memory.max", "67108864\n"),
                ("memory.current", "30000000\n"),
                ("memory.stat", "anon 1\ninactive_file 20000000\nactive_file 5\n"),
            ],
        );
        put(&inner, &[("memory.max", "max\n"), ("memory.current", "1\n")]);
        assert_eq!(in_groups(root.path(), "0::/pod/inner\n"), Some(67_108_864 - 10_000_000));
        put(&inner, &[("memory.max", "5000\n"), ("memory.current", "6000\n")]);
        assert_eq!(in_groups(root.path(), "0::/pod/inner\n"), Some(0));
    }

    #[test]
    fn version_1_has_other_names() {
        let root = tempfile::tempdir().unwrap();
        put(
            &root.path().join("memory/a"),
            &[
                ("memory.limit_in_bytes", "1000000\n"),
                ("memory.usage_in_bytes", "400000\n"),
                ("memory.stat", "total_inactive_file 100000\n"),
            ],
        );
        assert_eq!(in_groups(root.path(), "9:cpu:/a\n4:cpuset,memory:/a\n0::/\n"), Some(700_000));
    }

    #[test]
    fn without_groups_nothing_is_told() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(in_groups(root.path(), ""), None);
        assert_eq!(in_groups(root.path(), "0::/\nnonsense\n4:memory:/gone\n"), None);
    }

    #[test]
    fn this_system_tells() {
        let available = available().unwrap();
        assert!(available > 1 << 20, "{available}");
    }
}
