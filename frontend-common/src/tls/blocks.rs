//! Block ciphers in CBC mode: NIST SP 800-38A, section 6.2.

use cipher::{Array, BlockCipherDecrypt, BlockSizeUser, KeyInit};

use super::suites::Block;

/// A block cipher with its key.
pub(super) trait Decrypt: Send + Sync {
    /// Decrypts blocks in place; `before` is the block before the first one. `None` where these are no whole blocks.
    fn decrypt(&self, before: &[u8], text: &mut [u8]) -> Option<()>;
}

impl<C: BlockCipherDecrypt + BlockSizeUser + Send + Sync> Decrypt for C {
    fn decrypt(&self, before: &[u8], text: &mut [u8]) -> Option<()> {
        let encrypted = text.to_vec();
        let (blocks, []) = Array::<u8, C::BlockSize>::slice_as_chunks_mut(text) else { return None };
        self.decrypt_blocks(blocks);
        let previous = before.iter().chain(&encrypted);
        text.iter_mut().zip(previous).for_each(|(byte, previous)| *byte ^= previous);
        Some(())
    }
}

/// The cipher with this key. `None` where the key has another length.
pub(super) fn decrypt(block: Block, key: &[u8]) -> Option<Box<dyn Decrypt>> {
    fn of<C: Decrypt + KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn Decrypt>> {
        Some(Box::new(C::new_from_slice(key).ok()?))
    }
    match block {
        Block::Aes128 => of::<aes::Aes128>(key),
        Block::Aes256 => of::<aes::Aes256>(key),
        Block::Camellia128 => of::<camellia::Camellia128>(key),
        Block::Camellia256 => of::<camellia::Camellia256>(key),
        Block::Aria128 => of::<aria::Aria128>(key),
        Block::Aria256 => of::<aria::Aria256>(key),
        Block::TripleDes => of::<des::TdesEde3>(key),
        Block::Des => of::<des::Des>(key),
        Block::Idea => of::<idea::Idea>(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cbc_of_aes_is_that_of_its_example() {
        // NIST SP 800-38A, F.2.2.
        let key =
            [0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c];
        let before: Vec<u8> = (0..16).collect();
        let mut text = [
            0x76, 0x49, 0xab, 0xac, 0x81, 0x19, 0xb2, 0x46, 0xce, 0xe9, 0x8e, 0x9b, 0x12, 0xe9, 0x19, 0x7d,
            0x50, 0x86, 0xcb, 0x9b, 0x50, 0x72, 0x19, 0xee, 0x95, 0xdb, 0x11, 0x3a, 0x91, 0x76, 0x78, 0xb2,
        ];
        let expected = [
            0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a,
            0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51,
        ];
        let cipher = decrypt(Block::Aes128, &key).unwrap();
        cipher.decrypt(&before, &mut text).unwrap();
        assert_eq!(text, expected);
        assert!(cipher.decrypt(&before, &mut [0; 17]).is_none());
        assert!(decrypt(Block::Aes128, &key[..15]).is_none());
    }
}
