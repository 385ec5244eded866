//! What a run keeps on disk: numbered directories (`--rotate`), and the limit of what is written (`--max-disk`).

mod quota;
mod rotation;

pub use quota::{BLOCK, Deleted, DiskQuota, NoRoom, directory};
pub use rotation::Rotate;
pub(crate) use rotation::Rotation;
