use super::*;

fn named(table: &mut FdTable, number: i32, name: &str) {
    let fd = table.open(number, FdKind::File).expect("room");
    fd.name.extend_from_slice(name.as_bytes());
}

fn name(table: &FdTable, number: i32) -> Option<&str> {
    table
        .get(number)
        .map(|fd| std::str::from_utf8(&fd.name).expect("text"))
}

#[test]
fn forks_do_not_see_each_other() {
    let mut parent = FdTable::default();
    named(&mut parent, 3, "/a");
    named(&mut parent, 5000, "/far");
    let mut child = parent.clone();
    assert!(parent.close(3));
    named(&mut child, 4, "/b");
    child.get_mut(5000).expect("inherited").name.push(b'!');
    assert_eq!((name(&parent, 3), name(&parent, 4)), (None, None));
    assert_eq!((name(&child, 3), name(&child, 4)), (Some("/a"), Some("/b")));
    assert_eq!(
        (name(&parent, 5000), name(&child, 5000)),
        (Some("/far"), Some("/far!"))
    );
    assert_eq!((parent.len(), child.len()), (1, 3));
}

#[test]
fn a_reused_number_reuses_its_memory() {
    let mut table = FdTable::default();
    named(&mut table, 7, "/a/rather/long/name/of/a/file");
    let before = table
        .get(7)
        .map(|fd| (fd.name.as_ptr(), fd.name.capacity()));
    assert!(table.close(7));
    assert!(!table.close(7));
    named(&mut table, 7, "/short");
    assert_eq!(
        table
            .get(7)
            .map(|fd| (fd.name.as_ptr(), fd.name.capacity())),
        before
    );
}

#[test]
fn sockets_keep_their_memory_too() {
    let mut table = FdTable::default();
    let address = |table: &FdTable| {
        let socket = table.get(3).and_then(|fd| fd.socket.as_deref());
        std::ptr::from_ref(socket.expect("a socket"))
    };
    table
        .open_socket(3, FdKind::Ipv4, Socket::default())
        .expect("room");
    let first = address(&table);
    table.close(3);
    named(&mut table, 3, "/file");
    assert!(table.get(3).is_some_and(|fd| fd.socket.is_none()));
    table
        .open_socket(3, FdKind::Ipv6, Socket::default())
        .expect("room");
    assert_eq!(address(&table), first);
}

#[test]
fn dup_copies_and_exec_closes() {
    let mut table = FdTable::default();
    named(&mut table, 3, "/a");
    assert!(table.dup(3, 10, true));
    assert!(table.dup(3, 11, false));
    assert!(!table.dup(99, 12, false));
    table.close_on_exec();
    assert_eq!((name(&table, 10), name(&table, 11)), (None, Some("/a")));
    assert_eq!(table.len(), 2);
    assert_eq!(
        table.iter().map(|(number, _)| number).collect::<Vec<_>>(),
        [3, 11]
    );
}

#[test]
fn ranges_close_now_or_at_exec() {
    let mut parent = FdTable::default();
    for number in [3, 4, 5, 2000, 3000] {
        named(&mut parent, number, "/a");
    }
    let mut table = parent.clone();
    table.close_range(4..=2000, false);
    let numbers = |table: &FdTable| table.iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!((numbers(&table), table.len()), (vec![3, 3000], 2));
    table.close_range(10..=i32::MAX, true);
    assert_eq!(table.len(), 2);
    table.close_on_exec();
    assert_eq!(numbers(&table), [3]);
    table.close_range(4..=4, false);
    assert_eq!((table.len(), parent.len()), (1, 5));
    assert!(parent.iter().all(|(_, fd)| !fd.cloexec));
}

#[test]
fn what_exec_closes_already_stays_shared() {
    let mut parent = FdTable::default();
    for number in [3, 4] {
        named(&mut parent, number, "/a");
    }
    parent.get_mut(3).expect("open").cloexec = true;
    let mut child = parent.clone();
    child.close_range(0..=i32::MAX, true);
    let is_shared = |number| match (parent.get(number), child.get(number)) {
        (Some(parent), Some(child)) => std::ptr::eq(parent, child),
        _ => panic!("{number} is open in both"),
    };
    assert!(is_shared(3) && !is_shared(4));
}

