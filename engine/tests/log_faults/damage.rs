//! Files that are not what was written: torn, overwritten, cut. Refused or harmless, never a clean state.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use convoy_core::id::Seq;
use convoy_engine::log::sqlite::{Reader, SqliteLog};
use convoy_engine::log::{EventLog, OpenError, ReadError, Stored};
use convoy_testkit::conformance::read_all;

use super::{check_whole, copy, fill};

const PAGE: u64 = 2048;

/// All that the log in `dir` gives away before it complains, and whether it did.
fn salvage(dir: &Path) -> (Vec<Stored>, bool) {
    let log = match SqliteLog::open(dir) {
        Ok(log) => log,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("log.db"), "names the file: {text}");
            return (Vec::new(), true);
        }
    };
    let mut found: Vec<Stored> = Vec::new();
    let complained = log.verify(&mut |_| ()).is_err();
    loop {
        let after = found.last().map_or(Seq(0), Stored::last);
        match log.read(after, 1) {
            Ok(page) if page.is_empty() => return (found, complained),
            Ok(page) => found.extend(page),
            Err(ReadError::Damaged(damage)) => {
                assert!(damage.after.is_none_or(|at| at == after), "{damage}");
                return (found, true);
            }
            Err(_) => return (found, true),
        }
    }
}

/// Whatever is given away is what was written, and a log that does not complain gives everything.
fn check(dir: &Path, written: &[Stored], what: &str) -> bool {
    let (found, complained) = salvage(dir);
    assert!(found.len() <= written.len() && found == written[..found.len()], "{what}: invented");
    assert!(complained || found.len() == written.len(), "{what}: silently lost");
    // Doctor's way must not be any less careful.
    let verified = Reader::open(dir).map(|reader| reader.verify(&mut |_| ()));
    let whole = matches!(&verified, Ok(Ok(verified)) if verified.tail == written[written.len() - 1].tail());
    assert!(whole || matches!(verified, Err(_) | Ok(Err(_))), "{what}: the reader is fooled");
    complained
}

#[test]
fn a_write_ahead_file_cut_anywhere_loses_nothing_that_was_acknowledged() {
    let source = tempfile::tempdir().unwrap();
    let mut log = SqliteLog::open(source.path()).unwrap();
    fill(&mut log, 6);
    let earlier = log.tail();
    let witness = fs::read(source.path().join("log.ack")).unwrap();
    fill(&mut log, 1);
    let written = read_all(&log);
    drop(log);
    let size = fs::metadata(source.path().join("log.db-wal")).unwrap().len();
    let cuts = (1..=512).chain((513..=size).step_by(997)).chain([size]);
    for cut in cuts {
        let dir = tempfile::tempdir().unwrap();
        copy(source.path(), dir.path());
        let wal = File::options().write(true).open(dir.path().join("log.db-wal")).unwrap();
        wal.set_len(size - cut).unwrap();
        assert!(check(dir.path(), &written, &format!("cut by {cut}")), "cut by {cut}: accepted");
        // The same file where the last record had not been acknowledged: it may go, the others not.
        fs::write(dir.path().join("log.ack"), &witness).unwrap();
        match SqliteLog::open(dir.path()) {
            Ok(log) => {
                assert!(log.tail().seq >= earlier.seq, "cut by {cut}");
                assert_eq!(read_all(&log), written[..read_all(&log).len()]);
            }
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged(_)), "{error}");
                assert!(cut > 512, "cut by {cut}: only the last record is torn");
            }
        }
    }
}

