//! What is written.

mod contents;
mod csv;
mod existing;
mod flush;
mod json_lines;
mod max_disk;
pub(in crate::cli) mod names;
mod output;
mod page;
pub(super) mod report;
mod rotate;
mod unprocessed;

use super::Flag;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[
    &output::Output,
    &existing::Overwrite,
    &existing::Fresh,
    &names::TemplateOf,
    &names::Letters,
    &names::PortableNames,
    &contents::Index,
    &contents::PcapFlows,
    &unprocessed::WriteRest,
    &report::ReportFile,
    &report::DfxmlCompat,
    &json_lines::Jsonl,
    &page::PageFile,
    &page::PageImages,
    &csv::Csv,
    &rotate::RotateAt,
    &max_disk::MaxDiskSize,
    &max_disk::WhenFull,
    &flush::Fsync,
    &flush::NoSync,
];
