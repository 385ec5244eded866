//! Looking ahead: with hundreds of thousands of connections a segment costs what it waits for memory.
//! Several that wait at the same time wait once.

use super::Reassembler;
use crate::connection::{AHEAD, ConnectionKey};
use crate::decode::usual;
use crate::frame::Frame;

impl Reassembler<'_> {
    /// How many frames [`look_ahead`](Self::look_ahead) takes; more are left out.
    pub const AHEAD: usize = AHEAD;

    /// Fewer connections than this stay in the processor's cache by themselves.
    const FEW: u32 = 1 << 14;

    /// Brings into the processor's cache what pushing these frames will need. Nothing changes and nothing is
    /// told: for speed alone, where many connections are known. Of use just before the frames are pushed.
    pub fn look_ahead(&self, frames: &[Frame<'_>]) {
        if self.table.len() < Self::FEW {
            return;
        }
        let mut keys = [ConnectionKey::default(); AHEAD];
        let mut len = 0;
        for frame in frames.iter().take(AHEAD) {
            if let Some(segment) = usual(frame, &self.config.decode) {
                (keys[len], _) = ConnectionKey::new(&segment.key, segment.domain);
                len += 1;
            }
        }
        self.table.look_ahead(&keys[..len]);
    }
}
