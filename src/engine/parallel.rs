//! Parallel work over a list, on a pool of threads that is created at first use.
//!
//! If threads cannot be started (a limit on processes, a sandbox), or after a fork, all work runs on the calling thread.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::process;
use std::sync::OnceLock;

/// The maximum number of pieces of work for each thread. More pieces divide the work more evenly; fewer pieces are
/// combined faster.
const PIECES_PER_THREAD: usize = 2;

/// Returns the pool; `None` if threads cannot be started, or if this process was forked from the process that started
/// them: the threads of a pool do not exist in a forked child.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<(u32, Option<ThreadPool>)> = OnceLock::new();
    let (process, pool) = POOL.get_or_init(|| (process::id(), ThreadPoolBuilder::new().build().ok()));
    pool.as_ref().filter(|_| *process == process::id())
}

/// Divides `items` into consecutive pieces of at least `len_min` items and applies `f` to every piece, on all cores if
/// possible. The results are in the order of the pieces.
pub(crate) fn map_pieces<T: Sync, R: Send>(
    items: &[T],
    len_min: usize,
    f: impl Fn(&[T]) -> R + Send + Sync,
) -> Vec<R> {
    map_pieces_in(if items.len() < 2 * len_min { None } else { pool() }, items, len_min, f)
}

fn map_pieces_in<T: Sync, R: Send>(
    pool: Option<&ThreadPool>,
    items: &[T],
    len_min: usize,
    f: impl Fn(&[T]) -> R + Send + Sync,
) -> Vec<R> {
    let Some(pool) = pool.filter(|pool| pool.current_num_threads() > 1) else { return vec![f(items)] };
    let len = items.len().div_ceil(pool.current_num_threads() * PIECES_PER_THREAD).max(len_min);
    pool.install(|| items.par_chunks(len).map(f).collect())
}

/// Applies `f` to every item, on all cores if possible. One core is given at least `len_min` consecutive items. The
/// results are in the order of the items.
pub(crate) fn map_owned<T: Send, R: Send>(
    items: Vec<T>,
    len_min: usize,
    f: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    match if items.len() < 2 * len_min { None } else { pool() } {
        Some(pool) => pool.install(|| items.into_par_iter().with_min_len(len_min).map(f).collect()),
        None => items.into_iter().map(f).collect(),
    }
}

/// Runs both functions. If a thread pool is available, the functions run in parallel. `a` runs on the calling
/// thread.
pub(crate) fn both<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let Some(pool) = pool() else { return (a(), b()) };
    let mut of_b = None;
    let of_a = pool.in_place_scope(|scope| {
        scope.spawn(|_| of_b = Some(b()));
        a()
    });
    match of_b {
        Some(of_b) => (of_a, of_b),
        None => unreachable!("the scope waits for its task"),
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
        let items: Vec<u32> = (0..1000).collect();
        let done = map_pieces_in(none.as_ref(), &items, 10, |piece| (piece.to_vec(), thread::current().id()));
        assert_eq!(done, [(items.clone(), thread::current().id())]);
    }

    #[test]
    fn pieces_are_consecutive_and_not_too_short() {
        for threads in [1, 2, 3] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for len in [0, 1, 9, 10, 19, 20, 21, 1000] {
                let items: Vec<usize> = (0..len).collect();
                let pieces = map_pieces_in(Some(&pool), &items, 10, <[usize]>::to_vec);
                assert!(pieces.iter().rev().skip(1).all(|piece| piece.len() >= 10), "{len}");
                assert!(pieces.len() <= threads * PIECES_PER_THREAD);
                assert_eq!(pieces.concat(), items);
            }
        }
    }

    #[test]
    fn owned_items_are_mapped_in_their_order() {
        for len in [0, 1, 19, 20, 1000] {
            let mapped = map_owned((0..len).collect(), 10, |n: usize| n + 1);
            assert_eq!(mapped, (1..=len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn results_of_both_functions_are_returned() {
        assert_eq!(both(|| 1, || "b"), (1, "b"));
        // The functions may call `both` again.
        assert_eq!(both(|| both(|| 1, || 2), || both(|| 3, || 4)), ((1, 2), (3, 4)));
    }

    #[test]
    fn first_of_both_functions_runs_on_the_calling_thread() {
        let caller = thread::current().id();
        assert_eq!(both(|| thread::current().id(), || ()).0, caller);
    }
}
