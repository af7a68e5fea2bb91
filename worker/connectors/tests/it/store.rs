//! The store on a folder.

use bytes::Bytes;
use connectors::{Creation, S3Options, Store, StoreErrorKind};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let location = format!("file://{}/checkpoints", folder.path().display());
    let store = Store::open(&location, &S3Options::default()).unwrap();
    (folder, store)
}

#[tokio::test]
async fn an_object_is_created_once_and_the_second_writer_gets_the_first_ones_content() {
    let (_folder, store) = store();
    let key = "uid/generations/3";
    assert_eq!(store.create(key, Bytes::from("first")).await, Ok(Creation::Created));
    let second = store.create(key, Bytes::from("second")).await;
    assert_eq!(second, Ok(Creation::AlreadyExists(Bytes::from("first"))));
    assert_eq!(store.get(key).await, Ok(Bytes::from("first")));
}

#[tokio::test]
async fn of_many_creators_at_once_exactly_one_wins() {
    let (_folder, store) = store();
    let attempts = (0..32).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.create("race", Bytes::from(number.to_string())).await })
    });
    let mut contents = Vec::new();
    let mut winners = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap().unwrap() {
            Creation::Created => winners += 1,
            Creation::AlreadyExists(content) => contents.push(content),
        }
    }
    assert_eq!((winners, contents.len()), (1, 31));
    let winner = store.get("race").await.unwrap();
    assert!(contents.iter().all(|content| *content == winner));
}

#[tokio::test]
async fn lists_hold_whole_key_parts_in_order() {
    let (_folder, store) = store();
    for key in ["u/generations/2", "u/generations/10", "u/generations-old/1", "v/x"] {
        store.put(key, Bytes::from(key)).await.unwrap();
    }
    let keys = |list: Vec<connectors::store::ObjectInfo>| -> Vec<String> {
        list.into_iter().map(|object| object.key).collect()
    };
    let expected = ["u/generations/10", "u/generations/2"];
    assert_eq!(keys(store.list("u/generations").await.unwrap()), expected);
    assert_eq!(keys(store.list("u/generations/").await.unwrap()), expected);
    assert_eq!(keys(store.list("").await.unwrap()).len(), 4);
    assert!(store.list("nothing").await.unwrap().is_empty());
    assert_eq!(store.list("v").await.unwrap()[0].size, 3);
}

#[tokio::test]
async fn ranges_are_exact_also_over_several_parts_and_a_short_object_is_corrupt() {
    let (_folder, store) = store();
    let content: Vec<u8> = (0..40_000_000_u32).map(|n| (n / 7) as u8).collect();
    let content = Bytes::from(content);
    store.put("large", content.clone()).await.unwrap();
    assert_eq!(store.get("large").await.unwrap().len(), content.len());
    for range in [0..10_u64, 5..39_999_999, 16_777_210..16_777_230, 7..7] {
        let expected = content.slice(range.start as usize..range.end as usize);
        assert_eq!(store.get_range("large", range).await.unwrap(), expected);
    }
    // It ends within the range, right before it, and long before it.
    for range in [39_999_990..40_000_010_u64, 40_000_000..40_000_001, 50_000_000..90_000_000] {
        let error = store.get_range("large", range).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
    }
}

#[tokio::test]
async fn absence_is_told_and_deleting_twice_is_fine() {
    let (_folder, store) = store();
    let error = store.get("a/b").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NotFound);
    assert!(error.to_string().contains("a/b"), "{error}");
    assert_eq!(store.get_if_present("a/b").await, Ok(None));
    store.put("a/b", Bytes::from("x")).await.unwrap();
    store.delete("a/b").await.unwrap();
    store.delete("a/b").await.unwrap();
    assert_eq!(store.get_if_present("a/b").await, Ok(None));
}

#[tokio::test]
async fn keys_that_leave_the_location_are_refused() {
    let (_folder, store) = store();
    for key in ["", "../x", "a/../../x", "a//b", "/a", "a/."] {
        let error = store.put(key, Bytes::new()).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Invalid, "{key}");
    }
}

#[tokio::test]
async fn a_folder_passes_the_probe_and_keeps_nothing_of_it() {
    let (_folder, store) = store();
    store.probe("probe/0123").await.unwrap();
    assert!(store.list("").await.unwrap().is_empty());
}