#[test]
fn the_table_is_bounded() {
    let mut table = FdTable::default();
    for number in 0..MAX_FDS as i32 {
        assert!(table.open(number * 3, FdKind::File).is_some());
    }
    assert!(!table.fill(1, Fd::default()), "what is old is not taken in");
    assert!(table.open(3, FdKind::Pipe).is_some());
    assert_eq!(table.take_evicted(), 0, "known numbers are replaced");
    named(&mut table, 1, "/new");
    assert_eq!((name(&table, 1), table.len()), (Some("/new"), MAX_FDS));
    assert_eq!((table.take_evicted(), table.take_evicted()), (1, 0));
    assert!(table.get(3).is_none(), "pipes go first");
    assert!(table.open(-1, FdKind::File).is_none());
    assert!(table.close(0));
    assert!(table.fill(2, Fd::default()));
    assert_eq!((table.len(), table.take_evicted()), (MAX_FDS, 0));
}

/// A table full of `/dev/null` from number 10 on.
fn flooded() -> FdTable {
    let mut table = FdTable::default();
    named(&mut table, 0, "/dev/null");
    for number in 10..MAX_FDS as i32 + 9 {
        named(&mut table, number, "/dev/null");
        table.get_mut(number).expect("open").file_facts = S_IFCHR;
    }
    table
}

#[test]
fn a_flood_takes_its_own_place() {
    let mut table = flooded();
    let socket = Socket::default();
    table.open_socket(3, FdKind::Ipv4, socket).expect("room");
    for (number, file) in (4..8).zip(["/etc/shadow", "/a", "/b", "/c"]) {
        named(&mut table, number, file);
    }
    assert!(table.dup(4, 100_000, false));
    for number in 5000..9000 {
        named(&mut table, number, "/dev/null");
        table.get_mut(number).expect("open").file_facts = S_IFCHR;
        assert_eq!(table.len(), MAX_FDS);
    }
    assert_eq!(table.take_evicted(), 6 + 4000);
    assert_eq!(name(&table, 4), Some("/etc/shadow"));
    assert_eq!(name(&table, 100_000), Some("/etc/shadow"));
    assert_eq!(name(&table, 0), Some("/dev/null"), "standard input stays");
    assert!(table.get(3).is_some_and(|fd| fd.socket.is_some()));
    let known = |from: i32| (from..from + 4000).filter(|&n| table.get(n).is_some());
    let (old, young) = (known(10).count(), known(5000).count());
    assert!(old > 500 && young > 500, "by no order: {old} {young}");
}

#[test]
fn who_comes_anew_is_not_doomed() {
    let mut table = flooded();
    named(&mut table, 4, "/makes/a/batch");
    let doomed: Vec<i32> = table.table.doomed.iter().map(|&key| key as i32).collect();
    assert_eq!(doomed.len(), EVICTION_BATCH - 1);
    for &number in &doomed {
        named(&mut table, number, "/etc/shadow");
    }
    named(&mut table, 5, "/makes/the/next");
    let kept = |&&number: &&i32| name(&table, number) == Some("/etc/shadow");
    assert_eq!(doomed.iter().filter(kept).count(), doomed.len());
    let mut child = table.clone();
    named(&mut child, 6, "/in/the/child");
    assert!(name(&table, 6).is_none() && child.len() == MAX_FDS);
    assert_eq!((table.take_evicted(), child.take_evicted()), (2, 1));
}

#[test]
fn dead_numbers_are_not_kept_for_ever() {
    let mut table = FdTable::default();
    for number in (DENSE as i32..).take(4 * MAX_FDS) {
        named(&mut table, number, "/a");
        assert!(table.close(number));
        assert!(table.table.sparse.len() <= MAX_FDS + MAX_DEAD);
    }
    assert!(table.is_empty());
}
