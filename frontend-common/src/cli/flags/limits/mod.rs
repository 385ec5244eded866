//! Bounds, and what the receivers of the packets do.

mod checks;
mod connections;
mod fragments;
mod max_bytes;
mod max_hole;
mod open_files;
mod overlap;
mod purge;
pub(super) mod settings;

use super::Flag;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[
    &max_bytes::MaxBytes,
    &max_hole::MaxJump,
    &max_hole::MaxHoleOf,
    &open_files::MaxOpenFiles,
    &connections::MaxConnections,
    &connections::IdleTimeout,
    &overlap::OverlapOf,
    &checks::ChecksumsOf,
    &fragments::Policy,
    &fragments::Memory,
    &checks::UrgentData,
    &checks::Paws,
    &checks::Window,
    &settings::Set,
    &purge::NoPurge,
];
