"""Processes queries in blocks on all cores."""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed

# Each thread holds a block in memory.
_MOST_THREADS = 8


def run_blocks(work, blocks, what: str, show: bool = True, threads: int | None = None):
    """Calls ``work(block)`` for each of the blocks, in any order.

    NumPy releases the interpreter while it computes, so threads use all cores; each matrix product
    is then limited to one thread.

    Args:
        work: Function of one block, safe to be called from several threads at once.
        blocks: Index arrays.
        what: Description for the progress bar.
        show: Whether a bar is shown: on a terminal only, after two seconds.
        threads: Number of threads; None for one per core.
    """
    from tfmetric.datasets.progress import progress

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = min(threads or _MOST_THREADS, cores or 1, len(blocks))
    with progress(sum(map(len, blocks)), what, show) as done:
        if threads <= 1:
            for block in blocks:
                work(block)
                done(len(block))
            return
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
            waiting = {pool.submit(work, block): len(block) for block in blocks}
            try:
                for future in as_completed(waiting):
                    future.result()
                    done(waiting[future])
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
