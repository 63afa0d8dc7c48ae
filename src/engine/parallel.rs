//! Parallel work over a list, on a pool of threads that is created at first use.
//!
//! If threads cannot be started (a limit on processes, a sandbox), all work runs on the calling thread.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::OnceLock;

/// The minimum number of items for which the pool is used.
const ITEMS_MIN: usize = 32;

/// Applies `f` to every item, on all cores if possible. The results are in the order of the items.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    if items.len() < ITEMS_MIN {
        return items.into_iter().map(f).collect();
    }
    map_in(POOL.get_or_init(|| ThreadPoolBuilder::new().build().ok()).as_ref(), items, f)
}

fn map_in<T: Send, R: Send>(
    pool: Option<&ThreadPool>,
    items: Vec<T>,
    f: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    match pool {
        Some(pool) => pool.install(|| items.into_par_iter().map(f).collect()),
        None => items.into_iter().map(f).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn work_runs_on_the_calling_thread_if_no_thread_can_be_started() {
        let refuse = |_| Err(std::io::ErrorKind::WouldBlock.into());
        let none = ThreadPoolBuilder::new().spawn_handler(refuse).build().ok();
        assert!(none.is_none());
        let caller = thread::current().id();
        let done = map_in(none.as_ref(), (0..1000).collect(), |n: u32| (n + 1, thread::current().id()));
        assert_eq!(done, (1..=1000).map(|n| (n, caller)).collect::<Vec<_>>());
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for len in [0, 1, ITEMS_MIN - 1, ITEMS_MIN, 10_000] {
            assert_eq!(map((0..len).collect(), |n| n * 2), (0..len).map(|n| n * 2).collect::<Vec<_>>());
        }
    }
}