#[test]
fn garbage_in_the_write_ahead_file_is_seen() {
    let source = tempfile::tempdir().unwrap();
    let mut log = SqliteLog::open(source.path()).unwrap();
    fill(&mut log, 6);
    let written = read_all(&log);
    drop(log);
    let size = fs::metadata(source.path().join("log.db-wal")).unwrap().len();
    let mut random = fastrand::Rng::with_seed(5);
    for round in 0..100 {
        let dir = tempfile::tempdir().unwrap();
        copy(source.path(), dir.path());
        let wal = File::options().write(true).open(dir.path().join("log.db-wal")).unwrap();
        let at = random.u64(0..size);
        let bytes: Vec<u8> = (0..random.usize(1..64)).map(|_| random.u8(..)).collect();
        wal.write_all_at(&bytes, at).unwrap();
        check(dir.path(), &written, &format!("round {round}, at {at}"));
    }
    // Garbage behind the end is what an interrupted write leaves.
    let dir = tempfile::tempdir().unwrap();
    copy(source.path(), dir.path());
    let wal = File::options().write(true).open(dir.path().join("log.db-wal")).unwrap();
    wal.write_all_at(&[0xa5; 5_000], size).unwrap();
    assert_eq!(check_whole(dir.path()), written);
}

/// A log that is all in its main file.
fn folded(dir: &Path) -> Vec<Stored> {
    let mut log = SqliteLog::open(dir).unwrap();
    fill(&mut log, 14);
    let written = read_all(&log);
    drop(log);
    fs::remove_file(dir.join("log.ack")).unwrap();
    drop(SqliteLog::open(dir).unwrap());
    assert_eq!(fs::metadata(dir.join("log.db-wal")).map_or(0, |wal| wal.len()), 0);
    written
}

#[test]
fn damage_of_any_page_is_seen_or_harmless() {
    let source = tempfile::tempdir().unwrap();
    let written = folded(source.path());
    let size = fs::metadata(source.path().join("log.db")).unwrap().len();
    let mut random = fastrand::Rng::with_seed(9);
    let (mut seen, mut located) = (0, 0);
    for page in 0..size / PAGE {
        let kinds: [Vec<u8>; 4] = [
            vec![0; PAGE as usize],
            (0..PAGE).map(|_| random.u8(..)).collect(),
            vec![0xff; 64],
            vec![random.u8(1..)],
        ];
        for (kind, bytes) in kinds.iter().enumerate() {
            for witnessed in [true, false] {
                let dir = tempfile::tempdir().unwrap();
                copy(source.path(), dir.path());
                if !witnessed {
                    fs::remove_file(dir.path().join("log.ack")).unwrap();
                }
                let db = File::options().write(true).open(dir.path().join("log.db")).unwrap();
                let room = PAGE - bytes.len() as u64;
                db.write_all_at(bytes, page * PAGE + random.u64(0..=room)).unwrap();
                let complained = check(dir.path(), &written, &format!("page {page} kind {kind}"));
                assert!(complained || kind > 0, "page {page} of zeros is accepted");
                seen += u32::from(complained);
                let reader = Reader::open(dir.path());
                if let Ok(Err(ReadError::Damaged(damage))) = reader.map(|reader| reader.verify(&mut |_| ())) {
                    located += u32::from(damage.offset.is_some());
                }
            }
        }
    }
    assert!(seen > 0 && located > 0, "{seen} {located}");
}

#[test]
fn a_log_cut_short_is_not_an_empty_one() {
    let source = tempfile::tempdir().unwrap();
    let written = folded(source.path());
    let size = fs::metadata(source.path().join("log.db")).unwrap().len();
    for length in (0..size).step_by(PAGE as usize).chain([1, 99, 100, size - 1]) {
        let dir = tempfile::tempdir().unwrap();
        copy(source.path(), dir.path());
        File::options().write(true).open(dir.path().join("log.db")).unwrap().set_len(length).unwrap();
        assert!(check(dir.path(), &written, &format!("cut to {length}")), "cut to {length}: accepted");
    }
}

#[test]
fn a_log_whose_files_are_gone_is_not_a_new_one() {
    let source = tempfile::tempdir().unwrap();
    let mut log = SqliteLog::open(source.path()).unwrap();
    fill(&mut log, 5);
    drop(log);
    for gone in ["log.db", "log.db-wal"] {
        let dir = tempfile::tempdir().unwrap();
        copy(source.path(), dir.path());
        fs::remove_file(dir.path().join(gone)).unwrap();
        let error = SqliteLog::open(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged(_)), "without {gone}: {error}");
    }
}
