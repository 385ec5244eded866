//! Rights that are given up: at the start those of a program that is installed setuid; once interfaces and inputs are
//! open root directory, groups, user, capabilities.
//!
//! Capabilities are a thread's own. Whatever gives them up is called before another thread begins; threads then have
//! what the first one has.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{
    Gid, Uid, User, getgrouplist, getresgid, getresuid, setgid, setgroups, setresgid, setresuid, setuid,
};
use rustix::fs::Access;
use rustix::thread::{CapabilitySet, CapabilitySets};
use tapflow_common::run::{Needs, Owner};

/// What opens interfaces.
const CAPTURE: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);
/// What reads files of any owner.
const READ_ALL: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;
/// What writes and dates files of any owner.
const WRITE_ALL: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER);

/// Gives up, for good, the ids that a program installed setuid or setgid has beside those of its user. Called before
/// anything else.
///
/// Where root's ids are given up, the capabilities to open interfaces stay until they are open: such a program captures
/// as one with `setcap cap_net_raw,cap_net_admin=eip` does, and its files are its user's.
///
/// # Errors
/// An id would stay.
pub(crate) fn give_up_installed_ids() -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("installed setuid or setgid, and cannot give up these rights: {error}; remove the mode bits")
    };
    let uids = getresuid().map_err(|error| failed(&error))?;
    let gids = getresgid().map_err(|error| failed(&error))?;
    if uids.real == uids.effective && gids.real == gids.effective {
        return Ok(());
    }
    let (uid, gid) = (lesser(uids.real.as_raw(), uids.effective.as_raw()), gids.real.as_raw());
    // To root, with its own rights, the group adds nothing.
    let gid = if uid == 0 { gid } else { lesser(gid, gids.effective.as_raw()) };
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::thread::set_keep_capabilities(true).map_err(|error| failed(&error))?;
    setresgid(gid, gid, gid).map_err(|error| failed(&error))?;
    setresuid(uid, uid, uid).map_err(|error| failed(&error))?;
    rustix::thread::set_keep_capabilities(false).map_err(|error| failed(&error))?;
    if uid.is_root() {
        return Ok(());
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let permitted = rustix::thread::capabilities(None).map_err(|error| failed(&error))?.permitted;
    set_capabilities(permitted & CAPTURE).map_err(|error| failed(&error))?;
    if is_for_good(uid, gid) { Ok(()) } else { Err(failed(&"they are still there")) }
}

/// Of the real and the effective id: the real one, unless that is root's.
fn lesser(real: u32, effective: u32) -> u32 {
    if real == 0 { effective } else { real }
}

/// Whether the process has these ids only, which are not root's, and cannot become root again.
fn is_for_good(uid: Uid, gid: Gid) -> bool {
    let came_back =
        setuid(Uid::from_raw(0)).is_ok() || (gid.as_raw() != 0 && setgid(Gid::from_raw(0)).is_ok());
    let uids = getresuid().is_ok_and(|ids| [ids.real, ids.effective, ids.saved] == [uid; 3]);
    let gids = getresgid().is_ok_and(|ids| [ids.real, ids.effective, ids.saved] == [gid; 3]);
    !came_back && uids && gids
}

/// The user of this name, or of this number, with all of its groups.
///
/// # Errors
/// There is none; it has all rights.
pub(crate) fn find(name: &str) -> Result<Owner, String> {
    let found = match name.parse() {
        Ok(number) => User::from_uid(Uid::from_raw(number)),
        Err(_) => User::from_name(name),
    };
    let user = found
        .map_err(|error| format!("-U {name}: the user cannot be looked up: {error}"))?
        .ok_or_else(|| format!("-U {name}: there is no such user"))?;
    if user.uid.is_root() {
        return Err(format!("-U {name}: this user has all rights; name one that has few"));
    }
    let text = CString::new(user.name.clone()).map_err(|_| format!("-U {name}: no name of a user"))?;
    let groups = getgrouplist(&text, user.gid)
        .map_err(|error| format!("-U {name}: its groups cannot be looked up: {error}"))?;
    Ok(Owner {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        name: user.name,
    })
}

/// Makes `root` the root directory and the current one.
///
/// # Errors
/// Why not.
pub(crate) fn change_root(root: &Path) -> Result<(), String> {
    let changed = std::env::set_current_dir(root).and_then(|()| {
        rustix::process::chroot(".")?;
        std::env::set_current_dir("/")
    });
    changed.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("-z {}: {error}; only root can change the root directory", root.display())
        }
        _ => format!("-z {}: {error}", root.display()),
    })
}

