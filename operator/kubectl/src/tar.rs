//! A tar archive in memory (POSIX ustar): a header of 512 bytes before each file, everything padded to 512.

const BLOCK: usize = 512;
/// The longest name that the header holds.
pub const NAME_BYTES_MAX: usize = 100;

/// Adds a file.
///
/// # Panics
/// When the name is longer than [`NAME_BYTES_MAX`]: names are ours.
pub fn add(archive: &mut Vec<u8>, name: &str, content: &[u8], at_seconds: u64) {
    assert!(name.len() <= NAME_BYTES_MAX, "the name of a file in an archive is ours");
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, &format!("{at_seconds:011o}\0"));
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// Ends an archive.
pub fn end(archive: &mut Vec<u8>) {
    archive.resize(archive.len() + 2 * BLOCK, 0);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    #[test]
    fn the_archive_is_one_that_tar_reads() {
        let mut archive = Vec::new();
        super::add(&mut archive, "a/one.txt", b"hello", 1_800_000_000);
        super::add(&mut archive, "two.json", &[b'x'; 1024], 0);
        super::end(&mut archive);
        let mut tar = Command::new("tar")
            .args(["-tvf", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tar is there");
        tar.stdin.take().expect("a pipe").write_all(&archive).expect("tar reads");
        let output = tar.wait_with_output().expect("tar ends");
        assert!(output.status.success());
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let sizes: Vec<&str> =
            listed.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        assert_eq!(sizes, ["5", "1024"], "{listed}");
        assert!(listed.contains("a/one.txt") && listed.contains("two.json"), "{listed}");
    }
}
