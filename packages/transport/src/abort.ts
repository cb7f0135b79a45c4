/** How often a request is looked for that the work should end. */
const LOOK_MILLISECONDS = 50;

/**
 * Does work that waits for a network. When `check` throws, the signal is aborted with that error, and the work fails with it.
 */
export async function abortable<T>(check: () => void, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const look = setInterval(() => {
    try {
      check();
    } catch (error) {
      controller.abort(error);
    }
  }, LOOK_MILLISECONDS);
  try {
    return await work(controller.signal);
  } finally {
    clearInterval(look);
  }
}
