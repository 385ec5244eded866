//! Rights that are given up once interfaces and inputs are open: root directory, groups, user, capabilities.

use std::ffi::CString;
use std::io;
use std::path::Path;

use nix::unistd::{
    Gid, Uid, User, getgrouplist, getresgid, getresuid, setgid, setgroups, setresgid, setresuid, setuid,
};
use rustix::thread::{CapabilitySet, CapabilitySets};
use tapflow_common::pipeline::Owner;

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

    let came_back =
        setuid(Uid::from_raw(0)).is_ok() || (gid.as_raw() != 0 && setgid(Gid::from_raw(0)).is_ok());
    let uids = getresuid().is_ok_and(|ids| [ids.real, ids.effective, ids.saved] == [uid; 3]);
    let gids = getresgid().is_ok_and(|ids| [ids.real, ids.effective, ids.saved] == [gid; 3]);
    let capable =
        rustix::thread::capabilities(None).map_or(true, |sets| !(sets.effective | sets.permitted).is_empty());
    if came_back || !uids || !gids || capable {
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
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )?;
    Ok(())
}

/// No program that is run gets capabilities again. What cannot be removed, nobody here has.
fn empty_bounding_set() {
    for capability in CapabilitySet::all().iter() {
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
}

/// Whether this process has the rights of root.
pub(crate) fn is_root() -> bool {
    Uid::effective().is_root()
}
