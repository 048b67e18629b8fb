//! A tar archive (ustar) of a few small files, which every computer unpacks. Pure.

/// A block of an archive: whatever is shorter is filled up with zeros.
const BLOCK: usize = 512;

/// An archive of files, each with its path and bytes. A path has at most 99 bytes.
pub fn tar<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, bytes) in files {
        archive.extend_from_slice(&header(path, bytes.len()));
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks are its end.
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// What stands before a file: its name, its mode, its size, and a sum over all of that. Numbers are octal.
fn header(path: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    let path: String = path.chars().filter(char::is_ascii).take(99).collect();
    put(0, &path);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    // The beginning of time: the same files make the same archive.
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_made_of_whole_blocks_with_a_sum_each() {
        let archive = tar([("a/event.json", &b"{}"[..]), ("a/settings.json", &[b'x'; 513][..])]);
        assert_eq!(archive.len(), (1 + 1 + 1 + 2 + 2) * BLOCK);
        assert_eq!((&archive[..12], &archive[BLOCK..BLOCK + 3]), (&b"a/event.json"[..], &b"{}\0"[..]));
        assert_eq!(&archive[124..135], b"00000000002");
        let mut header = archive[..BLOCK].to_vec();
        let told = u32::from_str_radix(std::str::from_utf8(&header[148..154]).unwrap(), 8).unwrap();
        header[148..156].fill(b' ');
        assert_eq!(told, header.iter().map(|byte| u32::from(*byte)).sum::<u32>());
    }
}