/// Becomes `user`, for good: checked. No other thread may have begun.
///
/// # Errors
/// What could not be given up.
pub(crate) fn become_user(user: &Owner) -> Result<(), String> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        format!("-U {}: cannot {what}: {error}; only root can become another user", user.name)
    };
    let is_root = Uid::effective().is_root();
    if is_root || Uid::current() != uid {
        let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups).map_err(|error| failed("give up groups", &error))?;
        setresgid(gid, gid, gid).map_err(|error| failed("change the group", &error))?;
        empty_bounding_set();
        setresuid(uid, uid, uid).map_err(|error| failed("change the user", &error))?;
    }
    drop_capabilities().map_err(|error| failed("give up capabilities", &error))?;

    let capable =
        rustix::thread::capabilities(None).map_or(true, |sets| !(sets.effective | sets.permitted).is_empty());
    if !is_for_good(uid, gid) || capable {
        return Err(format!("-U {}: the system says that it did, but rights are still there", user.name));
    }
    Ok(())
}

/// Gives up all capabilities of this thread, such as those that `setcap` gave the program.
///
/// # Errors
/// The system's.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    // A kernel without ambient capabilities has none to clear.
    let _ = rustix::thread::clear_ambient_capability_set();
    set_capabilities(CapabilitySet::empty())
}

/// Gives up the capabilities of this thread but those without which what a run needs could not be opened: those to
/// read inputs of other users, or to write to a directory of another user, where that is so. No program that is run
/// gets others.
///
/// # Errors
/// The system's; or a capability would stay.
pub(crate) fn keep_needed_capabilities(needs: &Needs) -> io::Result<()> {
    let has = rustix::thread::capabilities(None)?.permitted;
    let kept = has & (READ_ALL | WRITE_ALL);
    let kept = if kept.is_empty() { kept } else { kept & needed_capabilities(needs)? };
    empty_bounding_set();
    let _ = rustix::thread::clear_ambient_capability_set();
    set_capabilities(kept)?;
    let now = rustix::thread::capabilities(None)?;
    if now.permitted != kept || now.effective != kept || !now.inheritable.is_empty() {
        return Err(io::Error::other("the system says that it did, but they are still there"));
    }
    Ok(())
}

/// What a run needs cannot be opened without these.
fn needed_capabilities(needs: &Needs) -> io::Result<CapabilitySet> {
    std::thread::scope(|scope| {
        // Capabilities are the thread's: one without any tries.
        let trying = std::thread::Builder::new().name("rights".to_owned()).spawn_scoped(scope, || {
            drop_capabilities()?;
            let mut needed = CapabilitySet::empty();
            if needs.read.iter().any(|path| is_denied(path, Access::READ_OK)) {
                needed |= READ_ALL;
            }
            let writing = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
            if needs
                .write
                .iter()
                .chain(&needs.rename)
                .any(|path| is_denied(path, writing) || belongs_to_other(path))
            {
                needed |= WRITE_ALL;
            }
            Ok(needed)
        })?;
        trying.join().map_err(|_| io::Error::other("a thread failed"))?
    })
}

/// Whether the rights of this thread are too few for a file. One that is not there is no matter of rights.
fn is_denied(path: &Path, access: Access) -> bool {
    let tried = rustix::fs::access(path, access);
    matches!(tried, Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM))
}

/// On some file systems, such as exFAT, every file belongs to the user of the mount. Dates are the owner's to set.
fn belongs_to_other(directory: &Path) -> bool {
    directory.metadata().is_ok_and(|facts| facts.uid() != Uid::effective().as_raw())
}

/// Makes these the thread's only capabilities.
fn set_capabilities(kept: CapabilitySet) -> io::Result<()> {
    let inheritable = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })?;
    Ok(())
}

/// Whether this process has several threads; `None` where the system does not tell.
#[allow(unsafe_code)]
pub(crate) fn has_threads() -> Option<bool> {
    // SAFETY: what a process with one thread shares with its other threads is nothing: the call changes nothing, and
    // with several threads it fails (unshare(2)).
    if unsafe { libc::unshare(libc::CLONE_THREAD) } == 0 {
        return Some(false);
    }
    (io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)).then_some(true)
}

/// No program that is run gets capabilities again. What cannot be removed, nobody here has.
fn empty_bounding_set() {
    for capability in CapabilitySet::all().iter() {
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
}
